/**
 * One turn of an agent on a thread, for routes that answer when it is over.
 *
 * Guarantees: the agent acts for the caller of the request and nobody else; a turn that failed is an error with a code of its family,
 * and in it is nothing but what the agent may show.
 */
import { type TurnResult, withTurnCaller } from "@deputize/agent";
import { DeputizeError, type Problem } from "@deputize/core";
import { ApiError } from "../errors.ts";
import type { RouteCall } from "../route.ts";
import type { Thread } from "./thread-keeper.ts";

/** What ended a turn, as the server says it: by the families of runtime failures. */
function turnFailure({ code, detail }: Problem): DeputizeError {
  if (code === "unavailable") return new ApiError("NODE_000", code, detail, { retryAfterSeconds: 1 });
  if (code === "limit_exceeded") return new ApiError("RECURSION_000", code, detail);
  return new DeputizeError(code, detail);
}

/** Runs it. Throws what ended it, and `conflict` while the thread has a turn at work. */
export async function oneTurn(
  call: Pick<RouteCall, "agentCaller" | "signal" | "requestId">,
  { agent, id }: Thread,
  message: string,
): Promise<TurnResult> {
  const { agentCaller, signal, requestId } = call;
  const result = await withTurnCaller(agentCaller, () =>
    agent.run(message, {
      caller: agentCaller,
      sessionId: id,
      signal,
      runOptions: { mustExist: true, requestId },
    }),
  );
  if (result.problem) throw turnFailure(result.problem);
  return result;
}
