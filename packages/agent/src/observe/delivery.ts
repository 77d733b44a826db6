/**
 * The way of records to one transporter.
 *
 * Guarantees: whoever tells a record is never kept waiting and never hears of a fault; nothing of the transporter runs in the
 * turn's own step, nor with its caller in context. At most `queue` records wait; those beyond are dropped and counted. A
 * transporter that throws or hangs loses the records that it had, and gets the next ones.
 * Does not: help against a transporter that keeps the process busy without waiting; nothing in the same process could.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { telemetry } from "@deputize/core";
import type { DeliveryCounts, ObservedEvent, Transporter } from "./transporter.ts";

const BATCH = 100;
const SEND_MS = 10_000;
const CLOSE_MS = 5_000;

export interface Delivery {
  /** Notes a record, made when its turn to be sent comes. */
  push(record: () => ObservedEvent): void;
  counts(): DeliveryCounts;
  /** Resolves when what waits now was sent, or could not be. */
  flush(): Promise<void>;
  /** Sends what waits, for five seconds at most, and takes no more. */
  close(): Promise<void>;
}

export function createDelivery(transporter: Transporter, queue: number): Delivery {
  // The context of whoever set this up, not of the turn that happens to be told of.
  const outside = AsyncLocalStorage.snapshot();
  const ended = new AbortController();
  const counts = { sent: 0, dropped: 0, failed: 0 };
  let waiting: (() => ObservedEvent)[] = [];
  let running: Promise<void> | undefined;
  let closing: Promise<void> | undefined;

  function lose(reason: "full" | "failed", by: number): void {
    if (by === 0) return;
    counts[reason === "full" ? "dropped" : "failed"] += by;
    telemetry.count("agent_events_lost", { transporter: transporter.name, reason }, by);
  }

  async function drain(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH);
      waiting = waiting.slice(BATCH);
      try {
        await within(transporter.timeoutMs ?? SEND_MS, ended.signal, async (signal) =>
          transporter.send(
            batch.map((record) => record()),
            signal,
          ),
        );
        counts.sent += batch.length;
      } catch {
        lose("failed", batch.length);
      }
    }
    running = undefined;
  }

  async function flush(): Promise<void> {
    await running;
    const flushed = within(CLOSE_MS, ended.signal, async () => transporter.flush?.());
    await flushed.catch(() => {});
  }

  async function end(): Promise<void> {
    await Promise.race([flush(), later(CLOSE_MS)]);
    lose("full", waiting.length);
    waiting = [];
    ended.abort();
    await within(CLOSE_MS, undefined, async () => transporter.close?.()).catch(() => {});
  }

  return {
    push(record) {
      if (closing || waiting.length >= queue) return lose("full", 1);
      waiting.push(record);
      running ??= outside(drain);
    },
    counts: () => ({ ...counts }),
    flush,
    close: () => (closing ??= outside(end)),
  };
}

/** Waits that long; holds up no process that would end. */
function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

/** Runs `work`, and stops waiting for it after a time, or when `ended` says so. Its signal says so to the work. */
async function within(
  ms: number,
  ended: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const late = new AbortController();
  const signal = ended ? AbortSignal.any([late.signal, ended]) : late.signal;
  const timer = setTimeout(() => late.abort(new Error("it took too long")), ms).unref();
  try {
    await new Promise<void>((resolve, reject) => {
      const stop = (): void => reject(signal.reason as Error);
      if (signal.aborted) return stop();
      signal.addEventListener("abort", stop, { once: true });
      work(signal).then(resolve, reject);
    });
  } finally {
    clearTimeout(timer);
  }
}
