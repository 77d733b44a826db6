/**
 * Hands events from the run to whoever listens. The run never waits for the listener, and a listener that
 * leaves early does not end the run: what it did is stored, and can be read again.
 */
export interface EventChannel<T> extends AsyncIterable<T> {
  push(value: T): void;
  close(error?: unknown): void;
}

export function createEventChannel<T>(): EventChannel<T> {
  const waiting: T[] = [];
  let wake: (() => void) | undefined;
  let ended = false;
  let left = false;
  let failure: { error: unknown } | undefined;

  return {
    push(value) {
      if (ended || left) return;
      waiting.push(value);
      wake?.();
    },
    close(error) {
      if (ended) return;
      ended = true;
      if (error !== undefined) failure = { error };
      wake?.();
    },
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          while (waiting.length > 0) yield waiting.shift() as T;
          if (failure) throw failure.error;
          if (ended) return;
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      } finally {
        left = true;
        waiting.length = 0;
      }
    },
  };
}
