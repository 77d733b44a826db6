/**
 * An entry as its readers see it: its codes and hashes, and what its openings still say.
 */
import type { Queryable } from "@deputize/store";
import type { LoggedEntry } from "./audit-log.ts";
import type { AuditEvent } from "./event.ts";
import type { Openings } from "./receipt-shape.ts";
import { STORED_ENTRY_SQL, type StoredEntry, type StoredEntryRow, toStoredEntry } from "./reader.ts";

/** Reads entries by their numbers. */
export async function readLogged(db: Queryable, seqs: readonly number[]): Promise<Map<number, LoggedEntry>> {
  if (seqs.length === 0) return new Map();
  const { rows } = await db.query<StoredEntryRow>(`${STORED_ENTRY_SQL} WHERE e.seq = ANY ($1::bigint[])`, [
    seqs,
  ]);
  return new Map(rows.map((row) => [Number(row.seq), toLogged(toStoredEntry(row))]));
}

/** An entry that was read, wherever from. */
export function toLogged({ seq, leaf, leafHash, subject, openings }: StoredEntry): LoggedEntry {
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
