/**
 * Every route of the shop, once: its own, and the authority's that it serves. `/docs` and `/openapi.json` are made from this,
 * and a test holds it against the routes that are really there.
 */
import { AUTHORITY_ROUTES } from "@deputize/authority";
import type { RouteDoc } from "@deputize/client";
import { BACKGROUND_ROUTES, EraseBody, MEMORY_ROUTES } from "@deputize/server";
import { DOCS_ROUTES } from "@deputize/server/docs";
import { METRICS_ROUTES } from "@deputize/server/telemetry";
import { OrderDetail, OrderList, ProductDetail, ProductList, Profile, ReviewList } from "../shapes.ts";
import * as api from "./api-shapes.ts";

const page = { limit: "1 to 100", cursor: "`next` of the page before" };
const json = `-H 'Content-Type: application/json'`;
const auth = `-H "Authorization: Bearer $TOKEN"`;
const asAdmin = `-H "Authorization: Bearer $ADMIN"`;
const asAgent = `-H "Authorization: Bearer $AGENT_TOKEN"`;

/** How to call some of the authority's routes here, with the demo's people. */
const CURL: Readonly<Record<string, string>> = {
  "POST /api/auth/login": `$URL/api/auth/login ${json} -d '{"email":"alice.johnson@gmail.com","password":"customer123"}'`,
  "POST /api/auth/refresh": `$URL/api/auth/refresh ${json} -d "{\\"refresh_token\\":\\"$REFRESH\\"}"`,
  "POST /api/auth/logout": `-X POST $URL/api/auth/logout ${auth}`,
  "POST /api/approvals/{id}/decide": `$URL/api/approvals/$APPROVAL/decide ${auth} ${json} -d '{"decision":"approve"}'`,
  "POST /api/cases": `$URL/api/cases ${asAdmin} ${json} -d '{"subject_email":"bob.smith@gmail.com","purpose":"Bob asked about his order by phone","resources":["orders"]}'`,
  "POST /agents/register": `$URL/agents/register ${auth} ${json} -d '{"agent_name":"PriceWatch","owner_email":"alice.johnson@gmail.com"}'`,
  "POST /auth/login": `$URL/auth/login ${json} -d "{\\"api_key\\":\\"$KEY\\"}"`,
  "PATCH /agents/{id}": `-X PATCH $URL/agents/$AGENT ${asAdmin} ${json} -d '{"status":"suspended"}'`,
  "POST /agents/{id}/permissions": `$URL/agents/$AGENT/permissions ${asAdmin} ${json} -d '{"permission":"read:products:*"}'`,
  "POST /oauth/revoke": `$URL/oauth/revoke -d "token=$TOKEN"`,
};

const OF_AUTHORITY = AUTHORITY_ROUTES.map((route): RouteDoc => {
  const curl = CURL[`${route.method} ${route.path}`];
  return curl === undefined ? route : { ...route, curl };
});

const OF_SHOP: readonly RouteDoc[] = [
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
    summary: "One conversation with its newest messages.",
    access: "signed in",
    query: { limit: "1 to 1000, 200 unless given", before: "`earlier` of the page before" },
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
    path: "/api/me/export",
    group: "Signing in",
    summary:
      "Everything that is kept of you, as one document. Needs a sign-in of the last 15 minutes; agents and exchanged tokens get 403.",
    access: "own session",
    curl: `$URL/api/me/export ${auth}`,
  },
  {
    method: "POST",
    path: "/api/me/erase",
    group: "Signing in",
    summary:
      "Erase yourself, for good, with a receipt; `confirm` is your address. Needs a sign-in of the last 15 minutes; agents and exchanged tokens get 403.",
    access: "own session",
    body: EraseBody,
    answer: api.ErasureReceipt,
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
    method: "GET",
    path: "/api/admin/usage",
    group: "Staff",
    summary: "Sums of what the agents did, by agent, tool and day. Administrators; others get 403.",
    access: "signed in",
    query: { days: "1 to 90" },
    answer: api.Usage,
  },
  ...MEMORY_ROUTES,
  {
    method: "GET",
    path: "/api/me/usage",
    group: "Signing in",
    summary: "What agents used for oneself: turns, tokens and cost, by agent, tool and day.",
    access: "signed in",
    query: { days: "1 to 90" },
    answer: api.Usage,
    curl: `$URL/api/me/usage ${auth}`,
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
    method: "GET",
    path: "/health",
    group: "This server",
    summary: "What it stands on; always answers.",
    access: "public",
    answer: api.Health,
    curl: `$URL/health`,
  },
];

/** In the order of the page: signing in first, then what one came for, the machinery last. */
const GROUPS = [
  "Signing in",
  "Chat",
  "Approvals",
  "Mandates",
  "Background work",
  "Shop",
  "Audit",
  "Staff",
  "Agents",
  "Protocols",
  "Authority",
  "This server",
];

export const ROUTES: readonly RouteDoc[] = [
  ...OF_AUTHORITY,
  ...OF_SHOP,
  ...BACKGROUND_ROUTES,
  ...METRICS_ROUTES,
  ...DOCS_ROUTES,
].toSorted((a, b) => GROUPS.indexOf(a.group) - GROUPS.indexOf(b.group));
