/**
 * Renews a token before it runs out, by a deadline and not by chance.
 *
 * Guarantees: the timer keeps no process alive; a refusal ends the renewing and is told once; trouble on the way is tried
 * again until the token has run out; a grant that ends soon is not renewed in a circle.
 */
import type { Clock } from "@deputize/core";
import { ProblemResponseError } from "./errors.ts";

/** Renew when this share of the lifetime is left, but never earlier than a minute before the end. */
const SHARE_LEFT = 0.2;
const EARLIEST_MS = 60_000;
const TRY_AGAIN_MS = 500;
/** Below this the grant is at its own end, and renewing gains nothing. */
const SHORTEST_MS = 1_000;

export function startAutoRenew(options: {
  readonly clock: Clock;
  /** When the present token ends, on the monotonic clock. */
  readonly endsAt: () => number;
  readonly lifetimeMs: number;
  readonly renew: () => Promise<void>;
  readonly onFailed: ((error: unknown) => void) | undefined;
}): () => void {
  const { clock, endsAt, renew } = options;
  const margin = Math.min(EARLIEST_MS, options.lifetimeMs * SHARE_LEFT);
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function later(milliseconds: number): void {
    if (stopped) return;
    // Longer waits than a timer can hold are cut; `tick` looks again.
    timer = setTimeout(() => void tick(), Math.min(Math.max(0, milliseconds), 2 ** 31 - 1));
    timer.unref();
  }

  async function tick(): Promise<void> {
    const early = endsAt() - margin - clock.monotonicMs();
    if (early > 0) {
      later(early);
      return;
    }
    const before = endsAt();
    try {
      await renew();
      const gained = endsAt() - before;
      if (gained >= SHORTEST_MS) later(endsAt() - margin - clock.monotonicMs());
    } catch (error) {
      const final =
        error instanceof ProblemResponseError && error.statusCode < 500 && error.statusCode !== 429;
      if (stopped) return;
      if (!final && clock.monotonicMs() + TRY_AGAIN_MS < endsAt()) {
        later(TRY_AGAIN_MS);
        return;
      }
      stopped = true;
      options.onFailed?.(error);
    }
  }

  later(endsAt() - margin - clock.monotonicMs());
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
