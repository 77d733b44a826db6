/**
 * The log as a list, newest or oldest first, with what its openings still say. For audit pages and exports; who
 * may see which entries is for the caller to decide.
 */
import { DeputizeError } from "@deputize/core";
import type { Queryable } from "@deputize/store";
import type { ListOptions, LoggedEntry } from "./audit-log.ts";
import type { AuditEvent } from "./event.ts";
import type { Openings } from "./receipt-shape.ts";
import { STORED_ENTRY_SQL, type StoredEntryRow, toStoredEntry } from "./reader.ts";

const PAGE_MAX = 1_000;

/** One page of entries. Throws `invalid_request` for a bad limit. */
export async function listEntries(db: Queryable, options: ListOptions = {}): Promise<LoggedEntry[]> {
  const { tenant, subject, action, outcome, since, until, cursor, order = "newest", limit = 100 } = options;
  if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_MAX) {
    throw new DeputizeError("invalid_request", `limit is a whole number from 1 to ${PAGE_MAX}`);
  }
  const params: unknown[] = [];
  const conditions: string[] = [];
  const where = (value: unknown, condition: (place: string) => string): void => {
    if (value === undefined) return;
    params.push(value);
    conditions.push(condition(`$${params.length}`));
  };
  where(tenant, (p) => `e.leaf::jsonb->>'tenant' = ${p}`);
  where(action, (p) => `e.leaf::jsonb->>'action' = ${p}`);
  where(outcome, (p) => `e.leaf::jsonb->>'outcome' = ${p}`);
  where(subject, (p) => `o.subject = ${p}::uuid`);
  where(since, (p) => `e.at >= ${p}::timestamptz`);
  where(until, (p) => `e.at < ${p}::timestamptz`);
  where(cursor, (p) => `e.seq ${order === "newest" ? "<" : ">"} ${p}::bigint`);
  const { rows } = await db.query<StoredEntryRow>(
    `${STORED_ENTRY_SQL} ${conditions.length > 0 ? `WHERE ${conditions.join(" AND ")}` : ""}
     ORDER BY e.seq ${order === "newest" ? "DESC" : "ASC"} LIMIT ${limit}`,
    params,
  );
  return rows.map(toLogged);
}

function toLogged(row: StoredEntryRow): LoggedEntry {
  const { seq, leaf, leafHash, subject, openings } = toStoredEntry(row);
  const codes = JSON.parse(leaf) as Record<"id" | "at" | "action" | "outcome" | "prev" | "tenant", string> & {
    reason?: string;
  };
  const who = openings?.who?.value as { actors?: string[] } | undefined;
  const event = openings && eventOf(openings, codes);
  return {
    seq,
    id: codes.id,
    at: codes.at,
    action: codes.action,
    outcome: codes.outcome,
    ...(codes.reason !== undefined && { reason: codes.reason }),
    ...(subject !== undefined && { subject }),
    actors: who?.actors ?? [],
    hash: leafHash.toString("hex"),
    prev_hash: codes.prev,
    ...(event && { event }),
  };
}

/** The event as it was recorded, as far as its openings are still there. */
function eventOf(openings: Openings, codes: Record<"tenant", string>): Partial<AuditEvent> {
  const why = { ...(openings.why?.value as Record<string, unknown> | undefined) };
  const what = { ...(openings.what?.value as Record<string, unknown> | undefined) };
  const { request, ...reasons } = why;
  const { ms, ...things } = what;
  return {
    tenant: codes.tenant,
    ...(openings.who?.value as Partial<AuditEvent> | undefined),
    ...reasons,
    ...things,
    ...(request !== undefined && { requestId: request as string }),
    ...(ms !== undefined && { durationMs: ms as number }),
    ...(openings.detail && { detail: openings.detail.value as Record<string, unknown> }),
  };
}
