import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newId } from "@deputize/core";
import type { TestStore } from "@deputize/store/testing";
import type { AuditQuery, LoggedEntry } from "./audit-log.ts";
import { insertEntries } from "./testing-entries.ts";
import { type AuditWorld, auditWorld, newPrincipal, openAuditStore, testEvent } from "./testing.ts";

let world: AuditWorld;

interface Row {
  readonly seq: number;
  readonly at: string;
  readonly tenant: string;
  readonly action: string;
  readonly outcome: string;
  readonly agent: string;
  readonly task: string;
}
let rows: (Row & { readonly ms: number })[];

const COUNT = 9_500; // More than two blocks of tallies.

beforeAll(async () => {
  world = await auditWorld();
  await insertEntries(world.store, 0, COUNT);
  const read = await world.store.ownerQuery<Row & { seq: string }>(
    `SELECT e.seq, e.leaf::jsonb->>'at' AS at, e.leaf::jsonb->>'tenant' AS tenant, e.leaf::jsonb->>'action' AS action,
       e.leaf::jsonb->>'outcome' AS outcome, o.body::jsonb #>> '{who,value,agent}' AS agent, o.body::jsonb #>> '{why,value,task}' AS task
     FROM audit.entries e JOIN audit.openings o ON o.seq = e.seq ORDER BY e.seq`,
  );
  rows = read.rows.map((row) => ({ ...row, seq: Number(row.seq), ms: Date.parse(row.at) }));
});
afterAll(() => world.close());

/** What the query means, said as a filter over all entries. */
function expected(query: AuditQuery): { seqs: number[]; total: number } {
  const outcomes = query.outcome === undefined ? undefined : [query.outcome].flat();
  const time = (text: string | undefined, none: number) => (text === undefined ? none : Date.parse(text));
  const [since, until] = [
    time(query.since, Number.NEGATIVE_INFINITY),
    time(query.until, Number.POSITIVE_INFINITY),
  ];
  const matching = rows.filter(
    (row) =>
      row.tenant === query.tenant &&
      (query.action === undefined || row.action === query.action) &&
      (outcomes === undefined || outcomes.includes(row.outcome as never)) &&
      (query.agentId === undefined || row.agent === query.agentId) &&
      (query.taskId === undefined || row.task === query.taskId) &&
      row.ms >= since &&
      row.ms < until,
  );
  const { cursor, order = "newest", offset = 0, limit = 100 } = query;
  const ordered = order === "newest" ? matching.toReversed() : matching;
  const after = ordered.filter(
    (row) => cursor === undefined || (order === "newest" ? row.seq < cursor : row.seq > cursor),
  );
  return { seqs: after.slice(offset, offset + limit).map((row) => row.seq), total: matching.length };
}

const at = (place: number): string => rows[Math.floor(place * (COUNT - 1))]?.at ?? "";

const FILTERS: Partial<AuditQuery>[] = [
  {},
  { action: "token_issued" },
  { outcome: "failed" },
  { outcome: ["failed", "refused"] },
  { outcome: ["allowed", "info"], action: "token_issued" },
  { action: "token_issued", outcome: "refused" },
  { action: "nothing_like_it" },
  { agentId: "spiffe://agentwrit.local/agent/o/t/3" },
  { taskId: "task-2", outcome: "refused" },
  { taskId: "task-2", agentId: "spiffe://agentwrit.local/agent/o/t/3", action: "token_issued" },
  { taskId: "of nobody" },
];
const TIMES = (): Partial<AuditQuery>[] => [
  {},
  { since: at(0.4) },
  { until: at(0.6) },
  { since: at(0.5), until: at(0.501) },
  { since: at(0.1), until: at(0.95) },
  { since: at(0.7), until: at(0.3) },
  { since: "2000-01-01T00:00:00Z", until: "2100-01-01T02:00:00+02:00" },
];
const PAGES: Partial<AuditQuery>[] = [
  {},
  { limit: 7, offset: 5 },
  { limit: 3, offset: 4_500 },
  { limit: 1_000, offset: 8_000 },
  { offset: 1_000_000 },
  { limit: 10, cursor: 4_200 },
  { limit: 5, cursor: 0 },
];

