/**
 * Server-sent events of one request (WHATWG HTML §9.2), or lines of JSON, made from an async iterable.
 *
 * Guarantees: data is one JSON line, so a newline in content cannot break an event (SH-D17). Each event has an id
 * that counts up, or the one that its source gives it. The stream ends when its source ends, when the client leaves, when what allowed
 * it ends, or past the byte limit; in each case the source is told to stop and is finished before the stream is let go
 * [SR-26]. A client that reads slowly is waited for, so that it costs no memory, and one that does not read at all is cut. Comments
 * keep idle connections open.
 * Does not: replay; its source may. A client that was cut off otherwise reads the stored conversation.
 * Attack answered: a stream that outlives the session, the token or the interest of whoever opened it.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { DeputizeError, currentContext } from "@deputize/core";

export interface ServerEvent {
  /** The event's name; without one it is a `message` event. */
  readonly event?: string;
  readonly data: unknown;
  /** What a client says as `Last-Event-ID` to go on from here. Absent: it counts up by itself; `null`: none. */
  readonly id?: number | null;
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
  /** Lines of JSON, `{id, event, data}`, in place of server-sent events. */
  readonly format?: "sse" | "ndjson";
  /** What stands on an event's line of JSON, in place of the above. */
  readonly line?: (event: ServerEvent) => unknown;
  /** How long a client may read nothing while something waits for it; 60,000 unless set. */
  readonly stallMs?: number;
  /** What the client is told when the stream is ended from our side, or when the source throws. */
  readonly onError?: (error: unknown) => ServerEvent | undefined;
}

const HEARTBEAT_MS = 15_000;
const MAX_BYTES = 10_000_000;
const STALL_MS = 60_000;
/** What may wait for a slow client. */
const WAITING_BYTES = 65_536;

/** One event on the wire. JSON never holds a raw line break, so one `data:` line is enough. */
export function encodeEvent(id: number | null, event: ServerEvent): string {
  const name = event.event === undefined ? "" : `event: ${event.event}\n`;
  return `${id === null ? "" : `id: ${id}\n`}${name}data: ${JSON.stringify(event.data)}\n\n`;
}

function numberedLine({ id, event, data }: ServerEvent): object {
  return { ...(id !== null && { id }), ...(event !== undefined && { event }), data };
}

class Stalled extends Error {}

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
  const { format = "sse", line = numberedLine, stallMs = STALL_MS } = options;
  const encode =
    format === "sse"
      ? encodeEvent
      : (id: number | null, event: ServerEvent) => `${JSON.stringify(line({ ...event, id }))}\n`;
  let cancelled = false;
  let wake: (() => void) | undefined;
  let flow: (() => void) | undefined;

  const underlying = {
    start(controller: ReadableStreamDefaultController<Uint8Array>) {
      let id = 0;
      let bytes = 0;
      const write = (text: string): void => {
        if (cancelled) return;
        const chunk = encoder.encode(text);
        bytes += chunk.byteLength;
        controller.enqueue(chunk);
      };
      const send = (event: ServerEvent): void =>
        write(encode(event.id === undefined ? (id += 1) : event.id, event));
      /** Resolves when the client has taken what waits. Throws when it takes nothing. */
      const room = async (): Promise<void> => {
        let timer: NodeJS.Timeout | undefined;
        const stalled = await new Promise<boolean>((resolve) => {
          timer = setTimeout(() => resolve(true), stallMs);
          flow = () => resolve(false);
          wake = flow;
        });
        clearTimeout(timer);
        if (stalled) throw new Stalled("the client reads nothing");
      };
      const fail = (error: unknown): void => {
        const event = options.onError?.(error);
        if (event) send(event);
      };
      const end = (error?: unknown): void => {
        if (!stop.signal.aborted) stop.abort(error);
        wake?.();
      };

      const beat = (): void => {
        if (format === "sse" && (controller.desiredSize ?? 0) > 0) write(": keep-alive\n\n");
      };
      heartbeat = setInterval(beat, options.heartbeatMs ?? HEARTBEAT_MS);
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
            if ((controller.desiredSize ?? 0) <= 0 && !stop.signal.aborted) await room();
          }
          if (stop.signal.reason instanceof DeputizeError) fail(stop.signal.reason);
        } catch (error) {
          if (error instanceof Stalled && !cancelled) {
            cancelled = true;
            controller.error(error);
          } else fail(error);
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
    pull() {
      flow?.();
    },
    cancel() {
      cancelled = true;
      release();
      if (!stop.signal.aborted) stop.abort();
      wake?.();
    },
  };
  const body = new ReadableStream(
    underlying,
    new ByteLengthQueuingStrategy({ highWaterMark: WAITING_BYTES }),
  );
  const requestId = currentContext()?.requestId;
  return new Response(body, {
    headers: {
      // What middleware wrote before is not in a response that is made here.
      ...(requestId !== undefined && { "X-Request-Id": requestId }),
      "X-Content-Type-Options": "nosniff",
      "Content-Type":
        format === "sse" ? "text/event-stream; charset=utf-8" : "application/x-ndjson; charset=utf-8",
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
