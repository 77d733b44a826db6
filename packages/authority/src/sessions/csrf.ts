/**
 * Proof that a write came from our own page: a token that the page reads from a cookie and sends in a header.
 *
 * Guarantees: the token is a MAC over the session's secret, so that one made for another session, planted by a
 * neighboring host, or left from before the last sign-in is refused; it is compared in constant time; an absent
 * header is a refusal. A browser that names a foreign origin is refused whatever it sends.
 * Attack answered: another site's page that makes the browser decide an approval [SR-05].
 */
import { DeputizeError } from "@deputize/core";
import { constantTimeEqual, mac } from "../credentials/derive-key.ts";

export const CSRF_HEADER = "x-csrf-token";

const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);

/** The CSRF token of the session whose cookie holds `secret`. */
export function csrfToken(key: Uint8Array, secret: string): string {
  return mac(key, "csrf", secret).toString("base64url");
}

function isForeign(request: Request): boolean {
  const site = request.headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin" && site !== "none") return true;
  const origin = request.headers.get("origin");
  if (origin === null) return false;
  // `Host`, not the URL's scheme: TLS may end at a proxy. The host itself was checked on entry [SR-26].
  const host = request.headers.get("host") ?? new URL(request.url).host;
  return !URL.canParse(origin) || new URL(origin).host !== host;
}

/** Passes reads, and writes that carry the session's token. Throws `csrf_failed`. */
export function assertCsrf(key: Uint8Array, request: Request, secret: string): void {
  if (SAFE_METHODS.has(request.method)) return;
  const sent = request.headers.get(CSRF_HEADER);
  const proven = sent !== null && constantTimeEqual(Buffer.from(sent), Buffer.from(csrfToken(key, secret)));
  if (!proven || isForeign(request)) {
    throw new DeputizeError("csrf_failed", "send the token of the `deputize_csrf` cookie as `X-CSRF-Token`");
  }
}
