/**
 * Work that follows an answer: `ctx.after(fn)`.
 *
 * Guarantees: begins only when its call succeeded and was answered, so it delays and undoes nothing; bounded in number and
 * time; a failure is logged; `server.close()` waits for what began.
 * Does not: act as the caller. It has no database and no caller's context, for nobody is there any more (SR-14); work that
 * must not be lost belongs into a queue that the effect's own transaction fills.
 */
import { AsyncResource } from "node:async_hooks";
import { DeputizeError } from "@deputize/core";

export type AfterWork = (signal: AbortSignal) => void | Promise<void>;

const MAX_PER_CALL = 16;
const MAX_RUNNING = 256;
const TIME_MS = 30_000;

/** What one call leaves to be done. */
export class AfterList {
  readonly #work: AfterWork[] = [];
  #closed = false;

  /** Throws `limit_exceeded` past 16, `internal` once the call has ended. */
  add(work: AfterWork): void {
    if (this.#closed)
      throw new DeputizeError("internal", "the call has ended; say `after` before its answer");
    if (this.#work.length >= MAX_PER_CALL)
      throw new DeputizeError("limit_exceeded", `a call leaves at most ${MAX_PER_CALL} things to be done`);
    this.#work.push(work);
  }

  take(): readonly AfterWork[] {
    this.#closed = true;
    return this.#work.splice(0);
  }
}

/** The background work of one server. */
export class Background {
  readonly #running = new Set<Promise<void>>();
  // Made with the server, so that nothing of a request's context comes along.
  readonly #outside = new AsyncResource("deputize.after");

  /** Starts work after the present turn of the event loop. `failed` hears what went wrong, refusal for load included. */
  start(all: readonly AfterWork[], failed: (error: unknown) => void): void {
    for (const work of all) {
      if (this.#running.size >= MAX_RUNNING) {
        failed(new DeputizeError("limit_exceeded", "too much work waits behind answers"));
        continue;
      }
      const running = this.#outside.runInAsyncScope(() => this.#run(work)).catch(failed);
      this.#running.add(running);
      void running.finally(() => this.#running.delete(running));
    }
  }

  /** Waits for what runs, at most as long as one piece of work may take. */
  async close(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #run(work: AfterWork): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    const deadline = new AbortController();
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const error = new DeputizeError("timeout", "the work after the answer ran out of time");
      deadline.abort(error);
      late.reject(error);
    }, TIME_MS);
    timer.unref();
    try {
      await Promise.race([Promise.resolve(work(deadline.signal)), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}
