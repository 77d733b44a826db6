/**
 * Where a log is read from to be verified: the store, or a dump of it as JSON lines that anybody may keep.
 *
 * A dump's lines: first `{"log": origin, "public_key": …}`, then `{"seq", "leaf"}` for each entry, and after the
 * last entry that it covers `{"checkpoint": note}`. It holds leaves only, so nothing personal is in it.
 */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { DeputizeError } from "@deputize/core";
import type { Queryable, Store } from "@deputize/store";
import { z } from "zod";
import { readAnchor } from "./anchor.ts";
import { RFC3339_SQL, auditReader } from "./reader.ts";
import { type LogItem, type LogReport, type VerifyLogOptions, verifyItems } from "./verify-log.ts";

const PAGE = 5_000;

const SIGNING_TRIES = 10;
const SIGNING_WAIT_MS = 100;

/** A line of a dump is one leaf or one note; more is not ours. */
const LINE_CHARS_MAX = 65_536;

interface EntryRow {
  seq: string;
  id: string;
  at: string;
  leaf: string;
  leaf_hash: Uint8Array;
  prev_hash: Uint8Array;
  completed: Uint8Array;
}

interface CheckpointRow {
  size: string;
  root: Uint8Array;
  note: string;
}

/** Reads the store's log page by page. Entries appended meanwhile are read up to the last checkpoint at the start. */
export async function* readStoreLog(db: Queryable): AsyncGenerator<LogItem> {
  const { rows: ends } = await db.query<Record<"first" | "last" | "newest", string | null>>(
    `SELECT (SELECT min(seq) FROM audit.entries) AS first, (SELECT max(seq) FROM audit.entries) AS last,
       (SELECT max(size) FROM audit.checkpoints) AS newest`,
  );
  const last = Number(ends[0]?.last ?? -1);
  const newest = Number(ends[0]?.newest ?? 0);
  let from = Number(ends[0]?.first ?? 0);
  let read = 0;
  let checkpointsTo = 0;
  let next = readPage(db, from, last);
  while (from <= last) {
    const rows = await next;
    // A forged number far away must not make us look at every page on the way to it.
    from = rows.length > 0 ? from + PAGE : await nextSeq(db, from + PAGE);
    // The database reads the next page while this one is hashed.
    next = readPage(db, from, last);
    next.catch(() => {});
    const checkpoints = await readCheckpoints(db, checkpointsTo, Math.min(read + rows.length, newest));
    for (const row of rows) {
      while (checkpoints[0] && Number(checkpoints[0].size) <= read) yield checkpointItem(checkpoints.shift());
      const seq = Number(row.seq);
      const [leafHash, prevHash, completed] = [row.leaf_hash, row.prev_hash, row.completed].map((b) =>
        Buffer.from(b),
      );
      if (!leafHash || !prevHash || !completed) continue;
      yield {
        kind: "entry",
        seq,
        leaf: row.leaf,
        stored: { id: row.id, at: row.at, leafHash, prevHash, completed },
      };
      read += 1;
    }
    for (const checkpoint of checkpoints) yield checkpointItem(checkpoint);
    checkpointsTo = Math.max(checkpointsTo, Math.min(read, newest));
  }
  for (const checkpoint of await readCheckpoints(db, checkpointsTo, newest)) yield checkpointItem(checkpoint);
  // The newest batch may have been committed just before we came, and be signed just after.
  for (let tries = 0; newest < read && tries < SIGNING_TRIES; tries += 1) {
    const [signed] = await readCheckpoints(db, newest, read);
    if (signed) return yield checkpointItem(signed);
    await new Promise((resolve) => setTimeout(resolve, SIGNING_WAIT_MS));
  }
}

/** One window of sequence numbers. A LIMIT instead would let the planner sort all that is left, for each page. */
async function readPage(db: Queryable, from: number, last: number): Promise<EntryRow[]> {
  if (from > last) return [];
  const { rows } = await db.query<EntryRow>(
    `SELECT seq, id::text AS id, ${RFC3339_SQL("at")} AS at, leaf, leaf_hash, prev_hash, completed
     FROM audit.entries WHERE seq >= $1 AND seq < $2 AND seq <= $3 ORDER BY seq`,
    [from, from + PAGE, last],
  );
  return rows;
}

async function nextSeq(db: Queryable, from: number): Promise<number> {
  const { rows } = await db.query<{ seq: string | null }>(
    "SELECT min(seq) AS seq FROM audit.entries WHERE seq >= $1",
    [from],
  );
  return Number(rows[0]?.seq ?? Number.POSITIVE_INFINITY);
}

async function readCheckpoints(db: Queryable, above: number, upTo: number): Promise<CheckpointRow[]> {
  if (upTo <= above) return [];
  const { rows } = await db.query<CheckpointRow>(
    "SELECT size, root, note FROM audit.checkpoints WHERE size > $1 AND size <= $2 ORDER BY size",
    [above, upTo],
  );
  return rows;
}

function checkpointItem(row: CheckpointRow | undefined): LogItem {
  if (!row) throw new RangeError("no checkpoint left");
  return {
    kind: "checkpoint",
    note: row.note,
    stored: { size: Number(row.size), root: Buffer.from(row.root) },
  };
}

export interface VerifyStoreOptions extends VerifyLogOptions {
  readonly store: Store;
  /** Checkpoints of this anchor file count as held. */
  readonly anchorFile?: string;
}

/** Verifies the log in a store. It may go on growing. */
export async function verifyLog(options: VerifyStoreOptions): Promise<LogReport> {
  const anchored = options.anchorFile === undefined ? [] : await readAnchor(options.anchorFile);
  const held = [...(options.held ?? []), ...anchored];
  const db = auditReader(options.store);
  return verifyItems(readStoreLog(db), { publicKey: options.publicKey, held });
}

/** The log as lines of JSON, each without its newline. */
export async function* dumpLog(options: { store: Store; publicKey: string }): AsyncGenerator<string> {
  const db = auditReader(options.store);
  yield JSON.stringify({ log: options.publicKey.split("+")[0], public_key: options.publicKey });
  for await (const item of readStoreLog(db)) {
    yield JSON.stringify(
      item.kind === "entry" ? { seq: item.seq, leaf: item.leaf } : { checkpoint: item.note },
    );
  }
}

const LINE = z.union([
  z.strictObject({ log: z.string(), public_key: z.string() }),
  z.strictObject({ seq: z.number().int().min(0), leaf: z.string() }),
  z.strictObject({ checkpoint: z.string() }),
]);

/** Reads a dump. Throws `invalid_request` with the number of a line that is not one. */
export async function* readDump(lines: AsyncIterable<string>): AsyncGenerator<LogItem> {
  let number = 0;
  for await (const text of lines) {
    number += 1;
    if (text === "") continue;
    const line = text.length > LINE_CHARS_MAX ? undefined : parseLine(text);
    if (!line) throw new DeputizeError("invalid_request", `line ${number} is no line of a log dump`);
    if ("leaf" in line) yield { kind: "entry", ...line };
    else if ("checkpoint" in line) yield { kind: "checkpoint", note: line.checkpoint };
  }
}

function parseLine(text: string): z.infer<typeof LINE> | undefined {
  try {
    return LINE.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Verifies a dump file, offline. The key in the dump itself is not believed: pass the one you know. */
export function verifyDump(path: string, options: VerifyLogOptions): Promise<LogReport> {
  const lines = createInterface({
    input: createReadStream(path, "utf8"),
    crlfDelay: Number.POSITIVE_INFINITY,
  });
  return verifyItems(readDump(lines), options);
}
