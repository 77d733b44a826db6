/**
 * One turn of an agent, piece by piece.
 *
 * Guarantees: a stream that is cut after its run began goes on behind its last piece, each piece once [AF-F12]; the turn is asked for
 * once, whatever becomes of its stream. A server that sends lines of JSON is read as well; those cannot go on.
 */
import { DeputizeError } from "@deputize/core/portable";
import { TransportError } from "../sdk/transport-error.ts";
import type { RetryOptions } from "../sdk/retry.ts";
import { type StreamChunk, chunkOfEvent, readChunk } from "./chunks.ts";
import { readEvents } from "./event-stream.ts";
import { STREAM_ERROR, jsonOf, streamError } from "./follow.ts";
import type { Json } from "./guards.ts";
import type { ServerHttp } from "./http.ts";
import { readJsonLines } from "./ndjson.ts";
import { runEvents } from "./runs.ts";

export interface AskStreamOptions {
  readonly retry?: RetryOptions | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Throws `AgentServerError`, `TransportError`, or the abort's reason. */
export async function* askStream(
  http: ServerHttp,
  body: Json,
  { retry, signal }: AskStreamOptions,
): AsyncGenerator<StreamChunk> {
  const response = await http.open({
    method: "POST",
    path: "/v1/graph/stream",
    body,
    headers: { Accept: "text/event-stream, application/x-ndjson;q=0.9" },
    ...(signal && { signal }),
  });
  if (!response.body) return;
  if (!/^text\/event-stream/i.test(response.headers.get("content-type") ?? "")) {
    for await (const line of readJsonLines(response.body)) yield readChunk(line);
    return;
  }
  let last = 0;
  let latest: StreamChunk | undefined;
  try {
    for await (const { id, event, data } of readEvents(response.body, { signal })) {
      if (event === STREAM_ERROR) throw streamError(jsonOf(data));
      latest = readChunk(jsonOf(data));
      last = Number(id ?? last);
      yield latest;
      if (isEnd(latest)) return;
    }
  } catch (error) {
    signal?.throwIfAborted();
    // Nothing came, so nothing can be gone on with; otherwise the run goes on, whatever became of this stream.
    if (!latest) throw error instanceof DeputizeError ? error : broken(error);
  }
  const run_id = latest?.run_id;
  // A server that does not say that it is done, or of which run it tells.
  if (!latest || typeof run_id !== "string" || !Number.isSafeInteger(last) || last < 1) return;
  for await (const event of runEvents(http, retry, run_id, { after: last, ...(signal && { signal }) }))
    yield chunkOfEvent(event, latest);
}

function broken(error: unknown): TransportError {
  return new TransportError("the stream broke off", error);
}

function isEnd({ event, data }: StreamChunk): boolean {
  if (event !== "updates" || typeof data !== "object" || data === null) return false;
  return "type" in data && data.type === "done";
}
