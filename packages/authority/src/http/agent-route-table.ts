/** Registered agents: their routes, with the schemas that the handlers parse with. */
import type { RouteDoc } from "@deputize/client";
import * as shapes from "./agent-schemas.ts";

type Route = Omit<RouteDoc, "group">;

const TOKENS: readonly Route[] = [
  {
    method: "POST",
    path: "/auth/login",
    summary:
      "Sign an agent in with its key. The token is for one `audience`, the API unless told, and holds what the agent may do now, or the part that `scope` names.",
    access: "public",
    body: shapes.AgentLoginBody,
    answer: shapes.AgentTokens,
  },
  {
    method: "POST",
    path: "/auth/refresh",
    summary:
      "Trade an agent's refresh token for the next pair; each works once. After a change of permissions the new token has the new ones.",
    access: "public",
    body: shapes.AgentRefreshBody,
    answer: shapes.AgentTokens,
  },
  {
    method: "POST",
    path: "/auth/revoke",
    summary:
      "End a token. With a refresh token: the whole sign-in. An unknown one is as good as ended (RFC 7009).",
    access: "public",
    body: shapes.AgentTokenBody,
  },
  {
    method: "POST",
    path: "/auth/introspect",
    summary:
      "What a token says and whether it stands (RFC 7662): for the agent itself, its owner, administrators and services; inactive for others.",
    access: "signed in",
    body: shapes.AgentTokenBody,
    answer: shapes.AgentIntrospection,
  },
];

const AGENTS: readonly Route[] = [
  {
    method: "POST",
    path: "/agents/register",
    summary:
      "Register an agent under your own address. Its key is shown once, and it may do nothing until an administrator permits it. Where registration is open to strangers, the owner confirms it first.",
    access: "signed in",
    body: shapes.RegisterAgentBody,
    answer: shapes.RegisteredAgent,
    status: 201,
  },
  {
    method: "GET",
    path: "/agents",
    summary: "Your agents, and those that strangers registered for your address; all for administrators.",
    access: "own session",
    query: shapes.AgentListQuery,
    answer: shapes.AgentList,
  },
  {
    method: "GET",
    path: "/agents/{id}",
    summary: "One agent.",
    access: "own session",
    answer: shapes.AgentShape,
  },
  {
    method: "PATCH",
    path: "/agents/{id}",
    summary: "Rename, suspend or resume.",
    access: "own session",
    body: shapes.ChangeAgentBody,
    answer: shapes.AgentShape,
  },
  {
    method: "DELETE",
    path: "/agents/{id}",
    summary: "End an agent for good, with its keys and tokens.",
    access: "own session",
    status: 204,
  },
  {
    method: "POST",
    path: "/agents/{id}/confirm",
    summary: "Vouch for an agent that somebody registered for your address; administrators for any.",
    access: "own session",
    answer: shapes.AgentShape,
  },
  {
    method: "POST",
    path: "/agents/{id}/suspend",
    summary: "Stop an agent: its tokens end within a second.",
    access: "own session",
    answer: shapes.AgentShape,
  },
  {
    method: "POST",
    path: "/agents/{id}/resume",
    summary: "Let it sign in again. What an administrator suspended, an administrator resumes.",
    access: "own session",
    answer: shapes.AgentShape,
  },
  {
    method: "GET",
    path: "/agents/{id}/permissions",
    summary: "What it is permitted, its roles, and what both give together.",
    access: "own session",
    answer: shapes.PermissionsShape,
  },
  {
    method: "PUT",
    path: "/agents/{id}/permissions",
    summary: "Make permissions, and roles when named, exactly these. Administrators.",
    access: "own session",
    body: shapes.SetPermissionsBody,
    answer: shapes.PermissionsShape,
  },
  {
    method: "POST",
    path: "/agents/{id}/permissions",
    summary: "Add a permission. Administrators. The agent's tokens end; a refresh gets one that holds it.",
    access: "own session",
    body: shapes.AddPermissionBody,
    answer: shapes.AgentShape,
  },
  {
    method: "DELETE",
    path: "/agents/{id}/permissions",
    summary: "Take everything back. Administrators.",
    access: "own session",
    status: 204,
  },
  {
    method: "DELETE",
    path: "/agents/{id}/permissions/{permission}",
    summary: "Take a permission back; tokens that hold it end. Administrators.",
    access: "own session",
    status: 204,
  },
  {
    method: "PUT",
    path: "/agents/{id}/roles/{role}",
    summary: "Give a role: a name for several permissions. Administrators.",
    access: "own session",
    status: 204,
  },
  {
    method: "DELETE",
    path: "/agents/{id}/roles/{role}",
    summary: "Take a role back. Administrators.",
    access: "own session",
    status: 204,
  },
  {
    method: "GET",
    path: "/agents/{id}/keys",
    summary: "The agent's keys, without secrets.",
    access: "own session",
    answer: shapes.KeyList,
  },
  {
    method: "POST",
    path: "/agents/{id}/keys",
    summary: "A further key, for all that the agent holds or only for `scopes`.",
    access: "own session",
    body: shapes.NewKeyBody,
    answer: shapes.NewKeyShape,
    status: 201,
  },
  {
    method: "POST",
    path: "/agents/{id}/keys/{key}/rotate",
    summary:
      "A new key; both work for `overlap_seconds`, an hour unless told, from now or from `at`. With `forced` the old key and its tokens end now.",
    access: "own session",
    body: shapes.RotateKeyBody,
    answer: shapes.NewKeyShape,
    status: 201,
  },
  {
    method: "DELETE",
    path: "/agents/{id}/keys/{key}",
    summary: "End a key, with its tokens.",
    access: "own session",
    status: 204,
  },
];

export const AGENT_ROUTES: readonly RouteDoc[] = [...AGENTS, ...TOKENS].map((route) => ({
  ...route,
  group: "Agents",
}));
