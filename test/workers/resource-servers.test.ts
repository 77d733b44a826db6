/** Workers in front of what others run: HTTP routes, MCP tools, an agent framework's tools; with the real authority. */
import { tool } from "ai";
import { Hono } from "hono";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import {
  AuthorizationError,
  type TokenVerifier,
  createVerifier,
  guardTools,
  problemHandler,
  requireWorker,
} from "@deputize/client";
import { MCPServer, TestClient, authorityAuth, hasScope } from "@deputize/mcp";
import { type TestBroker, openTestBroker } from "../../packages/server/src/authority-server/testing.ts";

const HERE = "http://rows.example";
let broker: TestBroker;
let app: Awaited<ReturnType<TestBroker["newApp"]>>;
let verifier: TokenVerifier;
/** Which rows were really read. */
let reads: string[];

beforeAll(async () => {
  broker = await openTestBroker();
  app = await broker.newApp(["read:data:*", "write:data:*"]);
  verifier = await createVerifier({
    authorityUrl: broker.url,
    profiles: [
      { kind: "agentwrit", issuer: "agentwrit" },
      { kind: "oauth", issuer: broker.url },
    ],
  });
});
afterAll(async () => {
  await verifier?.close();
  await broker?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  reads = [];
});

let tasks = 0;
const agentFor = (scope: readonly string[], bind = false) =>
  app.createAgent({ orchestration: "rows", task: `task-${(tasks += 1)}`, scope, bind });

function rows(): Hono {
  const server = new Hono();
  problemHandler(server);
  const worker = requireWorker({
    verifier,
    audience: HERE,
    publicUrl: HERE,
    scope: (c) => `read:data:${c.req.param("id")}`,
  });
  server.get("/rows/:id", worker, (c) => {
    reads.push(c.req.param("id"));
    return c.json({ id: c.req.param("id"), by: c.get("caller").clientId });
  });
  server.get("/nothing", requireWorker({ verifier, audience: HERE, scope: () => [] }), (c) => c.text("yes"));
  return server;
}

