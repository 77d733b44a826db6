/**
 * auth: what any authenticator of signed tokens is made of, for packages that ask who somebody is in another way than a tool
 * server does.
 */
export type { Authenticator } from "./authenticator.ts";
export {
  type ClaimPath,
  type RolePolicy,
  Roles,
  Scopes,
  type Times,
  claimAt,
  externalSubject,
  permitted,
  readRegistered,
} from "./claims.ts";
export { productionSetting } from "./dev-tokens.ts";
export { type JsonRequest, fetchJson, isLocalHttp, providerUrl } from "./fetch-json.ts";
export { type KeySetOptions, providerMetadata, publishedKeys } from "./key-set.ts";
export { type VerificationKey, publicKeyFromPem, readPublicJwks } from "./public-keys.ts";
export { CredentialExpired, CredentialRefusal, reasonsOf } from "./refusal.ts";
export {
  ASYMMETRIC,
  type Algorithm,
  type AsymmetricAlgorithm,
  SYMMETRIC,
  type SymmetricAlgorithm,
  secretBytes,
  signatureHolds,
} from "./signature.ts";
export { type TokenCache, tokenCache } from "./token-cache.ts";
export { type KeySource, tokenCheck } from "./token-check.ts";
export { circuitBreaker, throughCircuits } from "../middleware/circuit-breaker.ts";
export { deepFreeze } from "../client-context.ts";
