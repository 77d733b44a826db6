/**
 * Clients that others wrote, over a real port: each finds, calls and is refused as our own client is.
 *
 * They were built against the specification and not against this server, so what they take for granted (headers, shapes,
 * codes, the order of a handshake) is what any client of a user will.
 */
import { createMCPClient } from "@ai-sdk/mcp";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Client as FirstClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as FirstTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { NOTE, type World, openWorld, tokenOf } from "../test/world.ts";
import { META, type ToolCallResult, hasRole, requireAuth } from "./index.ts";

/** What all of them can do, each in its own words. */
interface OtherClient {
  readonly revision: string | undefined;
  readonly server: string | undefined;
  tools(): Promise<readonly string[]>;
  call(name: string, args?: Record<string, unknown>): Promise<ToolCallResult>;
  read(uri: string): Promise<unknown>;
  prompt(name: string, args: Record<string, string>): Promise<unknown>;
  close(): Promise<void>;
}

type Connect = (url: URL, token: string | undefined) => Promise<OtherClient>;

const INFO = { name: "other", version: "1.0.0" };
const bearer = (token: string | undefined): Record<string, string> =>
  token === undefined ? {} : { authorization: `Bearer ${token}` };

const official =
  (mode: "auto" | undefined): Connect =>
  async (url, token) => {
    const client = new Client(INFO, mode ? { versionNegotiation: { mode } } : {});
    const transport = new StreamableHTTPClientTransport(url, { requestInit: { headers: bearer(token) } });
    await client.connect(transport);
    return {
      revision: client.getNegotiatedProtocolVersion(),
      server: client.getServerVersion()?.name,
      tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
      call: async (name, args = {}) => (await client.callTool({ name, arguments: args })) as ToolCallResult,
      read: async (uri) => (await client.readResource({ uri })).contents,
      prompt: async (name, args) => (await client.getPrompt({ name, arguments: args })).messages,
      close: () => client.close(),
    };
  };

const first: Connect = async (url, token) => {
  const client = new FirstClient(INFO);
  const transport = new FirstTransport(url, { requestInit: { headers: bearer(token) } });
  await client.connect(transport);
  return {
    revision: transport.protocolVersion,
    server: client.getServerVersion()?.name,
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, args = {}) => (await client.callTool({ name, arguments: args })) as ToolCallResult,
    read: async (uri) => (await client.readResource({ uri })).contents,
    prompt: async (name, args) => (await client.getPrompt({ name, arguments: args })).messages,
    close: () => client.close(),
  };
};

const aiSdk: Connect = async (url, token) => {
  const client = await createMCPClient({
    transport: { type: "http", url: url.href, headers: bearer(token) },
  });
  return {
    revision: client.initializeResult.protocolVersion,
    server: client.serverInfo.name,
    tools: async () => Object.keys(await client.tools()),
    call: async (name, args = {}) => (await client.callTool({ name, arguments: args })) as ToolCallResult,
    read: async (uri) => (await client.readResource({ uri })).contents,
    prompt: async (name, args) => (await client.experimental_getPrompt({ name, arguments: args })).messages,
    close: () => client.close(),
  };
};

const CLIENTS: readonly (readonly [name: string, revision: string, connect: Connect])[] = [
  ["the official client, where it negotiates", "2026-07-28", official("auto")],
  ["the official client, as it comes", "2025-11-25", official(undefined)],
  ["the official first client", "2025-11-25", first],
  ["the client of the AI SDK", "2026-07-28", aiSdk],
];

let world: World;
let url: URL;
let stop: () => Promise<void>;
const ran: string[] = [];
const open: OtherClient[] = [];