describe("a route that requires a worker", () => {
  it("serves the row that the worker's scope names and no other [AW-F38] [AW-F35]", async () => {
    await using agent = await agentFor(["read:data:7"]);
    const get = (path: string, headers: Record<string, string> = agent.bearerHeader) =>
      rows().request(`${HERE}${path}`, { headers });
    const served = await get("/rows/7");
    expect(served.status).toBe(200);
    expect(await served.json()).toEqual({ id: "7", by: agent.agentId });
    const other = await get("/rows/8");
    expect(other.status).toBe(403);
    expect(other.headers.get("www-authenticate")).toBe(
      'Bearer error="insufficient_scope", scope="read:data:8"',
    );
    expect((await get("/rows/7", {})).status).toBe(401);
    expect((await get("/rows/7", { Authorization: `Basic ${agent.accessToken}` })).status).toBe(401);
    expect((await get("/nothing")).status).toBe(403);
    expect(reads).toEqual(["7"]);
  });

  it("lets nobody in who is no worker: the app's and the operator's own tokens are refused", async () => {
    const auth = async (path: string, body: object): Promise<string> => {
      const response = await fetch(`${broker.url}${path}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
      return ((await response.json()) as { access_token: string }).access_token;
    };
    const token = await auth("/v1/admin/auth", { secret: broker.adminSecret });
    const response = await rows().request(`${HERE}/rows/7`, {
      headers: { Authorization: `Bearer ${token}` },
    });
    expect(response.status).toBe(401);
    expect(reads).toEqual([]);
  });

  it("takes a key-bound token with its proof only, for this very request [AW-D15] [AW-F36]", async () => {
    await using agent = await agentFor(["read:data:7"], true);
    let sent: Request | undefined;
    const server = rows();
    const own = await broker.newApp(["read:data:*"], {
      fetch: async (input, init) => {
        const request = new Request(input, init);
        if (!request.url.startsWith(HERE)) return fetch(request);
        sent = request;
        return server.request(request.url, { method: request.method, headers: request.headers });
      },
    });
    await using bound = await own.createAgent({
      orchestration: "o",
      task: "t",
      scope: ["read:data:7"],
      bind: true,
    });
    expect((await bound.fetch(`${HERE}/rows/7`)).status).toBe(200);
    const headers = Object.fromEntries(sent?.headers ?? []);
    expect(headers["authorization"]).toMatch(/^DPoP /);
    // A thief with everything that was on the wire.
    expect((await server.request(`${HERE}/rows/7`, { headers })).status).toBe(401);
    expect((await server.request(`${HERE}/rows/8`, { headers })).status).toBe(401);
    const plain = await server.request(`${HERE}/rows/7`, { headers: bound.bearerHeader });
    expect(plain.status).toBe(401);
    const scheme = { Authorization: `DPoP ${agent.accessToken}` };
    const without = await server.request(`${HERE}/rows/7`, { headers: scheme });
    expect(without.status).toBe(401);
    expect(without.headers.get("www-authenticate")).toMatch(/^DPoP /);
    expect(reads).toEqual(["7"]);
  });

  it("refuses a released worker within a second, and what it delegated [AW-F35]", async () => {
    const lead = await agentFor(["read:data:*"]);
    await using helper = await agentFor(["read:data:1"]);
    const handed = await lead.delegate(helper, "read:data:7");
    const status = async (header: Record<string, string>): Promise<number> =>
      (await rows().request(`${HERE}/rows/7`, { headers: header })).status;
    expect(await status(handed.bearerHeader)).toBe(200);
    expect(await status(lead.bearerHeader)).toBe(200);
    await lead.release();
    const released = performance.now();
    while ((await status(handed.bearerHeader)) === 200 || (await status(lead.bearerHeader)) === 200) {
      expect(performance.now() - released).toBeLessThan(1_000);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(await status(handed.bearerHeader)).toBe(401);
    expect(await status(lead.bearerHeader)).toBe(401);
  });
});

describe("a verifier that is cut off from the feed", () => {
  it("asks the broker about the one token, and refuses when nobody answers [SR-11] [AW-F35]", async () => {
    const cut = { feed: false, all: false };
    const own = await createVerifier({
      authorityUrl: broker.url,
      profiles: [{ kind: "agentwrit", issuer: "agentwrit" }],
      fetch: (input, init) => {
        if (cut.all || (cut.feed && String(input).includes("/authority/revocations"))) {
          return Promise.reject(new TypeError("fetch failed"));
        }
        return fetch(input, init);
      },
    });
    try {
      const [living, ended] = [await agentFor(["read:data:7"]), await agentFor(["read:data:7"])];
      const verify = (agent: typeof living) => own.verify(agent.accessToken, { audience: HERE });
      for (const agent of [living, ended]) expect((await verify(agent)).clientId).toBe(agent.agentId);
      cut.feed = true;
      await ended.release();
      await new Promise((resolve) => setTimeout(resolve, 800));
      await expect(verify(ended)).rejects.toMatchObject({ code: "invalid_token" });
      expect((await verify(living)).clientId).toBe(living.agentId);
      cut.all = true;
      await expect(verify(living)).rejects.toMatchObject({ code: "unavailable" });
      await living.release();
    } finally {
      await own.close();
    }
  });
});

describe("an MCP server", () => {
  const server = () => {
    const mcp = new MCPServer({ name: "rows", auth: authorityAuth({ verifier, audience: HERE }) });
    mcp.tool(
      "read_row",
      {
        description: "Read a row",
        effect: "read",
        input: { id: z.string() },
        guards: [hasScope("read:data:*")],
      },
      ({ id }, { clientId }) => {
        reads.push(id);
        return { id, by: clientId };
      },
    );
    return mcp;
  };

  it("takes workers as its callers, and shows them what their scopes allow [AW-F38]", async () => {
    await using reader = await agentFor(["read:data:*"]);
    await using writer = await agentFor(["write:data:7"]);
    const mcp = server();
    const client = new TestClient(mcp, { token: reader.accessToken });
    expect((await client.listTools()).map(({ name }) => name)).toEqual(["read_row"]);
    expect((await client.callTool("read_row", { id: "7" })).structuredContent).toEqual({
      id: "7",
      by: reader.agentId,
    });
    const other = new TestClient(mcp, { token: writer.accessToken });
    expect(await other.listTools()).toEqual([]);
    await expect(other.callTool("read_row", { id: "7" })).rejects.toThrow(/not found/);
    expect(reads).toEqual(["7"]);
  });

  it("refuses a key-bound token without proof [SR-25]", async () => {
    await using agent = await agentFor(["read:data:*"], true);
    const client = new TestClient(server(), { token: agent.accessToken });
    expect((await client.send("tools/list")).status).toBe(401);
  });
});

describe("the tools of an agent framework", () => {
  const tools = {
    readRow: tool({
      description: "Read a row",
      inputSchema: z.object({ id: z.string() }),
      execute: async ({ id }) => {
        reads.push(id);
        return { id };
      },
    }),
  };
  const options = { toolCallId: "c1", messages: [], context: undefined as never };

  it("run within the agent's scope only, and not after its release [AW-F38]", async () => {
    await using agent = await agentFor(["read:data:7"]);
    const { readRow } = guardTools(agent, tools, {
      readRow: ({ id }: { id: string }) => `read:data:${id}`,
    });
    expect(await readRow.execute?.({ id: "7" }, options)).toEqual({ id: "7" });
    await expect(readRow.execute?.({ id: "8" }, options)).rejects.toThrow(AuthorizationError);
    await agent.release();
    await expect(readRow.execute?.({ id: "7" }, options)).rejects.toThrow(/released/);
    expect(reads).toEqual(["7"]);
  });

  it("are not wired without a scope each", async () => {
    await using agent = await agentFor(["read:data:7"]);
    for (const scopes of [{}, { readRow: "read:data:7", other: "read:data:7" }]) {
      expect(() => guardTools(agent, tools, scopes as never)).toThrow(
        expect.objectContaining({ code: "config_invalid" }),
      );
    }
  });
});
