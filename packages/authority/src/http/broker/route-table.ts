/** The broker protocol's routes, with the schemas that the handlers parse with. */
import type { RouteDoc } from "@deputize/client";
import { constraintsMember } from "@deputize/core";
import { z } from "zod";
import {
  AdminAuthBody,
  AdminLaunchTokenBody,
  AppAuthBody,
  AppBody,
  AppChangeBody,
  AppsQuery,
  AuditQuery,
  DelegateBody,
  LaunchTokenBody,
  OperatorBody,
  RegisterBody,
  RevokeBody,
  RotateSecretBody,
  ValidateBody,
  WorkersQuery,
} from "./schemas.ts";

const text = z.string();
const scopes = z.array(text);
const seconds = z.int();

const Token = z.looseObject({ access_token: text, expires_in: seconds });
const Bearer = Token.extend({ token_type: z.literal("Bearer") });
const LaunchToken = z.strictObject({
  launch_token: text,
  expires_at: text,
  policy: z.strictObject({ allowed_scope: scopes, max_ttl: seconds, constraints: constraintsMember }),
});
const App = z.looseObject({
  app_id: text,
  name: text,
  client_id: text,
  scopes,
  token_ttl: seconds,
  status: z.enum(["active", "inactive", ""]),
  created_at: text,
  updated_at: text,
});
const Operator = z.strictObject({
  name: text,
  id: text,
  scopes,
  status: z.enum(["active", "inactive"]),
  created_at: text,
  removed_at: text.optional(),
});
const NewApp = z.looseObject({
  app_id: text,
  client_id: text,
  client_secret: text,
  scopes,
  token_ttl: seconds,
});
const Event = z.looseObject({
  id: text,
  timestamp: text,
  event_type: text,
  agent_id: text.optional(),
  task_id: text.optional(),
  orch_id: text.optional(),
  outcome: z.enum(["success", "denied"]).optional(),
  detail: text,
  hash: text,
  prev_hash: text,
});

const WORKERS: readonly RouteDoc[] = [
  {
    method: "POST",
    path: "/v1/app/auth",
    group: "Apps",
    summary: "An app signs in with its client id and secret. 10 a minute.",
    access: "public",
    body: AppAuthBody,
    answer: Bearer.extend({ scopes }),
  },
  {
    method: "POST",
    path: "/v1/app/launch-tokens",
    group: "Apps",
    summary: "A launch token for one worker, under the app's ceiling.",
    access: "app",
    scope: "app:launch-tokens:*",
    body: LaunchTokenBody,
    answer: LaunchToken,
    status: 201,
  },
  {
    method: "GET",
    path: "/v1/challenge",
    group: "Workers",
    summary: "A nonce to sign; good once, for 30 seconds.",
    access: "public",
    answer: z.strictObject({ nonce: text, expires_in: seconds }),
  },
  {
    method: "POST",
    path: "/v1/register",
    group: "Workers",
    summary:
      "A worker proves its key, spends the launch token, and gets its id and the credential of one task.",
    access: "public",
    body: RegisterBody,
    answer: Token.extend({ agent_id: text }),
  },
  {
    method: "POST",
    path: "/v1/token/renew",
    group: "Workers",
    summary: "The next token of the same grant. The old one dies first.",
    access: "worker",
    answer: Token,
  },
  {
    method: "POST",
    path: "/v1/token/release",
    group: "Workers",
    summary: "End the grant, and everything handed on from it.",
    access: "worker",
    status: 204,
  },
  {
    method: "POST",
    path: "/v1/delegate",
    group: "Workers",
    summary:
      "Hand on a part of one's authority to another worker: never more, never longer, five hops at most.",
    access: "worker",
    body: DelegateBody,
    answer: Token.extend({
      delegation_chain: z.array(z.looseObject({ agent: text, scope: scopes, delegated_at: text })),
    }),
  },
  {
    method: "POST",
    path: "/v1/token/validate",
    group: "Workers",
    summary: "Does this token stand, and what does it say? One answer for every reason against it.",
    access: "public",
    body: ValidateBody,
    answer: z.union([
      z.strictObject({ valid: z.literal(true), claims: z.looseObject({}) }),
      z.strictObject({ valid: z.literal(false), error: text }),
    ]),
  },
];

const Worker = z.strictObject({
  agent_id: text,
  public_key: text,
  app_id: text,
  orch_id: text,
  task_id: text,
  expires_at: text,
  last_heartbeat: text.optional(),
});

/** Everything that `registryRoutes` serves. */
export const REGISTRY_ROUTES: readonly RouteDoc[] = [
  {
    method: "GET",
    path: "/v1/agents",
    group: "Workers",
    summary: "Living workers of one's own app, with the keys to check them by. Apps need `app:agents:*`.",
    access: "worker",
    query: WorkersQuery,
    answer: z.strictObject({ agents: z.array(Worker), next: text.optional() }),
  },
  {
    method: "GET",
    path: "/v1/agents/{id}",
    group: "Workers",
    summary: "One living worker of one's own app, by its SPIFFE id, percent-encoded.",
    access: "worker",
    answer: Worker,
  },
  {
    method: "POST",
    path: "/v1/agents/heartbeat",
    group: "Workers",
    summary: "I am alive. Whoever beat once and then misses three beats loses its grants.",
    access: "worker",
    answer: z.strictObject({ every_seconds: seconds, misses: z.int() }),
  },
];

