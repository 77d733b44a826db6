/**
 * The hops that led to a token, checked when it is used.
 *
 * Guarantees: the hops join up (each names the record before it, each delegate is the next delegator, what was granted is
 * what the next one held), none widens, each signature holds, and the last hop made this token or one that it succeeded.
 * Attack answered: records that nobody reads, so that any history can be written into a token [AW-D13].
 */
import { type KeyObject, verify } from "node:crypto";
import { scopeIsSubset } from "@deputize/core";
import { FIRST_RECORD, delegationStatement } from "@deputize/client";
import { chainHash } from "../tokens/agentwrit-profile.ts";
import { type BrokerClaims, chainOf } from "./broker-claims.ts";
import { readWorkerKey } from "./ed25519.ts";

export interface ChainContext {
  /** A published key of the authority. */
  readonly verifier: (kid: string) => Promise<KeyObject | undefined>;
  /** True when the token of this `jti` was one of this grant's. */
  readonly isOfGrant: (jti: string, grant: string) => Promise<boolean>;
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, n) => one === b[n]);
}

/** True when the chain of these claims is whole. One without hops is whole when its grant is a root. */
export async function chainHolds(claims: BrokerClaims, context: ChainContext): Promise<boolean> {
  const chain = chainOf(claims);
  const last = chain.at(-1);
  // Both come out of the signed token: nothing to guess, so no need to compare in constant time.
  const [named, made] = [claims.chain_hash, chainHash(chain)];
  if (chain.length !== claims.grants.length - 1 || named !== made) return false;
  for (const [n, link] of chain.entries()) {
    const next = chain[n + 1];
    if (link.prev !== (chainHash(chain.slice(0, n)) ?? FIRST_RECORD)) return false;
    if (link.delegate !== (next ? next.agent : claims.sub)) return false;
    if (!same(link.granted, next ? next.scope : claims.scope) || !scopeIsSubset(link.granted, link.scope))
      return false;
    if ((link.key === undefined) === (link.kid === undefined)) return false;
    const key =
      link.key === undefined ? await context.verifier(link.kid ?? "") : readWorkerKey(link.key)?.key;
    const { prev, agent, delegate, granted, jti } = link;
    const statement = delegationStatement({ prev, delegator: agent, delegate, scope: granted, jti });
    if (!key || !verify(null, Buffer.from(statement), key, Buffer.from(link.signature, "hex"))) return false;
  }
  if (!last || last.jti === claims.jti) return true;
  return context.isOfGrant(last.jti, claims.grants.at(-1) ?? "");
}
