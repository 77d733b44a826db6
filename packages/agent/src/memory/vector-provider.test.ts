import type { TestStore } from "@deputize/store/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { alice, bob, openAgentStore } from "../agent.fixture.ts";
import { hashedNgrams } from "../embeddings/hashed-embedder.ts";
import { memoryProviderContract } from "./memory-provider.contract.ts";
import { embedWords } from "./memory-words.ts";
import { signatureOf } from "./signature.ts";
import { VectorProvider } from "./vector-provider.ts";

/** The cosine of vectors of unit length. */
const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);

let store: TestStore;
let clear: () => Promise<void>;
beforeAll(async () => {
  store = await openAgentStore();
  clear = await store.mark();
});
afterAll(() => store?.close());

memoryProviderContract("vectors in the database", async (clock) => ({
  provider: new VectorProvider(store, { clock }),
  sharing: new VectorProvider(store, { clock, shared: true }),
  another: async () => new VectorProvider(await store.sibling(), { clock }),
  close: () => clear(),
}));

describe("memories in the database", () => {
  beforeEach(() => clear());
  const turn = { act: "turn" } as const;
  const rows = async (): Promise<number> =>
    (await store.ownerQuery<{ n: number }>("SELECT count(*)::int AS n FROM agent.memories")).rows[0]?.n ?? -1;

  it("are removed from it, and not hidden in it: by their owner, by an erasure, and when their time is over", async () => {
    let now = Date.UTC(2026, 0, 5);
    const provider = new VectorProvider(store, { clock: { nowMs: () => now, monotonicMs: () => now } });
    const { id = "" } = await provider.add(alice, { text: "one" });
    await provider.add(alice, { text: "two" });
    await provider.delete(alice, id);
    expect(await rows()).toBe(1);
    expect(await provider.eraseOwner(alice)).toBe(1);
    expect(await rows()).toBe(0);
    await provider.add(alice, { text: "three", ttlMs: 1_000 });
    now += 1_000;
    await provider.add(alice, { text: "four" });
    expect(await rows()).toBe(1);
  });

  it("are kept apart by the database, whatever a query says [PR-D40]", async () => {
    await new VectorProvider(store).add(alice, { text: "The code of my garage is 4711" });
    const asBob = (sql: string, params: readonly unknown[] = []) =>
      store.asCaller(bob, (tx) => tx.query(sql, params), { readOnly: false });
    expect((await asBob("SELECT * FROM agent.memories")).rows).toEqual([]);
    expect((await asBob("UPDATE agent.memories SET content = 'x' RETURNING id")).rows).toEqual([]);
    await expect(asBob("DELETE FROM agent.memories")).rejects.toThrow(/permission denied/);
    await expect(asBob("UPDATE agent.memories SET shared = true")).rejects.toThrow(/permission denied/);
    const insert = `INSERT INTO agent.memories (tenant, owner, id, content, act, shared, embedder, embedding, created, updated)
      VALUES ('default', $1, gen_random_uuid(), 'x', $2, $3, 'e', '{1}', now(), now())`;
    await expect(asBob(insert, [alice.subject, "explicit", false])).rejects.toThrow(/row-level security/);
    await expect(asBob(insert, [bob.subject, "turn", true])).rejects.toThrow(/check constraint/);
    for (const erase of [
      "SELECT agent.erase_memories('default', $1, NULL)",
      "SELECT agent.trim_memories('default', $1, now(), 0)",
    ])
      await expect(asBob(erase, [alice.subject])).rejects.toThrow(/permission denied/);
    expect(await rows()).toBe(1);
  });

  it("compare exactly, by the extension for vectors where there is one and in SQL where there is none", async () => {
    const { rows: found } = await store.ownerQuery<{ like: number; across: number; opposite: number }>(
      `SELECT agent.similarity('{0.6,0.8}', '{0.6,0.8}') AS "like", agent.similarity('{1,0}', '{0,1}') AS across,
         agent.similarity('{0.6,0.8}', '{-0.6,-0.8}') AS opposite`,
    );
    expect(found[0]?.like).toBeCloseTo(1, 5);
    expect(found[0]?.across).toBeCloseTo(0, 5);
    expect(found[0]?.opposite).toBeCloseTo(-1, 5);
    const { rows: extension } = await store.ownerQuery("SELECT 1 FROM pg_extension WHERE extname = 'vector'");
    if (store.kind === "embedded") expect(extension).toHaveLength(1);
  });

  it("find the true best five among more than are compared exactly, at least 95 of 100 of them", async () => {
    const wordOf = (n: number): string => `w${((n * 2_654_435_761) >>> 0).toString(36)}`;
    const kinds = ["likes", "owns", "bought", "dislikes", "wants", "returned"];
    const texts = Array.from(
      { length: 2_000 },
      (_, n) =>
        `${kinds[n % 6]} ${wordOf(n % 240)} ${wordOf(1_000 + (n % 77))} in ${wordOf(2_000 + (n % 31))} ${n % 13}`,
    );
    const embedder = hashedNgrams();
    const rowsOf = await Promise.all(
      texts.map(async (text) => {
        const vector = await embedWords(embedder, text);
        return {
          text,
          vector,
          literal: `{${vector.map(Math.fround).join(",")}}`,
          signature: signatureOf(vector),
        };
      }),
    );
    await store.asOwner(async (db) => {
      await db.query("ALTER TABLE agent.memories DISABLE ROW LEVEL SECURITY");
      await db.query(
        `INSERT INTO agent.memories (tenant, owner, id, content, act, shared, embedder, embedding, created, updated, signature)
         SELECT 'default', $1, gen_random_uuid(), t, 'turn', false, $2, v::real[], now(), now(), s::bit(1024)
         FROM unnest($3::text[], $4::text[], $5::text[]) AS given (t, v, s)`,
        [
          alice.subject,
          embedder.name,
          rowsOf.map(({ text }) => text),
          rowsOf.map(({ literal }) => literal),
          rowsOf.map(({ signature }) => signature),
        ],
      );
      await db.query("ALTER TABLE agent.memories ENABLE ROW LEVEL SECURITY");
    });
    const provider = new VectorProvider(store, { embedder });
    let best = 0;
    let found = 0;
    for (let n = 0; n < 20; n += 1) {
      const question = `who ${kinds[n % 6]} ${wordOf((n * 7) % 240)} ${wordOf(1_000 + ((n * 5) % 77))}`;
      const asked = await embedWords(embedder, question);
      const exact = rowsOf.map(({ vector }) => dot(asked, vector)).toSorted((a, b) => b - a);
      const scores = await provider.search(alice, question, { limit: 5, minScore: 0 });
      best += 5;
      // Of equals it does not matter which.
      found += scores.filter(({ score }) => score >= (exact[4] ?? 1) - 1e-4).length;
    }
    expect(found / best).toBeGreaterThanOrEqual(0.95);
    // Nobody else's are looked at.
    expect(await provider.search(bob, texts[0] ?? "", { limit: 5, minScore: 0 })).toEqual([]);
  });

  it("are found without a signature too, as those from before there were any", async () => {
    const provider = new VectorProvider(store);
    await provider.add(alice, { text: "I like green tea" });
    await store.ownerQuery("ALTER TABLE agent.memories NO FORCE ROW LEVEL SECURITY");
    await store.ownerQuery("UPDATE agent.memories SET signature = NULL");
    await store.ownerQuery("ALTER TABLE agent.memories FORCE ROW LEVEL SECURITY");
    expect(await provider.search(alice, "green tea", { limit: 5, minScore: 0 })).toHaveLength(1);
  });

  it("make room among what turns left, and never among what a person asked to keep", async () => {
    const provider = new VectorProvider(store, { maxPerPerson: 2 });
    await provider.add(alice, { text: "asked for" });
    await provider.add(alice, { text: "left by a turn", origin: turn });
    await provider.add(alice, { text: "left later", origin: turn });
    const kept = async () => (await provider.list(alice)).memories.map(({ text }) => text).toSorted();
    expect(await kept()).toEqual(["asked for", "left later"]);
    await provider.add(alice, { text: "asked for too" });
    await expect(provider.add(alice, { text: "one more" })).rejects.toMatchObject({ code: "limit_exceeded" });
    expect(await kept()).toEqual(["asked for", "asked for too"]);
  });

  it("read a label that is gone as unknown [SR-07]", async () => {
    const provider = new VectorProvider(store);
    await provider.add(alice, { text: "I like tea" });
    await store.ownerQuery("ALTER TABLE agent.memories NO FORCE ROW LEVEL SECURITY");
    await store.ownerQuery("UPDATE agent.memories SET label = NULL");
    await store.ownerQuery("ALTER TABLE agent.memories FORCE ROW LEVEL SECURITY");
    const [found] = await provider.search(alice, "tea", { limit: 1, minScore: 0 });
    expect(found?.label).toMatchObject({ integrity: "untrusted", readers: [] });
  });

  it("are away, in words that say nothing, when the database or the embedder is", async () => {
    const away = (): Promise<never> => Promise.reject(new Error("connection refused by the test"));
    const broken = [
      new VectorProvider({ ...store, asCaller: away, transaction: away }),
      new VectorProvider(store, { embedder: { name: "away", embed: away } }),
      new VectorProvider(store, { embedder: { name: "none", embed: async () => [Number.NaN, 1] } }),
    ];
    for (const provider of broken) {
      await expect(provider.search(alice, "tea", { limit: 1, minScore: 0 })).rejects.toMatchObject({
        code: "unavailable",
        message: "memories could not be read or stored; try again shortly",
      });
    }
  });
});
