/**
 * What is said over a socket, in the forms that clients of the original know: frames that ask, and chunks that answer.
 *
 * Guarantees: a frame names a thread and what the person says. Roles of others, calls of tools, and results of calls that nobody waits for
 * are refused [AF-D09]; `config` names the thread and says nothing of who asks.
 */
import { type Clock, DeputizeError } from "@deputize/core";
import { z } from "zod";
import { chunkOf } from "../graph/chunks.ts";
import { Invocation } from "../graph/schemas.ts";
import type { StoredEvent, StoredRun } from "../runs/run.ts";
import { ThreadId, conversationId, textOf } from "../threads/schemas.ts";
import { threadNotFound } from "../threads/thread-keeper.ts";

/** `initial_state` is for the routes, which answer whether it was taken. */
const Fresh = Invocation.omit({ initial_state: true }).extend({
  invoke_type: z.literal("fresh").default("fresh"),
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
  const named = config?.["thread_id"];
  const threadId = named === undefined || named === null ? undefined : ThreadId.safeParse(String(named));
  if (threadId?.success === false) throw threadNotFound();
  return {
    agent,
    threadId: threadId && conversationId(threadId.data),
    message: messages.map(({ content }) => textOf(content)).join("\n\n"),
  };
}

/**
 * Makes the chunks of one run: those of its stream, and at its end the whole message and an update with the `status` `done`, which ends the
 * round.
 */
export function socketChunks(run: StoredRun, clock: Clock) {
  const chunk = chunkOf(run, clock);
  let text = "";
  return (told: StoredEvent): readonly unknown[] => {
    const one = chunk(told).data;
    if (told.event === "delta") text += String(told.data["text"]);
    if (told.event !== "done" || typeof one !== "object") return [one];
    const { status, ...rest } = told.data;
    const message = {
      role: "assistant",
      content: [{ type: "text", text }],
      delta: false,
      ...(told.data["message_id"] !== undefined && { message_id: told.data["message_id"] }),
    };
    return [
      ...(text === "" ? [] : [{ ...one, event: "message", message, data: null }]),
      { ...one, data: { type: "done", ...rest, status: "done", run_status: status } },
    ];
  };
}
