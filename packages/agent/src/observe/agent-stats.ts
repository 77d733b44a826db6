/** What one agent did since it was built, in this process: sums, for whoever runs it. Accounts of people are in the usage ledger. */
import type { TurnEnd } from "../events.ts";
import type { AgentObserver } from "./agent-event.ts";

export interface AgentStats {
  /** RFC 3339. */
  readonly since: string;
  /** Turns that run now. */
  readonly running: number;
  /** Turns that ended, by how; one that was resumed counts each time. */
  readonly turns: Readonly<Record<TurnEnd, number>>;
  readonly modelCalls: number;
  readonly toolCalls: number;
  /** Answers that were given again without a model. */
  readonly cacheHits: number;
  /** Of its own models. */
  readonly tokensIn: number;
  readonly tokensOut: number;
  /** Millionths of a US dollar, of its model calls whose price is known. */
  readonly costMicros: number;
}

export interface StatsKeeper {
  readonly observer: AgentObserver;
  stats(): AgentStats;
}

/** Begins to count. */
export function keepStats(sinceMs: number): StatsKeeper {
  const since = new Date(sinceMs).toISOString();
  const turns = { done: 0, waiting: 0, stopped: 0, failed: 0 };
  const sums = {
    running: 0,
    modelCalls: 0,
    toolCalls: 0,
    cacheHits: 0,
    tokensIn: 0,
    tokensOut: 0,
    costMicros: 0,
  };
  return {
    observer(event) {
      switch (event.kind) {
        case "turn_started":
          sums.running += 1;
          return;
        case "turn_ended":
          sums.running -= 1;
          turns[event.status] += 1;
          return;
        case "model_called":
          sums.modelCalls += 1;
          sums.tokensIn += event.tokensIn;
          sums.tokensOut += event.tokensOut;
          sums.costMicros += event.costMicros ?? 0;
          return;
        case "tool_called":
          sums.toolCalls += 1;
          return;
        case "cache_looked":
          sums.cacheHits += event.result === "hit" ? 1 : 0;
          return;
        default:
      }
    },
    stats: () => ({ since, ...sums, turns: { ...turns } }),
  };
}
