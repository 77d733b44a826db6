/**
 * Erasing a person from the log [SR-24]: the openings go, the leaves stay. What is left says that something was
 * done, when and how it ended, and nobody can find out by whom or to whom, not even by trying every known id.
 *
 * Does not: reach backups, dumps made before, or receipts that people hold. Nor does it find a person whom an
 * entry speaks of without saying so in `about`.
 */
import type { PrincipalId } from "@deputize/core";
import type { Queryable, Store } from "@deputize/store";
import { canonical } from "./canonical.ts";
import type { Openings } from "./receipt-shape.ts";

/** What a worker did, or what was done on a task: both may be named after a person. */
export type ErasedName =
  | { readonly tenant: string; readonly agentId: string }
  | { readonly tenant: string; readonly taskId: string };

/**
 * Erases the openings of entries that a principal is the subject of, and of entries *about* it all but who did it; or the
 * openings of all entries with the name of an agent or a task. Returns how many entries it touched.
 */
export function eraseOpenings(store: Store, what: PrincipalId | ErasedName): Promise<number> {
  return store.transaction("sequencer", async (tx) => {
    await tx.query("SET LOCAL synchronous_commit = on");
    const touched = typeof what === "string" ? await erasePrincipal(tx, what) : await eraseName(tx, what);
    // Last, for it locks the row that every append swaps. Whoever keeps rendered entries sees it at the next query.
    if (touched > 0) await tx.query("UPDATE audit.head SET erasures = erasures + 1");
    return touched;
  });
}

/** How many entries `eraseOpenings` would touch now. Changes nothing. */
export async function countOpenings(store: Store, what: PrincipalId | ErasedName): Promise<number> {
  const [where, params] =
    typeof what === "string"
      ? ["subject = $1 OR (about <> '{}' AND about @> ARRAY[$1::uuid])", [what]]
      : [
          `tenant = $1 AND ${"agentId" in what ? "agent" : "task"} = $2`,
          [what.tenant, "agentId" in what ? what.agentId : what.taskId],
        ];
  const { rows } = await store
    .pool("sequencer")
    .query<{ n: number }>(`SELECT count(*)::int AS n FROM audit.openings WHERE ${where}`, params);
  return rows[0]?.n ?? 0;
}

async function eraseName(tx: Queryable, what: ErasedName): Promise<number> {
  const [column, name] =
    "agentId" in what ? (["agent", what.agentId] as const) : (["task", what.taskId] as const);
  const gone = await tx.query(`DELETE FROM audit.openings WHERE tenant = $1 AND ${column} = $2`, [
    what.tenant,
    name,
  ]);
  return gone.rowCount ?? 0;
}

async function erasePrincipal(tx: Queryable, principal: PrincipalId): Promise<number> {
  const own = await tx.query("DELETE FROM audit.openings WHERE subject = $1", [principal]);
  const { rows } = await tx.query<{ seq: string; body: string }>(
    "SELECT seq, body FROM audit.openings WHERE about <> '{}' AND about @> ARRAY[$1::uuid]",
    [principal],
  );
  const kept = rows.map(({ seq, body }) => {
    const { who } = JSON.parse(body) as Openings;
    return { seq, body: canonical(who ? { who } : {}) };
  });
  await tx.query(
    `UPDATE audit.openings o SET body = x.body, about = '{}'
       FROM json_to_recordset($1::json) AS x (seq bigint, body text) WHERE o.seq = x.seq`,
    [JSON.stringify(kept)],
  );
  return (own.rowCount ?? 0) + kept.length;
}
