import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canonical } from "./canonical.ts";
import { formatCheckpoint } from "./checkpoint.ts";
import type { LogReport } from "./log-report.ts";
import { type LogItem, verifyItems } from "./verify-log.ts";
import { dumpLog, readStoreLog, verifyDump, verifyLog } from "./log-source.ts";
import { auditReader } from "./reader.ts";
import { noteSigner } from "./signer.ts";
import { type AuditWorld, TEST_ORIGIN, auditWorld, newSigningKey } from "./testing.ts";
import { growTree, leafHash } from "./tree.ts";

const SIZE = 20;
let world: AuditWorld;
let items: LogItem[];
let dump: string[];
let newest: string;

beforeAll(async () => {
  world = await auditWorld();
  await world.fill(SIZE);
  items = await all(readStoreLog(auditReader(world.store)));
  dump = await all(dumpLog({ store: world.store, publicKey: world.log.publicKey }));
  newest = (await world.log.checkpoint())?.note ?? "";
});
afterAll(() => world.close());

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of stream) list.push(item);
  return list;
}

type EntryItem = Extract<LogItem, { kind: "entry" }>;
type Checkpoints = Extract<LogItem, { kind: "checkpoint" }>[];

interface Forged {
  entries: { leaf: Record<string, unknown> }[];
  checkpoints: Checkpoints;
}

/** The log as lists that a test can tamper with. */
function taken(): Forged {
  const entries = items
    .filter((item) => item.kind === "entry")
    .map((item) => ({ leaf: JSON.parse(item.leaf) }));
  return { entries, checkpoints: items.filter((item) => item.kind === "checkpoint") };
}

/** Puts it together again as a forger with the whole database can: every stored hash is made to fit. */
function rebuilt({ entries, checkpoints }: Forged, rechain = false): LogItem[] {
  const tree = growTree();
  const result: LogItem[] = [];
  let prevHash: Buffer = Buffer.alloc(32);
  for (const { leaf } of entries) {
    const seq = tree.size;
    const said = rechain ? { ...leaf, seq, prev: prevHash.toString("hex") } : leaf;
    const text = canonical(said);
    const hash = leafHash(Buffer.from(text));
    const completed = Buffer.concat(tree.append(hash));
    const stored = { id: String(said.id), at: String(said.at), leafHash: hash, prevHash, completed };
    result.push({ kind: "entry", seq, leaf: text, stored });
    prevHash = hash;
    result.push(...checkpoints.filter((checkpoint) => checkpoint.stored?.size === tree.size));
  }
  result.push(...checkpoints.filter((checkpoint) => (checkpoint.stored?.size ?? 0) > tree.size));
  return result;
}

/** The same with the log's own key: every checkpoint is signed anew. */
function resigned(forged: Forged): LogItem[] {
  const signer = noteSigner(TEST_ORIGIN, world.signingKey);
  const tree = growTree();
  return rebuilt({ ...forged, checkpoints: [] }, true).flatMap((item): LogItem[] => {
    if (item.kind !== "entry") return [];
    tree.append(leafHash(Buffer.from(item.leaf)));
    const root = tree.root();
    const note = signer.sign(formatCheckpoint(TEST_ORIGIN, tree.size, root));
    return [item, { kind: "checkpoint", note, stored: { size: tree.size, root } }];
  });
}

async function* stream(list: readonly LogItem[]): AsyncGenerator<LogItem> {
  yield* list;
}

const check = (list: readonly LogItem[], held: readonly string[] = []): Promise<LogReport> =>
  verifyItems(stream(list), { publicKey: world.log.publicKey, held });

const found = (report: LogReport) => report.problems.map(({ kind, seq }) => ({ kind, seq }));

describe("an honest log", () => {
  it("verifies from the store, and says when it had nothing to compare with [SR-20]", async () => {
    expect(await check(items)).toMatchObject({
      ok: true,
      size: SIZE,
      checkpoints: 7,
      anchored: false,
      problems: [],
    });
    expect(await check(items, [newest])).toMatchObject({ ok: true, anchored: true });
    expect(await check(rebuilt(taken()))).toMatchObject({ ok: true });
  });

  it("is empty and right at first", async () => {
    expect(await check([])).toMatchObject({ ok: true, size: 0 });
  });

  it("fails with another key, and with a key that is none", async () => {
    const other = noteSigner(TEST_ORIGIN, newSigningKey()).verifierKey;
    const report = await verifyItems(stream(items), { publicKey: other });
    expect(report.ok).toBe(false);
    expect(report.problems.map((problem) => problem.kind)).toContain("wrong_key");
    await expect(verifyItems(stream(items), { publicKey: "none" })).rejects.toThrow(TypeError);
  });
});

