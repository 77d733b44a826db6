/**
 * The claims of an `agentwrit` token: those of the broker protocol (`sub` is the worker, `scope` a list), and what makes a
 * `Caller` offline (`tenant sub_id act_ids grants epochs`). Parsed once.
 *
 * Guarantees: only a worker's token passes. Those of operators and apps manage workers; no resource server has a use for
 * one. Every principal of the path has an epoch (SR-12). Does not: look at time, audience, revocation, possession, or the
 * delegation chain (delegation-chain.ts).
 */
import { type Caller, DeputizeError, type GrantId, type PrincipalId } from "@deputize/core/portable";
import { z } from "zod";
import { Confirmation } from "./confirmation.ts";
import { DelegationChain } from "./delegation-chain.ts";
import { registerVerified } from "./verified-caller.ts";

/** `typ` of the `agentwrit` profile, as the protocol has it. */
export const BROKER_TOKEN_TYPE = "JWT";

const Id = z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
const Seconds = z.number().int().nonnegative();

const Claims = z.object({
  cnf: Confirmation.optional(),
  iss: z.string().min(1),
  sub: z.string().regex(/^spiffe:\/\/[^/\s]{1,255}\/agent\/[^/\s]{1,512}\/[^/\s]{1,512}\/[0-9a-f]{16}$/),
  aud: z.union([z.string().min(1), z.array(z.string().min(1)).max(32)]).optional(),
  exp: Seconds,
  nbf: Seconds,
  iat: Seconds,
  jti: z.string().regex(/^[0-9a-f]{32}$/),
  scope: z.array(z.string().min(1).max(512)).max(256),
  task_id: z.string().max(512),
  orch_id: z.string().max(512),
  tenant: z.string().min(1).max(100),
  sub_id: Id,
  act_ids: z.array(Id).min(1).max(6),
  constraints: z.record(z.string().max(64), z.unknown()).optional(),
  grants: z.array(Id).min(1).max(6),
  epochs: z.record(Id, z.number().int().nonnegative()),
  delegation_chain: DelegationChain.optional(),
  chain_hash: z.string().optional(),
});

export type BrokerClaims = z.infer<typeof Claims>;

/** Reads the payload of a token whose signature holds. Throws `invalid_token`. */
export function readBrokerClaims(payload: unknown): BrokerClaims {
  const parsed = Claims.safeParse(payload);
  if (!parsed.success)
    throw new DeputizeError("invalid_token", "the token is not a worker's, or lacks claims");
  const claims = parsed.data;
  if ([claims.sub_id, ...claims.act_ids].some((id) => claims.epochs[id] === undefined)) {
    throw new DeputizeError("invalid_token", "the token lacks an epoch of its path");
  }
  return claims;
}

/** The caller that a worker's token makes: the worker acts, for its app. */
export function brokerCaller(claims: BrokerClaims, audience: readonly string[]): Caller {
  return registerVerified({
    tenant: claims.tenant,
    subject: claims.sub_id as PrincipalId,
    subjectKind: "app",
    actors: claims.act_ids as PrincipalId[],
    roles: [],
    scopes: claims.scope,
    grants: claims.grants as GrantId[],
    clientId: claims.sub,
    ...(claims.constraints && { constraints: claims.constraints }),
    ...(claims.task_id !== "" && { task: claims.task_id }),
    ...(claims.orch_id !== "" && { orchestration: claims.orch_id }),
    token: {
      issuer: claims.iss,
      jti: claims.jti,
      audience,
      issuedAt: claims.iat,
      expiresAt: claims.exp,
    },
  });
}
