/**
 * What the routes of the broker protocol take, one schema a route. Unknown members are refused everywhere.
 *
 * Does not: judge scopes, times or keys beyond their type; the rooms do, in the order that the protocol says.
 */
import { constraintsMember } from "@deputize/core";
import { z } from "zod";
import { REVOKE_LEVELS } from "../../broker/broker.ts";

/** Bounds what a stranger can make us look at; no real value comes near. */
const Text = z.string().min(1).max(2048);
const ScopeList = z.array(z.string().min(1).max(512)).max(256);
const Seconds = z.int();

export const AdminAuthBody = z.strictObject({ secret: Text });

export const AppAuthBody = z.strictObject({ client_id: Text, client_secret: Text });

export const ValidateBody = z.strictObject({ token: z.string().min(1) });

export const LaunchTokenBody = z.strictObject({
  agent_name: Text.max(256),
  allowed_scope: ScopeList.min(1),
  /** 300 unless told; 0 or less means the same. */
  max_ttl: Seconds.optional(),
  single_use: z.boolean().optional(),
  /** How long the launch token itself waits; 30 unless told. */
  ttl: Seconds.optional(),
  /** What its workers and their delegates are held to. */
  constraints: constraintsMember,
});

/** Operators may name the app under whose ceiling the worker comes. */
export const AdminLaunchTokenBody = LaunchTokenBody.extend({ app_id: Text.optional() });

export const RegisterBody = z.strictObject({
  launch_token: Text,
  nonce: Text,
  public_key: Text,
  signature: Text,
  orch_id: Text,
  task_id: Text,
  requested_scope: ScopeList.min(1),
  /** Covers token, key, task and scopes too; see `registrationTranscript`. */
  transcript_signature: Text.optional(),
  /** Bind the token to the key (RFC 9449). */
  bind: z.boolean().optional(),
});

export const DelegateBody = z.strictObject({
  delegate_to: Text,
  scope: ScopeList.min(1),
  /** 60 unless told; never longer than the giver's own token. */
  ttl: Seconds.optional(),
  /** Further ones: those of the giver stay. */
  constraints: constraintsMember,
  /** The delegator's own proof: both or neither; see `delegationStatement`. */
  jti: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .optional(),
  signature: Text.optional(),
});

export const RevokeBody = z.strictObject({
  level: z.enum(REVOKE_LEVELS),
  target: Text,
  /** For `task`: whose task, where several apps use the same id. */
  app_id: Text.optional(),
  reason: z.string().max(200).optional(),
  /** Tell what would end, and end nothing. */
  dry_run: z.boolean().optional(),
});

export const AppBody = z.strictObject({
  name: Text,
  scopes: ScopeList.min(1),
  token_ttl: Seconds.optional(),
  /** Registration must carry `transcript_signature`. */
  require_transcript: z.boolean().optional(),
});

export const AppChangeBody = z
  .strictObject({
    scopes: ScopeList.min(1).optional(),
    token_ttl: Seconds.optional(),
    require_transcript: z.boolean().optional(),
  })
  .refine((change) => Object.values(change).some((value) => value !== undefined), {
    error: "name `scopes`, `token_ttl` or `require_transcript`",
  });

export const OperatorBody = z.strictObject({
  name: Text,
  /** Admin scopes, none that the maker does not hold. */
  scopes: ScopeList.min(1),
});

export const RotateSecretBody = z.strictObject({
  /** How long the old secret works on. One hour unless told, a day at most. */
  overlap_seconds: z.int().min(0).max(86_400).optional(),
});

const Digits = z.string().regex(/^\d{1,15}$/);
const Moment = z.iso.datetime({ offset: true });

export const AppsQuery = z.strictObject({
  limit: Digits.transform(Number).pipe(z.int().min(1).max(1000)).optional(),
  cursor: Text.optional(),
});

export const AuditQuery = z.strictObject({
  agent_id: Text.optional(),
  task_id: Text.optional(),
  event_type: Text.optional(),
  outcome: z.enum(["success", "denied"]).optional(),
  since: Moment.optional(),
  until: Moment.optional(),
  /** 100 unless told; more than 1,000 is 1,000, and the answer says so. */
  limit: Digits.transform(Number).pipe(z.int().min(1)).optional(),
  offset: Digits.transform(Number).optional(),
  order: z.enum(["newest", "oldest"]).optional(),
  /** `next` of the page before. */
  cursor: Digits.transform(Number).optional(),
});

export const WorkersQuery = z.strictObject({
  /** SPIFFE id. */
  agent_id: Text.optional(),
  /** With `agent_id`: only if this token of the worker stands. */
  jti: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .optional(),
  task_id: Text.optional(),
  orch_id: Text.optional(),
  limit: Digits.transform(Number).pipe(z.int().min(1).max(100)).optional(),
  /** `next` of the page before. */
  cursor: Text.optional(),
});
