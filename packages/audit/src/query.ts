/**
 * Asking the log for a page of entries, with the exact total. For audit routes, pages and exports; who may see which
 * entries is for the caller to decide.
 *
 * Guarantees: a page shows all that was committed before it was asked for. Whatever the size of the log, the cost is that
 * of the page (query-sql.ts).
 * Does not: hide that there are gaps. With filters, `prev_hash` of an entry is the hash of one that may be filtered out.
 */
import { DeputizeError, isUuid } from "@deputize/core";
import type { Queryable } from "@deputize/store";
import type { AuditQuery, LoggedEntry } from "./audit-log.ts";
import { EVENT_LIMITS, OUTCOMES } from "./event.ts";
import { readLogged } from "./logged-entry.ts";
import {
  type PageRow,
  type PlainQuery,
  STATE,
  type Statement,
  type StateRow,
  pageStatement,
} from "./query-sql.ts";

const PAGE_LIMITS = { entries: 1_000, usual: 100 } as const;

export interface QueryDoor {
  readonly db: Queryable;
  /** Makes entries of all that is committed. */
  settle(): Promise<void>;
}

/** Checks a query. Throws `invalid_request` naming the field. */
export function parseQuery(query: Partial<AuditQuery>): PlainQuery {
  const { limit = PAGE_LIMITS.usual, offset = 0, cursor, order = "newest", outcome, since, until } = query;
  const { tenant, agentId, taskId, app, subject, action } = query;
  const outcomes = outcome === undefined ? [] : [outcome].flat();
  const whole = (value: number, from: number, to: number): boolean =>
    Number.isSafeInteger(value) && value >= from && value <= to;
  refuseUnless(
    whole(limit, 1, PAGE_LIMITS.entries),
    `limit is a whole number from 1 to ${PAGE_LIMITS.entries}`,
  );
  refuseUnless(whole(offset, 0, Number.MAX_SAFE_INTEGER), "offset is a whole number, 0 or more");
  refuseUnless(
    cursor === undefined || whole(cursor, 0, Number.MAX_SAFE_INTEGER),
    "cursor is the `next` of a page",
  );
  refuseUnless(cursor === undefined || offset === 0, "give cursor or offset, not both");
  refuseUnless(order === "newest" || order === "oldest", "order is newest or oldest");
  refuseUnless(
    outcomes.every((one) => OUTCOMES.includes(one)),
    `outcome is one of ${OUTCOMES.join(", ")}`,
  );
  refuseUnless(outcome === undefined || outcomes.length > 0, "name an outcome, or leave it out for all");
  for (const [field, value] of Object.entries({ since, until })) {
    refuseUnless(
      value === undefined || isTime(value),
      `${field} is a time of RFC 3339, such as 2030-01-31T12:00:00Z`,
    );
  }
  for (const [field, value] of Object.entries({ app, subject })) {
    refuseUnless(value === undefined || isUuid(value), `${field} is a UUID`);
  }
  for (const [field, value] of Object.entries({ tenant, agentId, taskId, action })) {
    const fits = value === undefined || (value.length <= EVENT_LIMITS.nameCharacters && isText(value));
    refuseUnless(fits, `${field} has at most ${EVENT_LIMITS.nameCharacters} characters`);
  }
  return {
    tenant,
    agentId,
    taskId,
    app,
    subject,
    action,
    outcomes,
    since,
    until,
    cursor,
    limit,
    offset,
    order,
  };
}

function refuseUnless(condition: boolean, message: string): asserts condition {
  if (!condition) throw new DeputizeError("invalid_request", message);
}

const isText = (value: string): boolean => !value.includes("\0") && value.isWellFormed();

function isTime(value: string): boolean {
  return (
    // The database knows no year 0, and no offset of sixteen hours.
    /^(?!0000)\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-](?:0\d|1[0-5]):\d\d)$/.test(value) &&
    !Number.isNaN(Date.parse(value))
  );
}

export interface Page {
  readonly seqs: readonly number[];
  readonly total: number;
  readonly next?: number;
  readonly size: string;
  readonly erasures: string;
}

/** Finds the page's entries. */
export async function findPage(door: QueryDoor, query: PlainQuery): Promise<Page> {
  const row = await settled<PageRow>(door, pageStatement(query));
  const seqs = row.seqs === "{}" ? [] : row.seqs.slice(1, -1).split(",").map(Number);
  const last = seqs.at(-1);
  const full = seqs.length === query.limit && last !== undefined;
  const { size, erasures } = row;
  return { seqs, total: Number(row.total), ...(full && { next: last }), size, erasures };
}

/** The state of the log, settled: all that was committed before the call is in it. */
export const readState = (door: QueryDoor): Promise<StateRow> => settled<StateRow>(door, STATE);

/** The answer of a statement that begins with the log's state, once nothing waits that was committed before the call. */
async function settled<R extends StateRow>(door: QueryDoor, statement: Statement): Promise<R> {
  const row = await ask<R>(door.db, statement);
  if (!row.pending) return row;
  await door.settle();
  return ask<R>(door.db, statement);
}

async function ask<R extends StateRow>(db: Queryable, { text, params }: Statement): Promise<R> {
  const { rows } = await db.query<R>(text, params);
  if (!rows[0]) throw new DeputizeError("audit_unavailable", "the audit log has no head; run the migrations");
  return rows[0];
}

/** One page of entries. Throws `invalid_request`. */
export async function queryEntries(
  door: QueryDoor,
  query: Partial<AuditQuery>,
): Promise<{ entries: LoggedEntry[]; total: number; next?: number }> {
  const { seqs, total, next } = await findPage(door, parseQuery(query));
  const found = await readLogged(door.db, seqs);
  const entries = seqs.flatMap((seq) => found.get(seq) ?? []);
  return { entries, total, ...(next !== undefined && { next }) };
}
