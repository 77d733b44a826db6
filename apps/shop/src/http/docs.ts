/**
 * `/docs`: the API for people, one page without scripts and without anything from elsewhere; `/openapi.json` for machines.
 *
 * Guarantees: made from the one route table; everything that comes from a variable is escaped.
 */
import { createHash } from "node:crypto";
import { Hono } from "hono";
import { openapi } from "./openapi.ts";
import { ROUTES, type RouteDoc } from "./route-table.ts";

export interface DocsOptions {
  readonly publicUrl: string;
  readonly version: string;
  readonly offline: boolean;
}

const STYLE = `
:root{color-scheme:light dark;--ink:#1a2230;--soft:#5b6678;--line:#dde2ea;--paper:#fff;--code:#f4f6f9;--accent:#1f5fbf}
@media(prefers-color-scheme:dark){:root{--ink:#e8ecf2;--soft:#9aa7ba;--line:#2c3542;--paper:#12161d;--code:#1b212b;--accent:#8db8ff}}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:2rem 1rem 4rem}
h1{font-size:1.6rem;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2.5rem 0 .5rem;padding-top:1rem;border-top:1px solid var(--line)}
p{margin:.4rem 0;color:var(--soft)}a{color:var(--accent)}
article{padding:.7rem 0;border-bottom:1px solid var(--line)}
h3{font:600 .95rem ui-monospace,monospace;margin:0;overflow-wrap:anywhere}h3 b{color:var(--accent);margin-right:.5rem}
pre{background:var(--code);border:1px solid var(--line);border-radius:6px;padding:.6rem .8rem;margin:.5rem 0 0;overflow-x:auto;font-size:.85rem;white-space:pre-wrap;overflow-wrap:anywhere}
small{color:var(--soft)}nav a{margin-right:1rem;white-space:nowrap}`;

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (char) => ENTITIES[char] ?? "");
}

function anchor(group: string): string {
  return group.toLowerCase().replaceAll(" ", "-");
}

/** Who may call, for readers. */
const WHO: Readonly<Record<RouteDoc["access"], string>> = {
  public: "anyone",
  "signed in": "whoever is signed in",
  "own session": "a person at a session of their own; agents get 403",
  client: "a registered client",
  agent: "a token for exactly this address",
};

function section(route: RouteDoc): string {
  const query = Object.entries(route.query ?? {}).map(([name, what]) => `${name} (${what})`);
  return `<article><h3><b>${route.method}</b>${escape(route.path)}</h3>
<p>${escape(route.summary)}</p>
<small>For ${escape(WHO[route.access])}.${query.length > 0 ? ` Query: ${escape(query.join(", "))}.` : ""}</small>${
    route.curl === undefined ? "" : `<pre>curl -s ${escape(route.curl)}</pre>`
  }</article>`;
}

/** What the examples on the page use, as lines for a shell. */
const variables = (publicUrl: string): string => String.raw`URL=${publicUrl}
field() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }
login() { curl -s $URL/api/auth/login -H 'Content-Type: application/json' \
  -d "{\"email\":\"$1\",\"password\":\"$2\"}"; }
LOGIN=$(login alice.johnson@gmail.com customer123)
TOKEN=$(echo "$LOGIN" | field access_token)
REFRESH=$(echo "$LOGIN" | field refresh_token)
ADMIN=$(login admin.demo@gmail.com admin123 | field access_token)
APPROVAL=ID   # of an "approval" event of a chat
ENTRY=ID      # the entry_id of a "tool" event of a chat`;

/** An agent with a key of its own, from its first call to its last. */
const AGENT_WALK = String.raw`REGISTERED=$(curl -s $URL/agents/register -H 'Content-Type: application/json' \
  -d '{"agent_name":"PriceWatch","owner_email":"you@example.com"}')
AGENT=$(echo "$REGISTERED" | field agent_id)
KEY=$(echo "$REGISTERED" | field api_key)

# An administrator permits it one thing; only then it signs in, for a token holds what was permitted when it was made.
curl -s $URL/agents/$AGENT/permissions -H "Authorization: Bearer $ADMIN" -H 'Content-Type: application/json' \
  -d '{"permission":"read:products:*"}'
AGENT_TOKEN=$(curl -s $URL/auth/login -H 'Content-Type: application/json' -d "{\"api_key\":\"$KEY\"}" | field access_token)

# A tool that it may call: 200. A tool or a route without the permission: 403.
tool() { curl -s -w '\n%{http_code}\n' $URL/mcp/$1 -H "Authorization: Bearer $AGENT_TOKEN" -H 'Content-Type: application/json' \
  -H 'Accept: application/json, text/event-stream' \
  -d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"$2\",\"arguments\":{}}}"; }
tool products search_products
tool orders get_user_orders
curl -s $URL/api/admin/usage -H "Authorization: Bearer $AGENT_TOKEN"

# Suspended: 401 within a second, with the token that it already holds.
curl -s -X PATCH $URL/agents/$AGENT -H "Authorization: Bearer $ADMIN" -H 'Content-Type: application/json' -d '{"status":"suspended"}'
sleep 1; tool products search_products`;

function page({ publicUrl, version, offline }: DocsOptions): string {
  const groups = [...new Set(ROUTES.map((route) => route.group))];
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Deputize shop: API</title><style>${STYLE}</style></head><body><main>
<h1>Deputize shop: API</h1>
<p>Version ${escape(version)}. ${offline ? "The offline planner answers; no model is set." : ""} For machines: <a href="/openapi.json">openapi.json</a>.</p>
<p>Errors are problem documents (RFC 9457) with <code>code</code> and <code>request_id</code>. Send one credential: <code>Authorization: Bearer</code>, or the session cookie with <code>X-CSRF-Token</code> on writes; both at once are refused. The examples use:</p>
<pre>${escape(variables(publicUrl))}</pre>
<p>An agent with a key of its own, from its first call to its last:</p>
<pre>${escape(AGENT_WALK)}</pre>
<nav>${groups.map((group) => `<a href="#${anchor(group)}">${escape(group)}</a>`).join(" ")}</nav>
${groups
  .map(
    (group) =>
      `<h2 id="${anchor(group)}">${escape(group)}</h2>\n${ROUTES.filter((route) => route.group === group)
        .map(section)
        .join("\n")}`,
  )
  .join("\n")}
</main></body></html>`;
}

export function docsRoutes(options: DocsOptions): Hono {
  const html = page(options);
  const document = openapi(options.publicUrl, options.version);
  const hash = createHash("sha256").update(STYLE).digest("base64");
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; frame-ancestors 'none'`;
  return new Hono()
    .get("/docs", (c) => c.html(html, 200, { "Content-Security-Policy": policy }))
    .get("/openapi.json", (c) => c.json(document));
}
