/**
 * Entries that come in while one commit is under way share the next. A fast stream costs few commits, and each caller
 * still hears that its own entry is committed.
 */
import { type Clock, DeputizeError, newId } from "@deputize/core";
import { type AuditEvent, encodeEvent } from "./event.ts";

export interface Appender {
  /** Resolves with the entry id once the event is committed. Throws `audit_unavailable`. */
  append(event: AuditEvent): Promise<string>;
  /** Waits until nothing is under way. */
  settled(): Promise<void>;
}

export interface GroupItem {
  readonly id: string;
  /** JSON. */
  readonly event: string;
}

const GROUP_MAX = 500;

/** More than this waiting means that the disk or database does not keep up; then we refuse instead of filling memory. */
const WAITING_MAX = 20_000;

interface Waiting extends GroupItem {
  readonly done: (error?: unknown) => void;
}

export interface GroupCommitOptions {
  readonly clock: Clock;
  /** Makes a group durable, all or nothing. */
  readonly commit: (group: readonly GroupItem[]) => Promise<void>;
  /** One entry may be refused for itself, so a group that fails is tried again one by one. */
  readonly oneByOne: boolean;
}

export function groupCommit({ clock, commit, oneByOne }: GroupCommitOptions): Appender {
  let waiting: Waiting[] = [];
  let running: Promise<void> | undefined;

  async function drain(): Promise<void> {
    while (waiting.length > 0) {
      const group = waiting.slice(0, GROUP_MAX);
      waiting = waiting.slice(GROUP_MAX);
      await settle(group);
    }
    running = undefined;
  }

  async function settle(group: readonly Waiting[]): Promise<void> {
    try {
      await commit(group);
      for (const item of group) item.done();
    } catch (error) {
      // One entry that is refused must not take the others with it.
      if (oneByOne && group.length > 1) for (const item of group) await settle([item]);
      else for (const item of group) item.done(error);
    }
  }

  return {
    append: (event) => {
      const id = newId(clock);
      return new Promise((resolve, reject) => {
        const encoded = encodeEvent(event);
        if (waiting.length >= WAITING_MAX) throw unavailable(undefined);
        waiting.push({
          id,
          event: encoded,
          done: (error) => (error ? reject(unavailable(error)) : resolve(id)),
        });
        running ??= drain();
      });
    },
    settled: async () => {
      await running;
    },
  };
}

/** What every room gets when its entry cannot be written: the effect must not happen. */
export function unavailable(cause: unknown): DeputizeError {
  return new DeputizeError("audit_unavailable", "the audit entry could not be written, so nothing was done", {
    cause,
  });
}
