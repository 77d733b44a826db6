/** Appends to the store in transactions of their own, many to a commit (group-commit.ts). */
import { type Clock, telemetry } from "@deputize/core";
import type { Store } from "@deputize/store";
import { type Appender, groupCommit } from "./group-commit.ts";

/** A database that has not answered by now is taken for one that cannot be written. */
const DEADLINE_MS = 15_000;

export function createAppender(store: Store, clock: Clock): Appender {
  return groupCommit({
    clock,
    oneByOne: true,
    commit: async (group) => {
      const entries = `[${group.map((item) => `{"id":"${item.id}","event":${item.event}}`).join(",")}]`;
      const began = clock.monotonicMs();
      // One statement is one transaction, and one trip.
      await inTime(store.pool("sequencer").query("SELECT audit.submit_many($1::jsonb)", [entries]));
      telemetry.observe("audit_record", (clock.monotonicMs() - began) / 1000, {});
    },
  });
}

async function inTime(work: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("the database did not answer in time")), DEADLINE_MS);
  try {
    await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
