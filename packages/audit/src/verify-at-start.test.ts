import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AuditLog } from "./audit-log.ts";
import { createAuditLog } from "./log.ts";
import { type AuditWorld, TEST_ORIGIN, auditWorld, newSigningKey, testEvent } from "./testing.ts";

let folder: string;
let world: AuditWorld;
let second: AuditLog | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "audit-start-"));
  world = await auditWorld({ anchorFile: join(folder, "anchor") });
  await world.fill(12);
  await world.log.close();
});
afterEach(async () => {
  await second?.close().catch(() => {});
  second = undefined;
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The next start over the same database. */
function startAgain(signingKey = world.signingKey, earlierKeys: readonly string[] = []): Promise<void> {
  second = createAuditLog({
    store: world.store,
    signingKey,
    origin: TEST_ORIGIN,
    verifyAtStart: true,
    earlierKeys,
    ...(signingKey === world.signingKey && { anchorFile: join(folder, "anchor") }),
  });
  return second.start();
}

describe("a log that is verified at its start", () => {
  it("goes on when nobody touched it [AW-D20]", async () => {
    await startAgain();
    const id = await second?.append(testEvent());
    await second?.flush();
    expect(await second?.receipt(id ?? "")).toMatchObject({ status: "logged", index: 12 });
  });

  it("goes on after its key was changed, when told the earlier one [AW-D20] [SR-21]", async () => {
    await startAgain(newSigningKey(), [world.log.publicKey]);
    await second?.append(testEvent());
    await second?.flush();
  });

  it.each<[string, string, number]>([
    ["edited", "UPDATE audit.entries SET leaf = replace(leaf, 'allowed', 'refused') WHERE seq = 4", 4],
    ["deleted", "DELETE FROM audit.entries WHERE seq = 5", 5],
    [
      "cut off at the end",
      "WITH cut AS (DELETE FROM audit.entries WHERE seq > 8) DELETE FROM audit.checkpoints WHERE size > 9",
      9,
    ],
    [
      "inserted",
      `INSERT INTO audit.entries (seq, id, at, leaf, leaf_hash, prev_hash, completed)
       SELECT 12, gen_random_uuid(), at, leaf, leaf_hash, prev_hash, completed FROM audit.entries WHERE seq = 2`,
      11,
    ],
    [
      "exchanged",
      `UPDATE audit.entries e SET leaf = o.leaf, leaf_hash = o.leaf_hash FROM audit.entries o
       WHERE (e.seq, o.seq) IN ((3, 6), (6, 3))`,
      3,
    ],
  ])("refuses to start when an entry was %s, and names the place [AW-D20]", async (_, tampering, place) => {
    await world.store.ownerQuery(tampering);
    const refusal = await startAgain().catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "audit_unavailable" });
    expect((refusal as Error).message).toMatch(new RegExp(`entry ${place}\\b`));
    await expect(second?.append(testEvent())).rejects.toMatchObject({ code: "audit_unavailable" });
  });
});
