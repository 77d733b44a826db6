/**
 * Time is passed in, so that tests move it and no check reads it behind a caller's back. `systemClock` is
 * the only place in the product that asks the machine.
 */
export interface Clock {
  /** Wall time in epoch milliseconds. May jump; never measure a duration with it. */
  nowMs(): number;
  /** Milliseconds since some fixed moment, never going back; for durations and staleness. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** Wall time in whole epoch seconds, as JWT claims want it (RFC 7519 NumericDate). */
export function nowSeconds(clock: Clock): number {
  return Math.floor(clock.nowMs() / 1000);
}

export interface ManualClock extends Clock {
  /** Moves both hands forward. */
  advance(milliseconds: number): void;
}

/** A clock for tests that moves only when told. */
export function manualClock(startMs: number): ManualClock {
  let elapsed = 0;
  return {
    nowMs: () => startMs + elapsed,
    monotonicMs: () => elapsed,
    advance: (milliseconds) => {
      elapsed += milliseconds;
    },
  };
}
