/**
 * Forgetting what has long ended, a bounded piece at a time.
 *
 * Guarantees: each round does little work and none of it for a caller; a room that fails does not keep the others from
 * their turn. Does not: touch the audit log.
 */
import type { Authority } from "@deputize/authority";
import type { Clock } from "@deputize/core";
import type { Store } from "@deputize/store";

/** Ended sessions, their tokens, approvals and cases are kept this long for people to look at. */
const KEEP_MS = 90 * 86_400_000;
/** Trees of grants that ended go sooner: each question makes one, and the log keeps what happened. */
const KEEP_GRANTS_MS = 24 * 3_600_000;
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
export async function pruneAuthority(deps: PruneDeps): Promise<void> {
  const { store, clock, authority } = deps;
  const before = new Date(clock.nowMs() - KEEP_MS);
  const rooms: Readonly<Record<string, () => Promise<unknown>>> = {
    approvals: () => authority.approvals.expire(),
    revocation: () => authority.revocation.prune(),
    agents: () => authority.agents.prune(),
    authority: () =>
      store.pool("authority").query("SELECT authority.prune($1, $2)", [before.toISOString(), MAX_ROWS]),
    links: () =>
      store.pool("authority").query("SELECT authority.prune_links($1, $2)", [before.toISOString(), MAX_ROWS]),
    grants: () =>
      store
        .pool("authority")
        .query("SELECT authority.prune_grants($1, $2)", [
          new Date(clock.nowMs() - KEEP_GRANTS_MS).toISOString(),
          MAX_ROWS,
        ]),
  };
  for (const [room, work] of Object.entries(rooms)) {
    await work().catch((error: unknown) => deps.onFault(error, room));
  }
}
