/** The authority's own log with codes: a setting is all that it takes. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { noteSigner, verifyLog } from "@deputize/audit";
import { randomHex } from "@deputize/core";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { generateSecrets, readAuthoritySettings } from "../config/index.ts";
import { authorityServerMigrations, startAuthority } from "./start-authority.ts";

const adminSecret = randomHex();
const auditSecret = randomHex();
const secrets = generateSecrets();
let dataDir: string;
let store: TestStore;
beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "deputize-keyed-"));
  store = await openTestStore(authorityServerMigrations);
});
afterAll(async () => {
  await store?.close();
  rmSync(dataDir, { recursive: true, force: true });
});

/** Starts it, has an operator sign in, and ends it. */
async function visit(env: Readonly<Record<string, string>>): Promise<string> {
  const settings = readAuthoritySettings(
    { DEPUTIZE_ADMIN_SECRET: adminSecret, ...env },
    { port: 0, dataDir },
  );
  const started = await startAuthority({ settings, store, secrets });
  const body = JSON.stringify({ secret: adminSecret });
  expect((await fetch(`${started.url}/v1/admin/auth`, { method: "POST", body })).status).toBe(200);
  // What waits when it ends is appended by whoever comes next, with codes or without.
  const waiting = async () => (await store.ownerQuery("SELECT 1 FROM audit.outbox")).rows.length;
  await expect.poll(waiting, { timeout: 20_000 }).toBe(0);
  await started.close();
  return noteSigner(settings.auditOrigin, secrets.auditKey).verifierKey;
}

it("a served log gets codes by a setting, goes on from one without, and never back [PR-F31] [PR-D20]", async () => {
  await visit({});
  const publicKey = await visit({ DEPUTIZE_AUDIT_SECRET: auditSecret });
  const report = await verifyLog({ store, publicKey, secrets: [auditSecret] });
  expect(report).toMatchObject({ ok: true, warnings: expect.arrayContaining([]) });
  expect(report.warnings.map(({ kind }) => kind)).toContain("unkeyed_start");
  const stranger = await verifyLog({ store, publicKey, secrets: [randomHex()] });
  expect(stranger.problems).toMatchObject([{ kind: "wrong_key" }]);
  await expect(visit({})).rejects.toThrow("DEPUTIZE_AUDIT_SECRET");
  expect((await verifyLog({ store, publicKey, secrets: [auditSecret] })).size).toBe(report.size);
});
