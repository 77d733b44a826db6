/**
 * Every route of the shop, once: what `/docs` shows, what `/openapi.json` is made from, and what a test holds against the
 * routes that are really there.
 */
import type { z } from "zod";
import { OrderDetail, OrderList, ProductDetail, ProductList, Profile, ReviewList } from "../shapes.ts";
import * as api from "./api-shapes.ts";

/** Who may call: anyone; whoever is signed in; a person at a session of their own; a client of the authority. */
export type Access = "public" | "signed in" | "own session" | "client" | "agent";

export interface RouteDoc {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** With `{name}` for parameters. */
  readonly path: string;
  readonly group: string;
  readonly summary: string;
  readonly access: Access;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: z.ZodType;
  readonly answer?: z.ZodType;
  readonly status?: number;
  /** Of the answer, when it is not JSON. */
  readonly type?: string;
  /** The rest of a curl line after `curl -s`; what `$URL`, `$TOKEN` and the others hold is said on the page. */
  readonly curl?: string;
}

const page = { limit: "1 to 100", cursor: "`next` of the page before" };
const json = `-H 'Content-Type: application/json'`;
const auth = `-H "Authorization: Bearer $TOKEN"`;
const asAdmin = `-H "Authorization: Bearer $ADMIN"`;
const asAgent = `-H "Authorization: Bearer $AGENT_TOKEN"`;

