/** Remembers what was seen for a while, within one process; replicas share a store of their own instead. */
import { type Clock, DeputizeError } from "@deputize/core/portable";

/** True when the id was seen before, within its time. Takes it in otherwise, for `ttlSeconds`. */
export type Seen = (id: string, ttlSeconds: number) => boolean | Promise<boolean>;

/** Bounds what a flood of good proofs can hold: about 20 MB. */
const CAPACITY = 200_000;

/** Throws `unavailable` when it is full: forgetting would let a replay pass. */
export function createReplayMemory(clock: Clock, capacity = CAPACITY): Seen {
  const until = new Map<string, number>();
  let sweptAt = clock.monotonicMs();

  function sweep(now: number): void {
    sweptAt = now;
    for (const [id, end] of until) if (end <= now) until.delete(id);
  }

  return (id, ttlSeconds) => {
    const now = clock.monotonicMs();
    if (until.size > 0 && now - sweptAt > 1000 * ttlSeconds) sweep(now);
    const known = until.get(id);
    if (known !== undefined && known > now) return true;
    if (until.size >= capacity) {
      sweep(now);
      if (until.size >= capacity) {
        throw new DeputizeError("unavailable", "too many proofs at once; try again", {
          retryAfterSeconds: 1,
        });
      }
    }
    until.set(id, now + 1000 * ttlSeconds);
    return false;
  };
}
