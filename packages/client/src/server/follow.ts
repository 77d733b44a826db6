/**
 * Follows a numbered stream of events to its end, over as many connections as it takes.
 *
 * Guarantees: each event once and in order, whatever is cut in between: a connection begins behind the last event that was given out
 * (`Last-Event-ID`), what comes again is left out, and a gap is never jumped [AF-F12]. A connection that falls silent counts as cut.
 * Attempts without one new event are bounded, and so are the waits between them.
 */
import type { DeputizeError } from "@deputize/core/portable";
import { pause, waitBeforeRetry, type RetryOptions } from "../sdk/retry.ts";
import { TransportError } from "../sdk/transport-error.ts";
import { AgentServerError, problemOf, serverError, statusOfCode } from "./errors.ts";
import { readEvents } from "./event-stream.ts";
import { type Json, isRecord, numberOf } from "./guards.ts";
import type { ServerHttp } from "./http.ts";

/** As it stands in the stream. */
export interface Numbered {
  readonly seq: number;
  readonly event: string;
  readonly data: Json;
}

export interface FollowOptions {
  /** The last event that is known already; 0 is the beginning. */
  readonly after?: number;
  readonly signal?: AbortSignal;
}

export interface FollowSource {
  readonly path: string;
  /** The event after which there is nothing more. */
  readonly isLast: (event: Numbered) => boolean;
  /** Asked when a stream ended by itself without a new event: there may be nothing behind `last`. */
  readonly isOver: (last: number) => Promise<boolean>;
  readonly retry?: RetryOptions;
  /** The server sends a comment every 15 seconds; 45,000 unless told. */
  readonly idleMs?: number;
}

const IDLE_MS = 45_000;
/** The event by which a server says why it ends a stream. */
export const STREAM_ERROR = "stream_error";

/** The server ended this stream, and not what it tells of. */
class Cut extends Error {
  readonly problem: AgentServerError;

  constructor(problem: AgentServerError) {
    super(problem.message);
    this.problem = problem;
  }
}

/** The data of an event. Throws `TransportError` for what is no object. */
export function jsonOf(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch {
    // Said below, in the same words.
  }
  throw new TransportError("the server sent an event that is no JSON object");
}

/** Throws `AgentServerError` for what the server refused, `TransportError` when it is gone, or the abort's reason. */
export async function* followEvents(
  http: Pick<ServerHttp, "open">,
  { path, isLast, isOver, retry, idleMs = IDLE_MS }: FollowSource,
  { after = 0, signal }: FollowOptions = {},
): AsyncGenerator<Numbered> {
  let last = after;
  for (let done = 1; ; done += 1) {
    let trouble: DeputizeError;
    try {
      const response = await http.open({
        method: "GET",
        path,
        headers: {
          Accept: "text/event-stream",
          ...(last > 0 && { "Last-Event-ID": String(last) }),
        },
        ...(signal && { signal }),
      });
      if (!response.body) throw new TransportError("the server answered without a stream");
      for await (const { id, event, data } of readEvents(response.body, { idleMs, signal })) {
        const json = jsonOf(data);
        // Why the server ends this stream: the run goes on, or what is wrong is told by the next answer.
        if (event === STREAM_ERROR) throw new Cut(streamError(json));
        const seq = Number(id);
        if (!Number.isSafeInteger(seq) || seq <= last) continue;
        if (seq > last + 1) throw new TransportError("the stream left out an event");
        last = seq;
        done = 0;
        const numbered = { seq, event, data: json };
        yield numbered;
        if (isLast(numbered)) return;
      }
      if (done > 0 && (await isOver(last))) return;
      trouble = new TransportError("the stream ended early");
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof AgentServerError) throw error;
      trouble =
        error instanceof Cut
          ? error.problem
          : error instanceof TransportError
            ? error
            : new TransportError("the stream broke off", error);
    }
    const wait = waitBeforeRetry({ done: Math.max(1, done), repeatable: true }, retry);
    if (wait === undefined) throw trouble;
    await pause(wait, signal);
    signal?.throwIfAborted();
  }
}

/** An error that ends a stream: its body is that of an answer, or the error alone. */
export function streamError(body: Json): AgentServerError {
  const problem = problemOf(body, 500);
  return serverError({ ...problem, statusCode: numberOf(body["status"]) ?? statusOfCode(problem.errorCode) });
}
