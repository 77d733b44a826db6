import type { Clock } from "@deputize/core";

/** Whole seconds from now to a time in epoch milliseconds (or Infinity): at least one, and no more than `most`. */
export function secondsUntil(clock: Clock, endsAt: number, most: number): number {
  return Math.min(most, Math.max(1, Math.floor((endsAt - clock.nowMs()) / 1000)));
}
