/**
 * Answers of somebody else, kept for seconds.
 *
 * Guarantees: who asks for one key at one moment shares one question; a question that threw is not kept; what is forgotten while a question is
 * open is not kept when the answer comes, and who asks after it asks anew. Bounded in number and in time.
 */
import type { Clock } from "@deputize/core";

export interface ShortCache<Value> {
  /** The kept answer, or that of `ask`, kept until `until` says (monotonic milliseconds; in the past: not at all). */
  get(key: string, ask: () => Promise<Value>, until: (value: Value) => number): Promise<Value>;
  forget(key: string): void;
  clear(): void;
}

/** A cache of `size` answers, which drops the oldest. */
export function shortCache<Value>(options: {
  readonly size: number;
  readonly clock: Clock;
}): ShortCache<Value> {
  const { size, clock } = options;
  const kept = new Map<string, { readonly value: Value; readonly until: number }>();
  const asking = new Map<string, Promise<Value>>();

  function start(key: string, ask: () => Promise<Value>, until: (value: Value) => number): Promise<Value> {
    const question: Promise<Value> = ask().then(
      (value) => {
        // Forgotten meanwhile: it may speak of before.
        if (asking.get(key) === question) {
          asking.delete(key);
          const end = until(value);
          if (end > clock.monotonicMs()) kept.set(key, { value, until: end });
          const [oldest] = kept.keys();
          if (kept.size > size && oldest !== undefined) kept.delete(oldest);
        }
        return value;
      },
      (error: unknown) => {
        if (asking.get(key) === question) asking.delete(key);
        throw error;
      },
    );
    asking.set(key, question);
    return question;
  }

  return {
    get(key, ask, until) {
      const known = kept.get(key);
      if (known && known.until > clock.monotonicMs()) return Promise.resolve(known.value);
      kept.delete(key);
      return asking.get(key) ?? start(key, ask, until);
    },
    forget(key) {
      kept.delete(key);
      asking.delete(key);
    },
    clear() {
      kept.clear();
      asking.clear();
    },
  };
}