beforeAll(async () => {
  world = await openWorld();
  const guards = [requireAuth()];
  const server = world.server();
  server
    .tool(
      "greet",
      {
        description: "Greets",
        effect: "read",
        guards,
        input: { name: z.string().max(20) },
        output: z.object({ text: z.string() }),
      },
      ({ name }) => {
        ran.push("greet");
        return { text: `hello ${name}` };
      },
    )
    .tool("audit_all", { description: "For admins", effect: "read", guards: [hasRole("admin")] }, () => {
      ran.push("audit_all");
      return {};
    })
    .tool(
      "delete_note",
      {
        description: "Deletes a note",
        effect: "sensitive",
        guards,
        input: { note_id: z.string() },
        output: z.object({ deleted: z.number() }),
        preview: async ({ note_id }) => ({ summary: `Delete ${note_id}`, rows: {} }),
      },
      async ({ note_id }, { db }) => {
        const { rowCount } = await db.write((tx) =>
          tx.query("DELETE FROM notes.note WHERE id = $1", [note_id]),
        );
        return { deleted: rowCount ?? 0 };
      },
    )
    .resource("terms", { uri: "test://terms", description: "Terms", guards }, () => ({ text: "be kind" }))
    .resource("keys", { uri: "test://keys", description: "Keys", guards: [hasRole("admin")] }, () => {
      ran.push("keys");
      return { text: "secret" };
    })
    .prompt(
      "brief",
      { description: "Brief", guards, arguments: { topic: z.string() } },
      ({ topic }) => `Tell me about ${topic}`,
    );
  const listening = await server.listen({ port: 0 });
  url = new URL(listening.url);
  stop = listening.close;
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.close()));
  ran.length = 0;
});
afterAll(async () => {
  await stop();
  await world.close();
});

/** What a failed call says, but for the ids of the request. */
async function refusal(work: Promise<unknown>): Promise<string> {
  const error = (await work.then(
    (value) => new Error(`answered ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  )) as Error & { code?: unknown };
  return `${String(error.code)} ${error.message}`.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "id");
}

describe.each(CLIENTS)("%s", (_name, revision, connect) => {
  const connected = async (spec = "alice"): Promise<OtherClient> => {
    const client = await connect(url, tokenOf(spec));
    open.push(client);
    return client;
  };

  it("meets the server on its revision, and lists what its caller may use [PR-F05] [PR-F26]", async () => {
    const client = await connected();
    expect([client.revision, client.server]).toEqual([revision, "notes"]);
    expect(await client.tools()).toEqual(["greet", "delete_note"]);
    expect(await (await connected("ada+admin")).tools()).toEqual(["greet", "audit_all", "delete_note"]);
  });

  it("calls, reads and asks for a prompt [PR-F04]", async () => {
    const client = await connected();
    expect((await client.call("greet", { name: "Ada" })).structuredContent).toEqual({ text: "hello Ada" });
    expect(await client.read("test://terms")).toMatchObject([{ uri: "test://terms", text: "be kind" }]);
    expect(await client.prompt("brief", { topic: "rain" })).toMatchObject([
      { role: "user", content: { type: "text", text: "Tell me about rain" } },
    ]);
  });

  it("hears the same of what is forbidden and of what is not there [PR-D11]", async () => {
    const client = await connected();
    const forbidden = await refusal(client.call("audit_all"));
    expect(forbidden).toMatch(/-32602|not found/);
    expect(forbidden).toBe(await refusal(client.call("nothing")));
    const keys = await refusal(client.read("test://keys"));
    expect(keys).toMatch(/not found/i);
    expect(keys).toBe((await refusal(client.read("test://none"))).replaceAll("none", "keys"));
    expect(ran).toEqual([]);
  });

  it("is told which argument is wrong", async () => {
    const result = await (await connected()).call("greet", { name: 7 });
    expect(result.isError).toBe(true);
    expect(result.structuredContent?.["error"]).toMatchObject({ code: "validation_failed" });
    expect(result.content[0]?.text).toContain("name");
    expect(ran).toEqual([]);
  });

  it("is given an approval to wait for, and nothing happens meanwhile [SR-06]", async () => {
    const result = await (await connected()).call("delete_note", { note_id: NOTE.alice });
    expect(result.isError).not.toBe(true);
    expect(result._meta?.[META.approval]).toMatchObject({ summary: `Delete ${NOTE.alice}` });
    expect((await world.notes()).map(({ id }) => id)).toContain(NOTE.alice);
  });

  it("does not get in without a token, nor with one that is not good here [PR-D06]", async () => {
    await expect(connect(url, undefined)).rejects.toThrow();
    expect(await refusal(connect(url, undefined))).toMatch(/401|[Uu]nauthori[sz]ed/);
    expect(await refusal(connect(url, tokenOf("???")))).toMatch(/401|[Uu]nauthori[sz]ed/);
  });
});
