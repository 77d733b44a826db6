/**
 * One turn of an agent on a thread, for routes that answer when it is over.
 *
 * Guarantees: it is a run like any other, for the caller of the request and nobody else, so that it can be stopped from anywhere; it
 * ends with the request. A turn that failed is an error with a code of its family, and in it is nothing but what may be shown.
 */
import type { Message } from "@deputize/agent";
import type { AgentServerParts } from "../create-agent-server.ts";
import { faultError } from "../errors.ts";
import type { SignedCall } from "../runs/run-routes.ts";
import { type StoredRun, authorityOfCall } from "../runs/index.ts";
import type { Thread } from "./thread-keeper.ts";

export interface Turned {
  readonly run: StoredRun;
  /** As clients of the agent know it. */
  readonly status: "done" | "waiting" | "stopped";
  /** What was said at its end, and before it. */
  readonly message: Message | undefined;
  readonly messages: readonly Message[];
}

/** A request's own time ends it before. */
const LONGEST_MS = 3_600_000;
const SEEN = 200;

export type TurnParts = Pick<AgentServerParts, "runs" | "watches">;

/** Runs it. Throws what ended it, and `conflict` while the thread has a turn at work. */
export async function oneTurn(
  call: SignedCall & { readonly signal: AbortSignal; readonly requestId: string },
  { runs, watches }: TurnParts,
  { agent, id }: Thread,
  turn: { readonly message: string; readonly steps?: number },
): Promise<Turned> {
  const { caller, signal, requestId } = call;
  const begun = await runs.start({
    ...authorityOfCall(call, watches),
    agent: agent.name,
    message: turn.message,
    threadId: id,
    mustExist: true,
    runOptions: { requestId, ...(turn.steps !== undefined && { steps: turn.steps }) },
  });
  const run = await runs.wait(caller, begun.id, { signal, timeoutMs: LONGEST_MS });
  // Nobody waits for it any more.
  if (signal.aborted) await runs.cancel(caller, run.id);
  if (run.status === "failed")
    throw faultError(run.fault ?? { code: "GRAPH_000", message: "the run failed" });
  const { messages } = await agent.core.conversations.get(caller, id, { limit: SEEN });
  return {
    run,
    status: run.status === "waiting" ? "waiting" : run.status === "succeeded" ? "done" : "stopped",
    message:
      messages.find((message) => message.id === run.messageId) ??
      messages.findLast(({ role }) => role === "assistant"),
    messages,
  };
}
