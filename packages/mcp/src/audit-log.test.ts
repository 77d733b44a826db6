/** A guarded server over the keyed log: the one line `audit: auditLog({ secret })`, in a file and in the store. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { auditMigrations, verifyDump, verifyLog } from "@deputize/audit";
import { openTestStore } from "@deputize/store/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { clientOf, testAuth } from "../test/world.ts";
import { type AuditSink, MCPServer, auditLog, hasRole } from "./index.ts";

const secret = "a secret of the tests that has more than 32 bytes";
let folder: string;
let ran = 0;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "deputize-mcp-audit-"));
  ran = 0;
});
afterEach(() => rmSync(folder, { recursive: true }));

function serverWith(audit: AuditSink, rest: object = {}): MCPServer {
  const server = new MCPServer({ name: "s", auth: testAuth, audit, ...rest });
  server.tool(
    "report",
    {
      description: "For analysts",
      effect: "read",
      guards: [hasRole("analyst")],
      input: { year: z.number() },
    },
    ({ year }) => ({ year, ran: (ran += 1) }),
  );
  return server;
}

describe("a server whose log is a file", () => {
  it("logs every call and refusal under the secret's chain [PR-F31]", async () => {
    const file = join(folder, "audit.jsonl");
    const audit = auditLog({ secret, file });
    const server = serverWith(audit);
    await clientOf(server, "alice+analyst").callTool("report", { year: 2026 });
    await clientOf(server, "alice+customer")
      .callTool("report", { year: 2026 })
      .catch(() => undefined);
    const held = (await audit.checkpoint())?.note ?? "";
    await server.close();
    await audit.close();
    const report = await verifyDump(file, { publicKey: audit.publicKey, secrets: [secret], held: [held] });
    expect(report).toMatchObject({ ok: true, size: 2, anchored: true });
    expect(ran).toBe(1);
  });

  it("fails a call whose entry cannot be written [PR-D20]", async () => {
    const audit = auditLog({ secret, file: join(folder, "audit.jsonl") });
    mkdirSync(join(folder, "audit.jsonl"));
    const server = serverWith(audit);
    const result = await clientOf(server, "alice+analyst").callTool("report", { year: 2026 });
    expect(result).toMatchObject({
      isError: true,
      structuredContent: { error: { code: "audit_unavailable" } },
    });
    await server.close();
    await audit.close();
  });

  it("has no tool that writes: its entry could not commit with its rows [SR-18]", async () => {
    const store = await openTestStore([auditMigrations]);
    try {
      const server = serverWith(auditLog({ secret, file: join(folder, "audit.jsonl") }), { store });
      const options = {
        description: "Writes",
        effect: "write",
        guards: [hasRole("analyst")],
        input: {},
      } as const;
      expect(() =>
        server.tool(
          "write",
          { ...options, approval: { exempt: "a test", evenUntrusted: true } } as never,
          () => ({}),
        ),
      ).toThrow(/auditLog\(\{ secret, store \}\)/);
    } finally {
      await store.close();
    }
  });
});

describe("a server whose log is in its store", () => {
  it("has the same chain on top of the Merkle log, started by its first entry [PR-F31] [SR-18]", async () => {
    const store = await openTestStore([auditMigrations]);
    const audit = auditLog({ secret, store, keyFile: join(folder, "audit.key") });
    try {
      const server = serverWith(audit, { store });
      await clientOf(server, "alice+analyst").callTool("report", { year: 2026 });
      await audit.flush();
      const { publicKey } = audit;
      const held = [(await audit.checkpoint())?.note ?? ""];
      expect(await verifyLog({ store, publicKey, held, secrets: [secret] })).toMatchObject({
        ok: true,
        size: 1,
      });
      const stranger = "another secret of the tests, of more than 32 bytes";
      expect(await verifyLog({ store, publicKey, held, secrets: [stranger] })).toMatchObject({
        problems: [{ kind: "wrong_key" }],
      });
      await server.close();
    } finally {
      await audit.close();
      await store.close();
    }
  });
});
