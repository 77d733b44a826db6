/**
 * Renews a token before it runs out, by a deadline and not by chance.
 *
 * Guarantees: the timer keeps no process alive; a refusal ends the renewing and is told once; trouble on the way is tried
 * again until the token has run out; a grant that is at its own end is not renewed in a circle.
 */
import { type Clock, DeputizeError } from "@deputize/core";
import { ProblemResponseError } from "./errors.ts";

export interface RenewableToken {
  /** Seconds that it was good for when it came. */
  readonly expiresIn: number;
  /** Its `exp`, epoch seconds. */
  readonly expiresAt: number;
  /** When it ends on the monotonic clock. */
  readonly endsAt: number;
}

const TRY_AGAIN_MS = 500;

/** How long before its end a token is renewed. */
function marginMs({ expiresIn }: RenewableToken): number {
  const lifetime = expiresIn * 1000;
  // A token's times are whole seconds, so its last one may be missing.
  const early = Math.min(60_000, lifetime * 0.2) + 1_000;
  return Math.min(early, lifetime / 2);
}

/** Starts renewing what `held` answers. Answers how to stop. */
export function startAutoRenew(options: {
  readonly clock: Clock;
  readonly held: () => RenewableToken;
  readonly renew: () => Promise<void>;
  readonly onFailed: ((error: unknown) => void) | undefined;
  /** Stops it too. */
  readonly closing?: AbortSignal | undefined;
}): () => void {
  const { clock, held, renew, closing } = options;
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function later(milliseconds: number): void {
    if (stopped) return;
    // Longer waits than a timer can hold are cut; `tick` looks again.
    timer = setTimeout(() => void tick(), Math.min(Math.max(0, milliseconds), 2 ** 31 - 1));
    timer.unref();
  }

  const untilDue = (): number => held().endsAt - marginMs(held()) - clock.monotonicMs();

  function stop(): void {
    stopped = true;
    clearTimeout(timer);
    closing?.removeEventListener("abort", stop);
  }

  function fail(error: unknown): void {
    if (stopped) return;
    stop();
    options.onFailed?.(error);
  }

  async function tick(): Promise<void> {
    const early = untilDue();
    if (early > 0) {
      later(early);
      return;
    }
    const before = held();
    try {
      await renew();
    } catch (error) {
      const final =
        error instanceof ProblemResponseError && error.statusCode < 500 && error.statusCode !== 429;
      if (!final && clock.monotonicMs() + TRY_AGAIN_MS < held().endsAt) later(TRY_AGAIN_MS);
      else fail(error);
      return;
    }
    const after = held();
    if (after.expiresAt <= before.expiresAt && after.expiresIn < before.expiresIn) {
      fail(new DeputizeError("grant_revoked", "the agent's grant ends with this token; create a new agent"));
    } else {
      later(untilDue());
    }
  }

  closing?.addEventListener("abort", stop);
  if (closing?.aborted) stop();
  later(untilDue());
  return stop;
}
