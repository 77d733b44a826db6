/**
 * How many refusals a minute become entries of their own.
 *
 * Guarantees: of one kind to one principal a fixed number, and a fixed number in all, whoever asks for what; what is beyond is
 * for the counter. Effects are no part of it: theirs is the rest of the log. Memory is bounded by the same numbers.
 * Attack answered: somebody with a name who fills the log, or buries one refusal under a thousand others [SR-19].
 */
import type { Clock } from "@deputize/core";

export const REFUSAL_ENTRIES = {
  /** Of one kind to one principal, or of one kind to strangers, in a minute. */
  ofOne: 30,
  /** In a minute and process. */
  ofAll: 3_000,
} as const;

const MINUTE_MS = 60_000;

/** Takes one from the budget of a minute; false when it is spent. `who` is empty for strangers. */
export type RefusalBudget = (kind: string, who: string) => boolean;

export function refusalBudget(clock: Clock): RefusalBudget {
  const spent = new Map<string, number>();
  let all = 0;
  let minute = 0;
  return (kind, who) => {
    const now = Math.floor(clock.nowMs() / MINUTE_MS);
    if (now !== minute) {
      minute = now;
      all = 0;
      spent.clear();
    }
    const key = `${kind}\n${who}`;
    const own = spent.get(key) ?? 0;
    if (own >= REFUSAL_ENTRIES.ofOne || all >= REFUSAL_ENTRIES.ofAll) return false;
    spent.set(key, own + 1);
    all += 1;
    return true;
  };
}
