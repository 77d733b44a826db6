/**
 * A circuit breaker: stops asking what keeps failing, and tries it again, once, after a while.
 *
 * Guarantees: open after so many failures in a row, for so long; then one probe at a time, whose success closes it and whose
 * failure opens it anew. What a call that began before the breaker opened says afterwards changes nothing.
 */
import type { Clock } from "@deputize/core";

export interface BreakerOptions {
  readonly failures: number;
  readonly openMs: number;
  readonly clock: Clock;
}

/** One call that was let through. The first of these that is called counts. */
export interface Pass {
  succeeded(): void;
  /** `restMs`: how long the other side asked to be left alone; the breaker opens at once for as long. */
  failed(restMs?: number): void;
  /** The call says nothing about the other side. */
  left(): void;
}

export interface Breaker {
  /** A pass, or milliseconds until asking again makes sense. */
  enter(): Pass | { readonly waitMs: number };
}

export function createBreaker({ failures, openMs, clock }: BreakerOptions): Breaker {
  let failed = 0;
  let openUntilMs: number | undefined;
  let probeSinceMs: number | undefined;
  /** Counts openings and closings; a pass of an earlier state has no say. */
  let age = 0;

  function open(ms: number): void {
    age += 1;
    failed = 0;
    probeSinceMs = undefined;
    openUntilMs = clock.monotonicMs() + ms;
  }

  return {
    enter() {
      const nowMs = clock.monotonicMs();
      if (openUntilMs !== undefined) {
        if (nowMs < openUntilMs) return { waitMs: openUntilMs - nowMs };
        // A probe that nobody hears of any more does not hold the door for ever.
        if (probeSinceMs !== undefined && nowMs - probeSinceMs < openMs)
          return { waitMs: probeSinceMs + openMs - nowMs };
        age += 1;
        probeSinceMs = nowMs;
      }
      const mine = age;
      let said = false;
      const once = (say: () => void) => (): void => {
        if (said || mine !== age) return;
        said = true;
        say();
      };
      return {
        succeeded: once(() => {
          if (openUntilMs !== undefined) age += 1;
          failed = 0;
          openUntilMs = undefined;
          probeSinceMs = undefined;
        }),
        failed: (restMs) =>
          once(() => {
            failed += 1;
            if (restMs !== undefined || openUntilMs !== undefined || failed >= failures)
              open(restMs ?? openMs);
          })(),
        left: once(() => {
          probeSinceMs = undefined;
        }),
      };
    },
  };
}
