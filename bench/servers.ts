/**
 * The HTTP servers that are measured, in a thread of their own, so that the client's work is not counted as theirs.
 * Loopback only. Started by http-client.ts; ends with its thread.
 */
import { generateKeyPairSync } from "node:crypto";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { serve } from "@hono/node-server";
import { McpServer, createMcpHandler } from "@modelcontextprotocol/server";
import { Hono } from "hono";
import { z } from "zod";
import { auditMigrations, createAuditLog } from "@deputize/audit";
import { bearerAuth, createVerifier } from "@deputize/client";
import { manualClock, newId, systemClock } from "@deputize/core";
import { MCPServer, authorityAuth, requireAuth } from "@deputize/mcp";
import { openTestStore } from "@deputize/store/testing";
import { startFastMcp } from "./fastmcp.ts";
import { ALICE, AUDIENCE, ISSUER, fakeAuthority } from "../packages/client/src/testing/fake-authority.ts";

export interface Serving {
  /** Ports by the name of the server. */
  readonly ports: Readonly<Record<string, number>>;
  readonly token: string;
  readonly database?: string;
}

function listen(fetch: (request: Request) => Response | Promise<Response>): Promise<number> {
  return new Promise((resolve) => {
    const server = serve({ fetch, port: 0, hostname: "127.0.0.1" }, () =>
      resolve(((server as Server).address() as AddressInfo).port),
    );
  });
}

async function verification() {
  const authority = fakeAuthority(manualClock(systemClock.nowMs()));
  const verifier = await createVerifier({ issuer: ISSUER, authorityUrl: ISSUER, fetch: authority.fetch });
  const now = Math.floor(systemClock.nowMs() / 1000);
  const claims = authority.claims({ exp: now + 3_600, nbf: now, iat: now });
  return { verifier, token: authority.sign(claims) };
}

/** One handler, with `bearerAuth` in front and without. */
async function http(): Promise<Serving> {
  const { verifier, token } = await verification();
  const plain = new Hono();
  const guarded = new Hono();
  guarded.use(bearerAuth({ verifier, audience: AUDIENCE }));
  for (const app of [plain, guarded]) {
    app.get("/orders", (c) => c.json({ orders: [{ id: "1", total: 1999, status: "shipped" }] }));
  }
  return { ports: { plain: await listen(plain.fetch), guarded: await listen(guarded.fetch) }, token };
}

/** One tool on the plain SDK's server, and guarded, audited and verified on ours; the same tool with a database. */
async function mcp(): Promise<Serving> {
  const { verifier, token } = await verification();
  const notes = {
    name: "fixture",
    directory: new URL("../packages/store/test/fixture/", import.meta.url),
  };
  const store = await openTestStore([auditMigrations, notes]);
  parentPort?.once("message", () => void store.close().finally(() => parentPort?.postMessage("closed")));
  await store.ownerQuery("CREATE INDEX ON fixture.notes (owner)");
  for (let i = 0; i < 1000; i += 1) {
    await store.ownerQuery("INSERT INTO fixture.notes (id, owner, body) VALUES ($1, $2, 'a note')", [
      newId(),
      i % 100 === 0 ? ALICE : newId(),
    ]);
  }
  const app = store.roleName("authority");
  await store.ownerQuery(`CREATE POLICY all_rows ON fixture.notes TO ${app} USING (true)`);
  await store.ownerQuery(`GRANT USAGE ON SCHEMA fixture TO ${app}`);
  await store.ownerQuery(`GRANT SELECT ON fixture.notes TO ${app}`);
  const signingKey = String(
    generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }),
  );
  const audit = createAuditLog({ store, signingKey, origin: "bench/audit" });
  await audit.start();

  const input = { city: z.string().max(100) };
  const output = z.object({ city: z.string(), degrees: z.number() });
  const weather = ({ city }: { city: string }) => ({ city, degrees: 21 });
  const rowsOut = z.object({ notes: z.number() });

  const sdk = createMcpHandler(() => {
    const server = new McpServer({ name: "plain", version: "1.0.0" });
    const content = (value: Record<string, unknown>) => ({
      content: [{ type: "text" as const, text: JSON.stringify(value) }],
      structuredContent: value,
    });
    server.registerTool(
      "weather",
      { description: "The weather", inputSchema: z.object(input), outputSchema: output },
      (args) => content(weather(args)),
    );
    server.registerTool("notes", { description: "Notes", outputSchema: rowsOut }, async () => {
      const found = await store
        .pool("authority")
        .query("SELECT body FROM fixture.notes WHERE owner = $1", [ALICE]);
      return content({ notes: found.rows.length });
    });
    return server;
  });

  const ours = (withAudit: boolean): MCPServer => {
    const server = new MCPServer({
      name: "guarded",
      url: AUDIENCE,
      allowedHosts: ["127.0.0.1"],
      auth: authorityAuth({ verifier, audience: AUDIENCE }),
      store,
      ...(withAudit && { audit }),
    });
    const common = { effect: "read", guards: [requireAuth()] } as const;
    server.tool("weather", { ...common, description: "The weather", input, output }, weather);
    server.tool("notes", { ...common, description: "Notes", output: rowsOut }, async (_args, { db }) => {
      const found = await db.read((tx) => tx.query("SELECT body FROM fixture.notes"));
      return { notes: found.rows.length };
    });
    return server;
  };
  const [logged, unlogged] = [ours(true), ours(false)];
  const fastmcp = await startFastMcp({ name: "weather", input: z.object(input), run: weather });
  return {
    ports: {
      plain: await listen((request) => sdk.fetch(request)),
      guarded: await listen((request) => logged.fetch(request)),
      memory: await listen((request) => unlogged.fetch(request)),
      fastmcp,
    },
    token,
    database: store.kind,
  };
}

const kinds = { http, mcp };
parentPort?.postMessage(await kinds[workerData as keyof typeof kinds]());
