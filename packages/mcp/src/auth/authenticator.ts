/**
 * The one question a tool server asks about a request: who is this?
 *
 * Guarantees: `bearerToken` yields a token only from exactly one `Authorization: Bearer` header, and
 * refuses a request that carries a second credential (SR-26), so no two identities can be mixed.
 * Does not: verify anything; that is the authenticator's work.
 */
import { type Caller, DeputizeError } from "@deputize/core";
import { CredentialRefusal } from "./refusal.ts";

export interface Authenticator {
  /** Shown by `server.explain()`, such as `jwt` or `authority`. */
  readonly name: string;
  /** Issuers whose tokens are accepted; published in the protected-resource metadata (RFC 9728). */
  readonly authorizationServers?: readonly string[];
  /** Headers that it reads a credential from, when not `Authorization`: another one beside it makes two (SR-26). */
  readonly credentialHeaders?: readonly string[];
  /**
   * Resolves the caller, or throws `unauthenticated` or `invalid_token`. Anything else thrown refuses too. The message of a
   * `DeputizeError` goes to the server's log, so it holds nothing of the credential or of a person.
   */
  authenticate(request: Request): Promise<Caller>;
  /** The verified claims behind a caller that this authenticator made, where there are any. */
  claimsOf?(caller: Caller): Readonly<Record<string, unknown>> | undefined;
}

/**
 * The caller that an authenticator answered. Throws where guards would misread it: as text, the role `administrator` holds
 * the role `admin` (PR-D13), and all callers without a subject are one (PR-D12).
 */
export function checkedCaller(caller: Caller): Caller {
  const { tenant, subject, clientId, roles, scopes, actors, grants } = caller;
  if (![tenant, subject, clientId].every(isName))
    throw new CredentialRefusal("the caller has no tenant, subject or client");
  if (![roles, scopes, actors, grants].every((list) => Array.isArray(list) && list.every(isName)))
    throw new CredentialRefusal("the caller's roles, scopes, actors and grants are lists of texts");
  return caller;
}

const isName = (value: unknown): boolean => typeof value === "string" && value !== "";

/** Bounds the work a stranger's header can cost. Real tokens are 1 to 2 KB. */
const MAX_TOKEN_CHARACTERS = 8192;

const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

export const TWO_CREDENTIALS = "send one credential, not two";
const NO_BEARER = "the authorization header holds no single bearer token";
/** What a sender is told beyond the one refusal: it is about the request, and says nothing of a credential. */
export const ABOUT_THE_REQUEST: ReadonlySet<string> = new Set([TWO_CREDENTIALS, NO_BEARER]);

/** Headers that may say who somebody is. */
export const CREDENTIAL_HEADERS = ["authorization", "x-api-key", "cookie"];

/** Throws `invalid_token` when something else than `header` on the request could say who it is, too (SR-26). */
export function assertSingleCredential(request: Request, header = "authorization"): void {
  if (CREDENTIAL_HEADERS.some((name) => name !== header && request.headers.has(name))) {
    throw new DeputizeError("invalid_token", TWO_CREDENTIALS);
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
  if (!token) throw new DeputizeError("invalid_token", NO_BEARER);
  return token;
}
