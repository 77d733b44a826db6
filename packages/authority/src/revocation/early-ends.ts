/**
 * Grants that end before their tokens say: planned here, ended when the time has come.
 *
 * Guarantees: a planned end is kept whatever the planner's process does; once it is due, whoever reads the feed ends the
 * grants first, with everything below, in one transaction with their entry. Several processes may do so at once: one ends them.
 * Does not: shorten a grant. Tokens are told of their end by the feed, as of any revocation (SR-11).
 * Attack answered: a key that was replaced, or runs out, leaves a thief the rest of its last token's life [AA-F05].
 */
import type { Clock, GrantId } from "@deputize/core";
import type { Queryable, Store } from "@deputize/store";
import type { Grants } from "../grants/grants.ts";

/** SQL that is true when a planned end has come, of any grant or of these; both are parameters, such as `$1`. */
export function anyEndDue(at: string, grants?: string): string {
  const of = grants === undefined ? "" : ` AND e.grant_id = ANY (${grants}::uuid[])`;
  return `EXISTS (SELECT FROM authority.early_ends e WHERE e.ends_at <= ${at}::timestamptz${of})`;
}

/** Plans the end of grants; the earlier of two plans holds. */
export async function planEnds(
  tx: Queryable,
  refs: { readonly tenant: string; readonly ids: readonly GrantId[] },
  endsAt: number,
  reason: string,
): Promise<void> {
  if (refs.ids.length === 0) return;
  await tx.query(
    `INSERT INTO authority.early_ends (tenant, grant_id, ends_at, reason) SELECT $1, q.id, $3, $4 FROM unnest($2::uuid[]) q(id)
     ON CONFLICT (grant_id, tenant) DO UPDATE SET ends_at = excluded.ends_at, reason = excluded.reason
       WHERE excluded.ends_at < early_ends.ends_at`,
    [refs.tenant, refs.ids, new Date(endsAt).toISOString(), reason],
  );
}

/** Ends what is due. */
export function endDue(store: Store, clock: Clock, grants: Pick<Grants, "revokeMany">): Promise<void> {
  return store.transaction("authority", async (tx) => {
    const { rows } = await tx.query<{ tenant: string; reason: string; ids: GrantId[] }>(
      `WITH due AS (DELETE FROM authority.early_ends WHERE ends_at <= $1 RETURNING tenant, reason, grant_id)
       SELECT tenant, reason, array_agg(grant_id) AS ids FROM due GROUP BY tenant, reason ORDER BY tenant, reason`,
      [new Date(clock.nowMs()).toISOString()],
    );
    for (const { tenant, reason, ids } of rows) await grants.revokeMany(tx, { tenant, ids }, reason);
  });
}
