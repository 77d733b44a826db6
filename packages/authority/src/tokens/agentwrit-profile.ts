/**
 * The `agentwrit` profile: the broker protocol's claims (own issuer, `typ` JWT, `sub` is the agent, `scope` a
 * list). Our verifiers do not accept it where they expect `oauth` (SR-09); its own verification is the
 * broker face's.
 */
import { createHash } from "node:crypto";
import { DeputizeError } from "@deputize/core";
import type { AgentwritOptions, ProfileInput } from "./issue.ts";

/** Who handed on, and what it held. */
export interface DelegationLink {
  readonly agent: string;
  readonly scope: readonly string[];
  /** RFC 3339. */
  readonly delegated_at: string;
  /** Hex. */
  readonly signature: string;
}

const SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/;

export function agentwritClaims(
  input: ProfileInput,
  options: AgentwritOptions,
  trustDomain: string,
): Record<string, unknown> {
  const { orchestrationId, taskId, delegationChain = [] } = options;
  if (!SEGMENT.test(orchestrationId) || !SEGMENT.test(taskId)) {
    throw new DeputizeError("invalid_request", "`orch_id` and `task_id` are letters, digits, `.`, `_`, `-`");
  }
  const { grant } = input;
  // 16 hex digits that are the same for each token of this actor.
  const instance = grant.actor.replaceAll("-", "").slice(-16);
  return {
    iss: input.issuer,
    sub: `spiffe://${trustDomain}/agent/${orchestrationId}/${taskId}/${instance}`,
    aud: input.audiences,
    exp: input.expiresAt,
    nbf: input.issuedAt,
    iat: input.issuedAt,
    jti: input.jti,
    scope: grant.scopes,
    task_id: taskId,
    orch_id: orchestrationId,
    tenant: grant.tenant,
    grants: grant.path,
    epochs: grant.epochs,
    ...(grant.app !== null && { app_id: grant.app }),
    ...(delegationChain.length > 0 && {
      delegation_chain: delegationChain,
      chain_hash: createHash("sha256").update(JSON.stringify(delegationChain)).digest("hex"),
    }),
  };
}
