/**
 * client/verifier: verifying tokens in browsers and edge runtimes. The same verifier as on Node, over WebCrypto; nothing
 * here imports anything of Node.
 */
import { checkDelegationChain, type ChainOptions, type KeysByKid } from "./token/delegation-chain.ts";
import { importKeys } from "./token/jwk-set.ts";
import { type WebKey, webCrypto } from "./token/web-crypto.ts";
import { type TokenVerifier, type VerifierOptions, createVerifierOn } from "./verifier-core.ts";

export { type Caller, DeputizeError, scopeCovers, scopeIsSubset } from "@deputize/core/portable";
export { createDpopProof, jwkThumbprint, verifyDpopProof } from "./token/dpop.ts";
export type { ProofJwk, ProofKey } from "./token/proof-key.ts";
export type {
  PresentedProof,
  TokenProfile,
  TokenVerifier,
  VerifierOptions,
  VerifyOptions,
} from "./verifier-core.ts";

/** Makes a verifier; nothing is fetched until the first token. Throws `config_invalid`. */
export async function createVerifier(options: VerifierOptions): Promise<TokenVerifier> {
  return createVerifierOn(webCrypto, options);
}

/** The authority's keys by `kid`, from its JWK set, for `verifyDelegationChain`. Throws when the input is no JWK set. */
export function importJwkSet(input: unknown): Promise<Map<string, WebKey>> {
  return importKeys(input, webCrypto);
}

/** Throws `invalid_token` unless the delegation chain in the claims of an `agentwrit` token holds. */
export function verifyDelegationChain(
  claims: unknown,
  keys: KeysByKid<WebKey>,
  options?: ChainOptions,
): Promise<void> {
  return checkDelegationChain(webCrypto, claims, keys, options);
}
