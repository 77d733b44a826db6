/** What carries records of turns somewhere: to a terminal, a file, a page, metrics, another program. */
import type { AgentEvent } from "./agent-event.ts";

/** A record as transporters get it. `texts` is there at level `full` only, and holds what `redact` made of each text. */
export type ObservedEvent = AgentEvent & { readonly texts?: Readonly<Record<string, string>> };

export interface Transporter {
  /** For counts of what was lost: `console`, `json_log`, `prometheus`, `html_report`, `webhook` or `callback`. */
  readonly name: string;
  /** How long one `send` may take, in milliseconds. 10,000 unless set. */
  readonly timeoutMs?: number;
  /**
   * Sends records, in their order, one call at a time. What it throws is counted and dropped. `signal` ends when it takes too
   * long, and when the observation is closed.
   */
  send(events: readonly ObservedEvent[], signal: AbortSignal): void | Promise<void>;
  /** Writes what `send` only noted. */
  flush?(): void | Promise<void>;
  close?(): void | Promise<void>;
}

/** What became of records since the start. */
export interface DeliveryCounts {
  readonly sent: number;
  /** There was no room to wait in. */
  readonly dropped: number;
  /** The transporter threw, or took too long. */
  readonly failed: number;
}
