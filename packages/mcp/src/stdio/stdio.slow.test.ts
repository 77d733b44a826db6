/** A real program on real pipes, with the official clients of both revisions. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Client as NewClient } from "@modelcontextprotocol/client";
import { StdioClientTransport as NewTransport } from "@modelcontextprotocol/client/stdio";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { CreateMessageRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { stableId } from "@deputize/core";
import { afterEach, describe, expect, it } from "vitest";
import { freshSecret } from "../../test/tokens.ts";
import { jwtAuth } from "../index.ts";

const PROGRAM = fileURLToPath(new URL("../../test/stdio-server.ts", import.meta.url));
const secret = freshSecret();
const auth = jwtAuth({ secret, audience: "stdio" });
const ada = stableId("user:ada");

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const started = (env: Record<string, string>) => ({
  command: process.execPath,
  args: [PROGRAM],
  env: { PATH: process.env["PATH"] ?? "", TEST_SECRET: secret, ...env },
  stderr: "pipe" as const,
});

async function newClient(env: Record<string, string>, mode: "auto" | "legacy" = "auto") {
  const client = new NewClient({ name: "new", version: "1.0.0" }, { versionNegotiation: { mode } });
  const transport = new NewTransport(started(env));
  let said = "";
  transport.stderr?.on("data", (chunk) => (said += String(chunk)));
  closing.push(() => client.close());
  await client.connect(transport);
  return { client, said: () => said };
}

async function oldClient(env: Record<string, string>) {
  const client = new OldClient({ name: "old", version: "1.0.0" }, { capabilities: { sampling: {} } });
  closing.push(() => client.close());
  await client.connect(new OldTransport(started(env)));
  return client;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
}

const names = ({ tools }: { tools: { name: string }[] }) => tools.map(({ name }) => name);

describe("a program that works for a stated principal", () => {
  it("serves a client of 2026-07-28 through guards and audit, and keeps its standard output clean [PR-F05] [PR-D24]", async () => {
    const { client, said } = await newClient({ TEST_ROLES: "staff" });
    expect(client.getNegotiatedProtocolVersion()).toBe("2026-07-28");
    expect(names(await client.listTools())).toEqual(["hello", "entries", "count", "ask", "slow"]);
    const hello = await client.callTool({ name: "hello", arguments: { name: "Bo" } });
    expect(hello.structuredContent).toEqual({ text: "hello Bo, ada's shell asks" });
    await expect(client.callTool({ name: "admin" })).rejects.toMatchObject({ code: -32602 });
    const read = await client.readResource({ uri: "notes://über" });
    expect(read.contents[0]).toMatchObject({ text: "about" });
    expect((await client.callTool({ name: "entries" })).structuredContent).toMatchObject({
      entries: [`${ada} notes/hello allowed`, `${ada} notes/admin refused`, `${ada} notes/readme allowed`],
    });
    expect(said()).toContain("a handler that prints\nand one that writes\n");
  }, 60_000);

  it("serves a client of 2025-11-25, with progress and requests of its own [PR-F05]", async () => {
    const client = await oldClient({ TEST_ROLES: "admin" });
    expect(names(await client.listTools())).toContain("admin");
    expect((await client.callTool({ name: "admin" })).structuredContent).toEqual({ ok: true });
    const heard: unknown[] = [];
    await client.callTool({ name: "count" }, undefined, { onprogress: (progress) => heard.push(progress) });
    expect(heard).toEqual([{ progress: 1, total: 2, message: "half" }]);
    client.setRequestHandler(CreateMessageRequestSchema, async () => ({
      model: "m",
      role: "assistant",
      content: { type: "text", text: "yo" },
    }));
    const asked = await client.callTool({ name: "ask" });
    expect(asked.structuredContent).toMatchObject({ reply: { content: { text: "yo" } } });
  }, 60_000);

  it.each(["auto", "legacy"] as const)(
    "lets a client cancel a call (%s)",
    async (mode) => {
      const { client, said } = await newClient({ TEST_ROLES: "staff" }, mode);
      const cancel = new AbortController();
      const slow = client.callTool({ name: "slow" }, { signal: cancel.signal });
      slow.catch(() => {});
      await until(() => said().includes("waiting"));
      cancel.abort();
      await expect(slow).rejects.toThrow();
      await until(() => said().includes("cancelled"));
      expect((await client.callTool({ name: "hello", arguments: { name: "Bo" } })).isError).not.toBe(true);
    },
    60_000,
  );

  it("ends when its client leaves", async () => {
    const { command, args, env } = started({ TEST_ROLES: "staff" });
    const child = spawn(command, args, { env });
    let said = "";
    child.stderr.on("data", (chunk) => (said += String(chunk)));
    child.stdin.write('this is no message\n{"nor":"this"}\n');
    child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" })}\n`);
    const [answer] = await once(child.stdout, "data");
    expect(JSON.parse(String(answer))).toEqual({ jsonrpc: "2.0", id: 1, result: {} });
    child.stdin.end();
    expect((await once(child, "exit"))[0]).toBe(0);
    expect(said).toMatch(/^stdio: a message could not be read[^\n]*\nended\n$/);
  }, 60_000);
});

describe("a program that works with a token from its environment", () => {
  it("is the token's subject, and leaves the token to nobody else [PR-F05]", async () => {
    const token = await auth.createToken({ sub: ada, roles: ["staff"] });
    const { client } = await newClient({ TEST_TOKEN: token });
    await client.callTool({ name: "count" });
    expect((await client.callTool({ name: "entries" })).structuredContent).toMatchObject({
      entries: [expect.stringMatching(/ notes\/count allowed$/)],
      token_left: false,
    });
  }, 60_000);

  it.each([
    ["no token", undefined, /TEST_TOKEN is not set/],
    ["another's token", freshSecret(), /not valid here/],
  ])(
    "does not start with %s",
    async (_what, otherSecret, why) => {
      const other = otherSecret && jwtAuth({ secret: otherSecret, audience: "stdio" });
      const { command, args, env } = started(
        other ? { TEST_TOKEN: await other.createToken({ sub: ada }) } : {},
      );
      const child = spawn(command, args, { env });
      let [out, said] = ["", ""];
      child.stdout.on("data", (chunk) => (out += String(chunk)));
      child.stderr.on("data", (chunk) => (said += String(chunk)));
      const [code] = await once(child, "close");
      expect([code, out]).toEqual([1, ""]);
      expect(said).toMatch(why);
    },
    60_000,
  );
});
