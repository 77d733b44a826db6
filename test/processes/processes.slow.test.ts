/**
 * Three processes over one Postgres and one Redis behave as one, and the death of one loses nothing that was
 * acknowledged. Needs DEPUTIZE_TEST_DATABASE_URL and DEPUTIZE_TEST_REDIS_URL.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noteSigner, verifyLog } from "@deputize/audit";
import { newId, randomHex } from "@deputize/core";
import { readSecrets } from "@deputize/server/config";
import { LOGIN_ROLES, openStore, roleName } from "@deputize/store";

const serverUrl = process.env["DEPUTIZE_TEST_DATABASE_URL"];
const redisUrl = process.env["DEPUTIZE_TEST_REDIS_URL"];

interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

if (serverUrl && redisUrl) {
  const name = `t_${randomHex(6)}`;
  const folder = mkdtempSync(join(tmpdir(), "deputize-processes-"));
  const own = new URL(serverUrl);
  own.pathname = `/${name}`;
  const ports: number[] = [];
  const processes: (ChildProcess | undefined)[] = [];
  let publicUrl = "";

  const begin = async (index: number): Promise<void> => {
    const child = spawn(process.execPath, [fileURLToPath(new URL("./replica.ts", import.meta.url))], {
      stdio: ["ignore", "pipe", "inherit"],
      env: {
        PATH: process.env["PATH"],
        DATABASE_URL: own.href,
        REDIS_URL: redisUrl,
        DEPUTIZE_ROLE_PREFIX: name,
        DEPUTIZE_PORT: String(ports[index]),
        DEPUTIZE_PUBLIC_URL: publicUrl,
        DEPUTIZE_SECRETS_FILE: join(folder, "secrets.json"),
        DEPUTIZE_DATA: join(folder, `replica-${index}`),
      },
    });
    processes[index] = child;
    await new Promise<void>((resolve, reject) => {
      child.stdout?.once("data", () => resolve());
      child.once("exit", (code) => reject(new Error(`replica ${index} ended with ${code}`)));
    });
    child.removeAllListeners("exit");
  };

  const end = async (index: number, signal: NodeJS.Signals): Promise<void> => {
    const child = processes[index];
    processes[index] = undefined;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await gone;
  };

  const send = async (
    index: number,
    method: string,
    path: string,
    body?: unknown,
    token?: string,
  ): Promise<Answer> => {
    const response = await fetch(`http://127.0.0.1:${ports[index]}${path}`, {
      method,
      headers: {
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "Content-Type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  };

  const signIn = async (index: number, email: string) =>
    (await send(index, "POST", "/api/auth/login", { email, password: "customer123" })).body as {
      access_token: string;
      refresh_token: string;
    };

  beforeAll(async () => {
    const server = new pg.Client({ connectionString: serverUrl });
    await server.connect();
    await server.query(`CREATE DATABASE ${name}`);
    await server.end();
    for (let i = 0; i < 3; i += 1) ports.push(await freePort());
    publicUrl = `http://localhost:${ports[0]}`;
    // All three start at once on an empty database: one migrates and seeds, the others wait for it.
    await Promise.all([0, 1, 2].map(begin));
  }, 120_000);

  afterAll(async () => {
    await Promise.all([0, 1, 2].map((i) => end(i, "SIGTERM")));
    const server = new pg.Client({ connectionString: serverUrl });
    await server.connect();
    await server.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    for (const role of LOGIN_ROLES) await server.query(`DROP ROLE IF EXISTS ${roleName(name, role)}`);
    await server.end();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  describe("three processes over one Postgres and one Redis", () => {
    it("refuse everywhere within a second what was revoked at one [SR-11] [SH-F16]", async () => {
      const alice = await signIn(0, "alice.johnson@gmail.com");
      for (const i of [0, 1, 2])
        expect((await send(i, "GET", "/api/orders", undefined, alice.access_token)).status).toBe(200);
      const turn = await send(
        1,
        "POST",
        "/api/chat",
        { message: "Where is my latest order?" },
        alice.access_token,
      );
      expect(turn.body).toMatchObject({
        status: "done",
        agents_involved: expect.arrayContaining(["order-management"]),
      });
      const left = await send(
        2,
        "POST",
        "/api/auth/logout",
        { refresh_token: alice.refresh_token },
        alice.access_token,
      );
      expect(left.status).toBe(204);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      for (const i of [0, 1, 2])
        expect((await send(i, "GET", "/api/orders", undefined, alice.access_token)).status).toBe(401);
      expect(
        (await send(0, "POST", "/api/auth/refresh", { refresh_token: alice.refresh_token })).status,
      ).toBe(401);
    });

    it("give a conversation id that two people claim at once to nobody but its owner [PR-D25]", async () => {
      const [alice, bob] = await Promise.all([
        signIn(0, "alice.johnson@gmail.com"),
        signIn(1, "bob.smith@gmail.com"),
      ]);
      const conversation_id = newId();
      const turns = await Promise.all([
        send(
          0,
          "POST",
          "/api/chat",
          { message: "Where is my latest order?", conversation_id },
          alice.access_token,
        ),
        send(
          1,
          "POST",
          "/api/chat",
          { message: "Where is my latest order?", conversation_id },
          bob.access_token,
        ),
      ]);
      // Ids live under their owner: each has a conversation of their own, or was refused; neither reads the other's.
      const seen = await Promise.all([
        send(
          2,
          "GET",
          `/api/conversations/${String(turns[0]?.body.conversation_id)}`,
          undefined,
          bob.access_token,
        ),
        send(
          2,
          "GET",
          `/api/conversations/${String(turns[1]?.body.conversation_id)}`,
          undefined,
          alice.access_token,
        ),
      ]);
      const numbers = turns.map((t) => JSON.stringify(t.body.cards ?? []).match(/ORD-\d+/)?.[0]);
      expect(numbers[0]).not.toBe(numbers[1]);
      for (const [i, other] of [numbers[0], numbers[1]].entries())
        expect(JSON.stringify(seen[i]?.body)).not.toContain(other);
    });

    it("carry on what a killed process left, and lose nothing that it acknowledged [SH-F11] [SR-15]", async () => {
      const alice = await signIn(0, "alice.johnson@gmail.com");
      const orders = (await send(0, "GET", "/api/orders?status=confirmed", undefined, alice.access_token))
        .body.orders as {
        id: string;
        number: string;
      }[];
      const order = orders[0];
      const waiting = await send(
        0,
        "POST",
        "/api/chat",
        { message: `Please cancel order ${order?.number}` },
        alice.access_token,
      );
      expect(waiting.body.status).toBe("waiting");
      await end(0, "SIGKILL");

      const approval = waiting.body.approvals[0].id as string;
      const decide = (i: number) =>
        send(i, "POST", `/api/approvals/${approval}/decide`, { decision: "approve" }, alice.access_token);
      const decided = await Promise.all([decide(1), decide(2)]);
      expect(decided.some((d) => d.status === 200)).toBe(true);
      await expect
        .poll(
          async () =>
            (await send(1, "GET", `/api/orders/${order?.id}`, undefined, alice.access_token)).body.status,
          { timeout: 10_000 },
        )
        .toBe("cancelled");
      const detail = await send(2, "GET", `/api/orders/${order?.id}`, undefined, alice.access_token);
      expect(
        (detail.body.timeline as { status: string }[]).filter((t) => t.status === "cancelled"),
      ).toHaveLength(1);

      await begin(0);
      const conversation = await send(
        0,
        "GET",
        `/api/conversations/${String(waiting.body.conversation_id)}`,
        undefined,
        alice.access_token,
      );
      expect(conversation.body.messages.length).toBeGreaterThanOrEqual(3);
    });

    it("let an agent sign in at one, work at another, and stop everywhere within two seconds [AA-F07] [AA-F08]", async () => {
      const login = { email: "admin.demo@gmail.com", password: "admin123" };
      const admin = (await send(0, "POST", "/api/auth/login", login)).body.access_token as string;
      const body = { agent_name: "PriceWatch", owner_email: login.email };
      const made = (await send(0, "POST", "/agents/register", body, admin)).body;
      const permit = { permissions: ["read:products:*"] };
      await send(1, "PUT", `/agents/${made.agent_id}/permissions`, permit, admin);
      const audience = `${publicUrl}/mcp/products`;
      const enter = async (i: number) =>
        (await send(i, "POST", "/auth/login", { api_key: made.api_key, audience })).body;
      const first = await enter(2);
      const search = async (token: string) => {
        const answers = [0, 1, 2].map((i) =>
          fetch(`http://127.0.0.1:${ports[i]}/mcp/products`, {
            method: "POST",
            headers: {
              Authorization: `Bearer ${token}`,
              "Content-Type": "application/json",
              Accept: "application/json, text/event-stream",
              "MCP-Protocol-Version": "2025-11-25",
            },
            body: JSON.stringify({
              jsonrpc: "2.0",
              id: 1,
              method: "tools/call",
              params: { name: "search_products", arguments: { query: "headphones" } },
            }),
          }),
        );
        return Promise.all(answers.map(async (answer) => (await answer).status));
      };
      expect(await search(first.access_token)).toEqual([200, 200, 200]);
      await send(0, "PUT", `/agents/${made.agent_id}/permissions`, { permissions: [] }, admin);
      await expect.poll(() => search(first.access_token), { timeout: 2000 }).toEqual([401, 401, 401]);
      const next = (await send(1, "POST", "/auth/refresh", { refresh_token: first.refresh_token })).body;
      expect(next.scope).toBe("");
      expect((await send(2, "POST", "/auth/refresh", { refresh_token: next.refresh_token })).status).toBe(
        200,
      );
      await send(2, "POST", `/agents/${made.agent_id}/suspend`, undefined, admin);
      expect((await send(1, "POST", "/auth/login", { api_key: made.api_key })).status).toBe(401);
    });

    it("leave one log without gap or fork [SR-18]", async () => {
      const secrets = readSecrets(join(folder, "secrets.json"));
      if (!secrets) throw new Error("no secrets file");
      const store = await openStore({
        url: own.href,
        rolePrefix: name,
        secrets: secrets.store,
        migrations: [],
      });
      try {
        const { verifierKey } = noteSigner("localhost/audit", secrets.auditKey);
        await expect
          .poll(async () => (await verifyLog({ store, publicKey: verifierKey })).problems, {
            timeout: 10_000,
          })
          .toEqual([]);
        expect((await verifyLog({ store, publicKey: verifierKey })).size).toBeGreaterThan(100);
      } finally {
        await store.close();
      }
    });
  });
}
