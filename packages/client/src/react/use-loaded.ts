/** Something that is read when a component is mounted, and again when it is asked to. */
import { useCallback, useEffect, useRef, useState } from "react";
import { DeputizeError } from "@deputize/core/portable";

export interface Loaded<T> {
  /** What was read last; stays while it is read again. */
  readonly data: T | undefined;
  readonly loading: boolean;
  readonly error: DeputizeError | undefined;
  /** Reads it again. */
  readonly refresh: () => void;
}

/** `load` is called anew when `key` changes; what was asked for with another key is dropped. `null` loads nothing. */
export function useLoaded<T>(
  key: string | null,
  load: (signal: AbortSignal) => Promise<T>,
  { everyMs }: { readonly everyMs?: number } = {},
): Loaded<T> {
  const latest = useRef(load);
  latest.current = load;
  const [turn, setTurn] = useState(0);
  const [held, setHeld] = useState<{ key: string | null; data?: T; error?: DeputizeError; turn: number }>({
    key: null,
    turn: -1,
  });
  const refresh = useCallback(() => setTurn((before) => before + 1), []);

  useEffect(() => {
    if (key === null) return;
    const stop = new AbortController();
    latest.current(stop.signal).then(
      (data) => {
        if (!stop.signal.aborted) setHeld({ key, data, turn });
      },
      (cause: unknown) => {
        if (stop.signal.aborted) return;
        const error =
          cause instanceof DeputizeError
            ? cause
            : new DeputizeError("internal", "this could not be read", { cause });
        setHeld((before) => ({ ...(before.key === key ? before : {}), key, error, turn }));
      },
    );
    return () => stop.abort();
  }, [key, turn]);

  useEffect(() => {
    if (everyMs === undefined || key === null) return;
    const timer = setInterval(refresh, everyMs);
    return () => clearInterval(timer);
  }, [everyMs, key, refresh]);

  const isHeld = held.key === key;
  return {
    data: isHeld ? held.data : undefined,
    error: isHeld ? held.error : undefined,
    loading: key !== null && (!isHeld || held.turn !== turn),
    refresh,
  };
}
