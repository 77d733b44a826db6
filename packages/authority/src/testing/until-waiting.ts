/** For tests that step two transactions against each other on a server. */
import type { TestStore } from "@deputize/store/testing";

/** Waits until `count` connections of this test's database wait for a lock; fails when they never do. */
export async function untilWaiting(store: Pick<TestStore, "ownerQuery">, count = 1): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const { rows } = await store.ownerQuery<{ waiting: number }>(
      `SELECT count(DISTINCT l.pid)::int AS waiting FROM pg_locks l WHERE NOT l.granted
         AND l.pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())`,
    );
    if ((rows[0]?.waiting ?? 0) >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("nobody waits for a lock");
}
