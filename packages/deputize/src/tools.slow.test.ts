/** `deputize tools …` as processes of their own: over files on the disk, and over a real server on a real port. */
import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { auditMigrations, createAuditLog } from "@deputize/audit";
import { DeputizeError, randomHex } from "@deputize/core";
import { type ApprovalGate, MCPServer, hasRole, jwtAuth, publicTool } from "@deputize/mcp";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { type RunOptions, runDeputize } from "./testing-command.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const CLI = fileURLToPath(new URL("./cli.ts", import.meta.url));
const MODULES = fileURLToPath(new URL("../../../node_modules", import.meta.url));

const SERVER = `
import { MCPServer, hasRole, jwtAuth } from "deputize/mcp";
import { z } from "zod";
import { greeting } from "./greeting.ts";
console.log("printed while loading");
const auth = jwtAuth({ secret: "${randomHex(32)}", audience: "demo" });
export const server = new MCPServer({ name: "demo", auth });
server.tool(
  "greet",
  { description: "Greets", effect: "read", guards: [hasRole("staff")], input: { name: z.string() } },
  ({ name }: { name: string }) => ({ text: \`\${greeting} \${name}\` }),
);
`;

let folder: string;
const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
const greeting = (word: string) => write("greeting.ts", `export const greeting: string = "${word}";\n`);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "deputize-tools-"));
  symlinkSync(MODULES, join(folder, "node_modules"));
  write("package.json", '{"type":"module"}');
  write("server.ts", SERVER);
  greeting("hello");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const tools = (args: string[], options: RunOptions = {}) =>
  runDeputize(["tools", ...args], { cwd: folder, ...options });

