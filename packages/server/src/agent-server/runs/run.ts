/**
 * A run: one turn of an agent on a thread, for one owner, with everything that it told.
 *
 * Guarantees, whatever store keeps it (run-store.contract.ts): it belongs to the (tenant, subject) that began it, and is "not found"
 * for everybody else. Its events count up from 1 without a gap. It ends once. Only the replica that holds it adds to it, and a
 * replica whose lease ran out holds nothing any more.
 */
import { type Caller, DeputizeError } from "@deputize/core";

export const RUN_STATUSES = ["queued", "running", "waiting", "succeeded", "failed", "cancelled"] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];
export type RunEnd = Extract<RunStatus, "succeeded" | "failed" | "cancelled">;

/** What went wrong, in words and a code that anybody may see (AF-D16). */
export interface RunFault {
  readonly code: string;
  readonly message: string;
}

/** One thing that a run told. `data` is JSON. */
export interface RunEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface StoredEvent extends RunEvent {
  /** From 1 on, without a gap. */
  readonly seq: number;
}

export interface StoredRun {
  readonly id: string;
  readonly agent: string;
  readonly threadId: string;
  readonly status: RunStatus;
  readonly background: boolean;
  readonly fault?: RunFault;
  /** The approval that it waits for. */
  readonly approvalId?: string;
  /** The agent's own name for the turn. */
  readonly agentRun?: string;
  /** The message of the conversation that it ended with. */
  readonly messageId?: string;
  readonly lastSeq: number;
  readonly cancelRequested: boolean;
  /** Nothing of it had begun when its replica went away: whoever holds its owner's credential may begin it. */
  readonly parked: boolean;
  /** Epoch milliseconds. */
  readonly created: number;
  readonly ended?: number;
}

export interface NewRun {
  readonly id: string;
  readonly agent: string;
  readonly threadId: string;
  readonly status: "queued" | "running";
  readonly background: boolean;
  /** What it needs to begin elsewhere; kept until it begins. */
  readonly input: RunInput;
  readonly replica: string;
}

export interface RunInput {
  readonly message: string;
  readonly mustExist: boolean;
}

/** What the replica that holds a run changes of it, all or nothing. */
export interface RunChange {
  readonly id: string;
  /** The last event that is stored already. */
  readonly after: number;
  readonly events: readonly RunEvent[];
  /** Its new status; absent: it stays what it is. */
  readonly status?: Exclude<RunStatus, "queued">;
  readonly fault?: RunFault;
  readonly approvalId?: string;
  readonly agentRun?: string;
  readonly messageId?: string;
  /** `drop`: it was refused before anything of it was done, and there is no such run. `park`: another replica may begin it. */
  readonly special?: "drop" | "park";
}

export interface RunWritten {
  readonly id: string;
  /** False: the run is no longer this replica's, and nothing was written. */
  readonly held: boolean;
  /** Its owner wants it to end. */
  readonly cancel: boolean;
}

export interface RunQuery {
  readonly agent?: string;
  readonly threadId?: string;
  readonly status?: RunStatus;
  readonly limit: number;
  /** The last id of the page before. */
  readonly after?: string;
}

export interface RunPage {
  readonly run: StoredRun;
  readonly events: readonly StoredEvent[];
}

/** Where runs are. What it throws beside `DeputizeError`s is its own trouble. */
export interface RunStore {
  readonly kind: "memory" | "postgres";
  /** Throws `conflict` while another run of this thread is queued or running, and `rate_limited` for too many at once. */
  create(caller: Caller, run: NewRun): Promise<StoredRun>;
  /** Throws `not_found`, in the same words for another's as for none. */
  get(caller: Caller, id: string): Promise<StoredRun>;
  /** The run as it is, and its events after `after` up to `limit`, both of one moment. Throws as `get`. */
  read(caller: Caller, id: string, after: number, limit: number): Promise<RunPage>;
  /** Newest first. */
  list(
    caller: Caller,
    query: RunQuery,
  ): Promise<{ readonly runs: readonly StoredRun[]; readonly next?: string }>;
  /** Ends a run that is not at work, with `events`; asks for the end of one that is; leaves one that has ended. Throws as `get`. */
  cancel(caller: Caller, id: string, events: readonly RunEvent[]): Promise<StoredRun>;
  /** Removes all runs of a thread of the caller's, with what they told; whoever works on one loses it. Answers how many. */
  forget(caller: Caller, agent: string, threadId: string): Promise<number>;
  /**
   * Makes a run `replica`'s: one that waits goes on, one that is parked is queued here. Undefined when somebody else was quicker, or
   * it is neither.
   */
  take(
    caller: Caller,
    id: string,
    from: "waiting" | "parked",
    replica: string,
  ): Promise<{ readonly run: StoredRun; readonly input?: RunInput } | undefined>;
  /**
   * Writes what a replica holds, and renews its lease on each. A write that is repeated is made once. Throws a `DeputizeError` where the
   * store is away, and anything else for what it cannot take.
   */
  write(replica: string, changes: readonly RunChange[]): Promise<readonly RunWritten[]>;
  /** Fails what a dead replica left: what ran at once, what was parked after a while. Answers how many. */
  failDead(events: readonly RunEvent[], fault: RunFault): Promise<number>;
  /** Forgets what ended long ago; a bounded number a call. */
  prune(): Promise<number>;
  /** Told of runs that changed, on whatever replica. A word may be lost. */
  watch(onChanged: (id: string) => void): Promise<() => Promise<void>>;
}

export interface RunStoreOptions {
  /** How long a replica holds a run without a sign of life; 10 seconds unless set. */
  readonly leaseMs?: number;
  /** How long a parked run waits for its owner; a minute unless set. */
  readonly parkedMs?: number;
  /** How long an ended run is kept; a week unless set. */
  readonly keepMs?: number;
  /** Runs of one person that are queued or running; 20 unless set. */
  readonly openPerOwner?: number;
}

export const RUN_STORE_DEFAULTS = {
  leaseMs: 10_000,
  parkedMs: 60_000,
  keepMs: 7 * 86_400_000,
  openPerOwner: 20,
} as const satisfies Required<RunStoreOptions>;

export function hasEnded({ status }: { readonly status: RunStatus }): boolean {
  return status === "succeeded" || status === "failed" || status === "cancelled";
}

export function noSuchRun(): DeputizeError {
  return new DeputizeError("not_found", "there is no such run");
}

export function threadBusy(): DeputizeError {
  return new DeputizeError("conflict", "another run of this thread has not ended; wait for it or cancel it");
}

export function tooManyRuns(limit: number): DeputizeError {
  return new DeputizeError("rate_limited", `${limit} runs may be open at once; wait for one to end`, {
    retryAfterSeconds: 2,
  });
}

/** A store's own trouble, as an error that may be shown. */
export function runStoreFault(error: unknown): never {
  if (error instanceof DeputizeError) throw error;
  throw new DeputizeError("unavailable", "the run could not be read or stored; try again shortly", {
    cause: error,
    retryAfterSeconds: 2,
  });
}
