/** How many workers may act now: a worker's grant is a root of kind `app`, alive by state, time and principals. */
import type { Clock } from "@deputize/core";
import type { Store } from "@deputize/store";

/** Counts all tenants and apps; reads the grants that have not expired, by their index. */
export async function countActiveWorkers(store: Store, clock: Clock): Promise<number> {
  const { rows } = await store.pool("authority").query<{ active: number }>(
    `SELECT count(*) AS active FROM authority.grants g
     JOIN authority.workers w ON w.tenant = g.tenant AND w.principal_id = g.actor
     JOIN authority.principals p ON p.tenant = g.tenant AND p.id = g.actor AND p.state = 'active'
     JOIN authority.principals a ON a.tenant = g.tenant AND a.id = g.subject AND a.state = 'active'
     WHERE g.kind = 'app' AND g.state = 'active' AND g.expires_at > $1`,
    [new Date(clock.nowMs()).toISOString()],
  );
  return rows[0]?.active ?? 0;
}
