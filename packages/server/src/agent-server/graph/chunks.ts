/** Events of a run as the chunks of the original's stream. */
import { type Clock } from "@deputize/core";
import type { StoredEvent, StoredRun } from "../runs/index.ts";
import type { ServerEvent } from "../../sse.ts";

/** `{event: message | state | updates | error, message, state, data, thread_id, run_id, metadata, timestamp}`; the id is the event's place. */
export function chunkOf(run: StoredRun, clock: Clock): (event: StoredEvent) => ServerEvent {
  return ({ seq, event, data }) => {
    const text = event === "delta" ? String(data["text"] ?? "") : undefined;
    const kind = text !== undefined ? "message" : event === "error" ? "error" : "updates";
    return {
      event: kind,
      id: seq,
      data: {
        event: kind,
        message:
          text === undefined ? null : { role: "assistant", content: [{ type: "text", text }], delta: true },
        state: null,
        data: text === undefined ? { type: event, ...data } : null,
        thread_id: run.threadId,
        run_id: run.id,
        metadata: { seq, agent: run.agent },
        timestamp: new Date(clock.nowMs()).toISOString(),
      },
    };
  };
}

/** A chunk as a line of JSON: itself. What ended the stream from our side is a chunk of the kind `error`. */
export function chunkLine(run: StoredRun): (event: ServerEvent) => unknown {
  return ({ id, data }) =>
    id === null
      ? {
          event: "error",
          message: null,
          state: null,
          data,
          thread_id: run.threadId,
          run_id: run.id,
          metadata: {},
        }
      : data;
}
