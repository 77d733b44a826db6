/** The pieces of a streamed answer. */
import type { AgentServerError } from "./errors.ts";
import { type Numbered, streamError } from "./follow.ts";
import { type Json, isRecord, numberOf, record, textOf } from "./guards.ts";
import { type Message, readMessage } from "./message.ts";

export const StreamEventType = {
  MESSAGE: "message",
  UPDATES: "updates",
  STATE: "state",
  ERROR: "error",
} as const;
export type StreamEventType = (typeof StreamEventType)[keyof typeof StreamEventType];

export interface StreamChunk {
  /** `message`, `updates`, `state`, or a word of the server's own. */
  readonly event: string;
  readonly message: Message | null;
  readonly state: Json | null;
  readonly data: unknown;
  readonly thread_id: string | null;
  readonly run_id: string | null;
  readonly metadata: Json;
  readonly timestamp: number | string | null;
}

export function readChunk(value: unknown): StreamChunk {
  const chunk = record(value, "chunk");
  const metadata = isRecord(chunk["metadata"]) ? chunk["metadata"] : {};
  return {
    event: textOf(chunk["event"]) ?? "",
    message: isRecord(chunk["message"]) ? readMessage(chunk["message"]) : null,
    state: isRecord(chunk["state"]) ? chunk["state"] : null,
    data: chunk["data"] ?? null,
    thread_id: textOf(chunk["thread_id"]) ?? textOf(metadata["thread_id"]) ?? null,
    run_id: textOf(chunk["run_id"]) ?? textOf(metadata["run_id"]) ?? null,
    metadata,
    timestamp: textOf(chunk["timestamp"]) ?? numberOf(chunk["timestamp"]) ?? null,
  };
}

/** An event of a run, as the piece that a stream of the same turn has for it. */
export function chunkOfEvent(
  { seq, event, data }: Numbered,
  { thread_id, run_id, metadata }: StreamChunk,
): StreamChunk {
  const text = event === "delta" ? (textOf(data["text"]) ?? "") : undefined;
  const kind = text !== undefined ? "message" : event === "error" ? "error" : "updates";
  return readChunk({
    event: kind,
    message: text === undefined ? null : { role: "assistant", content: text, delta: true },
    data: text === undefined ? { type: event, ...data } : null,
    thread_id,
    run_id,
    metadata: { ...metadata, seq },
  });
}

/** The error that a chunk tells of. */
export function chunkError({ data, metadata }: StreamChunk): AgentServerError {
  const body = isRecord(data) ? data : {};
  return streamError("metadata" in body ? body : { ...body, metadata });
}
