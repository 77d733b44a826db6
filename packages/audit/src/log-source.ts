/**
 * Where a log is read from to be verified: the store, or a dump of it as JSON lines (log-lines.ts) that anybody may keep.
 */
import { existsSync } from "node:fs";
import type { Queryable, Store } from "@deputize/store";
import { readAnchor } from "./anchor.ts";
import { formatLine, readLogFiles } from "./log-lines.ts";
import type { LogReport } from "./log-report.ts";
import { RFC3339_SQL, auditReader, readHead } from "./reader.ts";
import { type LogItem, type VerifyLogOptions, verifyItems } from "./verify-log.ts";

const PAGE = 5_000;

const SIGNING_TRIES = 10;
const SIGNING_WAIT_MS = 100;

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
  const { store, anchorFile, ...rest } = options;
  const db = auditReader(store);
  const anchored = anchorFile === undefined ? [] : await readAnchor(anchorFile);
  const lost = anchorFile !== undefined && !existsSync(anchorFile) && (await readHead(db)).size > 0;
  return verifyItems(readStoreLog(db), {
    ...rest,
    held: [...(options.held ?? []), ...anchored],
    ...(lost && { anchorMissing: `the anchor file ${anchorFile} is gone, and with it what was signed` }),
  });
}

/** The log as lines of JSON, each without its newline. */
export async function* dumpLog(options: { store: Store; publicKey: string }): AsyncGenerator<string> {
  const db = auditReader(options.store);
  yield formatLine({ log: options.publicKey.split("+")[0] ?? "", public_key: options.publicKey });
  for await (const item of readStoreLog(db)) {
    if (item.kind === "entry") yield formatLine({ seq: item.seq, leaf: item.leaf });
    else if (item.kind === "checkpoint") yield formatLine({ checkpoint: item.note });
  }
}

/**
 * Verifies a dump, a file of `auditLog({ file })`, or several as pieces of one log in their order, offline. The key in
 * the file itself is not believed: pass the one you know.
 */
export function verifyDump(path: string | readonly string[], options: VerifyLogOptions): Promise<LogReport> {
  return verifyItems(readLogFiles([path].flat()), options);
}
