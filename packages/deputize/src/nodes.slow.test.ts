/** Two servers over one Postgres and one secrets file: a rotation begun at one is carried out by both. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DeputizeApp, validate } from "@deputize/client";
import { randomHex } from "@deputize/core";
import { LOGIN_ROLES } from "@deputize/store";
import { testDatabaseUrl } from "@deputize/store/testing";
import { runDeputize } from "./testing-command.ts";

const CLI = fileURLToPath(new URL("./cli.ts", import.meta.url));

// The embedded database has one process, so this needs a server.
if (testDatabaseUrl !== undefined) {
  const server = testDatabaseUrl;
  const database = `h5_${randomHex(5)}`;
  const adminSecret = randomHex(32);
  let folder: string;
  let nodes: ChildProcess[];

  const onServer = async (...statements: readonly string[]): Promise<void> => {
    const client = new pg.Client({ connectionString: server });
    await client.connect();
    try {
      for (const statement of statements) await client.query(statement);
    } finally {
      await client.end();
    }
  };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "deputize-nodes-"));
    nodes = [];
    await onServer(`CREATE DATABASE ${database}`);
  });
  afterEach(async () => {
    for (const node of nodes) {
      const ended = once(node, "close");
      if (node.kill("SIGTERM")) await ended;
    }
    await onServer(
      `DROP DATABASE ${database} WITH (FORCE)`,
      ...LOGIN_ROLES.map((role) => `DROP ROLE IF EXISTS ${database}_${role}`),
    );
    rmSync(folder, { recursive: true, force: true });
  });

  async function startNode(): Promise<string> {
    const url = new URL(server);
    url.pathname = `/${database}`;
    const child = spawn(process.execPath, [CLI, "serve", "--port", "0", "--data", folder, "--json"], {
      env: {
        PATH: process.env["PATH"] ?? "",
        DATABASE_URL: url.href,
        DEPUTIZE_ROLE_PREFIX: database,
        DEPUTIZE_ADMIN_SECRET: adminSecret,
      },
    });
    nodes.push(child);
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    return new Promise((resolve, reject) => {
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        const line = said.split("\n").find((one) => one.startsWith("{"));
        if (line !== undefined && said.endsWith("\n")) resolve(JSON.parse(line).url);
      });
      child.on("close", () => reject(new Error(`the server ended: ${said}`)));
    });
  }

  describe("two nodes", () => {
    it(
      "both sign with the new key, and accept tokens of both keys [AW-D37] [AW-F30]",
      { timeout: 180_000 },
      async () => {
        const [one, two] = [await startNode(), await startNode()];
        const json = async (url: string, ...args: string[]) =>
          (
            await runDeputize([...args, "--json"], {
              env: { DEPUTIZE_URL: url, DEPUTIZE_ADMIN_SECRET: adminSecret },
            })
          ).json();
        const registered = await json(one, "app", "register", "--name", "nodes", "--scopes", "read:data:*");
        const tokenAt = async (brokerUrl: string): Promise<{ kid: string; token: string }> => {
          const app = new DeputizeApp({
            brokerUrl,
            clientId: registered.client_id,
            clientSecret: registered.client_secret,
          });
          const agent = await app.createAgent({ orchestration: "o", task: "t", scope: ["read:data:1"] });
          const header = Buffer.from(agent.accessToken.split(".", 1)[0] ?? "", "base64url").toString();
          return { kid: JSON.parse(header).kid, token: agent.accessToken };
        };
        const old = await tokenAt(two);
        const { kid } = await json(one, "keys", "rotate", "--after", "1");
        expect(kid).not.toBe(old.kid);
        for (const url of [one, two]) {
          await expect
            .poll(async () => (await tokenAt(url)).kid, { timeout: 30_000, interval: 500 })
            .toBe(kid);
        }
        const fresh = await tokenAt(two);
        for (const url of [one, two]) {
          for (const { token } of [old, fresh]) expect((await validate(url, token)).valid).toBe(true);
        }
        expect((await json(two, "keys", "list")).keys).toMatchObject([
          { kid: old.kid, state: "retired" },
          { kid, state: "active" },
        ]);
      },
    );
  });
}
