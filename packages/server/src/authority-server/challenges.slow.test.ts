import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningAuthority, runAuthority } from "./testing/run-authority.ts";

if (process.env["DEPUTIZE_TEST_SLOW"] === "1") {
  let authority: RunningAuthority;
  beforeAll(async () => {
    authority = await runAuthority();
  });
  afterAll(() => authority?.close());

  async function kept(): Promise<{ readonly heap: number; readonly rows: number; readonly entries: number }> {
    const { rows } = await authority.store.ownerQuery<{ rows: string; entries: string }>(
      `SELECT (SELECT count(*) FROM authority.used_nonces) AS rows,
              (SELECT count(*) FROM audit.entries) + (SELECT count(*) FROM audit.outbox) AS entries`,
    );
    (globalThis as { gc?: () => void }).gc?.();
    return {
      heap: process.memoryUsage().heapUsed,
      rows: Number(rows[0]?.rows),
      entries: Number(rows[0]?.entries),
    };
  }

  describe("strangers", () => {
    it("who ask for a million challenges make nothing grow [AW-D25]", async () => {
      const { workers } = authority.started.broker;
      for (let i = 0; i < 10_000; i += 1) workers.challenge();
      const before = await kept();
      const distinct = new Set<string>();
      for (let i = 0; i < 1_000_000; i += 1) {
        const { nonce } = workers.challenge();
        if (i % 1_000 === 0) distinct.add(nonce);
      }
      const after = await kept();
      expect(distinct.size).toBe(1_000);
      expect(after.rows).toBe(before.rows);
      expect(after.entries).toBe(before.entries);
      // A million nonces of 64 characters would be 64 MB and more.
      expect(after.heap - before.heap).toBeLessThan(40_000_000);
    }, 120_000);

    it("who send bad tokens are counted, not written down one by one [AW-D25] [SR-19]", async () => {
      const before = await kept();
      for (let round = 0; round < 40; round += 1) {
        await Promise.all(
          Array.from({ length: 50 }, (_, i) =>
            fetch(`${authority.url}/v1/token/renew`, {
              method: "POST",
              headers: { authorization: `Bearer a${round}.b${i}.c` },
            }),
          ),
        );
      }
      const after = await kept();
      // Thirty of a minute by themselves; the two thousand may touch two minutes.
      expect(after.entries - before.entries).toBeLessThan(70);
    }, 120_000);
  });
}