describe("tampering with the database itself", () => {
  it("is found by reading it, also a number far away [SR-18]", async () => {
    const own = await auditWorld();
    try {
      await own.fill(6);
      const check = async () => found(await verifyLog({ store: own.store, publicKey: own.log.publicKey }));
      expect(await check()).toEqual([]);
      await own.store.ownerQuery("UPDATE audit.entries SET seq = 9007199254740000 WHERE seq = 5");
      expect((await check())[0]).toEqual({ kind: "missing", seq: 5 });
      await own.store.ownerQuery(
        "UPDATE audit.entries SET leaf = replace(leaf, 'allowed', 'refused') WHERE seq = 2",
      );
      expect((await check())[0]).toEqual({ kind: "edited", seq: 2 });
      await own.store.ownerQuery("DELETE FROM audit.entries WHERE seq = 0");
      expect((await check())[0]).toEqual({ kind: "missing_start", seq: 0 });
      await own.store.ownerQuery("TRUNCATE audit.entries");
      expect((await check())[0]).toEqual({ kind: "truncated", seq: 0 });
    } finally {
      await own.close();
    }
  });
});

describe("tampering with the stored log is found, and where", () => {
  const entryAt = (list: LogItem[], seq: number) =>
    list.find((item) => item.kind === "entry" && item.seq === seq) as EntryItem;
  const changed = (seq: number, change: (item: EntryItem) => LogItem[]) =>
    items.flatMap((item) => (item.kind === "entry" && item.seq === seq ? change(item) : [item]));

  it.each([0, 7, SIZE - 1])("an edited leaf (%i)", async (seq) => {
    const report = await check(
      changed(seq, (item) => [{ ...item, leaf: item.leaf.replace('"allowed"', '"refused"') }]),
    );
    expect(found(report)).toEqual([{ kind: "edited", seq }]);
    expect(report.problems[0]?.entryId).toBe(entryAt(items, seq).stored?.id);
  });

  it("a leaf that is no JSON, or JSON written otherwise", async () => {
    for (const leaf of ["{", "null", '{"a":1}', entryAt(items, 3).leaf.replace(",", ", ")]) {
      expect(found(await check(changed(3, (item) => [{ ...item, leaf }])))).toContainEqual({
        kind: "edited",
        seq: 3,
      });
    }
  });

  it.each(["leafHash", "prevHash", "completed"] as const)("an edited %s column", async (column) => {
    const report = await check(
      changed(7, (item) => [
        { ...item, stored: { ...(item.stored as object), [column]: Buffer.alloc(32, 1) } as never },
      ]),
    );
    expect(report.problems[0]).toMatchObject({ seq: 7 });
  });

  it.each(["id", "at"] as const)("an edited %s column", async (column) => {
    const report = await check(
      changed(7, (item) => [{ ...item, stored: { ...(item.stored as object), [column]: "other" } as never }]),
    );
    expect(found(report)).toEqual([{ kind: "edited", seq: 7 }]);
  });

  it.each([0, 7, SIZE - 2])("a deleted row (%i)", async (seq) => {
    const kind = seq === 0 ? "missing_start" : "missing";
    expect(found(await check(changed(seq, () => [])))[0]).toEqual({ kind, seq });
  });

  it("several edits, each by itself", async () => {
    const twice = items.map((item) =>
      item.kind === "entry" && (item.seq === 4 || item.seq === 11)
        ? { ...item, leaf: item.leaf.replace("default", "another") }
        : item,
    );
    expect(found(await check(twice))).toEqual([
      { kind: "edited", seq: 4 },
      { kind: "edited", seq: 11 },
    ]);
  });
});

