/**
 * Many callers, few reads: whoever asks while a read is under way waits for the next one, which begins after
 * every one of them asked. So no answer is older than its question.
 */
export function coalesce<T>(read: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  let next: Promise<T> | undefined;

  function run(): Promise<T> {
    const mine = read();
    running = mine;
    const clear = (): void => {
      if (running === mine) running = undefined;
    };
    mine.then(clear, clear);
    return mine;
  }

  return () => {
    if (!running) return run();
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return run();
      });
    return next;
  };
}
