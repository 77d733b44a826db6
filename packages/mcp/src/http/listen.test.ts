/** Over a real socket, with an old strict client. */
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { CreateMessageRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { request } from "node:http";
import { afterEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { testAuth, tokenOf } from "../../test/world.ts";
import { MCPServer, type MCPServerOptions, hasRole, publicTool, redaction } from "../index.ts";

let server: MCPServer;
const clients: Client[] = [];
/** What a handler still tried to tell once its call had ended. */
let late: Promise<unknown> | undefined;

async function listening(options: Partial<MCPServerOptions> = {}): Promise<URL> {
  server = new MCPServer({ name: "s", auth: testAuth, ...options });
  const guards = [publicTool()];
  server.tool(
    "hello",
    {
      description: "h",
      effect: "read",
      guards,
      input: { name: z.string() },
      output: z.object({ text: z.string() }),
    },
    ({ name }) => ({ text: `hello ${name}` }),
  );
  server.tool("count", { description: "c", effect: "read", guards }, async (_args, { progress }) => {
    await progress(1, 2, "half");
    return { counted: true };
  });
  server.tool(
    "wait",
    { description: "w", effect: "read", guards },
    async (_args, { signal, progress, log }) => {
      const ended = new Promise((resolve) => signal.addEventListener("abort", resolve));
      await progress(1, 2, "waiting");
      await ended;
      late = Promise.all([progress(2), log("info", "still here")]);
      return {};
    },
  );
  server.tool("hasty", { description: "h", effect: "read", guards }, (_args, { progress, log }) => {
    setTimeout(() => (late = Promise.all([progress(2), log("info", "still here")])), 20);
    return {};
  });
  server.tool("ask_model", { description: "a", effect: "read", guards }, async (_args, { legacy }) => ({
    reply: await legacy.sample({
      messages: [{ role: "user", content: { type: "text", text: "hi" } }],
      maxTokens: 5,
    }),
  }));
  server.tool("admin", { description: "a", effect: "read", guards: [hasRole("admin")] }, () => ({}));
  return new URL((await server.listen({ port: 0 })).url);
}

async function oldClient(url: URL, spec: string): Promise<Client> {
  const client = new Client({ name: "old", version: "1.0.0" }, { capabilities: { sampling: {} } });
  clients.push(client);
  await client.connect(
    new StreamableHTTPClientTransport(url, {
      requestInit: { headers: { authorization: `Bearer ${tokenOf(spec)}` } },
    }),
  );
  return client;
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await server.close();
  late = undefined;
});

describe("a strict client of the previous revision", () => {
  it("lists and calls what its caller may use, and reads structured results", async () => {
    const client = await oldClient(await listening(), "alice");
    expect((await client.listTools()).tools.map((tool) => tool.name)).toEqual([
      "hello",
      "count",
      "wait",
      "hasty",
      "ask_model",
    ]);
    const result = await client.callTool({ name: "hello", arguments: { name: "Ada" } });
    expect(result.structuredContent).toEqual({ text: "hello Ada" });
    await expect(client.callTool({ name: "admin" })).rejects.toMatchObject({ code: -32602 });
  });

  it("hears about progress", async () => {
    const client = await oldClient(await listening(), "alice");
    const heard: unknown[] = [];
    await client.callTool({ name: "count" }, undefined, { onprogress: (progress) => heard.push(progress) });
    expect(heard).toEqual([{ progress: 1, total: 2, message: "half" }]);
  });

  it("can be asked for input on a session of its own", async () => {
    const client = await oldClient(await listening({ sessions: true }), "alice");
    client.setRequestHandler(CreateMessageRequestSchema, async () => ({
      model: "m",
      role: "assistant",
      content: { type: "text", text: "yo" },
    }));
    const result = await client.callTool({ name: "ask_model" });
    expect(result.structuredContent).toMatchObject({ reply: { content: { text: "yo" } } });
  });

  it("is asked in words that hold nothing of what is redacted", async () => {
    const middleware = [redaction({ patterns: [/\bhi\b/] })];
    const client = await oldClient(await listening({ sessions: true, middleware }), "alice");
    let heard: unknown;
    client.setRequestHandler(CreateMessageRequestSchema, async ({ params }) => {
      heard = params.messages;
      return { model: "m", role: "assistant" as const, content: { type: "text" as const, text: "yo" } };
    });
    await client.callTool({ name: "ask_model" });
    expect(heard).toMatchObject([{ role: "user", content: { type: "text", text: "[redacted]" } }]);
  });

  it("cannot use another's session with its own token, which answers like no session at all [SR-26]", async () => {
    const url = await listening({ sessions: true });
    const client = await oldClient(url, "alice");
    const { sessionId } = client.transport as StreamableHTTPClientTransport;
    const post = async (spec: string, id: string) => {
      const response = await fetch(url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
          authorization: `Bearer ${tokenOf(spec)}`,
          "mcp-session-id": id,
          "mcp-protocol-version": "2025-11-25",
        },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
      });
      return `${response.status} ${await response.text()}`;
    };
    expect(await post("alice", sessionId ?? "")).toMatch(/^200/);
    const stolen = await post("bob", sessionId ?? "");
    expect(stolen).toMatch(/^404/);
    expect(stolen).toBe(await post("bob", "00000000-0000-4000-8000-000000000000"));
  });

  it("gets the end of the stream of a request that it cancelled on a session [PR-F17]", async () => {
    const client = await oldClient(await listening({ sessions: true }), "alice");
    const { sessionId = "" } = client.transport as StreamableHTTPClientTransport;
    const url = new URL((client.transport as unknown as { _url: URL })._url);
    const post = (message: object) =>
      fetch(url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
          authorization: `Bearer ${tokenOf("alice")}`,
          "mcp-session-id": sessionId,
          "mcp-protocol-version": "2025-11-25",
        },
        body: JSON.stringify({ jsonrpc: "2.0", ...message }),
      });
    const call = await post({
      id: "w",
      method: "tools/call",
      params: { name: "wait", _meta: { progressToken: 1 } },
    });
    const reader = (call.body as ReadableStream<Uint8Array>).getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toContain("waiting");
    const other = await post({
      id: "h",
      method: "tools/call",
      params: { name: "hello", arguments: { name: "Ada" } },
    });
    expect(await other.text()).toContain("hello Ada");
    const cancelled = await post({ method: "notifications/cancelled", params: { requestId: "w" } });
    expect(cancelled.status).toBe(202);
    expect((await reader.read()).done).toBe(true);
    await expect(late).resolves.toBeDefined();
  });

  it("is refused without a token, and told where to get one", async () => {
    const url = await listening();
    const response = await fetch(url, {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json" },
    });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toContain(
      `resource_metadata="${url.origin}/.well-known/oauth-protected-resource/mcp"`,
    );
  });
});

