/**
 * Reads a source to its end whether or not somebody reads along: what the protocol's library writes down of a task, it writes
 * while its events are read, so that a listener who left would leave the task at work for ever.
 */
export interface KeptStream<T> {
  /** The events, once; leaving it early stops nothing. */
  readonly events: AsyncIterable<T>;
  /** Settles when the source has ended. Never rejects. */
  readonly ended: Promise<void>;
}

export function keptStream<T>(source: AsyncIterable<T>): KeptStream<T> {
  let waiting: T[] = [];
  let over: { readonly error?: unknown } | undefined;
  let left = false;
  let wake: (() => void) | undefined;

  async function pump(): Promise<void> {
    try {
      for await (const event of source) {
        if (left) continue;
        waiting.push(event);
        wake?.();
      }
      over = {};
    } catch (error) {
      over = { error };
    }
    wake?.();
  }
  const ended = pump();

  async function* read(): AsyncGenerator<T> {
    try {
      for (;;) {
        const taken = waiting;
        waiting = [];
        yield* taken;
        if (waiting.length > 0) continue;
        if (over) {
          if ("error" in over) throw over.error;
          return;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      left = true;
      waiting = [];
    }
  }
  return { events: read(), ended };
}
