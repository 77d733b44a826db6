/** The operator's routes beyond the broker protocol, with the schemas that the handlers parse with. */
import type { RouteDoc } from "@deputize/client";
import { z } from "zod";
import { GRANT_STATES } from "../../grants/grant-tree.ts";
import { AGENT_ROUTES } from "../agent-route-table.ts";
import { RegisterAgentBody, RegisteredAgent } from "../agent-schemas.ts";
import { EndGrantQuery, GrantsQuery, RevocationsQuery, RotateKeyBody } from "./schemas.ts";

const text = z.string();
const count = z.int();

const Party = z.strictObject({
  id: text,
  kind: z.enum(["user", "agent", "app", "service"]),
  name: text,
});
const Grant = z.strictObject({
  id: text,
  parent: text.nullable(),
  root: text,
  depth: count,
  kind: text,
  state: z.enum(GRANT_STATES),
  subject: Party,
  actor: Party,
  app: Party.optional(),
  task_id: text.optional(),
  orch_id: text.optional(),
  scopes: z.array(text),
  audiences: z.array(text),
  constraints: z.record(text, z.unknown()).optional(),
  issued_at: text,
  expires_at: text,
  renew_until: text,
  revoked_at: text.optional(),
  reason: text.optional(),
});
const Key = z.strictObject({
  kid: text,
  state: z.enum(["next", "active", "retired"]),
  created_at: text,
  activates_at: text.optional(),
  retired_at: text.optional(),
  published_until: text.optional(),
});

const group = "Operators";
const access = "operator";

/** People manage agents by the same routes, below another path and with a session of their own. */
const AGENTS: readonly RouteDoc[] = [
  {
    method: "POST",
    path: "/v1/admin/agents",
    group,
    access,
    scope: "admin:agents:*",
    summary:
      "Register an agent and vouch for it; its key is shown once, and it may do nothing until it is permitted",
    body: RegisterAgentBody,
    answer: RegisteredAgent,
    status: 201,
  },
  ...AGENT_ROUTES.filter((route) => route.access === "own session").map((route): RouteDoc => {
    const { curl: _anotherCaller, ...rest } = route;
    return { ...rest, path: `/v1/admin${route.path}`, group, access, scope: "admin:agents:*" };
  }),
];

export const OPERATOR_ROUTES: readonly RouteDoc[] = [
  ...AGENTS,
  {
    method: "GET",
    path: "/v1/admin/grants",
    group,
    access,
    scope: "admin:grants:*",
    summary: "Who acts for whom, newest first",
    query: GrantsQuery,
    answer: z.strictObject({ grants: z.array(Grant), next: text.optional() }),
    curl: '-H "Authorization: Bearer $TOKEN" "$URL/v1/admin/grants?state=active"',
  },
  {
    method: "GET",
    path: "/v1/admin/grants/{id}",
    group,
    access,
    scope: "admin:grants:*",
    summary: "One grant and the whole tree that it stands in, parents before children",
    answer: z.strictObject({ grant: Grant, tree: z.array(Grant), truncated: z.boolean().optional() }),
  },
  {
    method: "DELETE",
    path: "/v1/admin/grants/{id}",
    group,
    access,
    scope: "admin:revoke:*",
    summary: "End a grant and everything below it, or only say what would end",
    query: EndGrantQuery,
    answer: z.strictObject({
      id: text,
      count,
      dry_run: z.boolean().optional(),
      grants: z.array(Grant).optional(),
    }),
  },
  {
    method: "GET",
    path: "/v1/admin/revocations",
    group,
    access,
    scope: "admin:revoke:*",
    summary: "What is revoked and not yet forgotten, newest first",
    query: RevocationsQuery,
    answer: z.strictObject({
      revocations: z.array(
        z.strictObject({
          position: count,
          kind: z.enum(["grant", "jti", "principal_epoch"]),
          target: text,
          actor: text.optional(),
          reason: text.optional(),
          revoked_at: text.optional(),
          kept_until: text,
        }),
      ),
      next: text.optional(),
    }),
  },
  {
    method: "GET",
    path: "/v1/admin/keys",
    group,
    access,
    scope: "admin:keys:*",
    summary: "The signing keys: next, active, retired",
    answer: z.strictObject({ keys: z.array(Key) }),
  },
  {
    method: "POST",
    path: "/v1/admin/keys/rotate",
    group,
    access,
    scope: "admin:keys:*",
    summary:
      "Make a signing key, publish it, and have it sign after a while; tokens of the old one stay good",
    body: RotateKeyBody,
    answer: Key,
    curl: '-X POST -H "Authorization: Bearer $TOKEN" -d \'{}\' "$URL/v1/admin/keys/rotate"',
  },
  {
    method: "GET",
    path: "/v1/admin/status",
    group,
    access,
    scope: "admin:metrics:*",
    summary: "Version, keys, and how much of everything there is",
    answer: z.strictObject({
      version: text,
      time: text,
      uptime: count,
      counts: z.record(text, count),
      keys: z.array(Key),
      log_key: text,
      feed: z.strictObject({ epoch: text, position: count }),
    }),
  },
  {
    method: "GET",
    path: "/v1/admin/audit/receipts/{id}",
    group,
    access,
    scope: "admin:audit:*",
    summary: "Proof that one entry is in the log",
    answer: z.looseObject({ status: z.enum(["pending", "logged"]), entry_id: text }),
  },
  {
    method: "GET",
    path: "/v1/admin/audit/export",
    group,
    access,
    scope: "admin:audit:*",
    summary: "The whole log as JSON lines, which verify with nothing but its public key",
    type: "application/jsonl",
  },
];