describe.each([
  ["of 2026-07-28", "2026-07-28"],
  ["of 2025-11-25", undefined],
])("a call %s whose handler goes on telling", (_name, revision) => {
  const call = async (name: string, signal?: AbortSignal): Promise<Response> => {
    const url = await listening();
    return fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        authorization: `Bearer ${tokenOf("alice")}`,
        ...(revision && { "mcp-protocol-version": revision, "mcp-method": "tools/call", "mcp-name": name }),
      },
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method: "tools/call",
        params: {
          name,
          _meta: {
            progressToken: 1,
            ...(revision && {
              "io.modelcontextprotocol/protocolVersion": revision,
              "io.modelcontextprotocol/clientInfo": { name: "raw", version: "1" },
              "io.modelcontextprotocol/clientCapabilities": {},
              "io.modelcontextprotocol/logLevel": "debug",
            }),
          },
        },
      }),
      ...(signal && { signal }),
    });
  };

  it("fails nothing once the answer went out [PR-F15]", async () => {
    await (await call("hasty")).text();
    await vi.waitFor(() => expect(late).toBeDefined());
    await expect(late).resolves.toBeDefined();
  });

  it("fails nothing once the client left [PR-F15]", async () => {
    const gone = new AbortController();
    const response = await call("wait", gone.signal);
    await (response.body as ReadableStream<Uint8Array>).getReader().read();
    gone.abort();
    await vi.waitFor(() => expect(late).toBeDefined());
    await expect(late).resolves.toBeDefined();
  });
});

describe("the socket", () => {
  it("refuses a rebound Host name [SR-26]", async () => {
    const url = await listening();
    const status = await new Promise((resolve, reject) => {
      const outgoing = request(
        {
          port: url.port,
          path: "/mcp",
          method: "POST",
          headers: { host: "evil.example", authorization: `Bearer ${tokenOf("alice")}` },
        },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      );
      outgoing.on("error", reject);
      outgoing.end("{}");
    });
    expect(status).toBe(403);
  });

  it("ends an open stream soon after its token is no longer accepted [SR-26]", async () => {
    let revoked = false;
    const authenticate = (r: Request) =>
      revoked ? Promise.reject(new Error("revoked")) : testAuth.authenticate(r);
    const url = await listening({ sessions: true, auth: { ...testAuth, authenticate } });
    const headers = {
      authorization: `Bearer ${tokenOf("bob")}`,
      accept: "application/json, text/event-stream",
    };
    const params = {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "raw", version: "1" },
    };
    const opened = await fetch(url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params }),
    });
    await opened.text();
    const session = opened.headers.get("mcp-session-id") ?? "";
    const stream = await fetch(url, { headers: { ...headers, "mcp-session-id": session } });
    expect(stream.status).toBe(200);
    let ended = false;
    const reading = stream.text().finally(() => (ended = true));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(ended).toBe(false);
    revoked = true;
    await reading;
    expect(ended).toBe(true);
  }, 10_000);
});
