/** A tool call over HTTP: the plain SDK's server against a guarded one that verifies, admits and audits. */
import { httpClient, startServers } from "./http-client.ts";
import { measure, report } from "./harness.ts";
import {
  MCPServer,
  type Middleware,
  TestClient,
  circuitBreaker,
  concurrency,
  hasRole,
  hasScope,
  jwtAuth,
  outputLimit,
  rateLimit,
  redaction,
  requireAuth,
  timeout,
} from "@deputize/mcp";
import { z } from "zod";

const REVISION = "2026-07-28";
const META = {
  "io.modelcontextprotocol/protocolVersion": REVISION,
  "io.modelcontextprotocol/clientInfo": { name: "bench", version: "1.0.0" },
  "io.modelcontextprotocol/clientCapabilities": {},
};

const EXPECTED = { weather: '"degrees":21', notes: '"notes":10', text: '\\"degrees\\":21' };

export async function run(): Promise<void> {
  const { ports, token, database, end } = await startServers("mcp");
  const clients = [
    ...(["plain", "memory", "guarded", "fastmcp"] as const).map((server) => ({
      server,
      tool: "weather" as const,
    })),
    ...(["plain", "guarded"] as const).map((server) => ({ server, tool: "notes" as const })),
  ].map(({ server, tool }) => ({
    server,
    tool,
    client: httpClient({
      port: ports[server] ?? 0,
      path: server === "fastmcp" ? "/mcp" : "/",
      headers: {
        authorization: `Bearer ${token}`,
        accept: "application/json, text/event-stream",
        ...(server === "fastmcp"
          ? { "mcp-protocol-version": "2025-11-25" }
          : { "mcp-protocol-version": REVISION, "mcp-method": "tools/call", "mcp-name": tool }),
      },
      body: {
        jsonrpc: "2.0",
        id: 1,
        method: "tools/call",
        params: {
          name: tool,
          arguments: tool === "weather" ? { city: "Oslo" } : {},
          // The library that is compared speaks the earlier revision only.
          ...(server !== "fastmcp" && { _meta: META }),
        },
      },
      expected: EXPECTED[server === "fastmcp" ? "text" : tool],
    }),
  }));
  const names = {
    plain: "plain SDK server",
    memory: "guarded, entries in memory only",
    guarded: "guarded, entry committed before the answer",
    fastmcp: "fastmcp 4.20.16, neither guarded nor logged",
  };
  try {
    for (const tool of ["weather", "notes"] as const) {
      const measured = await measure(
        clients
          .filter((c) => c.tool === tool)
          .map(({ server, client }) => ({ name: names[server], run: client.send })),
      );
      const what = tool === "weather" ? "a read tool without database" : "a read tool with one query";
      report(`guarded call of ${what}, 16 connections (${database}; budget ×0.90)`, measured);
    }
  } finally {
    for (const { client } of clients) client.close();
    await end();
  }
  await layers();
}

/** What each layer adds to a call, in one process, without HTTP and with entries in memory. */
async function layers(): Promise<void> {
  const auth = jwtAuth({ secret: crypto.randomUUID() + crypto.randomUUID(), audience: "bench" });
  const token = await auth.createToken({ sub: "ada", roles: ["analyst"], scope: "read" });
  const input = { city: z.string().max(100) };
  const output = z.object({ city: z.string(), degrees: z.number() });
  const base = { description: "The weather", effect: "read", guards: [requireAuth()], input } as const;
  const weather = ({ city }: { city: string }) => ({ city, degrees: 21 });
  const variant = (name: string, options: object, ...middleware: readonly Middleware[]) => {
    const server = new MCPServer({ name: "layers", auth, middleware });
    server.tool("weather", { ...base, ...options }, weather);
    const client = new TestClient(server, { token });
    return { name, run: () => client.callTool("weather", { city: "Oslo" }) };
  };
  report(
    "layers of a guarded call, in process, 16 at once",
    await measure([
      variant("authentication, one guard, input", {}),
      variant("+ output checked", { output }),
      variant("+ three guards more", { guards: [requireAuth(), hasRole("analyst"), hasScope("read")] }),
      variant("+ an argument guard", { argumentGuards: [{ name: "any", check: () => true }] }),
      variant("+ rate limit, in process", {}, rateLimit({ perMinute: 10_000_000 })),
      variant(
        "+ timeout and concurrency limit",
        {},
        timeout({ defaultMs: 1_000 }),
        concurrency({ max: 1_000 }),
      ),
      variant("+ circuit breaker", {}, circuitBreaker({ failures: 5, resetMs: 1_000 })),
      variant(
        "+ redaction and output limit",
        {},
        redaction({ fields: ["salary"] }),
        outputLimit({ maxItems: 500 }),
      ),
      variant("+ result cache, always hit", { cache: { ttlMs: 600_000 } }),
    ]),
  );
}
