/**
 * client: what resource servers, tool servers and workers install. Verifies tokens offline, follows
 * revocation, guards HTTP, and gets tokens.
 */
export { type FeedDocument, type RevocationEntry, principalKey, tokenKey } from "./feed/revocations.ts";
export { type BearerAuthOptions, bearerAuth, bearerChallenge, requireScope } from "./http/bearer-auth.ts";
export { type ProblemOptions, problemHandler, problemResponse } from "./http/problem-handler.ts";
export { type ReadOptions, parseInput, readForm, readJson } from "./http/read-body.ts";
export { type RequestContextOptions, requestContext } from "./http/request-context.ts";
export {
  DeputizeClient,
  type DeputizeClientOptions,
  type IssuedToken,
  type TokenProvider,
} from "./sdk/deputize-client.ts";
export {
  ACCESS_TOKEN_TYPE,
  type AccessTokenClaims,
  type VerifiedToken,
  assertVerified,
  readAccessTokenClaims,
} from "./token/claims.ts";
export {
  type CompactJws,
  type JwsHeader,
  MAX_TOKEN_LENGTH,
  jwsSignatureHolds,
  parseCompactJws,
  signCompactJws,
} from "./token/compact-jws.ts";
export { type PublicJwk, ed25519Thumbprint, importJwkSet } from "./token/jwk.ts";
export { type TokenVerifier, type VerifierOptions, createVerifier } from "./verifier.ts";
