/**
 * Forgetting what has long ended, a bounded piece at a time.
 *
 * Guarantees: each round does little work and none of it for a caller; a room that fails does not keep the others from
 * their turn. What may be forgotten is decided in the database: nothing that ended less than a week ago.
 * Does not: touch the audit log, conversations or orders.
 */
import type { Authority } from "@deputize/authority";
import type { Clock } from "@deputize/core";
import type { Store } from "@deputize/store";

/** Ended sessions, their tokens, approvals and cases are kept this long for people to look at. */
const KEEP_MS = 90 * 86_400_000;
const MAX_ROWS = 1_000;

export interface PruneDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly authority: {
    readonly approvals: Pick<Authority["approvals"], "expire">;
    readonly revocation: Pick<Authority["revocation"], "prune">;
    readonly agents: Pick<Authority["agents"], "prune">;
  };
  /** Told of a room that failed; the next round tries again. */
  readonly onFault: (error: unknown, room: string) => void;
}

/** One round over all rooms. */
export async function prune({ store, clock, authority, onFault }: PruneDeps): Promise<void> {
  const before = new Date(clock.nowMs() - KEEP_MS);
  const rooms: Readonly<Record<string, () => Promise<unknown>>> = {
    approvals: () => authority.approvals.expire(),
    revocation: () => authority.revocation.prune(),
    agents: () => authority.agents.prune(),
    authority: () =>
      store.pool("authority").query("SELECT authority.prune($1, $2)", [before.toISOString(), MAX_ROWS]),
    tasks: () => store.pool("app").query("SELECT agent.prune_a2a_tasks($1)", [MAX_ROWS]),
  };
  for (const [room, work] of Object.entries(rooms)) {
    await work().catch((error: unknown) => onFault(error, room));
  }
}
