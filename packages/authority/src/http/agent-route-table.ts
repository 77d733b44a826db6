/** Registered agents: their routes, with the schemas that the handlers parse with. */
import type { RouteDoc } from "@deputize/client";
import { z } from "zod";
import { AgentStateBody, ApiKeyBody, PermissionBody, RegisterAgentBody, RotateKeyBody } from "./agents.ts";

const id = z.uuid();
const instant = z.iso.datetime({ offset: true });

const RegisteredAgent = z.strictObject({ agent_id: id, api_key: z.string(), key_id: z.string() });
const AgentTokens = z.looseObject({
  access_token: z.string(),
  token_type: z.literal("bearer"),
  expires_in: z.int(),
  scope: z.string(),
});
const Agent = z.looseObject({
  agent_id: id,
  agent_name: z.string(),
  owner_email: z.string().optional(),
  confirmed: z.boolean(),
  status: z.enum(["active", "suspended"]),
  created: instant,
  permissions: z.array(z.string()),
});
const AgentList = z.looseObject({ agents: z.array(Agent) });
const KeyList = z.strictObject({
  keys: z.array(
    z.looseObject({
      key_id: z.string(),
      created: instant,
      last_used: instant.optional(),
      expires: instant.optional(),
      revoked: instant.optional(),
    }),
  ),
});
const NewKey = z.strictObject({ key_id: z.string(), api_key: z.string() });

export const AGENT_ROUTES: readonly RouteDoc[] = [
  {
    method: "POST",
    path: "/agents/register",
    group: "Agents",
    summary:
      "Register an agent. Its key is shown once, and it may do nothing until an administrator permits it.",
    access: "public",
    body: RegisterAgentBody,
    answer: RegisteredAgent,
    status: 201,
  },
  {
    method: "POST",
    path: "/auth/login",
    group: "Agents",
    summary: "Sign an agent in with its key.",
    access: "public",
    body: ApiKeyBody,
    answer: AgentTokens,
  },
  {
    method: "GET",
    path: "/agents",
    group: "Agents",
    summary: "Agents that you registered; all for administrators.",
    access: "own session",
    answer: AgentList,
  },
  {
    method: "GET",
    path: "/agents/{id}",
    group: "Agents",
    summary: "One agent.",
    access: "own session",
    answer: Agent,
  },
  {
    method: "PATCH",
    path: "/agents/{id}",
    group: "Agents",
    summary: "Suspend or reactivate.",
    access: "own session",
    body: AgentStateBody,
    answer: Agent,
  },
  {
    method: "POST",
    path: "/agents/{id}/permissions",
    group: "Agents",
    summary: "Add a permission. Administrators.",
    access: "own session",
    body: PermissionBody,
    answer: Agent,
  },
  {
    method: "DELETE",
    path: "/agents/{id}/permissions/{permission}",
    group: "Agents",
    summary: "Take a permission back; tokens that hold it end.",
    access: "own session",
    status: 204,
  },
  {
    method: "GET",
    path: "/agents/{id}/keys",
    group: "Agents",
    summary: "The agent's keys, without secrets.",
    access: "own session",
    answer: KeyList,
  },
  {
    method: "POST",
    path: "/agents/{id}/keys/{key}/rotate",
    group: "Agents",
    summary: "A new key; the old one ends after `overlap_seconds`.",
    access: "own session",
    body: RotateKeyBody,
    answer: NewKey,
    status: 201,
  },
  {
    method: "DELETE",
    path: "/agents/{id}/keys/{key}",
    group: "Agents",
    summary: "End a key.",
    access: "own session",
    status: 204,
  },
];
