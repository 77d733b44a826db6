/**
 * Where to go after signing in.
 *
 * Guarantees: the result is a path of this site. Attack answered: a crafted `?return=` that leads a person
 * who just typed a password to another site (open redirect).
 */
export function safeReturnPath(candidate: unknown): string {
  const fallback = "/chat";
  if (typeof candidate !== "string" || candidate.length > 2000) return fallback;
  // One slash only, and no backslash or control character: browsers read `/\host` and `/<tab>/host` as `//host`.
  if (!/^\/(?![/\\])/.test(candidate) || /[\\\p{Cc}]/u.test(candidate)) return fallback;
  if (candidate === "/" || candidate.startsWith("/sign-in")) return fallback;
  return candidate;
}
