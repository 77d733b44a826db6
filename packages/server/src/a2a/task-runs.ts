/**
 * The tasks at work in this process.
 *
 * Guarantees: one message at a time works on a task, so that two answers to one question do not run beside each other; a run is found
 * by its owner only, and is forgotten when it has ended.
 */
import type { RunHold } from "./run-hold.ts";

export interface TaskRun {
  /** Aborts when the run is to stop: cancelled, let go of by all, or no longer allowed. */
  readonly signal: AbortSignal;
  end(): void;
}

export interface TaskRuns {
  /** Takes a task for one message. Undefined while another is at work on it; else how to give it back unless it has begun. */
  reserve(owner: string, taskId: string): (() => void) | undefined;
  begin(owner: string, taskId: string, hold: RunHold): TaskRun;
  /** Asks a run to stop. */
  cancel(taskId: string): void;
  /** What a run of this owner hangs on. */
  holdOf(owner: string, taskId: string): RunHold | undefined;
}

interface Entry {
  readonly owner: string;
  readonly stop: AbortController;
  hold?: RunHold;
}

export function createTaskRuns(): TaskRuns {
  // Task ids are made by this server, so that one is one, whoever owns it.
  const entries = new Map<string, Entry>();
  const forget = (taskId: string, entry: Entry): void => {
    if (entries.get(taskId) === entry) entries.delete(taskId);
  };

  return {
    reserve(owner, taskId) {
      if (entries.has(taskId)) return undefined;
      const entry: Entry = { owner, stop: new AbortController() };
      entries.set(taskId, entry);
      return () => {
        if (!entry.hold) forget(taskId, entry);
      };
    },
    begin(owner, taskId, hold) {
      const entry = entries.get(taskId) ?? { owner, stop: new AbortController() };
      entry.hold = hold;
      entries.set(taskId, entry);
      return {
        signal: AbortSignal.any([entry.stop.signal, hold.signal]),
        end: () => forget(taskId, entry),
      };
    },
    cancel: (taskId) => entries.get(taskId)?.stop.abort(),
    holdOf(owner, taskId) {
      const entry = entries.get(taskId);
      return entry?.owner === owner ? entry.hold : undefined;
    },
  };
}
