import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testDatabaseUrl } from "@deputize/store/testing";
import type { AuditQuery } from "./audit-log.ts";
import { pageStatement } from "./query-sql.ts";
import { parseQuery } from "./query.ts";
import { auditReader } from "./reader.ts";
import { insertEntries } from "./testing-entries.ts";
import { type AuditWorld, auditWorld } from "./testing.ts";

const COUNT = 1_000_001;

/** Pages of 8 kB that a query may touch: two blocks of tallies are counted at most, about 1,200 pages. */
const PAGES_MAX = 3_000;

// A million entries take the embedded database minutes to write.
if (testDatabaseUrl !== undefined) {
  describe("a log of 1,000,001 entries", () => {
    let world: AuditWorld;
    beforeAll(async () => {
      world = await auditWorld();
      await insertEntries(world.store, 0, COUNT);
    }, 600_000);
    afterAll(() => world.close());

    /** How many pages the query's statement touched, in memory or on disk. */
    async function pagesTouched(query: AuditQuery): Promise<number> {
      const { text, params } = pageStatement(parseQuery(query));
      const { rows } = await auditReader(world.store).query<{
        "QUERY PLAN": [{ Plan: Record<string, number> }];
      }>(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, params);
      const plan = rows[0]?.["QUERY PLAN"][0].Plan ?? {};
      return (plan["Shared Hit Blocks"] ?? Number.NaN) + (plan["Shared Read Blocks"] ?? 0);
    }

    it("ends with the number 1,000,000, and shows it first [AW-D22]", async () => {
      const { entries } = await world.log.query({ tenant: "default", limit: 3 });
      expect(entries.map((entry) => entry.seq)).toEqual([1_000_000, 999_998, 999_997]);
    });

    it.each<[string, Partial<AuditQuery>, string]>([
      ["the oldest", { order: "oldest" }, "true"],
      ["the newest", {}, "true"],
      ["an action", { action: "token_issued" }, "action = 'token_issued'"],
      [
        "a rare outcome of an action",
        { action: "token_issued", outcome: "failed" },
        "action = 'token_issued' AND outcome = 'failed'",
      ],
      ["two outcomes", { outcome: ["refused", "failed"] }, "outcome IN ('refused', 'failed')"],
      ["far into it", { order: "oldest", offset: 800_000 }, "true"],
      ["from a time on", { since: "2026-01-01T20:00:00Z", order: "oldest" }, "at >= '2026-01-01T20:00:00Z'"],
      [
        "rare ones of some hours",
        { since: "2026-01-01T10:00:00Z", until: "2026-01-01T22:00:00Z", outcome: "failed" },
        "at >= '2026-01-01T10:00:00Z' AND at < '2026-01-01T22:00:00Z' AND outcome = 'failed'",
      ],
      ["nothing", { action: "nothing_like_it", since: "2026-01-01T01:00:00Z" }, "false"],
    ])("answers %s exactly, by a few of its pages [AW-D26]", async (_, filter, condition) => {
      const query = { tenant: "default", ...filter };
      const { total } = await world.log.query(query);
      const { rows } = await world.store.ownerQuery<{ n: string }>(
        `SELECT count(*) AS n FROM audit.entries WHERE tenant = 'default' AND ${condition}`,
      );
      expect(total).toBe(Number(rows[0]?.n));
      expect(await pagesTouched(query)).toBeLessThan(PAGES_MAX);
    });
  });
}
