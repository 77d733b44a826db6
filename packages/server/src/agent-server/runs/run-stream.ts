/**
 * The stream of a run over HTTP: server-sent events, or lines of JSON where those are asked for.
 *
 * Guarantees: an event's id is its place in the run, so that `Last-Event-ID` goes on behind it, on any replica (AF-F12). The stream ends
 * within a second of the sign-in behind it [SR-26]; why is told without an id, in a safe text with a stable code (AF-D16).
 */
import { type ServerEvent, type Watch, sseResponse } from "../../sse.ts";
import type { ErrorOptions } from "../errors.ts";
import { errorBody } from "../errors.ts";
import type { StoredEvent } from "./run.ts";

export type StreamFormat = "sse" | "ndjson";

/** Lines of JSON where the client wants them and says nothing of event streams. */
export function formatOf(request: Request): StreamFormat {
  const accept = request.headers.get("accept") ?? "";
  return /application\/(x-ndjson|jsonl?|json-seq)\b/i.test(accept) && !/text\/event-stream/i.test(accept)
    ? "ndjson"
    : "sse";
}

export interface RunStreamOptions {
  readonly format: StreamFormat;
  readonly signal: AbortSignal;
  readonly watch?: Watch | undefined;
  readonly errors: ErrorOptions;
  /** How an event of a run is told; undefined leaves it out. As it is unless set. */
  readonly tell?: (event: StoredEvent) => ServerEvent | undefined;
  /** What stands on a line of JSON; `{id, event, data}` unless set. */
  readonly line?: (event: ServerEvent) => unknown;
}

/** A run's events on the wire are bounded by the run itself. */
const MAX_BYTES = 64_000_000;

/** The answer that tells `events` as they come. */
export function runStream(
  events: (signal: AbortSignal) => AsyncIterable<StoredEvent>,
  options: RunStreamOptions,
): Response {
  const {
    format,
    signal,
    watch,
    errors,
    line,
    tell = ({ seq, ...event }) => ({ ...event, id: seq }),
  } = options;
  async function* told(ending: AbortSignal): AsyncGenerator<ServerEvent> {
    for await (const event of events(ending)) {
      const one = tell(event);
      if (one) yield one;
    }
  }
  return sseResponse(told, {
    format,
    ...(line && { line }),
    signal,
    maxBytes: MAX_BYTES,
    ...(watch && { watch }),
    onError: (error) => ({ event: "stream_error", id: null, data: errorBody(error, errors)["error"] }),
  });
}
