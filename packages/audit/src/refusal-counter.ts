/**
 * Counts refusals of requests that nobody is behind yet: bad tokens, wrong passwords, unknown hosts.
 *
 * Guarantees: strangers cannot grow the log or the memory. However many they send, there is one entry a period
 * and process, and one number for each of a fixed count of (reason, source) pairs; the rest is counted
 * together. Nothing counted is lost while the log is away; it goes into the next entry.
 * Does not: limit rates. Attack answered: "audit everything" with "fail closed" as an off switch [SR-19].
 */
import type { Clock } from "@deputize/core";
import type { AuditLog } from "./audit-log.ts";

export interface RefusalCounter {
  /** Counts one. `reason` is a code of ours; `source` is an address or a prefix of one. Never throws. */
  count(reason: string, source: string): void;
  /** Writes what was counted as one entry, if anything was. */
  flush(): Promise<void>;
  /** Stops the timer and writes what is left. */
  close(): Promise<void>;
}

export interface RefusalCounterOptions {
  readonly log: Pick<AuditLog, "append">;
  readonly clock: Clock;
  readonly tenant: string;
  /** One minute unless told. */
  readonly periodMs?: number;
}

export const REFUSAL_LIMITS = {
  /** Pairs counted apart. Their entry stays under 30 kB. */
  pairs: 256,
  reasonChars: 48,
  sourceChars: 48,
} as const;

interface Tally {
  readonly reason: string;
  readonly source: string;
  count: number;
}

export function refusalCounter(options: RefusalCounterOptions): RefusalCounter {
  const { log, clock, tenant, periodMs = 60_000 } = options;
  let pairs = new Map<string, Tally>();
  let others = 0;
  let since = clock.nowMs();
  let writing: Promise<void> | undefined;

  function add(reason: string, source: string, count: number): void {
    const key = `${reason}\n${source}`;
    const known = pairs.get(key);
    if (known) known.count += count;
    else if (pairs.size < REFUSAL_LIMITS.pairs) pairs.set(key, { reason, source, count });
    else others += count;
  }

  async function write(): Promise<void> {
    const counted = [...pairs.values()];
    const rest = others;
    const from = since;
    if (counted.length === 0 && rest === 0) return;
    pairs = new Map();
    others = 0;
    since = clock.nowMs();
    const total = counted.reduce((sum, tally) => sum + tally.count, rest);
    const detail = { from: iso(from), to: iso(since), total, others: rest, counted };
    try {
      await log.append({ action: "refusals.counted", outcome: "refused", tenant, detail });
    } catch {
      since = from;
      others += rest;
      for (const { reason, source, count } of counted) add(reason, source, count);
    }
  }

  function flush(): Promise<void> {
    writing ??= write().finally(() => {
      writing = undefined;
    });
    return writing;
  }

  const timer = setInterval(() => void flush(), periodMs);
  timer.unref();
  return {
    count: (reason, source) =>
      add(reason.slice(0, REFUSAL_LIMITS.reasonChars), source.slice(0, REFUSAL_LIMITS.sourceChars), 1),
    flush,
    close: async () => {
      clearInterval(timer);
      await writing;
      await flush();
    },
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
