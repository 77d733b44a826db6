/**
 * Following a run from any replica.
 *
 * Guarantees: the events after a place, each once and in order, also while more are written: a place is read from the store, or from
 * what this replica has stored itself, never from what is only about to be stored. Ends when the run has ended or waits and everything
 * was told. Whoever does not read costs nothing but their place.
 */
import type { Caller } from "@deputize/core";
import type { JournalEntry } from "./run-journal.ts";
import { type RunStore, type StoredEvent, type StoredRun, hasEnded } from "./run.ts";

export type Followed = StoredEvent;

export interface FollowOptions {
  readonly after?: number;
  readonly signal: AbortSignal;
  /** Called for a run whose replica died before it began. */
  readonly onParked?: () => Promise<void>;
}

export interface RunFollower {
  follow(caller: Caller, id: string, options: FollowOptions): AsyncGenerator<Followed>;
  wait(
    caller: Caller,
    id: string,
    options: FollowOptions & { readonly timeoutMs: number },
  ): Promise<StoredRun>;
  /** Wakes whoever follows it. */
  changed(id: string): void;
  /** Ends all that follow. */
  close(): void;
}

export interface RunFollowerOptions {
  readonly store: RunStore;
  /** The run where this replica works on it. */
  readonly live: (id: string) => JournalEntry | undefined;
  /** How often a run elsewhere is looked at without a word of it; 2 seconds unless set. */
  readonly pollMs?: number;
}

const POLL_MS = 2_000;
/** A run elsewhere is read so often at most, however often it changes. */
const READ_PAUSE_MS = 40;
const PAGE = 200;

export function runFollower({ store, live, pollMs = POLL_MS }: RunFollowerOptions): RunFollower {
  const followed = new Map<string, Set<() => void>>();
  const closing = new AbortController();

  /** Hears of one run; `next` resolves at a change since the last `next`, at the latest after `ms`. */
  function listen(id: string, signals: readonly AbortSignal[]) {
    let isNew = false;
    let resume: (() => void) | undefined;
    const tell = (): void => {
      isNew = true;
      resume?.();
    };
    const all = followed.get(id) ?? new Set();
    followed.set(id, all.add(tell));
    for (const signal of signals) signal.addEventListener("abort", tell, { once: true });
    return {
      next: (ms: number): Promise<void> =>
        new Promise((resolve) => {
          const timer = setTimeout(() => resume?.(), ms);
          resume = () => {
            clearTimeout(timer);
            resume = undefined;
            isNew = false;
            resolve();
          };
          if (isNew || signals.some(({ aborted }) => aborted)) resume();
        }),
      stop(): void {
        all.delete(tell);
        if (all.size === 0 && followed.get(id) === all) followed.delete(id);
        for (const signal of signals) signal.removeEventListener("abort", tell);
      },
    };
  }

  /** What this replica has stored after a place; undefined when it does not work on the run, or has no more of it at hand. */
  function atHand(id: string, seq: number): readonly StoredEvent[] | undefined {
    const entry = live(id);
    if (!entry || entry.storedSeq < seq) return undefined;
    if (entry.storedSeq === seq) return [];
    const at = entry.recent.findIndex((event) => event.seq === seq + 1);
    return at < 0 ? undefined : entry.recent.slice(at);
  }

  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, READ_PAUSE_MS));

  async function* follow(
    caller: Caller,
    id: string,
    { after = 0, signal, onParked }: FollowOptions,
  ): AsyncGenerator<Followed> {
    const signals = [signal, closing.signal];
    const over = (): boolean => signals.some(({ aborted }) => aborted);
    // Before the first look, so that nothing falls between the two.
    const changes = listen(id, signals);
    try {
      // The first look is at the store: it says whose run this is.
      let page = await store.read(caller, id, after, PAGE);
      let seq = Math.min(after, page.run.lastSeq);
      for (;;) {
        for (const event of page.events) {
          yield event;
          seq = event.seq;
        }
        if (over()) return;
        if (page.events.length < PAGE) {
          if ((hasEnded(page.run) || page.run.status === "waiting") && seq >= page.run.lastSeq) return;
          if (page.run.parked) await onParked?.();
          if (!live(id)) {
            await changes.next(pollMs);
            if (over()) return;
            await pause();
          }
          for (let ready = atHand(id, seq); ready && !over(); ready = atHand(id, seq)) {
            for (const event of ready) {
              yield event;
              seq = event.seq;
            }
            if (ready.length === 0) await changes.next(pollMs);
          }
          if (over()) return;
        }
        page = await store.read(caller, id, seq, PAGE);
      }
    } finally {
      changes.stop();
    }
  }

  async function wait(
    caller: Caller,
    id: string,
    { signal, timeoutMs, onParked }: FollowOptions & { readonly timeoutMs: number },
  ): Promise<StoredRun> {
    const late = AbortSignal.timeout(timeoutMs);
    const signals = [signal, closing.signal, late];
    const changes = listen(id, signals);
    try {
      for (;;) {
        const run = await store.get(caller, id);
        const isOver = signals.some(({ aborted }) => aborted);
        if (hasEnded(run) || run.status === "waiting" || isOver) return run;
        if (run.parked) await onParked?.();
        const before = live(id);
        do await changes.next(pollMs);
        while (before && live(id) === before && !signals.some(({ aborted }) => aborted));
      }
    } finally {
      changes.stop();
    }
  }

  return {
    follow,
    wait,
    changed: (id) => followed.get(id)?.forEach((tell) => tell()),
    close: () => closing.abort(),
  };
}