describe("tampering by somebody who makes every stored hash fit is found, and where", () => {
  const tampered = (change: (forged: Forged) => void, rechain = false) => {
    const forged = taken();
    change(forged);
    return check(rebuilt(forged, rechain), [newest]);
  };

  it.each([0, 7, SIZE - 2])("an edited entry (%i)", async (seq) => {
    const report = await tampered(({ entries }) => {
      (entries[seq] as { leaf: Record<string, unknown> }).leaf["outcome"] = "refused";
    });
    expect(found(report)[0]).toEqual({ kind: "edited", seq });
  });

  it("an edited last entry, by its checkpoint", async () => {
    const report = await tampered(({ entries }) => {
      (entries[SIZE - 1] as { leaf: Record<string, unknown> }).leaf["outcome"] = "refused";
    });
    expect(found(report)[0]).toMatchObject({ seq: SIZE - 1 });
  });

  it.each([1, 7, SIZE - 3])("a deleted entry (%i)", async (seq) => {
    const report = await tampered(({ entries }) => entries.splice(seq, 1));
    expect(found(report)[0]).toEqual({ kind: "missing", seq });
  });

  it.each([1, 7])("an inserted entry (%i)", async (seq) => {
    const report = await tampered(({ entries }) => {
      const { leaf } = entries[seq] as { leaf: Record<string, unknown> };
      entries.splice(seq, 0, { leaf: { ...leaf, id: "forged" } });
    });
    expect(found(report)[0]).toEqual({ kind: "inserted", seq });
  });

  it.each([0, 7, SIZE - 2])("two entries that changed places (%i)", async (seq) => {
    const report = await tampered(({ entries }) => {
      const [first] = entries.splice(seq, 1);
      entries.splice(seq + 1, 0, first as never);
    });
    expect(found(report)[0]).toEqual({ kind: "reordered", seq });
  });

  it("a rewritten history with the chain redone, between the checkpoints that hold", async () => {
    const report = await tampered(({ entries }) => {
      (entries[7] as { leaf: Record<string, unknown> }).leaf["outcome"] = "refused";
    }, true);
    expect(report.problems[0]).toMatchObject({
      kind: "edited",
      message: expect.stringContaining("entries 6 to 8"),
    });
  });

  it("a log cut off, while a checkpoint of it is there or held", async () => {
    const report = await tampered(({ entries }) => entries.splice(15));
    expect(found(report)).toEqual([{ kind: "truncated", seq: 15 }]);
    const silent = taken();
    silent.entries.splice(15);
    silent.checkpoints = silent.checkpoints.filter((checkpoint) => (checkpoint.stored?.size ?? 0) <= 15);
    expect(found(await check(rebuilt(silent), [newest]))).toEqual([{ kind: "truncated", seq: 15 }]);
  });

  it("entries that nobody signed", async () => {
    const report = await tampered(({ checkpoints }) => checkpoints.splice(5));
    expect(found(report)).toEqual([{ kind: "unsigned", seq: 15 }]);
  });

  it("a checkpoint that the log's key did not sign", async () => {
    const other = noteSigner(TEST_ORIGIN, newSigningKey());
    const report = await tampered(({ checkpoints }) => {
      const { stored } = checkpoints[6] as Checkpoints[number];
      const note = other.sign(
        formatCheckpoint(TEST_ORIGIN, stored?.size ?? 0, stored?.root ?? Buffer.alloc(32)),
      );
      checkpoints[6] = { kind: "checkpoint", note, stored: stored as never };
    });
    expect(found(report)).toContainEqual({ kind: "wrong_key", seq: 0 });
  });
});

describe("tampering by somebody who also holds the log's key", () => {
  const rewritten = () => {
    const forged = taken();
    (forged.entries[7] as { leaf: Record<string, unknown> }).leaf["outcome"] = "refused";
    return resigned(forged);
  };

  it("is found against a checkpoint held elsewhere, as a fork [SR-20]", async () => {
    expect(found(await check(rewritten(), [newest]))).toEqual([{ kind: "forked", seq: SIZE - 1 }]);
    const early = items.find(
      (item) => item.kind === "checkpoint" && item.stored?.size === 9,
    ) as Checkpoints[number];
    expect(found(await check(rewritten(), [early.note, newest]))[0]).toEqual({ kind: "forked", seq: 8 });
  });

  it("is not found without one, and the report says that it had none [SR-20]", async () => {
    expect(await check(rewritten())).toMatchObject({ ok: true, anchored: false });
  });

  it("does not pass off a held note of nobody as an anchor", async () => {
    const report = await check(items, [newest.replace(/\n[^\n]+\n$/, "\n— someone AAAAAAAA\n")]);
    expect(report).toMatchObject({ ok: false, anchored: false });
  });
});

describe("a dump", () => {
  const inFile = async (lines: readonly string[]) => {
    const folder = mkdtempSync(join(tmpdir(), "deputize-audit-"));
    try {
      const path = join(folder, "log.jsonl");
      writeFileSync(path, `${lines.join("\n")}\n`);
      return await verifyDump(path, { publicKey: world.log.publicKey });
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  it("verifies from a file with the public key alone", async () => {
    expect(await inFile(dump)).toMatchObject({ ok: true, size: SIZE });
  });

  it("shows an edited, a missing and a moved line", async () => {
    const at = (seq: number) => dump.findIndex((line) => line.startsWith(`{"seq":${seq},`));
    const edited = dump.map((line, i) => (i === at(7) ? line.replace("allowed", "refused") : line));
    expect(found(await inFile(edited))[0]).toEqual({ kind: "edited", seq: 7 });
    expect(found(await inFile(dump.filter((_, i) => i !== at(7))))[0]).toEqual({ kind: "missing", seq: 7 });
    const [from, to] = [at(6), at(7)];
    const moved = dump.map((line, i) =>
      i === from ? (dump[to] ?? "") : i === to ? (dump[from] ?? "") : line,
    );
    expect((await inFile(moved)).problems[0]?.seq).toBe(6);
  });

  it("shows lines that are none", async () => {
    for (const line of [
      "no",
      "",
      "{}",
      '{"seq":-1,"leaf":""}',
      '{"seq":1,"leaf":"","more":1}',
      " {}",
      "x".repeat(200_000),
    ]) {
      const report = await inFile([...dump, line]);
      expect(report.problems).toMatchObject([{ kind: "malformed", seq: SIZE, line: dump.length + 1 }]);
    }
  });
});
