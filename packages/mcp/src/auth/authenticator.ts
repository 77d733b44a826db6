/**
 * The one question a tool server asks about a request: who is this?
 *
 * Guarantees: `bearerToken` yields a token only from exactly one `Authorization: Bearer` header, and
 * refuses a request that carries a second credential (SR-26), so no two identities can be mixed.
 * Does not: verify anything; that is the authenticator's work.
 */
import { type Caller, DeputizeError } from "@deputize/core";

export interface Authenticator {
  /** Shown by `server.explain()`, such as `jwt` or `authority`. */
  readonly name: string;
  /** Issuers whose tokens are accepted; published in the protected-resource metadata (RFC 9728). */
  readonly authorizationServers?: readonly string[];
  /** Resolves the caller, or throws `unauthenticated` or `invalid_token`. Anything else thrown refuses too. */
  authenticate(request: Request): Promise<Caller>;
  /** The verified claims behind a caller that this authenticator made, where there are any. */
  claimsOf?(caller: Caller): Readonly<Record<string, unknown>> | undefined;
}

/** Bounds the work a stranger's header can cost. Real tokens are 1 to 2 KB. */
const MAX_TOKEN_CHARACTERS = 8192;

const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

/** Throws `invalid_token` when something else on the request could say who it is, too (SR-26). */
export function assertSingleCredential(request: Request): void {
  if (request.headers.get("x-api-key") !== null || request.headers.get("cookie") !== null) {
    throw new DeputizeError("invalid_token", "send one credential, not two");
  }
}

/**
 * The bearer token of a request (RFC 6750 §2.1; the query and form variants are not accepted).
 * Throws `unauthenticated` when there is none, `invalid_token` when it is malformed or not alone.
 */
export function bearerToken(request: Request): string {
  const header = request.headers.get("authorization");
  if (header === null) throw new DeputizeError("unauthenticated", "send a token as `Authorization: Bearer`");
  assertSingleCredential(request);
  const token = header.length > MAX_TOKEN_CHARACTERS ? undefined : BEARER.exec(header)?.[1];
  if (!token)
    throw new DeputizeError("invalid_token", "the authorization header holds no single bearer token");
  return token;
}
