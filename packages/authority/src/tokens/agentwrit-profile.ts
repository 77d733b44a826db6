/**
 * The `agentwrit` profile: the broker protocol's claims (own issuer, `typ` JWT, `sub` says operator, app or worker, `scope`
 * a list), and ours beside them (`tenant`, `app_id`, `grants`, `epochs`, `sub_id`, `act_ids`), from which a verifier makes a
 * caller offline. Our verifiers do not accept it where they expect `oauth` (SR-09).
 */
import { createHash } from "node:crypto";
import { type DelegationLink, delegationStatement } from "@deputize/client";
import { constraintsClaim } from "./oauth-profile.ts";
import type { AgentwritOptions, ProfileInput } from "./issue.ts";

/** `chain_hash`: the SHA-256 of the last hop's statement, hex; undefined when there is no hop. */
export function chainHash(chain: readonly DelegationLink[]): string | undefined {
  const last = chain.at(-1);
  if (!last) return undefined;
  const { prev, agent, scope, delegate, granted, jti } = last;
  const statement = delegationStatement({
    prev,
    delegator: agent,
    delegate,
    held: scope,
    scope: granted,
    jti,
  });
  return createHash("sha256").update(statement).digest("hex");
}

export function agentwritClaims(input: ProfileInput, options: AgentwritOptions): Record<string, unknown> {
  const { grant } = input;
  const { chain = [] } = options;
  return {
    iss: input.issuer,
    sub: options.sub,
    // The protocol names an audience only where one is configured.
    ...(options.audiences && { aud: options.audiences }),
    exp: input.expiresAt,
    nbf: input.issuedAt,
    iat: input.issuedAt,
    jti: input.jti,
    scope: grant.scopes,
    task_id: grant.task ?? "",
    orch_id: grant.orchestration ?? "",
    tenant: grant.tenant,
    ...(options.appId !== undefined && { app_id: options.appId }),
    grants: grant.path,
    epochs: grant.epochs,
    sub_id: grant.subject,
    act_ids: grant.actors,
    ...constraintsClaim(grant),
    ...(options.cnf && { cnf: options.cnf }),
    ...(chain.length > 0 && { delegation_chain: chain, chain_hash: chainHash(chain) }),
  };
}
