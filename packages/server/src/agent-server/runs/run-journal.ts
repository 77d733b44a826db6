/**
 * What one replica writes to the runs that it holds.
 *
 * Guarantees: nobody hears of an event that is not stored, so that whoever goes on elsewhere misses none and sees none twice. Events of
 * all runs go in one write, the next as soon as that has ended: more streams make larger writes, not more. Each write renews the
 * lease. A run that somebody else took, or whose lease ran out while the store was away, is `lost` here and written no more.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { type Clock, isDeputizeError } from "@deputize/core";
import type { RunChange, RunEvent, RunStore, StoredEvent } from "./run.ts";

/** What ends with the events, or stands beside them. */
export type RunFacts = Omit<RunChange, "id" | "after" | "events">;

/** A run in this process's hands. */
export interface JournalEntry {
  readonly id: string;
  /** The last event that is stored. */
  readonly storedSeq: number;
  /** Stored events that are still at hand: the newest ones. */
  readonly recent: readonly StoredEvent[];
  /** Adds an event behind the last one. */
  add(event: RunEvent): void;
  /** Writes all that was added, with these facts; true once it is stored, false when the run is lost. Takes it out of the journal unless it still runs. */
  write(facts: RunFacts): Promise<boolean>;
  /** Asks now, and not at the next renewal, whether the run is still held and wanted. */
  look(): void;
}

export interface EntryWatch {
  /** Events were stored, or the status has changed. */
  onStored(): void;
  onCancel(): void;
  onLost(): void;
}

export interface RunJournal {
  open(id: string, storedSeq: number, watch: EntryWatch): JournalEntry;
  find(id: string): JournalEntry | undefined;
  /** Writes what is left. */
  close(): Promise<void>;
}

export interface RunJournalOptions {
  readonly store: RunStore;
  readonly replica: string;
  readonly leaseMs: number;
  readonly clock: Clock;
  /** The pause between two writes; 10 ms unless set. */
  readonly pauseMs?: number;
  readonly onFault?: (error: unknown) => void;
}

const PAUSE_MS = 10;
/** After a failed write. */
const RETRY_MS = 200;
/** Deltas that wait together become one event of at most so many characters. */
const DELTA_CHARS = 2_000;
/** Events at hand for streams that are up to date; who is further behind reads from the store. */
const RECENT = 256;
/** Of one run in one write. */
const EVENTS_AT_ONCE = 200;

class Entry implements JournalEntry {
  readonly id: string;
  readonly watch: EntryWatch;
  readonly wake: () => void;
  storedSeq: number;
  recent: StoredEvent[] = [];
  pending: RunEvent[] = [];
  /** In the order they were asked for; each waits until what was added before it is stored. */
  facts: { readonly facts: RunFacts; readonly done: (stored: boolean) => void; after: number }[] = [];
  wanted = false;
  gone = false;
  /** Until when nobody else may take it, by this process's monotonic clock. */
  heldUntil: number;

  constructor(id: string, storedSeq: number, watch: EntryWatch, heldUntil: number, wake: () => void) {
    this.id = id;
    this.storedSeq = storedSeq;
    this.watch = watch;
    this.heldUntil = heldUntil;
    this.wake = wake;
  }

  add(event: RunEvent): void {
    if (this.gone) return;
    const last = this.pending.at(-1);
    const joined = last && joinDeltas(last, event);
    // What a fact waits for stays as it is.
    const open = !this.facts.some(({ after }) => after === this.pending.length);
    if (joined && open) this.pending[this.pending.length - 1] = joined;
    else this.pending.push(event);
    this.wake();
  }

  write(facts: RunFacts): Promise<boolean> {
    if (this.gone) return Promise.resolve(false);
    return new Promise((done) => {
      this.facts.push({ facts, done, after: this.pending.length });
      this.wake();
    });
  }

  look(): void {
    this.wanted = true;
    this.wake();
  }

  lose(): void {
    if (this.gone) return;
    this.gone = true;
    for (const { done } of this.facts.splice(0)) done(false);
    this.pending = [];
    this.watch.onLost();
  }
}

function joinDeltas(last: RunEvent, next: RunEvent): RunEvent | undefined {
  if (last.event !== "delta" || next.event !== "delta") return undefined;
  const text = `${String(last.data["text"])}${String(next.data["text"])}`;
  return text.length <= DELTA_CHARS ? { event: "delta", data: { text } } : undefined;
}

