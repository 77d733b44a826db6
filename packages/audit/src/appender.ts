/**
 * Appends in transactions of their own, many to a commit: events that come in while one commit is under way share
 * the next. A fast stream of refusals costs few commits, and each caller still hears that its entry is committed.
 */
import { type Clock, DeputizeError, newId, telemetry } from "@deputize/core";
import type { Store } from "@deputize/store";
import { type AuditEvent, encodeEvent } from "./event.ts";

export interface Appender {
  /** Resolves with the entry id once the event is committed. Throws `audit_unavailable`. */
  append(event: AuditEvent): Promise<string>;
  /** Waits until nothing is under way. */
  settled(): Promise<void>;
}

const GROUP_MAX = 500;

/** More than this waiting means that the database does not keep up; then we refuse instead of filling memory. */
const WAITING_MAX = 20_000;

interface Waiting {
  readonly id: string;
  readonly event: string;
  readonly done: (error?: unknown) => void;
}

export function createAppender(store: Store, clock: Clock): Appender {
  let waiting: Waiting[] = [];
  let running: Promise<void> | undefined;

  async function drain(): Promise<void> {
    while (waiting.length > 0) {
      const group = waiting.slice(0, GROUP_MAX);
      waiting = waiting.slice(GROUP_MAX);
      await commit(group);
    }
    running = undefined;
  }

  async function commit(group: readonly Waiting[]): Promise<void> {
    try {
      const entries = `[${group.map((item) => `{"id":"${item.id}","event":${item.event}}`).join(",")}]`;
      const began = clock.monotonicMs();
      await store.transaction("sequencer", async (tx) => {
        await tx.query("SET LOCAL synchronous_commit = on");
        await tx.query("SELECT audit.submit_many($1::jsonb)", [entries]);
      });
      telemetry.observe("audit_record", (clock.monotonicMs() - began) / 1000, {});
      for (const item of group) item.done();
    } catch (error) {
      // One entry that the database refuses must not take the others with it.
      if (group.length > 1) for (const item of group) await commit([item]);
      else group[0]?.done(error);
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
