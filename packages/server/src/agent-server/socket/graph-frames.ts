/**
 * What is said over a socket, in the forms that clients of the original know: frames that ask, and chunks that answer.
 *
 * Guarantees: a frame names a thread and what the person says. Roles of others, calls of tools, and results of calls that nobody waits for
 * are refused [AF-D09]; `config` names the thread and says nothing of who asks.
 */
import { type Clock, DeputizeError } from "@deputize/core";
import { z } from "zod";
import type { StoredEvent } from "../runs/run.ts";
import { GuideMessage, ThreadPath, conversationId, textOf } from "../threads/schemas.ts";

const Said = z.strictObject({
  role: z.literal("user").default("user"),
  content: GuideMessage.shape.content,
  message_id: z.union([z.string().max(128), z.number()]).nullish(),
});

const Fresh = z.strictObject({
  invoke_type: z.literal("fresh").default("fresh"),
  agent: z.string().min(1).max(64).optional(),
  messages: z.array(Said).min(1).max(100),
  /** Of it only `thread_id` is looked at. */
  config: z.looseObject({ thread_id: ThreadPath.shape.id.optional() }).optional(),
  recursion_limit: z.number().int().min(1).max(100).optional(),
  response_granularity: z.enum(["full", "partial", "low"]).optional(),
});

/** What a frame asks. */
export interface Asked {
  readonly agent: string | undefined;
  readonly threadId: string | undefined;
  readonly message: string;
}

/** Throws `invalid_request` for what is no JSON, `validation_failed` for what is no question. */
export function readFrame(text: string): Asked {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new DeputizeError("invalid_request", "a frame is one JSON object", { cause });
  }
  if (typeof value === "object" && value !== null && "invoke_type" in value && value.invoke_type === "resume")
    throw new DeputizeError("validation_failed", "no call of this thread waits for a result of yours");
  const read = Fresh.safeParse(value);
  if (!read.success)
    throw new DeputizeError(
      "validation_failed",
      "a frame holds `messages` of the person, and `config.thread_id`",
    );
  const { agent, messages, config } = read.data;
  return {
    agent,
    threadId: config?.thread_id === undefined ? undefined : conversationId(config.thread_id),
    message: messages.map(({ content }) => textOf(content)).join("\n\n"),
  };
}

/** One piece of an answer. */
export interface Chunk {
  readonly event: "message" | "updates" | "error";
  readonly message: Readonly<Record<string, unknown>> | null;
  readonly state: null;
  readonly data: Readonly<Record<string, unknown>> | null;
  readonly thread_id: string | null;
  readonly run_id: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly timestamp: string;
}

/** Makes the chunks of one run: text as it comes, the whole message at the end, and an update that ends the round. */
export function chunksOf(of: { readonly runId: string; readonly threadId: string; readonly clock: Clock }) {
  let text = "";
  const chunk = (
    event: Chunk["event"],
    more: Partial<Pick<Chunk, "message" | "data">>,
    seq?: number,
  ): Chunk => ({
    event,
    message: null,
    state: null,
    data: null,
    ...more,
    thread_id: of.threadId,
    run_id: of.runId,
    metadata: seq === undefined ? {} : { event_id: seq },
    timestamp: new Date(of.clock.nowMs()).toISOString(),
  });
  const said = (content: string, delta: boolean, id?: unknown) => ({
    role: "assistant",
    content: [{ type: "text", text: content }],
    delta,
    ...(id !== undefined && { message_id: id }),
  });

  return ({ seq, event, data }: StoredEvent): readonly Chunk[] => {
    if (event === "delta") {
      text += String(data["text"]);
      return [chunk("message", { message: said(String(data["text"]), true) }, seq)];
    }
    if (event === "error") return [chunk("error", { data: { error: data } }, seq)];
    if (event !== "done") return [chunk("updates", { data: { status: "running", [event]: data } }, seq)];
    const { status, ...rest } = data;
    return [
      ...(text === "" ? [] : [chunk("message", { message: said(text, false, data["message_id"]) })]),
      chunk("updates", { data: { ...rest, status: "done", run_status: status } }, seq),
    ];
  };
}
