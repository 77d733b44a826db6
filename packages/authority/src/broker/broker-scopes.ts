/**
 * Scopes in the broker: those of data, and the reserved ones, `admin:…` and `app:…`, which only operators' and apps' own
 * tokens hold.
 *
 * Attack answered: a ceiling or launch token with a reserved scope, by which a worker could mint authority.
 */
import { DeputizeError, readScope } from "@deputize/core";

/** What a worker's grant can hold; tokens stay well below the size that readers accept. */
const SCOPE_LIMITS = { count: 64, characters: 200, total: 3_000 } as const;

/** The scopes of an operator's token; operators besides the one of the installation's own secret hold some of them. */
export const ADMIN_SCOPES = [
  "admin:launch-tokens:*",
  "admin:revoke:*",
  "admin:audit:*",
  "admin:apps:*",
  "admin:grants:*",
  "admin:keys:*",
  "admin:agents:*",
  "admin:metrics:*",
  "admin:operators:*",
] as const;

/** The scopes of an app's own token. */
export const APP_SCOPES = ["app:launch-tokens:*", "app:agents:*", "app:audit:read"] as const;

/** Of which kind a scope is; undefined when it is malformed. Only the identifier may be `*`. */
export function readBrokerScope(text: string): "data" | "reserved" | undefined {
  const scope = readScope(text);
  if (!scope || scope.action === "*" || scope.resource === "*") return undefined;
  if (!/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/.test(text)) return undefined;
  return scope.action === "admin" || scope.action === "app" ? "reserved" : "data";
}

/** True when there are few and short enough to stand in a token. */
export function scopesFit(scopes: readonly string[]): boolean {
  return (
    scopes.length <= SCOPE_LIMITS.count &&
    scopes.reduce((sum, scope) => sum + scope.length, 0) <= SCOPE_LIMITS.total
  );
}

/** Checks the scopes of a ceiling or launch token. Throws `invalid_scope`; `reservedCode` for a reserved one. */
export function checkDataScopes(
  scopes: readonly string[],
  reservedCode: "invalid_scope" | "forbidden",
): void {
  if (scopes.length === 0) throw new DeputizeError("invalid_request", "name at least one scope");
  if (!scopesFit(scopes)) {
    throw new DeputizeError("invalid_request", "name up to 64 scopes, 3,000 characters together");
  }
  for (const scope of scopes) {
    const kind = readBrokerScope(scope);
    if (kind === undefined) {
      throw new DeputizeError(
        "invalid_scope",
        "a scope is `action:resource:identifier`; only the identifier may be `*`",
      );
    }
    if (kind === "reserved") {
      throw new DeputizeError(
        reservedCode,
        "scopes that begin with `admin:` or `app:` are reserved; leave them out",
      );
    }
  }
}
