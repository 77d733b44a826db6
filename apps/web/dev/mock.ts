/**
 * A stand-in for the shop's API, to look at the page's states (full, empty, loading, failed) without seeding a
 * database. Never shipped and never used where the real shop can be: e2e/ runs against that.
 */
import { readFileSync } from "node:fs";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import { extname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import * as data from "./mock-data.ts";
import { signedLog } from "./signed-log.ts";

export type Mode = "full" | "empty" | "loading" | "failed";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const TYPES: Record<string, string> = {
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

export interface Mock {
  server: Server;
  url: string;
}

export async function startMock(mode: Mode, user: "alice" | "admin" | null): Promise<Mock> {
  const log = await signedLog();
  for (const entry of data.logEntries) await log.add(entry);
  const empty = mode === "empty";
  const approvals = structuredClone(data.approvals);
  const cases = structuredClone(data.cases);
  let who = user;

  const routes: Record<string, (params: URLSearchParams, id: string) => unknown> = {
    "GET /api/auth/session": () => ({
      user: who === null ? null : data.users[who],
      csrf_token: "t",
      demo_accounts: data.demoAccounts,
      model: { name: "offline", offline: true },
    }),
    "POST /api/auth/login": () => {
      who = "alice";
      return { user: data.users.alice };
    },
    "POST /api/auth/logout": () => {
      who = null;
      return {};
    },
    "GET /api/conversations": () => ({ conversations: empty ? [] : data.conversations }),
    "GET /api/conversations/:id": () => data.conversation,
    "GET /api/approvals": () => ({ approvals: empty ? [] : approvals }),
    "GET /api/approvals/:id": (_params, id) => approvals.find((item) => item.id === id),
    "POST /api/approvals/:id/decide": (_params, id) => {
      const approval = approvals.find((item) => item.id === id);
      if (approval) approval.status = "executed";
      return { approval };
    },
    "GET /api/orders": (params) => ({
      orders: empty
        ? []
        : data.orders.filter((order) => !params.get("status") || order.status === params.get("status")),
    }),
    "GET /api/orders/:id": () => data.order,
    "GET /api/products": () => ({
      products: empty ? [] : data.products,
      total: empty ? 0 : data.products.length,
      categories: [
        { name: "Electronics", count: 10 },
        { name: "Clothing", count: 10 },
      ],
    }),
    "GET /api/products/:id": () => data.product,
    "GET /api/cases": () => ({ cases: empty ? [] : cases }),
    "GET /api/memories": () => ({ memories: empty ? [] : data.memories }),
    "GET /api/me/usage": () => ({
      days: 30,
      total: empty
        ? { turns: 0, tokens_in: 0, tokens_out: 0, cost_micros: 0, unpriced: 0 }
        : { turns: 1204, tokens_in: 2_412_009, tokens_out: 98_120, cost_micros: 4_120_000, unpriced: 12 },
    }),
    "GET /api/mandates": () => ({ mandates: empty ? [] : data.mandates }),
    "GET /api/background/offers": () => ({ offers: data.offers }),
    "GET /api/background": () => ({ runs: empty ? [] : data.backgroundRuns }),
    "GET /api/sessions": () => ({ sessions: empty ? [] : data.devices }),
    "GET /api/receipts/:id": (_params, id) => log.receipt(id),
    "GET /api/audit/checkpoint": (params) =>
      log.checkpoint(params.has("old_size") ? Number(params.get("old_size")) : undefined),
  };

  async function chat(response: ServerResponse): Promise<void> {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    let id = 0;
    for (const [event, value] of data.turn) {
      response.write(`id: ${id++}\nevent: ${event}\ndata: ${JSON.stringify(value)}\n\n`);
      await wait(30);
    }
    response.end();
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://localhost");
    if (!url.pathname.startsWith("/api/")) return file(url.pathname, response);
    const isSession = url.pathname === "/api/auth/session";
    if (mode === "loading" && !isSession) return; // Never answers.
    if (mode === "failed" && !isSession) {
      response.writeHead(503, { "Content-Type": "application/problem+json" });
      response.end(
        JSON.stringify({
          title: "unavailable",
          status: 503,
          detail: "the database does not answer",
          code: "unavailable",
          request_id: "req_7f3a91",
        }),
      );
      return;
    }
    if (url.pathname === "/api/chat/stream") return chat(response);
    const exact = `${request.method} ${url.pathname}`;
    const parts = url.pathname.split("/");
    const pattern = `${request.method} ${[...parts.slice(0, 3), ":id", ...parts.slice(4)].join("/")}`;
    const route = routes[exact] ?? routes[pattern];
    const value = await route?.(url.searchParams, decodeURIComponent(parts[3] ?? ""));
    response.writeHead(value === undefined ? 404 : 200, { "Content-Type": "application/json" });
    response.end(
      JSON.stringify(
        value ?? { title: "not found", status: 404, detail: "there is nothing here", code: "not_found" },
      ),
    );
  }

  function file(path: string, response: ServerResponse): void {
    if (path.startsWith("/art/")) {
      response.writeHead(200, { "Content-Type": "image/svg+xml" });
      response.end(data.art(path));
      return;
    }
    const name = extname(path) === "" ? "/index.html" : path;
    try {
      const body = readFileSync(join(DIST, name));
      response.writeHead(200, {
        "Content-Type": TYPES[extname(name)] ?? "text/html; charset=utf-8",
        "Content-Security-Policy": CSP,
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  }

  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { server, url: `http://localhost:${address.port}` };
}
