/**
 * Refusals in the log: those to somebody known as entries within a budget, those to strangers (bad tokens, wrong passwords,
 * unknown hosts) and whatever is beyond the budget as counts.
 *
 * Guarantees: refusals cannot grow the log or the memory beyond a fixed rate. However many they send, there is one entry a period
 * and process, and one number for each of a fixed count of (reason, source) pairs; the rest is counted
 * together. Nothing counted is lost while the log is away; it goes into the next entry.
 * Does not: limit rates. Attack answered: "audit everything" with "fail closed" as an off switch [SR-19].
 */
import type { Clock } from "@deputize/core";
import type { AuditLog } from "./audit-log.ts";
import type { AuditEvent } from "./event.ts";
import { refusalBudget } from "./refusal-budget.ts";

export interface RefusalCounter {
  /** Counts one. `reason` is a code of ours; `source` is an address or a prefix of one. Never throws. */
  count(reason: string, source: string): void;
  /**
   * The refusal of somebody who is known, or a stranger's that is worth an entry: one of its own while the budget lasts,
   * counted beyond, under who acted or the source. Throws `audit_unavailable` as `append` does, for somebody known; a
   * stranger's is counted until the log is back.
   */
  refused(event: AuditEvent, source?: string): Promise<void>;
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
  const within = refusalBudget(clock);
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
  const count = (reason: string, source: string): void =>
    add(reason.slice(0, REFUSAL_LIMITS.reasonChars), source.slice(0, REFUSAL_LIMITS.sourceChars), 1);
  return {
    count,
    async refused(event, source = "unknown") {
      const who = event.actors?.[0] ?? event.subject ?? "";
      if (!within(event.action, who)) {
        count(event.action, who === "" ? source : who);
        return;
      }
      try {
        await log.append(event);
      } catch (error) {
        if (who !== "") throw error;
        count(event.action, source);
      }
    },
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
