/**
 * Who still wants a task that is at work, and until when it may go on.
 *
 * Guarantees: a run ends when what allowed it ends [SR-26]. When the last listener has left it goes on for the time that the operator
 * set, and no longer: with none it stops at once, as nobody acts for an absent person without a mandate [SR-14]. One listener that
 * leaves changes nothing for the others (A2A 1.0 §3.5.2).
 */
export interface RunHold {
  /** Aborts when the run is to stop. */
  readonly signal: AbortSignal;
  /** Someone listens. Answers how to leave; leaving twice is leaving once. */
  join(): () => void;
  /** What allowed the run has ended. */
  end(): void;
}

export function createRunHold(lingerMs: number): RunHold {
  const stop = new AbortController();
  let listeners = 0;
  let timer: NodeJS.Timeout | undefined;

  function leave(): void {
    listeners -= 1;
    if (listeners > 0 || stop.signal.aborted) return;
    if (lingerMs === 0) return stop.abort();
    timer = setTimeout(() => stop.abort(), lingerMs);
    // A run that nobody listens to holds no process open.
    timer.unref();
  }

  return {
    signal: stop.signal,
    join() {
      clearTimeout(timer);
      listeners += 1;
      let left = false;
      return () => {
        if (!left) leave();
        left = true;
      };
    },
    end() {
      clearTimeout(timer);
      stop.abort();
    },
  };
}
