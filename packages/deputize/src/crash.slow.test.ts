/**
 * `kill -9` in the middle of parallel releases, renewals and revocations, against the real command. What was acknowledged
 * before the process died holds after the next start, and its entry is in the log.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { randomHex } from "@deputize/core";
import { LOGIN_ROLES } from "@deputize/store";
import { testDatabaseUrl } from "@deputize/store/testing";
import {
  type BrokerClient,
  type TestWorker,
  brokerClient,
} from "../../server/src/authority-server/testing/run-authority.ts";

const CLI = fileURLToPath(new URL("./cli.ts", import.meta.url));
const OPERATIONS = 200;
/** Killed once this many of each kind were acknowledged: in the middle. */
const KILL_AFTER = 20;
/** Sent just before the kill, so that some are always under way. */
const LATE = 60;

const adminSecret = randomHex(32);
let folder: string;
let database: string | undefined;
let env: Record<string, string>;
let running: ChildProcess | undefined;

async function onServer(sql: readonly string[]): Promise<void> {
  const server = new pg.Client({ connectionString: testDatabaseUrl });
  await server.connect();
  for (const statement of sql) await server.query(statement);
  await server.end();
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "deputize-crash-"));
  env = {
    PATH: process.env["PATH"] ?? "",
    DEPUTIZE_DATA: folder,
    DEPUTIZE_ADMIN_SECRET: adminSecret,
    LOG_LEVEL: "silent",
  };
});
afterEach(async () => {
  await kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
  if (database !== undefined) {
    const roles = LOGIN_ROLES.map((role) => `DROP ROLE IF EXISTS ${database}_${role}`);
    await onServer([`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`, ...roles]);
  }
  database = undefined;
});

async function kill(signal: NodeJS.Signals): Promise<void> {
  const child = running;
  running = undefined;
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "close");
  child.kill(signal);
  await ended;
}

/** Starts `deputize serve` over the same data, and answers a client of it. */
async function start(): Promise<BrokerClient> {
  const child = spawn(process.execPath, [CLI, "serve", "--port", "0", "--json"], { env });
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

const KINDS = ["release", "renew", "revoke"] as const;
interface Operation {
  readonly kind: (typeof KINDS)[number];
  readonly worker: TestWorker;
  acknowledged: boolean;
  /** Of a renewal. */
  newToken?: string;
}

async function crashInTheMiddle(): Promise<void> {
  let client = await start();
  const app = await client.app(["read:data:*"]);
  const operations: Operation[] = [];
  for (let n = 0; n < OPERATIONS + LATE; n += 1) {
    const worker = await client.worker(app, { scope: [`read:data:${n}`], task: `task-${n}` });
    operations.push({ kind: KINDS[n % 3] ?? "release", worker, acknowledged: false });
  }
  const operator = await client.adminToken();

  const acknowledged = { release: 0, renew: 0, revoke: 0 };
  let dying = false;
  const killed = new Promise<void>((resolve) => {
    const perform = async (operation: Operation): Promise<void> => {
      const { kind, worker } = operation;
      try {
        const answer =
          kind === "revoke"
            ? await client.send("POST", "/v1/revoke", {
                token: operator,
                body: { level: "agent", target: worker.agentId },
              })
            : await client.send("POST", `/v1/token/${kind}`, { token: worker.token });
        operation.acknowledged = answer.status === (kind === "release" ? 204 : 200);
        if (kind === "renew" && operation.acknowledged) operation.newToken = answer.body.access_token;
      } catch {
        // The process died before it answered: this one was not acknowledged.
      }
      if (!operation.acknowledged) return;
      acknowledged[kind] += 1;
      if (dying || Math.min(...Object.values(acknowledged)) < KILL_AFTER) return;
      dying = true;
      for (const late of operations.slice(OPERATIONS)) void perform(late);
      resolve(kill("SIGKILL"));
    };
    for (const operation of operations.slice(0, OPERATIONS)) void perform(operation);
  });
  await killed;

  client = await start();
  const valid = async (token: string): Promise<boolean> =>
    (await client.send("POST", "/v1/token/validate", { body: { token } })).body.valid;
  const done = operations.filter((operation) => operation.acknowledged);
  expect(done.length).toBeLessThan(operations.length);
  const lost: string[] = [];
  const audit = await client.adminToken();
  for (const { kind, worker, newToken } of done) {
    if (await valid(worker.token)) lost.push(`${kind} of ${worker.agentId}`);
    if (newToken !== undefined && !(await valid(newToken))) lost.push(`the new token of ${worker.agentId}`);
    const type = { release: "token_released", renew: "token_renewed", revoke: "token_revoked" }[kind];
    if (kind === "revoke") continue;
    const query = new URLSearchParams({ agent_id: worker.agentId, event_type: type });
    const { body } = await client.send("GET", `/v1/audit/events?${query}`, { token: audit });
    if (body.total < 1) lost.push(`the entry ${type} of ${worker.agentId}`);
  }
  const revocations = await client.send("GET", "/v1/audit/events?event_type=token_revoked&limit=1000", {
    token: audit,
  });
  if (revocations.body.total < done.filter(({ kind }) => kind === "revoke").length)
    lost.push("entries of revocations");
  expect(lost).toEqual([]);
  // Whoever was not answered is in one of the two states, and can go on from there.
  for (const { kind, worker } of operations.filter((operation) => !operation.acknowledged)) {
    if (kind === "renew" || !(await valid(worker.token))) continue;
    expect((await client.send("POST", "/v1/token/release", { token: worker.token })).status).toBe(204);
    expect(await valid(worker.token)).toBe(false);
  }
  await kill("SIGTERM");
}

describe("kill -9 amid 200 releases, renewals and revocations [AW-D18] [AW-D19] [AW-F20]", () => {
  it("loses nothing that was acknowledged, on the embedded database", { timeout: 240_000 }, crashInTheMiddle);

  if (testDatabaseUrl !== undefined) {
    it("loses nothing that was acknowledged, on Postgres", { timeout: 240_000 }, async () => {
      database = `h6_${randomHex(5)}`;
      await onServer([`CREATE DATABASE ${database}`]);
      const url = new URL(testDatabaseUrl ?? "");
      url.pathname = `/${database}`;
      env = { ...env, DATABASE_URL: url.href, DEPUTIZE_ROLE_PREFIX: database };
      await crashInTheMiddle();
    });
  }
});
