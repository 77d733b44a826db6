/** A backup put back, and somebody erased from the log, with the real command and the real server over a data folder. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { randomHex } from "@deputize/core";
import { type BrokerClient, brokerClient } from "../../server/src/authority-server/testing/run-authority.ts";
import { runDeputize } from "./testing-command.ts";

// A server starts five times here, over the embedded database.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 30_000 });

const CLI = fileURLToPath(new URL("./cli.ts", import.meta.url));
const adminSecret = randomHex(32);

let folder: string;
let data: string;
let backup: string;
let running: ChildProcess | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "deputize-restore-"));
  data = join(folder, "data");
  backup = join(folder, "backup");
});
afterEach(async () => {
  await stop();
  rmSync(folder, { recursive: true, force: true });
});

const env = () => ({
  PATH: process.env["PATH"] ?? "",
  DEPUTIZE_DATA: data,
  DEPUTIZE_ADMIN_SECRET: adminSecret,
});
const local = (...args: string[]) => runDeputize(args, { env: env() });

async function serve(): Promise<BrokerClient> {
  const child = spawn(process.execPath, [CLI, "serve", "--port", "0", "--json"], { env: env() });
  running = child;
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      const found = said.split("\n").find((one) => one.startsWith("{"));
      if (found !== undefined && said.endsWith("\n")) resolve(found);
    });
    child.on("close", () => reject(new Error(`the server ended: ${said}`)));
  });
  return brokerClient({ url: (JSON.parse(line) as { url: string }).url, adminSecret });
}

async function stop(): Promise<void> {
  const child = running;
  running = undefined;
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "close");
  child.kill("SIGTERM");
  await ended;
}

async function valid(client: BrokerClient, token: string): Promise<boolean> {
  return (await client.send("POST", "/v1/token/validate", { body: { token } })).body.valid;
}

describe("deputize restore", () => {
  it.each(["the whole folder", "the database alone"])(
    "after a backup of %s: what was revoked since is dead, and all that the backup brings back [SR-21]",
    async (what) => {
      let client = await serve();
      const app = await client.app(["read:data:*"]);
      const revoked = await client.worker(app, { scope: ["read:data:1"], maxTtl: 3_600 });
      const other = await client.worker(app, { scope: ["read:data:2"], maxTtl: 3_600 });
      const launch = await client.send("POST", "/v1/app/launch-tokens", {
        token: app.token,
        body: { agent_name: "w", allowed_scope: ["read:data:3"], ttl: 3_600 },
      });
      expect(launch.status).toBe(201);
      await stop();
      cpSync(data, backup, { recursive: true });

      client = await serve();
      expect((await client.send("POST", "/v1/token/release", { token: revoked.token })).status).toBe(204);
      await stop();
      const databases = readdirSync(data).filter(
        (name) => !/\.(json|anchor|lock|log)$|anchor|secrets/.test(name),
      );
      if (what === "the whole folder") {
        rmSync(data, { recursive: true });
        cpSync(backup, data, { recursive: true });
      } else {
        for (const name of databases) {
          rmSync(join(data, name), { recursive: true });
          cpSync(join(backup, name), join(data, name), { recursive: true });
        }
      }
      if (what === "the whole folder") {
        // What the command is for: the backup knows of no revocation.
        client = await serve();
        expect(await valid(client, revoked.token)).toBe(true);
        await stop();
      }

      const dry = await local("restore", "--json");
      expect(dry).toMatchObject({ code: 0, stderr: "" });
      expect(dry.json()).toMatchObject({ dry_run: true, ended: { launch_tokens: 1 } });
      const done = await local("restore", "--reason", "a test", "--yes", "--json");
      expect(done).toMatchObject({ code: 0, stderr: "" });
      const answer = done.json();
      expect(answer.ended).toEqual(dry.json().ended);
      expect(answer.ended.grants).toBeGreaterThanOrEqual(2);
      const ahead = what === "the database alone";
      expect(answer.log.set_aside !== undefined && existsSync(answer.log.set_aside)).toBe(ahead);

      client = await serve();
      for (const { token } of [revoked, other, app]) {
        expect(await valid(client, token)).toBe(false);
        expect((await client.send("POST", "/v1/token/renew", { token })).status).toBe(401);
      }
      const operator = await client.adminToken();
      const { body } = await client.send("GET", "/v1/audit/events?order=newest&limit=50", {
        token: operator,
      });
      const types = body.events.map((event: { event_type: string }) => event.event_type);
      expect(types).toEqual(expect.arrayContaining(["authority.restarted", "log.discontinued"]));
      expect(
        (await client.worker(await client.app(["read:data:*"]), { scope: ["read:data:1"] })).expiresIn,
      ).toBe(300);
      const { body: jwks } = await client.send("GET", "/.well-known/jwks.json");
      expect(jwks.keys).toHaveLength(1);
      await stop();
      expect(await local("audit", "verify", "--json")).toMatchObject({ code: 0 });
    },
  );
});

describe("deputize audit erase", () => {
  it("makes the log forget who did it, and the log still verifies [SR-24]", async () => {
    let client = await serve();
    const app = await client.app(["read:data:*"]);
    await client.worker(app, { scope: ["read:data:1"], task: "of-alice" });
    await client.worker(app, { scope: ["read:data:1"], task: "of-bob" });
    const busy = await local("audit", "erase", "--task-id", "of-alice");
    expect(busy.code).toBe(1);
    await stop();
    expect((await local("audit", "erase")).code).toBe(2);
    expect((await local("audit", "erase", "--person", "nobody@example.com")).stderr).toContain("nobody has");
    const dry = (await local("audit", "erase", "--task-id", "of-alice", "--json")).json();
    expect(dry).toEqual({ dry_run: true, entries: expect.any(Number) });
    expect(dry.entries).toBeGreaterThan(0);
    const done = await local("audit", "erase", "--task-id", "of-alice", "--yes", "--json");
    expect(done.json()).toEqual({ dry_run: false, entries: dry.entries });
    expect((await local("audit", "erase", "--task-id", "of-alice", "--json")).json().entries).toBe(0);
    expect((await local("audit", "verify", "--json")).json()).toMatchObject({ ok: true });
    client = await serve();
    const token = await client.adminToken();
    const of = async (task: string) =>
      (await client.send("GET", `/v1/audit/events?task_id=${task}`, { token })).body.events.length;
    expect([await of("of-alice"), await of("of-bob")]).toEqual([0, dry.entries]);
    const all = await client.send("GET", "/v1/audit/events?limit=1000", { token });
    // The app's own label of a launch token is no name of a worker or a task.
    const named = all.body.events.filter(
      (event: { event_type: string }) => event.event_type !== "launch_token_issued",
    );
    expect(JSON.stringify(named)).not.toContain("of-alice");
    expect(JSON.stringify(named)).toContain("of-bob");
  });
});
