/**
 * What can end a run from outside: its time, its lease, the person, the process.
 *
 * Guarantees: one signal, aborted once, with the reason. A run that was stopped on another replica, or whose
 * lease or grant was lost, notices within one heartbeat.
 */
import { DeputizeError, isDeputizeError } from "@deputize/core";

/** The person, or the program, asked for the end; what was done so far is the answer. */
export class Stopped extends Error {
  override readonly name = "Stopped";
}

export interface Lifeline {
  readonly signal: AbortSignal;
  end(reason: unknown): void;
  close(): void;
}

export const HEARTBEAT_MS = 2_000;

export function createLifeline(options: {
  readonly timeMs: number;
  readonly signal: AbortSignal | undefined;
  readonly beat: () => Promise<"go on" | "stop">;
}): Lifeline {
  const controller = new AbortController();
  const end = (reason: unknown): void => controller.abort(reason);
  const onAbort = (): void => end(new Stopped("the request was ended"));
  if (options.signal?.aborted) onAbort();
  options.signal?.addEventListener("abort", onAbort, { once: true });
  const timer = setTimeout(() => {
    const seconds = Math.round(options.timeMs / 1000);
    end(
      new DeputizeError(
        "limit_exceeded",
        `this took longer than ${seconds} seconds; what was done so far is kept`,
        { detail: { budget: "run.timeMs" } },
      ),
    );
  }, options.timeMs);
  let beating = false;
  const heart = setInterval(() => {
    if (beating) return;
    beating = true;
    options
      .beat()
      .then((answer) => {
        if (answer === "stop") end(new Stopped("the run was stopped"));
      })
      .catch((error: unknown) => {
        // Authority that was taken away ends the run; any other beat may fail, since the lease outlives several.
        if (isDeputizeError(error, "grant_revoked")) end(error);
      })
      .finally(() => {
        beating = false;
      });
  }, HEARTBEAT_MS);
  return {
    signal: controller.signal,
    end,
    close() {
      clearTimeout(timer);
      clearInterval(heart);
      options.signal?.removeEventListener("abort", onAbort);
    },
  };
}
