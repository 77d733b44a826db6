/**
 * `ctx.db`: short transactions as the caller, and the one transaction of a call's effect.
 *
 * Guarantees: liveness of the grant, the approval, the work, the audit entry and the deadline commit together
 * or not at all (SR-13, SR-15, SR-16, SR-18). After the deadline, or once the client went away, nothing more
 * is read or written, however late a handler wakes up. A handler cannot nest transactions, so a small pool
 * never waits for itself.
 * Does not: undo. What committed stays, and the call's answer says so.
 */
import { type Caller, type Clock, DeputizeError } from "@deputize/core";
import { type DataVersions, type Store, type Tx, readVersions } from "@deputize/store";
import type { ReadDatabase, WriteDatabase } from "./context.ts";

/** Where the call's one effect stands. `committing` is past the last check: it may only be waited for. */
export type EffectState = "none" | "open" | "committing" | "committed" | "rolled_back" | "unknown";

export interface CallDatabase {
  readonly reader: ReadDatabase;
  readonly writer: WriteDatabase;
  state(): EffectState;
  /** The audit entry of the committed effect. */
  entryId(): string | undefined;
  /** Versions of the declared data, from before the first reading. Undefined when nothing was read, or nothing is declared. */
  versions(): DataVersions | undefined;
  /** Waits until an effect that is being committed has an outcome. */
  settled(): Promise<void>;
}

export interface CallDatabaseOptions {
  readonly store: Store | undefined;
  readonly caller: Caller;
  readonly clock: Clock;
  /** Tags of the data whose versions are told. */
  readonly dataTags?: readonly string[] | undefined;
  /** On the monotonic clock. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  /** Runs first in the effect's transaction: recomputes the preview and spends the approval. */
  readonly beforeWork: (tx: Tx) => Promise<void>;
  /** Writes the success entry in the effect's transaction and returns its id. */
  readonly record: (tx: Tx) => Promise<string>;
}

export function callDatabase(options: CallDatabaseOptions): CallDatabase {
  const { caller, clock, deadlineMs, signal } = options;
  let state: EffectState = "none";
  let entryId: string | undefined;
  let commit: Promise<unknown> = Promise.resolve();
  let taking: Promise<void> | undefined;
  let versions: DataVersions | undefined = options.dataTags?.length === 0 ? {} : undefined;

  function remainingMs(): number {
    const left = deadlineMs - clock.monotonicMs();
    if (signal.aborted || left <= 0)
      throw new DeputizeError("timeout", "the call ran out of time; nothing was changed");
    return Math.ceil(left);
  }

  function store(): Store {
    if (options.store) return options.store;
    throw new DeputizeError("config_invalid", "this server has no database; give MCPServer a `store`");
  }

  async function read<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    if (state === "open")
      throw new DeputizeError("internal", "inside of `write`, read through its own transaction");
    const inTransaction = async (tx: Tx): Promise<T> => {
      // Every reading waits for it, also one that runs beside the first: what it finds is then no older than the versions.
      await (taking ??= take(tx));
      return work(tx);
    };
    return store().asCaller(caller, inTransaction, { readOnly: true, deadlineMs: remainingMs(), signal });
  }

  async function take(tx: Tx): Promise<void> {
    if (options.dataTags?.length) versions = await readVersions(tx, options.dataTags);
  }

  async function perform<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    const inTransaction = async (tx: Tx): Promise<T> => {
      await options.beforeWork(tx);
      const value = await work(tx);
      const recorded = await options.record(tx);
      remainingMs(); // The last word: from here on only the commit itself can fail.
      entryId = recorded;
      state = "committing";
      return value;
    };
    try {
      const value = await store().asCaller(caller, inTransaction, {
        readOnly: false,
        deadlineMs: remainingMs(),
        signal,
      });
      state = "committed";
      return value;
    } catch (error) {
      // A commit whose answer was lost may have landed; the log will show which.
      state = state === "committing" ? "unknown" : "rolled_back";
      if (state === "rolled_back") entryId = undefined;
      throw error;
    }
  }

  async function write<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    if (state !== "none") throw new DeputizeError("internal", "a call has one effect; call `write` once");
    remainingMs();
    state = "open";
    const running = perform(work);
    commit = running.catch(() => undefined);
    return running;
  }

  return {
    reader: Object.freeze({ read }),
    writer: Object.freeze({ read, write }),
    state: () => state,
    entryId: () => entryId,
    versions: () => versions,
    settled: async () => {
      await commit;
    },
  };
}
