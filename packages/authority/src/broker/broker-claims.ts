/**
 * The claims of a broker token whose signature holds, and the caller that they make.
 */
import { z } from "zod";
import type { GrantId, PrincipalId } from "@deputize/core";
import type { DelegationLink } from "@deputize/client";
import type { BrokerCaller } from "./broker.ts";

const Id = z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
const Seconds = z.number().int().nonnegative();
const Hex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));
const Text = z.string().max(2_000);

const Link = z.strictObject({
  agent: Text,
  scope: z.array(Text).max(64),
  delegated_at: z.string().max(64),
  signature: Hex(128),
  delegate: Text,
  granted: z.array(Text).max(64),
  jti: Hex(32),
  prev: Hex(64),
  key: z.string().length(44).optional(),
  kid: z.string().max(128).optional(),
});

const Claims = z.strictObject({
  iss: z.string(),
  sub: Text,
  aud: z.array(z.string()).min(1).max(32).optional(),
  exp: Seconds,
  nbf: Seconds,
  iat: Seconds,
  jti: Hex(32),
  scope: z.array(Text).max(64),
  task_id: z.string().max(512),
  orch_id: z.string().max(512),
  tenant: z.string().min(1).max(64),
  app_id: z.string().max(100).optional(),
  grants: z.array(Id).min(1).max(6),
  epochs: z.record(Id, z.number().int().nonnegative()),
  sub_id: Id,
  act_ids: z.array(Id).max(6),
  constraints: z.record(z.string().max(64), z.unknown()).optional(),
  cnf: z.strictObject({ jkt: z.string().max(64) }).optional(),
  delegation_chain: z.array(Link).min(1).max(5).optional(),
  chain_hash: Hex(64).optional(),
});

export type BrokerClaims = z.infer<typeof Claims>;

/** The claims, or undefined when they are not of this profile. */
export function readBrokerClaims(payload: unknown): BrokerClaims | undefined {
  const parsed = Claims.safeParse(payload);
  return parsed.success ? parsed.data : undefined;
}

export function chainOf(claims: BrokerClaims): readonly DelegationLink[] {
  return (claims.delegation_chain ?? []) as readonly DelegationLink[];
}

const claimsOf = new WeakMap<BrokerCaller, BrokerClaims>();

/** The typed claims of a caller that `verify` made; undefined for a look-alike. */
export function knownClaims(caller: BrokerCaller): BrokerClaims | undefined {
  return claimsOf.get(caller);
}

/** On whose behalf: the app for its workers, oneself for operators and apps. */
export function subjectOf(by: BrokerCaller): PrincipalId {
  return (claimsOf.get(by)?.sub_id ?? by.principal) as PrincipalId;
}

/** Who acts, the current actor first. */
export function actorsOf(by: BrokerCaller): readonly PrincipalId[] {
  return (claimsOf.get(by)?.act_ids ?? []) as PrincipalId[];
}

/** Everybody on the caller's path: whom its epochs name. */
export function principalsOf(by: BrokerCaller): string[] {
  return Object.keys(by.epochs);
}

/** The caller of verified claims; frozen, and remembered with them. */
export function brokerCaller(claims: BrokerClaims): BrokerCaller {
  const kind = /^admin(:|$)/.test(claims.sub) ? "admin" : claims.sub.startsWith("app:") ? "app" : "agent";
  const caller: BrokerCaller = Object.freeze({
    kind,
    tenant: claims.tenant,
    sub: claims.sub,
    principal: (claims.act_ids[0] ?? claims.sub_id) as PrincipalId,
    ...(kind !== "admin" && { app: claims.sub_id as PrincipalId }),
    scopes: Object.freeze(claims.scope),
    grants: Object.freeze(claims.grants as GrantId[]),
    epochs: Object.freeze(claims.epochs),
    jti: claims.jti,
    taskId: claims.task_id,
    orchId: claims.orch_id,
    issuedAt: claims.iat,
    expiresAt: claims.exp,
    ...(claims.cnf && { jkt: claims.cnf.jkt }),
    claims: Object.freeze(claims),
  });
  claimsOf.set(caller, claims);
  return caller;
}
