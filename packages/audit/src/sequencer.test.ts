import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Store } from "@deputize/store";
import type { AuditLog } from "./audit-log.ts";
import { verifyLog } from "./log-source.ts";
import { type AuditWorld, auditWorld, testEvent } from "./testing.ts";

/** Stands between a log and its store: the sequencer's transactions can be lost, kept but reported lost, or held. */
function faultyStore() {
  let count = -1;
  let at = -1;
  let kind: "lost" | "kept" = "lost";
  let gate: Promise<void> | undefined;
  let reached = (): void => {};
  const wrap = (store: Store): Store => ({
    ...store,
    transaction: async (role, work, options) => {
      if (role !== "sequencer" || count < 0) return store.transaction(role, work, options);
      const mine = count;
      count += 1;
      if (gate && mine === at) {
        reached();
        await gate;
      } else if (mine === at && kind === "lost") {
        return store.transaction(
          role,
          async (tx) => {
            await work(tx);
            throw new Error("injected: lost");
          },
          options,
        );
      }
      const result = await store.transaction(role, work, options);
      if (!gate && mine === at && kind === "kept") throw new Error("injected: kept, but reported lost");
      return result;
    },
  });
  return {
    wrap,
    /** The transaction that comes `index`-th from now fails so. */
    failAt: (index: number, how: "lost" | "kept") => {
      [count, at, kind, gate] = [0, index, how, undefined];
    },
    /** The transaction that comes `index`-th from now waits until `resume`. */
    holdAt: (index: number) => {
      let resume = (): void => {};
      gate = new Promise((resolve) => {
        resume = resolve;
      });
      [count, at] = [0, index];
      const held = new Promise<void>((resolve) => {
        reached = resolve;
      });
      return { held, resume };
    },
    seen: () => count,
    stop: () => {
      [count, gate] = [-1, undefined];
    },
  };
}

async function submit(world: AuditWorld, n: number): Promise<string[]> {
  const ids: string[] = [];
  await world.store.transaction("authority", async (tx) => {
    for (let i = 0; i < n; i += 1) ids.push(await world.log.record(tx, testEvent({ args: { i } })));
  });
  return ids;
}

/** The whole log is right, has exactly these entries, and no size has two roots. */
async function expectSound(
  world: AuditWorld,
  log: AuditLog,
  entries: readonly string[],
  anchorFile?: string,
) {
  const report = await verifyLog({
    store: world.store,
    publicKey: log.publicKey,
    ...(anchorFile !== undefined && { anchorFile }),
  });
  expect(report.problems).toEqual([]);
  const listed = await log.list({ order: "oldest", limit: 1000 });
  expect(listed.map((entry) => entry.id)).toEqual(entries);
  expect((await log.counts()).pending).toBe(0);
}

// In one round of a fresh leader these are the transactions, in order.
const TRANSACTIONS = ["election", "append", "signing"] as const;

const folder = mkdtempSync(join(tmpdir(), "deputize-audit-"));
/** What must be in the log, in order. Each test goes on from the log that the last one left. */
const ids: string[] = [];
let world: AuditWorld;
beforeAll(async () => {
  world = await auditWorld();
});
afterAll(async () => {
  await world.close();
  rmSync(folder, { recursive: true });
});

describe("a sequencer that breaks", () => {
  for (const [index, step] of TRANSACTIONS.entries()) {
    for (const how of ["lost", "kept"] as const) {
      const write = how === "lost" ? "lost" : "landed but reported lost";

      /** A fresh leader that fails at this step, with five entries waiting. */
      async function broken(anchorFile?: string): Promise<AuditLog> {
        const faults = faultyStore();
        const store = faults.wrap(await world.store.sibling());
        const log = await world.another({ store, ...(anchorFile !== undefined && { anchorFile }) });
        ids.push(...(await submit(world, 5)));
        faults.failAt(index, how);
        await expect(log.flush()).rejects.toThrow("injected");
        expect(faults.seen()).toBe(index + 1);
        faults.stop();
        return log;
      }

      it(`at ${step}, with the write ${write}, goes on soundly [SR-18]`, async () => {
        const anchorFile = join(folder, `${step}-${how}.log`);
        const log = await broken(anchorFile);
        await log.flush();
        await expectSound(world, log, ids, anchorFile);
        ids.push(...(await submit(world, 2)));
        await log.flush();
        await expectSound(world, log, ids, anchorFile);
        await log.close();
      });

      it(`at ${step}, with the write ${write}, is followed by another process [SR-18]`, async () => {
        const log = await broken();
        const other = await world.another();
        await other.flush();
        await expectSound(world, other, ids);
        await log.close();
        await other.close();
      });
    }
  }
});

describe("two sequencers over one store", () => {
  for (const [index, step] of TRANSACTIONS.entries()) {
    it(`keep one root a size when the leader sleeps before ${step} and another is elected [SR-18]`, async () => {
      const faults = faultyStore();
      const sleeper = await world.another({ store: faults.wrap(await world.store.sibling()), leaseMs: 100 });
      ids.push(...(await submit(world, 4)));
      const { held, resume } = faults.holdAt(index);
      const sleeping = sleeper.flush();
      await held;

      const other = await world.another({ leaseMs: 100 });
      await other.flush();
      ids.push(...(await submit(world, 3)));
      await other.flush();
      const signed = await other.checkpoint();

      resume();
      await sleeping;
      faults.stop();
      expect(await other.checkpoint()).toEqual(signed);
      ids.push(...(await submit(world, 2)));
      await Promise.all([other.flush(), sleeper.flush()]);

      await expectSound(world, other, ids);
      const roots = await world.store.ownerQuery(
        "SELECT size, count(DISTINCT root) AS n FROM audit.checkpoints GROUP BY size",
      );
      expect(roots.rows.every((row) => Number(row["n"]) === 1)).toBe(true);
      await Promise.all([sleeper.close(), other.close()]);
    });
  }

  it("append under load without a gap or a fork, whoever leads [SR-18]", { timeout: 120_000 }, async () => {
    const quick = { leaseMs: 30, pollMs: 5 };
    const logs = [
      await world.another({ ...quick, batchSize: 7 }),
      await world.another({ ...quick, batchSize: 11 }),
      await world.another(quick),
    ];
    await Promise.all(logs.map((log) => log.start()));
    const added = await Promise.all(
      Array.from({ length: 300 }, (_, i) => (logs[i % 3] ?? world.log).append(testEvent())),
    );
    // Leases of 30 ms end before a turn does on a machine that has much to do; a flush gives up after a while.
    const flushed = (log: AuditLog) =>
      log.flush().then(
        () => true,
        () => false,
      );
    for (const log of logs) await expect.poll(() => flushed(log), { timeout: 100_000 }).toBe(true);
    await Promise.all(logs.map((log) => log.close()));

    const listed = await world.log.list({ order: "oldest", limit: 1000 });
    expect(listed.slice(0, ids.length).map((entry) => entry.id)).toEqual(ids);
    expect(
      listed
        .slice(ids.length)
        .map((entry) => entry.id)
        .toSorted(),
    ).toEqual(added.toSorted());
    ids.splice(0, ids.length, ...listed.map((entry) => entry.id));
    await expectSound(world, world.log, ids);
  });

  it("hand over at once when the leader closes", async () => {
    const leader = await world.another({ leaseMs: 600_000 });
    await leader.flush();
    ids.push(...(await submit(world, 1)));
    await leader.flush();
    await leader.close();
    ids.push(...(await submit(world, 1)));
    await world.log.flush();
    await expectSound(world, world.log, ids);
  });
});
