import { manualClock } from "@deputize/core";
import type { Store } from "@deputize/store";
import { afterEach, expect, it } from "vitest";
import { openWorld, testAuth } from "../../test/world.ts";
import { MCPServer, auditLog, memoryAudit } from "../index.ts";
import { freshSecret } from "../../test/tokens.ts";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function health(server: MCPServer) {
  const { url } = await server.listen({ port: 0 });
  closing.push(() => server.close());
  const response = await fetch(new URL("/health", url));
  return { status: response.status, body: await response.json() };
}

it("says that store and audit log answer, and nothing of people or tools [PR-F29]", async () => {
  const world = await openWorld();
  closing.push(() => world.close());
  expect(await health(world.server({ name: "notes" }))).toEqual({
    status: 200,
    body: { status: "ok", server: "notes", store: { up: true }, audit: { up: true } },
  });
});

it("answers 503 while the store does not answer [PR-F29]", async () => {
  const store = { pool: () => ({ query: () => Promise.reject(new Error("gone")) }) } as unknown as Store;
  expect(await health(new MCPServer({ name: "s", auth: testAuth, store }))).toEqual({
    status: 503,
    body: { status: "unavailable", server: "s", store: { up: false }, audit: { up: true } },
  });
});

it("answers 503 once the audit log is damaged [PR-F29]", async () => {
  const folder = mkdtempSync(join(tmpdir(), "deputize-health-"));
  closing.push(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "audit.jsonl");
  writeFileSync(file, '{"nothing":"of ours"}\n', { mode: 0o600 });
  const audit = auditLog({ secret: freshSecret(), file });
  expect(await health(new MCPServer({ name: "s", auth: testAuth, audit }))).toEqual({
    status: 503,
    body: { status: "unavailable", server: "s", audit: { up: false } },
  });
});

it("asks the parts once a second, however often it is asked", async () => {
  const clock = manualClock(0);
  let asked = 0;
  const audit = {
    ...memoryAudit(),
    checkpoint: async () => {
      asked += 1;
      throw new Error("no");
    },
  };
  const server = new MCPServer({ name: "s", auth: testAuth, audit, clock });
  for (let i = 0; i < 5; i++) expect((await server.health()).status).toBe("unavailable");
  expect(asked).toBe(1);
  clock.advance(1000);
  await server.health();
  expect(asked).toBe(2);
});

it("is a page of what listens, behind the Host check; a server in a host of its own has none", async () => {
  const server = new MCPServer({ name: "s", auth: testAuth });
  expect((await server.fetch(new Request("http://localhost/health"))).status).toBe(404);
  const { url } = await server.listen({ port: 0 });
  closing.push(() => server.close());
  const foreign = new Request(new URL("/health", url), { headers: { host: "evil.example" } });
  expect((await server.fetch(foreign)).status).toBe(403);
});