describe("a query", () => {
  it(
    "answers just the entries that match, in order, with the exact total [AW-F15] [AW-D26]",
    { timeout: 120_000 },
    async () => {
      for (const tenant of ["default", "other"]) {
        for (const filter of FILTERS) {
          for (const time of TIMES()) {
            for (const page of PAGES) {
              // Both orders of everything would take long and show little.
              const order =
                (filter.action?.length ?? 0) % 2 === Object.keys(time).length % 2 ? "newest" : "oldest";
              const query = { tenant, ...filter, ...time, ...page, order } as const;
              const { entries, total } = await world.log.query(query);
              expect({ seqs: entries.map((entry) => entry.seq), total }, JSON.stringify(query)).toEqual(
                expected(query),
              );
            }
          }
        }
      }
    },
  );

  it("is newest first unless told, and its cursor visits each entry once [AW-D26]", async () => {
    const seen: number[] = [];
    let cursor: number | undefined;
    do {
      const page = await world.log.query({
        tenant: "default",
        outcome: "refused",
        limit: 13,
        ...(cursor !== undefined && { cursor }),
      });
      seen.push(...page.entries.map((entry) => entry.seq));
      cursor = page.next;
    } while (cursor !== undefined);
    const all = rows.filter((row) => row.tenant === "default" && row.outcome === "refused");
    expect(seen).toEqual(all.map((row) => row.seq).toReversed());
  });

  it.each<[string, Partial<AuditQuery>]>([
    ["limit", { limit: 0 }],
    ["limit", { limit: 1_001 }],
    ["limit", { limit: 1.5 }],
    ["offset", { offset: -1 }],
    ["cursor", { cursor: -1 }],
    ["cursor or offset", { cursor: 5, offset: 5 }],
    ["since", { since: "yesterday" }],
    ["since", { since: "2030-13-01T00:00:00Z" }],
    ["since", { since: "0000-01-01T00:00:00Z" }],
    ["until", { until: "2030-01-01T00:00:00+23:00" }],
    ["until", { until: "2030-01-01" }],
    ["outcome", { outcome: "success" as never }],
    ["outcome", { outcome: [] }],
    ["order", { order: "random" as never }],
    ["subject", { subject: "me" as never }],
    ["agentId", { agentId: "a".repeat(513) }],
    ["taskId", { taskId: "a\0b" }],
  ])("refuses a bad %s and says so [AW-D29]", async (field, bad) => {
    const error = await world.log.query({ tenant: "default", ...bad }).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "invalid_request" });
    expect((error as Error).message).toContain(field);
  });
});

describe("a view", () => {
  it("renders each entry once, and answers as a query does [AW-D26]", async () => {
    let rendered = 0;
    const view = world.log.view((entry) => {
      rendered += 1;
      return String(entry.seq);
    });
    const query = { tenant: "default", action: "token_issued", order: "oldest" } as const;
    const first = await view.query(query);
    expect(first.rendered.map(Number)).toEqual(expected(query).seqs);
    expect(first.total).toBe(expected(query).total);
    expect(await view.query(query)).toEqual(first);
    expect((await view.query({ ...query, offset: 50 })).rendered.map(Number)).toEqual(
      expected({ ...query, offset: 50 }).seqs,
    );
    expect(rendered).toBe(150);
  });
});

let empty: TestStore;
let back: () => Promise<void>;
beforeAll(async () => {
  empty = await openAuditStore();
  back = await empty.mark();
});
afterAll(() => empty.close());

async function emptyWorld(): Promise<AuditWorld> {
  await back();
  return auditWorld({ over: empty });
}