export function runJournal(options: RunJournalOptions): RunJournal {
  const { store, replica, leaseMs, clock, pauseMs = PAUSE_MS, onFault } = options;
  const entries = new Map<string, Entry>();
  let writing: Promise<void> | undefined;
  let again = false;
  let closed = false;
  /** Writes are of many runs, and of nobody's request. */
  const outside = AsyncLocalStorage.snapshot();

  const renewal = setInterval(() => {
    for (const entry of entries.values()) entry.wanted = true;
    if (entries.size > 0) wake();
  }, leaseMs / 5);

  function wake(): void {
    again = true;
    // Not before `writing` says so: what a store tells of its changes comes back here.
    writing ??= Promise.resolve()
      .then(() => outside(run))
      .finally(() => {
        writing = undefined;
      });
  }

  async function run(): Promise<void> {
    while (again) {
      again = false;
      const failed = await writeAll();
      if (!closed) await new Promise((resolve) => setTimeout(resolve, failed ? RETRY_MS : pauseMs));
      if (failed && entries.size > 0) again = true;
    }
  }

  /** One write of everything that waits. True when it failed and is to be tried again. */
  async function writeAll(): Promise<boolean> {
    const batch = [...entries.values()].map(changeOf).filter((one) => one !== undefined);
    if (batch.length === 0) return false;
    try {
      await send(batch);
      return false;
    } catch (error) {
      onFault?.(error);
      // The store is there and does not take it: what is wrong is what one of the runs wrote.
      if (!isDeputizeError(error)) {
        for (const one of batch) await send([one]).catch(() => drop(one.entry));
        return false;
      }
      const now = clock.monotonicMs();
      for (const entry of entries.values()) if (entry.heldUntil <= now) drop(entry);
      return true;
    }
  }

  interface Sent {
    readonly entry: Entry;
    readonly change: RunChange;
    readonly done: ((stored: boolean) => void) | undefined;
  }

  function changeOf(entry: Entry): Sent | undefined {
    const [next] = entry.facts;
    const upTo = Math.min(next?.after ?? entry.pending.length, EVENTS_AT_ONCE);
    const whole = next !== undefined && upTo === next.after;
    if (upTo === 0 && !whole && !entry.wanted) return undefined;
    entry.wanted = false;
    return {
      entry,
      change: {
        id: entry.id,
        after: entry.storedSeq,
        events: entry.pending.slice(0, upTo),
        ...(whole && next.facts),
      },
      done: whole ? next.done : undefined,
    };
  }

  async function send(batch: readonly Sent[]): Promise<void> {
    // The lease that a write gives begins after this moment.
    const heldUntil = clock.monotonicMs() + leaseMs;
    const written = await store.write(
      replica,
      batch.map(({ change }) => change),
    );
    const answers = new Map(written.map((one) => [one.id, one]));
    for (const { entry, change, done } of batch) {
      const answer = answers.get(entry.id);
      if (!answer?.held) {
        drop(entry);
        continue;
      }
      entry.heldUntil = heldUntil;
      take(entry, change);
      if (done) {
        entry.facts.shift();
        if (change.special !== undefined || (change.status !== undefined && change.status !== "running")) {
          entry.gone = true;
          entries.delete(entry.id);
        }
        done(true);
      }
      if (change.events.length > 0 || done) entry.watch.onStored();
      if (answer.cancel && !entry.gone) entry.watch.onCancel();
      if (!entry.gone && (entry.pending.length > 0 || entry.facts.length > 0)) again = true;
    }
  }

  function take(entry: Entry, { events }: RunChange): void {
    entry.pending.splice(0, events.length);
    for (const waiting of entry.facts) waiting.after -= events.length;
    for (const event of events) entry.recent.push({ seq: (entry.storedSeq += 1), ...event });
    if (entry.recent.length > RECENT) entry.recent.splice(0, entry.recent.length - RECENT);
  }

  function drop(entry: Entry): void {
    entries.delete(entry.id);
    entry.lose();
  }

  return {
    open(id, storedSeq, watch) {
      const entry = new Entry(id, storedSeq, watch, clock.monotonicMs() + leaseMs, wake);
      entries.set(id, entry);
      return entry;
    },
    find: (id) => entries.get(id),
    async close() {
      closed = true;
      clearInterval(renewal);
      while (writing) await writing;
    },
  };
}
