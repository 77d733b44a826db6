/** The verifier on Node: the core over Node's own cryptography. */
import { type TokenVerifier, type VerifierOptions, createVerifierOn } from "./verifier-core.ts";
import { checkDelegationChain, type ChainOptions, type KeysByKid } from "./token/delegation-chain.ts";
import { nodeCrypto } from "./token/node-crypto.ts";
import type { KeyObject } from "node:crypto";

/** Makes a verifier; nothing is fetched until the first token. Throws `config_invalid`. */
export async function createVerifier(options: VerifierOptions): Promise<TokenVerifier> {
  return createVerifierOn(nodeCrypto, options);
}

/**
 * Throws `invalid_token` unless the delegation chain in the claims of an `agentwrit` token holds: signatures, hash chain, who
 * handed to whom, nothing grown. `keys` are the authority's published ones by `kid`, such as `importJwkSet` answers.
 */
export function verifyDelegationChain(
  claims: unknown,
  keys: KeysByKid<KeyObject>,
  options?: ChainOptions,
): Promise<void> {
  return checkDelegationChain(nodeCrypto, claims, keys, options);
}