describe("a log that grows", () => {
  it("shows what any process committed before the query, in one chain [AW-F15]", async () => {
    const own = await emptyWorld();
    try {
      const other = await own.another();
      for (let n = 0; n < 20; n += 1) {
        const log = n % 2 === 0 ? own.log : other;
        const id = await log.append(testEvent({ args: { n } }));
        const { entries, total } = await own.log.query({ tenant: "default" });
        expect(entries[0]?.id).toBe(id);
        expect(total).toBe(n + 1);
      }
      const { entries } = await other.query({ tenant: "default", order: "oldest" });
      expect(entries[0]?.prev_hash).toBe("0".repeat(64));
      for (const [i, entry] of entries.entries()) {
        if (i > 0) expect(entry.prev_hash).toBe(entries[i - 1]?.hash);
      }
    } finally {
      await own.close();
    }
  });

  it("settles for many queries at once without an append for each", async () => {
    const own = await emptyWorld();
    try {
      await own.log.append(testEvent());
      const answers = await Promise.all(
        Array.from({ length: 30 }, async () => (await own.log.query({ tenant: "default" })).total),
      );
      expect(answers).toEqual(Array.from({ length: 30 }, () => 1));
      await own.log.settle();
    } finally {
      await own.close();
    }
  });

  it("numbers entries past a million in order, after those before [AW-D22]", async () => {
    const own = await emptyWorld();
    try {
      await insertEntries(own.store, 999_998, 1_000_003);
      const { entries } = await own.log.query({ tenant: "default", order: "oldest" });
      expect(entries.map((entry) => entry.seq)).toEqual([999_998, 1_000_000, 1_000_001, 1_000_002]);
      const newest = await own.log.query({ tenant: "default", limit: 1 });
      expect(newest).toMatchObject({ entries: [{ seq: 1_000_002 }], total: 4, next: 1_000_002 });
    } finally {
      await own.close();
    }
  });
});

describe("erasing", () => {
  it("takes a person from queries, totals, columns and what views have kept [SR-24]", async () => {
    const own = await emptyWorld();
    try {
      const alice = newPrincipal();
      const event = testEvent({
        action: "token_issued",
        subject: alice,
        agent: "spiffe://agentwrit.local/agent/o/order-of-alice/1",
        task: "order-of-alice",
        orchestration: "shipping-to-alice",
        app: newPrincipal(),
      });
      await own.log.append(event);
      const about = testEvent({ about: [alice], task: "order-of-alice", actors: [newPrincipal()] });
      await own.log.append(about);
      const view = own.log.view((entry: LoggedEntry) => JSON.stringify(entry));
      const other = (await own.another()).view((entry: LoggedEntry) => JSON.stringify(entry));
      const query = { tenant: "default", taskId: "order-of-alice" } as const;
      for (const one of [view, other]) {
        expect((await one.query({ tenant: "default" })).rendered.join()).toContain("order-of-alice");
        expect((await one.query(query)).total).toBe(2);
      }

      await own.log.erase(alice);

      for (const one of [view, other]) {
        const all = await one.query({ tenant: "default" });
        expect(all.total).toBe(2);
        expect(all.rendered.join()).not.toMatch(/alice/);
        expect((await one.query(query)).total).toBe(0);
      }
      const left = await own.store.ownerQuery<{ row: string }>("SELECT o::text AS row FROM audit.openings o");
      expect(JSON.stringify(left.rows)).not.toMatch(/alice/);
    } finally {
      await own.close();
    }
  });
});

describe("what an entry says", () => {
  it("has agent, task, orchestration and app as they were recorded [AW-D23]", async () => {
    const own = await emptyWorld();
    try {
      const said = {
        agent: "spiffe://agentwrit.local/agent/o/t/1",
        app: newPrincipal(),
        task: "t".repeat(512),
        orchestration: "o",
        requestId: newId(),
        detail: { jti: "00ff", source: "127.0.0.1", reason: "stolen" },
      };
      await own.log.append(testEvent(said));
      const { entries } = await own.log.query({ tenant: "default", taskId: said.task, app: said.app });
      expect(entries[0]?.event).toMatchObject(said);
      await expect(own.log.append(testEvent({ task: "t".repeat(513) }))).rejects.toMatchObject({
        code: "audit_unavailable",
      });
    } finally {
      await own.close();
    }
  });

  it("is found by the acting principal where nobody named an agent", async () => {
    const own = await emptyWorld();
    try {
      const actor = newPrincipal();
      await own.log.append(testEvent({ actors: [actor] }));
      await own.log.append(testEvent({ actors: [newPrincipal()] }));
      expect((await own.log.query({ tenant: "default", agentId: actor })).total).toBe(1);
    } finally {
      await own.close();
    }
  });
});