const MANAGING: readonly RouteDoc[] = [
  {
    method: "POST",
    path: "/v1/admin/auth",
    group: "Operators",
    summary: "An operator signs in: with the admin secret, or one of its own. Five a second.",
    access: "public",
    body: AdminAuthBody,
    answer: Bearer,
  },
  {
    method: "POST",
    path: "/v1/admin/launch-tokens",
    group: "Operators",
    summary: "A launch token under an app's ceiling, or under the operator's own policy.",
    access: "operator",
    scope: "admin:launch-tokens:*",
    body: AdminLaunchTokenBody,
    answer: LaunchToken,
    status: 201,
  },
  {
    method: "POST",
    path: "/v1/admin/apps",
    group: "Operators",
    summary: "Register an app with its ceiling. Its secret is shown once.",
    access: "operator",
    scope: "admin:apps:*",
    body: AppBody,
    answer: NewApp,
    status: 201,
  },
  {
    method: "GET",
    path: "/v1/admin/apps",
    group: "Operators",
    summary: "All apps, deregistered ones too.",
    access: "operator",
    scope: "admin:apps:*",
    query: AppsQuery,
    answer: z.looseObject({ apps: z.array(App), total: z.int(), next: text.optional() }),
  },
  {
    method: "GET",
    path: "/v1/admin/apps/{id}",
    group: "Operators",
    summary: "One app.",
    access: "operator",
    scope: "admin:apps:*",
    answer: App,
  },
  {
    method: "PUT",
    path: "/v1/admin/apps/{id}",
    group: "Operators",
    summary: "Change an app, all or nothing. What a narrower ceiling does not cover ends.",
    access: "operator",
    scope: "admin:apps:*",
    body: AppChangeBody,
    answer: App,
  },
  {
    method: "DELETE",
    path: "/v1/admin/apps/{id}",
    group: "Operators",
    summary: "Deregister an app: its tokens, launch tokens and workers end at once.",
    access: "operator",
    scope: "admin:apps:*",
    answer: App,
  },
  {
    method: "POST",
    path: "/v1/admin/apps/{id}/secret",
    group: "Operators",
    summary: "A new client secret; the old one works on for `overlap_seconds`.",
    access: "operator",
    scope: "admin:apps:*",
    body: RotateSecretBody,
    answer: z.looseObject({ client_secret: text }),
    status: 201,
  },
  {
    method: "POST",
    path: "/v1/admin/operators",
    group: "Operators",
    summary:
      "A further operator, with some of your own scopes. Its secret is shown once; it signs in like you.",
    access: "operator",
    scope: "admin:operators:*",
    body: OperatorBody,
    answer: Operator.extend({ secret: text }),
    status: 201,
  },
  {
    method: "GET",
    path: "/v1/admin/operators",
    group: "Operators",
    summary: "All further operators, removed ones too.",
    access: "operator",
    scope: "admin:operators:*",
    answer: z.strictObject({ operators: z.array(Operator) }),
  },
  {
    method: "DELETE",
    path: "/v1/admin/operators/{name}",
    group: "Operators",
    summary: "End an operator with its secret and tokens. Not one who holds more than you.",
    access: "operator",
    scope: "admin:operators:*",
    answer: Operator,
  },
  {
    method: "POST",
    path: "/v1/admin/operators/{name}/secret",
    group: "Operators",
    summary: "A new secret; the old one works on for `overlap_seconds`, and for 0 dies with its tokens.",
    access: "operator",
    scope: "admin:operators:*",
    body: RotateSecretBody,
    answer: z.strictObject({ name: text, secret: text, overlap_seconds: seconds }),
  },
  {
    method: "POST",
    path: "/v1/revoke",
    group: "Operators",
    summary: "End what a target names, with everything below it. Seen everywhere within a second.",
    access: "operator",
    scope: "admin:revoke:*",
    body: RevokeBody,
    answer: z.looseObject({ revoked: z.literal(true), level: text, target: text, count: z.int() }),
  },
  {
    method: "GET",
    path: "/v1/audit/events",
    group: "Operators",
    summary: "What was logged, oldest first unless told, with the chain that links the entries.",
    access: "operator",
    scope: "admin:audit:*",
    query: AuditQuery,
    answer: z.looseObject({ events: z.array(Event), total: z.int(), offset: z.int(), limit: z.int() }),
  },
];

const SERVER: readonly RouteDoc[] = [
  {
    method: "GET",
    path: "/v1/health",
    group: "This server",
    summary: "Is it alive, and what does it stand on.",
    access: "public",
    answer: z.looseObject({
      status: text,
      version: text,
      uptime: seconds,
      db_connected: z.boolean(),
      audit_events_count: z.int(),
    }),
  },
  {
    method: "GET",
    path: "/v1/ready",
    group: "This server",
    summary: "May work be sent here; 503 while the database is down.",
    access: "public",
  },
];

/** Everything that `brokerRoutes` serves. */
export const BROKER_ROUTES: readonly RouteDoc[] = [...WORKERS, ...MANAGING, ...SERVER];