export const ROUTES: readonly RouteDoc[] = [
  {
    method: "POST",
    path: "/api/auth/login",
    group: "Signing in",
    summary:
      "Sign in with e-mail and password. With header `X-Deputize-Client: browser`: cookies and no token.",
    access: "public",
    body: api.LoginBody,
    answer: api.Tokens,
    curl: `$URL/api/auth/login ${json} -d '{"email":"alice.johnson@gmail.com","password":"customer123"}'`,
  },
  {
    method: "POST",
    path: "/api/auth/signup",
    group: "Signing in",
    summary: "Make an account. Answers the same for known and new addresses.",
    access: "public",
    body: api.SignUpBody,
    status: 202,
  },
  {
    method: "POST",
    path: "/api/auth/refresh",
    group: "Signing in",
    summary: "Trade a refresh token for the next pair; each works once.",
    access: "public",
    body: api.RefreshBody,
    answer: api.Tokens,
    curl: `$URL/api/auth/refresh ${json} -d "{\\"refresh_token\\":\\"$REFRESH\\"}"`,
  },
  {
    method: "POST",
    path: "/api/auth/logout",
    group: "Signing in",
    summary: "End the session and everything made from it.",
    access: "public",
    body: api.RefreshBody,
    status: 204,
    curl: `-X POST $URL/api/auth/logout ${auth}`,
  },
  {
    method: "POST",
    path: "/api/auth/logout-all",
    group: "Signing in",
    summary: "End all sessions of the person.",
    access: "own session",
    status: 204,
  },
  {
    method: "GET",
    path: "/api/auth/session",
    group: "Signing in",
    summary: "Who is signed in, and which model answers.",
    access: "public",
    answer: api.SessionAnswer,
  },
  {
    method: "GET",
    path: "/api/sessions",
    group: "Signing in",
    summary: "The person's sessions.",
    access: "own session",
    answer: api.SessionList,
  },
  {
    method: "DELETE",
    path: "/api/sessions/{id}",
    group: "Signing in",
    summary: "End one session.",
    access: "own session",
    status: 204,
  },

  {
    method: "POST",
    path: "/api/chat",
    group: "Chat",
    summary: "Ask, and get the whole turn.",
    access: "signed in",
    body: api.ChatBody,
    answer: api.ChatAnswer,
    curl: `$URL/api/chat ${auth} ${json} -d '{"message":"Where is my latest order?"}'`,
  },
  {
    method: "POST",
    path: "/api/chat/stream",
    group: "Chat",
    summary:
      "Ask, and get the turn as it happens: events start, delta, tool, card, approval, metadata, error, done.",
    access: "signed in",
    body: api.ChatBody,
    type: "text/event-stream",
    curl: `-N $URL/api/chat/stream ${auth} ${json} -d '{"message":"Find headphones under $200"}'`,
  },
  {
    method: "POST",
    path: "/api/chat/{run_id}/stop",
    group: "Chat",
    summary: "Stop a run.",
    access: "signed in",
    status: 204,
  },
  {
    method: "GET",
    path: "/api/conversations",
    group: "Chat",
    summary: "Own conversations, newest first.",
    access: "signed in",
    query: page,
    answer: api.ConversationList,
  },
  {
    method: "GET",
    path: "/api/conversations/{id}",
    group: "Chat",
    summary: "One conversation with its messages.",
    access: "signed in",
    answer: api.Conversation,
  },
  {
    method: "PATCH",
    path: "/api/conversations/{id}",
    group: "Chat",
    summary: "Rename it.",
    access: "signed in",
    body: api.RenameBody,
    answer: api.ConversationSummary,
  },
  {
    method: "DELETE",
    path: "/api/conversations/{id}",
    group: "Chat",
    summary: "Delete it.",
    access: "signed in",
    status: 204,
  },

  {
    method: "GET",
    path: "/api/approvals",
    group: "Approvals",
    summary: "Own approvals, newest first.",
    access: "signed in",
    query: { status: "pending, approved, rejected, expired, executed, failed or superseded" },
    answer: api.ApprovalList,
  },
  {
    method: "GET",
    path: "/api/approvals/{id}",
    group: "Approvals",
    summary: "One approval.",
    access: "signed in",
    answer: api.Approval,
  },
  {
    method: "POST",
    path: "/api/approvals/{id}/decide",
    group: "Approvals",
    summary: "Decide, and let the turn go on. Agents and exchanged tokens get 403.",
    access: "own session",
    body: api.DecideBody,
    answer: api.DecideAnswer,
    curl: `$URL/api/approvals/$APPROVAL/decide ${auth} ${json} -d '{"decision":"approve"}'`,
  },

  {
    method: "GET",
    path: "/api/orders",
    group: "Shop",
    summary: "Own orders, newest first.",
    access: "signed in",
    query: { status: "a state, such as shipped", ...page },
    answer: OrderList,
    curl: `$URL/api/orders ${auth}`,
  },
  {
    method: "GET",
    path: "/api/orders/{id}",
    group: "Shop",
    summary: "One order with items, address and timeline.",
    access: "signed in",
    answer: OrderDetail,
  },
  {
    method: "GET",
    path: "/api/products",
    group: "Shop",
    summary: "The catalogue. Prices are cents.",
    access: "public",
    query: {
      category: "Electronics, Clothing, Home, Sports or Books",
      search: "words",
      min_price: "cents",
      max_price: "cents",
      sort: "relevance, price_asc, price_desc, rating or newest",
      ...page,
    },
    answer: ProductList,
    curl: `"$URL/api/products?search=headphones&max_price=20000"`,
  },
  {
    method: "GET",
    path: "/api/products/{id}",
    group: "Shop",
    summary: "One product, by id or slug.",
    access: "public",
    answer: ProductDetail,
  },
  {
    method: "GET",
    path: "/art/{file}",
    group: "Shop",
    summary: "A product's picture, as its `image_url` names it.",
    access: "public",
    type: "image/svg+xml",
  },
  {
    method: "GET",
    path: "/api/products/{id}/reviews",
    group: "Shop",
    summary: "A product's reviews, newest first.",
    access: "public",
    query: page,
    answer: ReviewList,
  },
  {
    method: "GET",
    path: "/api/profile",
    group: "Shop",
    summary: "The person's own profile.",
    access: "signed in",
    answer: Profile,
  },

  {
    method: "GET",
    path: "/api/receipts/{entry_id}",
    group: "Audit",
    summary: "Proof that an entry about you is in the log.",
    access: "signed in",
    answer: api.Receipt,
    curl: `$URL/api/receipts/$ENTRY ${auth}`,
  },
  {
    method: "GET",
    path: "/api/audit/checkpoint",
    group: "Audit",
    summary: "The log's newest signed checkpoint, and the proof that it only grew since `old_size`.",
    access: "public",
    query: { old_size: "size of a checkpoint you hold" },
    answer: api.Checkpoint,
    curl: `"$URL/api/audit/checkpoint"`,
  },

  {
    method: "POST",
    path: "/api/cases",
    group: "Staff",
    summary: "Open a case: see one person's data, for a purpose, for half an hour.",
    access: "own session",
    body: api.OpenCaseBody,
    answer: api.Case,
    status: 201,
    curl: `$URL/api/cases ${asAdmin} ${json} -d '{"subject_email":"bob.smith@gmail.com","purpose":"Bob asked about his order by phone","resources":["orders"]}'`,
  },
  {
    method: "GET",
    path: "/api/cases",
    group: "Staff",
    summary: "Own cases.",
    access: "signed in",
    answer: api.CaseList,
  },
  {
    method: "DELETE",
    path: "/api/cases/{id}",
    group: "Staff",
    summary: "Close a case.",
    access: "own session",
    status: 204,
  },
  {
    method: "GET",
    path: "/api/admin/usage",
    group: "Staff",
    summary: "Sums of what the agents did. Administrators; others get 403.",
    access: "signed in",
    query: { days: "1 to 90" },
    answer: api.Usage,
  },

  {
    method: "POST",
    path: "/agents/register",
    group: "Agents",
    summary:
      "Register an agent. Its key is shown once, and it may do nothing until an administrator permits it.",
    access: "public",
    body: api.RegisterAgentBody,
    answer: api.RegisteredAgent,
    status: 201,
    curl: `$URL/agents/register ${json} -d '{"agent_name":"PriceWatch","owner_email":"you@example.com"}'`,
  },
  {
    method: "POST",
    path: "/auth/login",
    group: "Agents",
    summary: "Sign an agent in with its key.",
    access: "public",
    body: api.ApiKeyBody,
    answer: api.AgentTokens,
    curl: `$URL/auth/login ${json} -d "{\\"api_key\\":\\"$KEY\\"}"`,
  },
  {
    method: "GET",
    path: "/agents",
    group: "Agents",
    summary: "Agents that you registered; all for administrators.",
    access: "own session",
  },
  { method: "GET", path: "/agents/{id}", group: "Agents", summary: "One agent.", access: "own session" },
  {
    method: "PATCH",
    path: "/agents/{id}",
    group: "Agents",
    summary: "Suspend or reactivate: `{status}`.",
    access: "own session",
    curl: `-X PATCH $URL/agents/$AGENT ${asAdmin} ${json} -d '{"status":"suspended"}'`,
  },
  {
    method: "POST",
    path: "/agents/{id}/permissions",
    group: "Agents",
    summary: "Add a permission: `{permission}`. Administrators.",
    access: "own session",
    curl: `$URL/agents/$AGENT/permissions ${asAdmin} ${json} -d '{"permission":"read:products:*"}'`,
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
  },
  {
    method: "POST",
    path: "/agents/{id}/keys/{key}/rotate",
    group: "Agents",
    summary: "A new key; the old one ends after `overlap_seconds`.",
    access: "own session",
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

  {
    method: "POST",
    path: "/agents/{name}",
    group: "Protocols",
    summary:
      "A2A 1.0 (JSON-RPC) of `customer-support`, `order-management` and `product-discovery`. Send `A2A-Version: 1.0`; the token's audience is this address.",
    access: "agent",
  },
  {
    method: "GET",
    path: "/agents/{name}/.well-known/agent-card.json",
    group: "Protocols",
    summary: "The agent's card.",
    access: "public",
    curl: `$URL/agents/order-management/.well-known/agent-card.json`,
  },
  {
    method: "POST",
    path: "/mcp/{name}",
    group: "Protocols",
    summary: "MCP over streamable HTTP of `orders` and `products`; the token's audience is this address.",
    access: "agent",
    curl: `$URL/mcp/products ${asAgent} ${json} -H 'Accept: application/json, text/event-stream' -d '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search_products","arguments":{"query":"headphones"}}}'`,
  },

  {
    method: "POST",
    path: "/oauth/token",
    group: "Authority",
    summary: "Token exchange (RFC 8693), client credentials, refresh.",
    access: "client",
  },
  {
    method: "POST",
    path: "/oauth/introspect",
    group: "Authority",
    summary: "What a token is (RFC 7662).",
    access: "client",
  },
  {
    method: "POST",
    path: "/oauth/revoke",
    group: "Authority",
    summary: "End a token and what was made from it (RFC 7009).",
    access: "public",
    status: 200,
    curl: `$URL/oauth/revoke -d "token=$TOKEN"`,
  },
  {
    method: "GET",
    path: "/authority/revocations",
    group: "Authority",
    summary: "The revocation feed, as JSON or as events.",
    access: "public",
    query: { after: "position of the last entry read" },
  },
  {
    method: "GET",
    path: "/authority/revocations/ping",
    group: "Authority",
    summary: "The feed's epoch and position now, for verifiers that measure their own age.",
    access: "public",
    query: { nonce: "comes back" },
  },
  {
    method: "POST",
    path: "/authority/check",
    group: "Authority",
    summary: "Does this token stand? For verifiers whose feed is old.",
    access: "public",
    body: api.CheckBody,
    answer: api.CheckAnswer,
  },
  {
    method: "GET",
    path: "/.well-known/jwks.json",
    group: "Authority",
    summary: "The keys that sign tokens (RFC 7517).",
    access: "public",
  },
  {
    method: "GET",
    path: "/.well-known/oauth-authorization-server",
    group: "Authority",
    summary: "The authority's metadata (RFC 8414).",
    access: "public",
  },

  {
    method: "GET",
    path: "/health",
    group: "This server",
    summary: "What it stands on; always answers.",
    access: "public",
    answer: api.Health,
    curl: `$URL/health`,
  },
  {
    method: "GET",
    path: "/docs",
    group: "This server",
    summary: "This page.",
    access: "public",
    type: "text/html",
  },
  {
    method: "GET",
    path: "/openapi.json",
    group: "This server",
    summary: "The same for machines.",
    access: "public",
  },
];
