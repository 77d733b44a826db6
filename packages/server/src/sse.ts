/**
 * Server-sent events of one request (WHATWG HTML §9.2), made from an async iterable.
 *
 * Guarantees: data is one JSON line, so a newline in content cannot break an event (SH-D17). Each event has an id
 * that counts up. The stream ends when its source ends, when the client leaves, when what allowed it ends,
 * or past the byte limit; in each case the source is told to stop and is finished before the stream is let go
 * [SR-26]. Comments keep idle connections open.
 * Does not: replay. A client that was cut off reads the stored conversation.
 * Attack answered: a stream that outlives the session, the token or the interest of whoever opened it.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { DeputizeError, currentContext } from "@deputize/core";

export interface ServerEvent {
  /** The event's name; without one it is a `message` event. */
  readonly event?: string;
  readonly data: unknown;
}

/** Calls `onEnded` once, and answers how to stop watching. */
export type Watch = (onEnded: (reason: DeputizeError) => void) => () => void;

export interface SseOptions {
  /** Aborts when the client leaves. */
  readonly signal: AbortSignal;
  /** Tells when whatever allowed the stream has ended, such as `verifier.watch`. Answers how to stop watching. */
  readonly watch?: Watch;
  /** 15,000 unless set. */
  readonly heartbeatMs?: number;
  /** 10,000,000 unless set. */
  readonly maxBytes?: number;
  /** What the client is told when the stream is ended from our side, or when the source throws. */
  readonly onError?: (error: unknown) => ServerEvent | undefined;
}

const HEARTBEAT_MS = 15_000;
const MAX_BYTES = 10_000_000;

/** One event on the wire. JSON never holds a raw line break, so one `data:` line is enough. */
export function encodeEvent(id: number, event: ServerEvent): string {
  const name = event.event === undefined ? "" : `event: ${event.event}\n`;
  return `id: ${id}\n${name}data: ${JSON.stringify(event.data)}\n\n`;
}

/** Starts `source` and answers with its events. The signal given to the source ends with the stream. */
export function sseResponse(
  source: (signal: AbortSignal) => AsyncIterable<ServerEvent>,
  options: SseOptions,
): Response {
  const inContext = AsyncLocalStorage.snapshot();
  const stop = new AbortController();
  const encoder = new TextEncoder();
  let heartbeat: NodeJS.Timeout | undefined;
  let unwatch: (() => void) | undefined;
  const release = (): void => {
    clearInterval(heartbeat);
    unwatch?.();
    unwatch = undefined;
  };
  let cancelled = false;
  let wake: (() => void) | undefined;

  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      let id = 0;
      let bytes = 0;
      const write = (text: string): void => {
        if (cancelled) return;
        const chunk = encoder.encode(text);
        bytes += chunk.byteLength;
        controller.enqueue(chunk);
      };
      const send = (event: ServerEvent): void => write(encodeEvent((id += 1), event));
      const fail = (error: unknown): void => {
        const event = options.onError?.(error);
        if (event) send(event);
      };
      const end = (error?: unknown): void => {
        if (!stop.signal.aborted) stop.abort(error);
        wake?.();
      };

      heartbeat = setInterval(() => write(": keep-alive\n\n"), options.heartbeatMs ?? HEARTBEAT_MS);
      unwatch = options.watch?.(end);
      if (options.signal.aborted) end();
      options.signal.addEventListener("abort", () => end(), { once: true });

      const pump = async (): Promise<void> => {
        let events: AsyncIterator<ServerEvent> | undefined;
        try {
          events = source(stop.signal)[Symbol.asyncIterator]();
          while (!stop.signal.aborted) {
            const next = await Promise.race([
              events.next(),
              new Promise<undefined>((resolve) => {
                wake = () => resolve(undefined);
                if (stop.signal.aborted) resolve(undefined);
              }),
            ]);
            if (next === undefined || stop.signal.aborted) break;
            if (next.done) return;
            send(next.value);
            if (bytes > (options.maxBytes ?? MAX_BYTES)) {
              end(new DeputizeError("limit_exceeded", "the answer is longer than a stream may be"));
            }
          }
          if (stop.signal.reason instanceof DeputizeError) fail(stop.signal.reason);
        } catch (error) {
          fail(error);
        } finally {
          if (!stop.signal.aborted) stop.abort();
          release();
          // The source hears of the end by its signal; its clean-up must not hold the connection.
          void Promise.resolve(events?.return?.()).catch(() => undefined);
          if (!cancelled) controller.close();
        }
      };
      void inContext(pump);
    },
    cancel() {
      cancelled = true;
      release();
      if (!stop.signal.aborted) stop.abort();
      wake?.();
    },
  });
  const requestId = currentContext()?.requestId;
  return new Response(body, {
    headers: {
      // What middleware wrote before is not in a response that is made here.
      ...(requestId !== undefined && { "X-Request-Id": requestId }),
      "X-Content-Type-Options": "nosniff",
      "Content-Type": "text/event-stream; charset=utf-8",
      "Cache-Control": "no-store",
      // Proxies that buffer would hold back the answer.
      "X-Accel-Buffering": "no",
    },
  });
}

/** A watch that asks every `everyMs` (500 unless set); a no, or a throw, is the end. */
export function pollWatch(stillAllowed: () => Promise<boolean>, everyMs = 500): Watch {
  const inContext = AsyncLocalStorage.snapshot();
  return (onEnded) => {
    let asking = false;
    const ask = async (): Promise<void> => {
      if (asking) return;
      asking = true;
      const allowed = await stillAllowed().catch(() => false);
      asking = false;
      if (allowed) return;
      clearInterval(timer);
      onEnded(new DeputizeError("unauthenticated", "the sign-in behind this stream has ended"));
    };
    const timer = setInterval(() => void inContext(ask), everyMs);
    return () => clearInterval(timer);
  };
}
