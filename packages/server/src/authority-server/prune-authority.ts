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
const MAX_ROWS = 1_000;

/** One round over all rooms. `onFault` is told of a room that failed; the next round tries again. */
export async function pruneAuthority(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly authority: Pick<Authority, "agents" | "approvals" | "revocation">;
  readonly onFault: (error: unknown, room: string) => void;
}): Promise<void> {
  const { store, clock, authority } = deps;
  const before = new Date(clock.nowMs() - KEEP_MS);
  const rooms: Readonly<Record<string, () => Promise<unknown>>> = {
    approvals: () => authority.approvals.expire(),
    revocation: () => authority.revocation.prune(),
    agents: () => authority.agents.prune(),
    authority: () =>
      store.pool("authority").query("SELECT authority.prune($1, $2)", [before.toISOString(), MAX_ROWS]),
  };
  for (const [room, work] of Object.entries(rooms)) {
    await work().catch((error: unknown) => deps.onFault(error, room));
  }
}
