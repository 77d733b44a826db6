/**
 * Reads the log from the store, by the sequencer's role, which may read and append but never change an entry.
 * No other room reads these tables.
 */
import { DeputizeError } from "@deputize/core";
import type { Queryable, Store } from "@deputize/store";
import type { SignedCheckpoint } from "./audit-log.ts";
import type { Submission } from "./leaf.ts";
import type { Openings } from "./receipt-shape.ts";
import { type NodeAddress, completedBy, splitHashes } from "./tree.ts";

/** The log's tables, read on a connection of the sequencer's role. */
export function auditReader(store: Store): Queryable {
  const pool = store.pool("sequencer");
  return { query: (text, params = []) => pool.query(text, params as unknown[]) as never };
}

/** A time as a leaf says it: RFC 3339, UTC, milliseconds. */
export const RFC3339_SQL = (column: string): string =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

export interface Head {
  readonly size: number;
  readonly root: Buffer;
  readonly lastHash: Buffer;
  readonly epoch: number;
}

export interface HeadRow {
  size: string;
  root: Uint8Array;
  last_hash: Uint8Array;
  epoch: string;
}

export const HEAD_COLUMNS = "size, root, last_hash, epoch";

export function toHead(row: HeadRow | undefined): Head {
  if (!row) throw new DeputizeError("audit_unavailable", "the audit log has no head; run the migrations");
  return {
    size: Number(row.size),
    root: Buffer.from(row.root),
    lastHash: Buffer.from(row.last_hash),
    epoch: Number(row.epoch),
  };
}

export async function readHead(db: Queryable): Promise<Head> {
  const { rows } = await db.query<HeadRow>(`SELECT ${HEAD_COLUMNS} FROM audit.head`);
  return toHead(rows[0]);
}

/** The oldest submissions that wait, in the order they came. */
export async function readOutbox(
  db: Queryable,
  limit: number,
): Promise<(Submission & { readonly position: string })[]> {
  const { rows } = await db.query<Submission & { position: string }>(
    `SELECT position::text AS position, id::text AS id, event::text AS event, sealed, ${RFC3339_SQL("at")} AS at
     FROM audit.outbox ORDER BY audit.outbox.position LIMIT $1`,
    [limit],
  );
  return rows;
}

export async function readSubmission(db: Queryable, id: string): Promise<Submission | undefined> {
  const { rows } = await db.query<Submission>(
    `SELECT id::text AS id, event::text AS event, sealed, ${RFC3339_SQL("at")} AS at FROM audit.outbox WHERE id = $1`,
    [id],
  );
  return rows[0];
}

/** Which of these ids are entries already. */
export async function readTaken(db: Queryable, ids: readonly string[]): Promise<Set<string>> {
  const { rows } = await db.query<{ id: string }>(
    "SELECT id::text AS id FROM audit.entries WHERE id IN (SELECT value::uuid FROM json_array_elements_text($1::json))",
    [JSON.stringify(ids)],
  );
  return new Set(rows.map((row) => row.id));
}

export interface StoredEntry {
  readonly seq: number;
  readonly leaf: string;
  readonly leafHash: Buffer;
  readonly subject: string | undefined;
  readonly openings: Openings | undefined;
}

export interface StoredEntryRow {
  seq: string;
  leaf: string;
  leaf_hash: Uint8Array;
  subject: string | null;
  body: string | null;
}

export const STORED_ENTRY_SQL = `SELECT e.seq, e.leaf, e.leaf_hash, o.subject::text AS subject, o.body
  FROM audit.entries e LEFT JOIN audit.openings o ON o.seq = e.seq`;

export function toStoredEntry(row: StoredEntryRow): StoredEntry {
  return {
    seq: Number(row.seq),
    leaf: row.leaf,
    leafHash: Buffer.from(row.leaf_hash),
    subject: row.subject ?? undefined,
    openings: row.body === null ? undefined : (JSON.parse(row.body) as Openings),
  };
}

export async function readEntry(db: Queryable, id: string): Promise<StoredEntry | undefined> {
  const { rows } = await db.query<StoredEntryRow>(`${STORED_ENTRY_SQL} WHERE e.id = $1`, [id]);
  return rows[0] && toStoredEntry(rows[0]);
}

interface CheckpointRow {
  size: string;
  root: Uint8Array;
  note: string;
}

/** The newest signed checkpoint. */
export async function readCheckpoint(db: Queryable): Promise<SignedCheckpoint | undefined> {
  const { rows } = await db.query<CheckpointRow>(
    "SELECT size, root, note FROM audit.checkpoints ORDER BY size DESC LIMIT 1",
  );
  const row = rows[0];
  return row && { size: Number(row.size), root: Buffer.from(row.root).toString("hex"), note: row.note };
}

/** Fetches nodes, each from the entry that completed it. Throws `audit_unavailable` when one is missing. */
export async function readNodes(db: Queryable, addresses: readonly NodeAddress[]): Promise<Buffer[]> {
  if (addresses.length === 0) return [];
  const places = addresses.map(completedBy);
  const { rows } = await db.query<{ seq: string; leaf_hash: Uint8Array; completed: Uint8Array }>(
    `SELECT seq, leaf_hash, completed FROM audit.entries
     WHERE seq IN (SELECT value::bigint FROM json_array_elements_text($1::json))`,
    [JSON.stringify([...new Set(places.map((place) => place.seq))])],
  );
  const stored = new Map(
    rows.map((row) => [
      Number(row.seq),
      [Buffer.from(row.leaf_hash), ...splitHashes(Buffer.from(row.completed))],
    ]),
  );
  return places.map(({ seq, level }) => {
    const node = stored.get(seq)?.[level];
    if (!node)
      throw new DeputizeError("audit_unavailable", "the audit log is damaged; run `deputize audit verify`");
    return node;
  });
}