describe("deputize tools list and validate, of a file", () => {
  it("show every tool with effect and guards, and the order of its checks [PR-F29]", async () => {
    const result = await tools(["list", "server.ts"]);
    expect(result).toMatchObject({ code: 0, stderr: "printed while loading\n" });
    expect(result.stdout).toMatch(/^kind +name +effect +guards\ntool +greet +read +hasRole\(staff\)\n$/);
    const explained = (await tools(["list", "server.ts", "--explain", "--json"])).json();
    expect(explained.tools[0].steps.map((step: string) => step.split(":")[0])).toEqual([
      "authenticate",
      "rate limit",
      "find",
      "guards",
      "validate input",
      "argument policy",
      "information flow",
      "approval",
      "cache",
      "handler",
      "answer",
      "audit",
    ]);
    expect((await tools(["validate", "server.ts"])).stdout).toMatch(/^demo loads: 1 tools/);
  });

  it("say in one line why a file is no tool server, and exit 1 [PR-F29]", async () => {
    write("broken.ts", "export const server = ;\n");
    write("thrower.ts", 'const a: number = 1;\nthrow new TypeError("bad");\n');
    write("other.ts", "export const a = 1;\n");
    write("open.ts", SERVER.replace('guards: [hasRole("staff")],', "guards: [],"));
    write("waits.ts", "await new Promise(() => {});\n");
    const reasons: [string, RegExp][] = [
      ["broken.ts", /^deputize: broken\.ts does not load: SyntaxError: [^\n]* \(broken\.ts:1\)\n$/],
      ["thrower.ts", /^deputize: thrower\.ts does not load: TypeError: bad \(thrower\.ts:2\)\n$/],
      ["other.ts", /^deputize: other\.ts exports no MCPServer; write `export const server[^\n]*\n$/],
      ["open.ts", /\ndeputize: open\.ts does not load: tool `greet` has no guard[^\n]*\n$/],
      ["waits.ts", /^deputize: waits\.ts does not load: it awaits something that never comes\n$/],
      ["none.ts", /^deputize: there is no none\.ts\n$/],
    ];
    for (const [file, reason] of reasons) {
      const { code, stdout, stderr } = await tools(["validate", file]);
      expect([code, stdout], file).toEqual([1, ""]);
      expect(stderr).toMatch(reason);
    }
  });
});

describe("deputize tools dev", () => {
  let child: ChildProcess;
  let [out, err] = ["", ""];

  function dev(args: string[], env: Record<string, string> = {}): Promise<number | null> {
    [out, err] = ["", ""];
    child = spawn(process.execPath, [CLI, "tools", "dev", ...args], {
      cwd: folder,
      env: { PATH: process.env["PATH"] ?? "", ...env },
    });
    child.stdout?.on("data", (chunk) => (out += String(chunk)));
    child.stderr?.on("data", (chunk) => (err += String(chunk)));
    return new Promise((resolve) => void child.on("close", resolve));
  }
  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  const starts = () =>
    out
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line));
  afterEach(() => child.kill("SIGKILL"));

  it("serves a file, starts anew when what it imports is saved, and keeps the port [PR-F29]", async () => {
    const closed = dev(["server.ts", "--port", "0", "--json", "--token-for", "ada", "--roles", "staff"]);
    const call = async (n: number) => {
      await until(() => starts().length >= n);
      const { url, token } = starts()[n - 1];
      return tools(["call", url, "greet", "--args", '{"name":"Bo"}'], { env: { DEPUTIZE_TOKEN: token } });
    };
    expect(JSON.parse((await call(1)).stdout)).toEqual({ text: "hello Bo" });
    greeting("good day");
    expect(JSON.parse((await call(2)).stdout)).toEqual({ text: "good day Bo" });
    write("greeting.ts", "export const greeting = ;\n");
    await until(() => err.includes("does not load: SyntaxError"));
    greeting("well");
    await until(() => starts().length >= 3);
    expect(JSON.parse((await call(starts().length)).stdout)).toEqual({ text: "well Bo" });
    expect(new Set(starts().map(({ url }) => url)).size).toBe(1);
    expect(starts()[0].tools).toEqual([
      { kind: "tool", name: "greet", effect: "read", guards: ["hasRole(staff)"] },
    ]);
    child.kill("SIGTERM");
    expect(await closed).toBe(0);
    await expect(fetch(starts()[0].url)).rejects.toThrow();
  });

  it("says what there is and how to call it, and gives no token unasked [PR-F29]", async () => {
    const closed = dev(["server.ts", "--port", "0"]);
    await until(() => out.includes("Ctrl-C"));
    expect(out).toMatch(/^demo: http:\/\/127\.0\.0\.1:\d+\/mcp\n/);
    expect(out).toMatch(/DEPUTIZE_TOKEN=… deputize tools call http:\S+ greet --args/);
    expect(out).not.toContain("eyJ");
    child.kill("SIGTERM");
    await closed;
  });

  it("makes no token in production [PR-F11]", async () => {
    const closed = dev(["server.ts", "--port", "0", "--token-for", "ada"], { NODE_ENV: "production" });
    await until(() => err.includes("NODE_ENV=production"));
    expect(out).toBe("");
    child.kill("SIGTERM");
    await closed;
  });
});

describe("deputize tools list and call, of a running server", () => {
  const auth = jwtAuth({ secret: randomHex(32), audience: "notes" });
  const decided = new Map<string, { callId: string; yes: boolean }>();
  const approvals: ApprovalGate = {
    request: async (_caller, { callId }) => {
      const id = `approval-${decided.size + 1}`;
      decided.set(id, { callId, yes: false });
      return { id, expiresAt: "2030-01-01T00:00:00.000Z" };
    },
    consume: async (_tx, _caller, { approvalId, callId }) => {
      const found = decided.get(approvalId);
      if (!found?.yes || found.callId !== callId)
        throw new DeputizeError("approval_invalid", "no yes for that");
      decided.delete(approvalId);
    },
  };
  let store: TestStore;
  let log: ReturnType<typeof createAuditLog>;
  let server: MCPServer;
  let url: string;
  let env: Record<string, string>;

  beforeAll(async () => {
    store = await openTestStore([auditMigrations]);
    const signingKey = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });
    log = createAuditLog({ store, signingKey: String(signingKey), origin: "tools.test/audit" });
    server = new MCPServer({ name: "notes", auth, store, audit: log, approvals });
    server.tool(
      "echo",
      { description: "Says it again", effect: "read", guards: [publicTool()], input: { text: z.string() } },
      ({ text }) => ({ text }),
    );
    server.tool(
      "wipe",
      {
        description: "Wipes",
        effect: "sensitive",
        guards: [hasRole("staff")],
        input: { id: z.string() },
        preview: async ({ id }) => ({ summary: `Wipes ${id}` }),
      },
      ({ id }, { db }) => db.write(async () => ({ wiped: id })),
    );
    server.tool("hidden", { description: "h", effect: "read", guards: [hasRole("admin")] }, () => ({}));
    ({ url } = await server.listen({ port: 0 }));
    env = { DEPUTIZE_TOKEN: await auth.createToken({ sub: "ada", roles: ["staff"] }) };
  });
  afterAll(async () => {
    await server.close();
    await log.close();
    await store.close();
  });

  it("shows what the token may see, and calls it [PR-F29]", async () => {
    const listed = (await tools(["list", url, "--json"], { env })).json();
    expect(listed).toMatchObject({
      server: "notes",
      tools: [
        { name: "echo", effect: "read", description: "Says it again" },
        { name: "wipe", effect: "sensitive" },
      ],
    });
    expect(listed.tools).toHaveLength(2);
    const done = await tools(["call", url, "echo", "--args-file", "-", "--json"], {
      env,
      input: '{"text":"hi"}',
    });
    expect(done).toMatchObject({ code: 0, stderr: "" });
    expect(done.json()).toMatchObject({
      status: "done",
      result: { text: "hi" },
      entry_id: expect.any(String),
    });
  });

  it("tells what a call waits for, and repeats it once a person agreed; exit codes 3 and 0 [PR-F29]", async () => {
    const args = ["call", url, "wipe", "--args", '{"id":"n-7"}'];
    const waiting = await tools(args, { env });
    expect(waiting.code).toBe(3);
    const [, again = ""] = /^ {2}deputize tools call (.*)$/m.exec(waiting.stdout) ?? [];
    const [, callId = "", approval = ""] = /--call-id (\S+) --approval (\S+)$/.exec(again) ?? [];
    expect(waiting.stdout).toContain("waits for a person: Wipes n-7");
    const early = await tools([...args, "--call-id", callId, "--approval", approval], { env });
    expect(early.code).toBe(1);
    decided.set(approval, { callId, yes: true });
    const done = await tools([...args, "--call-id", callId, "--approval", approval], { env });
    expect([done.code, JSON.parse(done.stdout)]).toEqual([0, { wiped: "n-7" }]);
  });

  it("tells refusals with their entry, and takes no token as an argument; exit codes 1 and 2 [PR-F29]", async () => {
    const hidden = await tools(["call", url, "hidden"], { env });
    expect(hidden).toMatchObject({ code: 1, stdout: "" });
    expect(hidden.stderr).toMatch(/there is no such tool for you here \(entry [0-9a-f-]{36}\)/);
    const invalid = await tools(["call", url, "echo", "--args", '{"txt":1}'], { env });
    expect([invalid.code, invalid.stderr]).toEqual([
      1,
      expect.stringContaining("the arguments are not valid"),
    ]);
    const stranger = await tools(["list", url, "--json"], { env: { DEPUTIZE_TOKEN: "nobody" } });
    expect([stranger.code, JSON.parse(stranger.stderr).error.code]).toEqual([1, "invalid_token"]);
    const gone = await tools(["list", "http://127.0.0.1:9/mcp"], { env });
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining("127.0.0.1:9 does not answer")]);
    const usage = [
      ["call", url, "echo", "--token", "x"],
      ["call", url, "echo", "--args", "{"],
      ["call", url, "echo", "--approval", "a-1"],
      ["list", url, "--explain"],
      ["dev", "server.ts", "--roles", "staff"],
    ];
    for (const args of usage) expect((await tools(args, { env })).code, args.join(" ")).toBe(2);
    expect((await tools(["call", url, "echo"])).stderr).toContain("the token is missing");
  });
});
