/**
 * The hops that led to a token, checked when it is used.
 *
 * Guarantees: what `verifyDelegationChain` says of the records themselves, and that the last hop made this token or one that
 * it succeeded.
 * Attack answered: records that nobody reads, so that any history can be written into a token [AW-D13].
 */
import type { KeyObject } from "node:crypto";
import { isDeputizeError } from "@deputize/core";
import { verifyDelegationChain } from "@deputize/client";
import { type BrokerClaims, chainOf } from "./broker-claims.ts";

export interface ChainContext {
  /** A published key of the authority. */
  readonly verifier: (kid: string) => Promise<KeyObject | undefined>;
  /** True when the token of this `jti` was one of this grant's. */
  readonly isOfGrant: (jti: string, grant: string) => Promise<boolean>;
}

/** True when the chain of these claims is whole. One without hops is whole when its grant is a root. */
export async function chainHolds(claims: BrokerClaims, context: ChainContext): Promise<boolean> {
  try {
    await verifyDelegationChain(claims, { get: context.verifier });
  } catch (error) {
    if (isDeputizeError(error, "invalid_token")) return false;
    throw error;
  }
  const last = chainOf(claims).at(-1);
  return !last || last.jti === claims.jti || context.isOfGrant(last.jti, claims.grants.at(-1) ?? "");
}
