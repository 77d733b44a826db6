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
import type { AuditQuery, AuditView, LoggedEntry } from "./audit-log.ts";
import { EVENT_LIMITS, OUTCOMES } from "./event.ts";
import { readLogged } from "./logged-entry.ts";
import { type PageRow, type PlainQuery, pageStatement } from "./query-sql.ts";

const PAGE_LIMITS = { entries: 1_000, usual: 100 } as const;

/** What a view keeps of rendered entries, in characters: about 16 MB where they are not all ASCII. */
const KEPT_CHARACTERS = 8_000_000;

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
    /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/.test(value) &&
    !Number.isNaN(Date.parse(value))
  );
}

export interface Page {
  readonly seqs: readonly number[];
  readonly total: number;
  /** Changes with each erasure. */
  readonly erasures: string;
  readonly next?: number;
}

/** Finds the page's entries. */
async function findPage(door: QueryDoor, query: PlainQuery): Promise<Page> {
  const statement = pageStatement(query);
  let row = await ask(door.db, statement);
  if (row.pending) {
    await door.settle();
    row = await ask(door.db, statement);
  }
  const seqs = row.seqs === "{}" ? [] : row.seqs.slice(1, -1).split(",").map(Number);
  const last = seqs.at(-1);
  const full = seqs.length === query.limit && last !== undefined;
  return { seqs, total: Number(row.total), erasures: row.erasures, ...(full && { next: last }) };
}

async function ask(db: Queryable, { text, params }: ReturnType<typeof pageStatement>): Promise<PageRow> {
  const { rows } = await db.query<PageRow>(text, params);
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

/** A view of the log in which each entry is rendered once and kept until somebody is erased. */
export function createView(door: QueryDoor, render: (entry: LoggedEntry) => string): AuditView {
  let kept = new Map<number, string>();
  let characters = 0;
  let keptAt = "";

  /** Forgets everything that was rendered before an erasure. */
  function keepAt(erasures: string): void {
    if (erasures === keptAt) return;
    // A slow query may still come with an older number; then its page is rendered and not kept.
    if (keptAt !== "" && BigInt(erasures) < BigInt(keptAt)) return;
    kept = new Map();
    characters = 0;
    keptAt = erasures;
  }

  function keep(seq: number, text: string): void {
    if (kept.has(seq)) return;
    kept.set(seq, text);
    characters += text.length;
    for (const [oldest, rendered] of kept) {
      if (characters <= KEPT_CHARACTERS) return;
      kept.delete(oldest);
      characters -= rendered.length;
    }
  }

  return {
    query: async (query) => {
      const { seqs, total, next, erasures } = await findPage(door, parseQuery(query));
      keepAt(erasures);
      const page = new Map(seqs.map((seq) => [seq, erasures === keptAt ? kept.get(seq) : undefined]));
      const unknown = seqs.filter((seq) => page.get(seq) === undefined);
      if (unknown.length > 0) {
        for (const [seq, entry] of await readLogged(door.db, unknown)) {
          const text = render(entry);
          page.set(seq, text);
          if (erasures === keptAt) keep(seq, text);
        }
      }
      const rendered = seqs.flatMap((seq) => page.get(seq) ?? []);
      return { rendered, total, ...(next !== undefined && { next }) };
    },
  };
}
