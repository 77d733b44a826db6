/**
 * Forgetting what has long ended, a bounded piece at a time.
 *
 * Guarantees: each round does little work and none of it for a caller; a room that fails does not keep the others from
 * their turn. What may be forgotten is decided in the database: nothing that ended less than a week ago.
 * Does not: touch the audit log, conversations or orders.
 */
import { type PruneDeps, pruneAuthority } from "@deputize/server/authority";

const MAX_ROWS = 1_000;

/** One round over all rooms: the authority's, and the shop's own. */
export async function prune(deps: PruneDeps): Promise<void> {
  await pruneAuthority(deps);
  await deps.store
    .pool("app")
    .query("SELECT agent.prune_a2a_tasks($1)", [MAX_ROWS])
    .catch((error: unknown) => deps.onFault(error, "tasks"));
}
