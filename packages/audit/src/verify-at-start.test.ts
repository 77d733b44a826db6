import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AuditLog } from "./audit-log.ts";
import { createAuditLog } from "./log.ts";
import { type AuditWorld, TEST_ORIGIN, auditWorld, newSigningKey, testEvent } from "./testing.ts";

let folder: string;
let world: AuditWorld;
let back: () => Promise<void>;
let second: AuditLog | undefined;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "audit-start-"));
  world = await auditWorld({ anchorFile: join(folder, "kept") });
  await world.fill(12);
  await world.log.close();
  back = await world.store.mark();
});
afterAll(async () => {
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  await back();
  copyFileSync(join(folder, "kept"), join(folder, "anchor"));
});
afterEach(async () => {
  await second?.close().catch(() => {});
  second = undefined;
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
      12,
    ],
    [
      "exchanged",
      `UPDATE audit.entries e SET leaf = o.leaf, leaf_hash = o.leaf_hash FROM audit.entries o
       WHERE (e.seq, o.seq) IN ((3, 6), (6, 3))`,
      3,
    ],
  ])("refuses to start when an entry was %s, and names the place [AW-D20]", async (_, tampering, place) => {
    await world.store.ownerQuery(tampering);
    const refused = {
      code: "audit_unavailable",
      message: expect.stringMatching(new RegExp(`entry ${place}\\b`)),
    };
    // The start waits two seconds for the answer and no longer; on a slow machine the log refuses a little later.
    await startAgain().catch((error: unknown) => expect(error).toMatchObject(refused));
    const append = (): Promise<unknown> | undefined =>
      second?.append(testEvent()).catch((error: unknown) => error);
    await expect.poll(append, { timeout: 20_000 }).toMatchObject(refused);
  });
});
