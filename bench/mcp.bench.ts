/** A tool call over HTTP: the plain SDK's server against a guarded one that verifies, admits and audits. */
import { httpClient, startServers } from "./http-client.ts";
import { measure, report } from "./harness.ts";

const REVISION = "2026-07-28";

export async function run(): Promise<void> {
  const { ports, token, database, end } = await startServers("mcp");
  const clients = [
    ...(["plain", "memory", "guarded"] as const).map((server) => ({ server, tool: "weather" as const })),
    ...(["plain", "guarded"] as const).map((server) => ({ server, tool: "notes" as const })),
  ].map(({ server, tool }) => ({
    server,
    tool,
    client: httpClient({
      port: ports[server] ?? 0,
      path: "/",
      headers: {
        authorization: `Bearer ${token}`,
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": REVISION,
        "mcp-method": "tools/call",
        "mcp-name": tool,
      },
      body: {
        jsonrpc: "2.0",
        id: 1,
        method: "tools/call",
        params: {
          name: tool,
          arguments: tool === "weather" ? { city: "Oslo" } : {},
          _meta: {
            "io.modelcontextprotocol/protocolVersion": REVISION,
            "io.modelcontextprotocol/clientInfo": { name: "bench", version: "1.0.0" },
            "io.modelcontextprotocol/clientCapabilities": {},
          },
        },
      },
      expected: tool === "weather" ? '"degrees":21' : '"notes":10',
    }),
  }));
  const names = {
    plain: "plain SDK server",
    memory: "guarded, entries in memory only",
    guarded: "guarded, entry committed before the answer",
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
}
