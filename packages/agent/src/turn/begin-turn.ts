/**
 * How a turn begins: scanned, claimed for its caller, with what was said before; or, of a run that waits, loaded as it was stored.
 *
 * Guarantees: nothing is asked of a model before the conversation is claimed for the caller [PR-D25]. A run that waits is continued
 * from the store alone, by exactly one resumption, with the exact call that was shown.
 */
import { type Caller, DeputizeError, currentContext } from "@deputize/core";
import { UNKNOWN_LABEL, joinLabels, privateLabel } from "@deputize/guardrails/flow";
import type { ResumeRequest, TurnRequest } from "../agent-types.ts";
import { heardBefore } from "../loop/provenance.ts";
import { type RunState, loadState, newState } from "../loop/run-state.ts";
import { untilAborted } from "../loop/until-aborted.ts";
import type { GuardActed } from "../observe/agent-event.ts";
import type { AgentRuntime } from "./agent-runtime.ts";
import { type Drive, type Started, start } from "./drive-turn.ts";
import type { TextGuard } from "./ports.ts";
import { EMPTY_MESSAGE, apology, ids } from "./settle-turn.ts";

/** A guard that does not answer ends the turn before it begins, in the time that a turn may take. */
export async function scan(
  { options: { guard }, limits }: AgentRuntime,
  message: string,
  caller: Caller,
): Promise<Awaited<ReturnType<TextGuard["input"]>> & Pick<Drive, "acted">> {
  const acted: GuardActed[] = [];
  if (!guard) return { text: message, acted };
  const late = AbortSignal.timeout(limits.timeMs);
  try {
    const asked = guard.input(message, caller, (fact) => acted.push(fact));
    return { ...(await untilAborted(late, asked)), acted };
  } catch (error) {
    if (!late.aborted) throw error;
    throw new DeputizeError("timeout", "the message could not be checked in time; nothing was done");
  }
}

/** Begins a new turn. Throws what it is refused for before any work: `validation_failed`, `not_found`, `conflict`. */
export async function begin(runtime: AgentRuntime, request: TurnRequest): Promise<Started> {
  const { options, limits, room } = runtime;
  const { caller, runOptions = {} } = request;
  const message = request.message.trim();
  if (message === "" || message.length > limits.messageChars) {
    throw new DeputizeError("validation_failed", `a message has 1 to ${limits.messageChars} characters`, {
      detail: { field: "message" },
    });
  }
  if (runOptions.costMustBeKnown && runtime.unpriced.length > 0) throw costUnknown(runtime.unpriced);
  const scanned = await scan(runtime, message, caller);
  const own = caller.actors.length === 0 ? privateLabel(caller.subject, "person") : UNKNOWN_LABEL;
  const label = runOptions.inputLabel ?? own;
  const claimed = await room.claimTurn(caller, {
    conversationId: request.conversationId,
    mustExist: runOptions.mustExist ?? false,
    message: scanned.text,
    label,
    history: limits.historyMessages,
  });
  const state = newState({
    messages: [...claimed.history, { role: "user", content: scanned.text }],
    label: joinLabels(claimed.historyLabel, label),
    personMessage: runOptions.personMessage ?? (caller.actors.length === 0 ? scanned.text : ""),
    heard: heardBefore(claimed.history, caller.actors.length > 0 ? { text: scanned.text, label } : undefined),
  });
  const turn = { caller, agent: options.name, ...ids(claimed), message: scanned.text, messageLabel: label };
  const { refusal, acted } = scanned;
  return start(runtime, {
    ...request,
    run: claimed,
    state,
    turn,
    refusal,
    acted,
    decision: undefined,
    alone: claimed.history.length === 0,
    ...where(request),
  });
}

/**
 * Goes on with the run that waits for an approval. Throws `not_found` when none of the caller's does, and `limit_exceeded` where the
 * cost must be known and is not; the run then still waits.
 */
export async function beginResumption(runtime: AgentRuntime, request: ResumeRequest): Promise<Started> {
  const { room } = runtime;
  if (request.runOptions?.costMustBeKnown && runtime.unpriced.length > 0) throw costUnknown(runtime.unpriced);
  const row = await room.claimResumption(request.caller, request.approvalId);
  let state: RunState;
  try {
    state = loadState(row.state);
  } catch (error) {
    await room.finish(request.caller, row, "failed", {
      ...EMPTY_MESSAGE,
      content: apology(error),
      label: row.label,
    });
    throw error;
  }
  const drive = { ...request, run: row, state, turn: undefined, refusal: undefined, acted: [], alone: false };
  return start(runtime, { ...drive, decision: request.decision, ...where(request) });
}

const where = (
  request: TurnRequest | ResumeRequest,
): Pick<
  Drive,
  | "signal"
  | "requestId"
  | "correlationId"
  | "onLabel"
  | "onAccount"
  | "costMustBeKnown"
  | "personConversationId"
  | "steps"
> => ({
  signal: request.signal,
  onLabel: request.runOptions?.onLabel,
  onAccount: request.runOptions?.onAccount,
  costMustBeKnown: request.runOptions?.costMustBeKnown ?? false,
  correlationId: request.runOptions?.correlationId,
  personConversationId: request.runOptions?.personConversationId,
  steps: request.runOptions && "steps" in request.runOptions ? request.runOptions.steps : undefined,
  requestId: request.runOptions?.requestId ?? currentContext()?.requestId ?? "none",
});

const costUnknown = (agents: readonly string[]): DeputizeError =>
  new DeputizeError(
    "limit_exceeded",
    `nobody can tell what ${agents.join(", ")} costs, and whoever asks is bounded in money; nothing was done`,
    { detail: { budget: "run.costMicros" } },
  );
