/**
 * The end of a turn: stored, then told.
 *
 * Guarantees: nobody hears of an end that was not stored. What ended it is shown in words of ours; a fault is reported and not shown.
 */
import { DeputizeError, isDeputizeError, telemetry, toProblem } from "@deputize/core";
import { type Label, joinLabels } from "@deputize/guardrails/flow";
import type { AgentOptions } from "../agent-types.ts";
import type { AssistantMessage, RunKey } from "../conversations/conversation-store.ts";
import type { TurnEnd, TurnEvent, TurnResult } from "../events.ts";
import { AUTHORITY_ENDED } from "../loop/carry-out.ts";
import type { EventChannel } from "../loop/event-channel.ts";
import { Stopped } from "../loop/lifeline.ts";
import type { LoopEnd } from "../loop/loop-options.ts";
import { dumpState } from "../loop/run-state.ts";
import type { TurnRecord } from "../loop/turn-record.ts";
import type { Observe } from "../observe/agent-event.ts";
import { annotateUsage } from "../observe/spans.ts";
import { accountedIn, gathered } from "../usage/used.ts";
import type { AgentRuntime } from "./agent-runtime.ts";
import type { Drive } from "./drive-turn.ts";

/** Stores how the turn ended, then says so: nobody hears of an end that was not stored. */
export async function settle(
  { options, clock, room }: AgentRuntime,
  drive: Drive,
  record: TurnRecord,
  end: LoopEnd | { readonly status: "failed" | "stopped"; readonly error: unknown },
  events: EventChannel<TurnEvent>,
  observe: Observe,
  began: number,
): Promise<TurnResult> {
  const { caller, run, state } = drive;
  let status: TurnEnd = end.status;
  let failure: unknown;
  if (end.status === "stopped") record.say("I stopped here, as you asked.");
  if (end.status === "done" && record.text.trim() === "") record.say("I have nothing to add to that.");
  if (end.status === "failed") {
    failure = known(end.error);
    report(options, end.error, run);
    record.say(apology(failure));
  }
  // What waits is shown in the tool's words, which later turns read too.
  const label = end.status === "waiting" ? joinLabels(state.label, end.label) : state.label;
  let messageId: string | undefined;
  try {
    const message = toMessage(record, label);
    if (drive.lasting && isNotItsOwn(end)) throw known((end as { error: unknown }).error);
    messageId =
      end.status === "waiting"
        ? await room.pause(caller, run, { approvalId: end.approval.id, state: dumpState(state), message })
        : await room.finish(caller, run, end.status, message);
  } catch (error) {
    report(options, error, run);
    status = "failed";
    failure = isDeputizeError(error)
      ? error
      : new DeputizeError("unavailable", "the answer could not be stored; ask again", { cause: error });
  }
  if (end.status === "done" && status === "done") await end.keep?.();
  const code = failure === undefined ? undefined : isDeputizeError(failure) ? failure.code : "internal";
  annotateUsage(record.tokensIn, record.tokensOut);
  telemetry.annotate({ "deputize.turn.status": status });
  if (code !== undefined) telemetry.fail(code);
  observe(
    {
      kind: "turn_ended",
      status,
      ms: clock.monotonicMs() - began,
      tokensIn: record.tokensIn,
      tokensOut: record.tokensOut,
      costMicros: record.costMicros,
      ...(code !== undefined && { code }),
    },
    () => ({ answer: record.text }),
  );
  const metadata = {
    agents_involved: record.agents,
    tokens_in: record.tokensIn,
    tokens_out: record.tokensOut,
  };
  const problem = failure === undefined ? undefined : toProblem(failure, drive.requestId);
  drive.onLabel?.(label);
  if (drive.onAccount) {
    const rests = end.status === "done" && status === "done" ? end.rests : undefined;
    const used = accountedIn(record.used, await accountsOf(options));
    drive.onAccount({ used: gathered(used), ...(rests && { rests }) });
  }
  events.push({ event: "metadata", data: metadata });
  if (problem) events.push({ event: "error", data: problem });
  events.push({
    event: "done",
    data: { status, ...(messageId !== undefined && { message_id: messageId }) },
  });
  return {
    response: record.text,
    run_id: run.runId,
    conversation_id: run.conversationId,
    status,
    ...(messageId !== undefined && { message_id: messageId }),
    ...metadata,
    ...(record.costMicros !== undefined && { cost_micros: record.costMicros }),
    cards: record.cards,
    approvals: record.approvals,
    steps: record.steps,
    label,
    ...(problem && { problem }),
  };
}

/** What has counted all this already. What cannot say so is asked to count once more by whoever hears of it. */
async function accountsOf({ budgets, observers = [] }: AgentOptions): Promise<readonly string[]> {
  const asked = [
    budgets?.accounts?.(),
    ...observers.map((observer) => observer.account?.().then((id) => [id])),
  ];
  const told = await Promise.allSettled(asked);
  return told.flatMap((one) => (one.status === "fulfilled" ? (one.value ?? []) : []));
}

function report({ onFault }: AgentOptions, error: unknown, run: RunKey): void {
  quietly(() => onFault?.(error, { runId: run.runId }));
}

/** The process ends, and not the run. */
export class GoingDown extends Stopped {}

/** What ended is the process, or the authority that it works by: the run can go on from where it is. */
function isNotItsOwn(end: LoopEnd | { readonly status: string; readonly error: unknown }): boolean {
  const error = "error" in end ? end.error : undefined;
  return error instanceof GoingDown || (isDeputizeError(error) && AUTHORITY_ENDED.has(error.code));
}

/** Tells whoever watches. Watching is no reason to fail what is watched, nor the process, where the watcher is asynchronous. */
export function quietly(tell: () => unknown): void {
  try {
    Promise.resolve(tell()).catch(() => {});
  } catch {
    // As above.
  }
}

export const ids = ({ runId, conversationId }: RunKey): RunKey => ({ runId, conversationId });

export const EMPTY_MESSAGE: Omit<AssistantMessage, "label" | "content"> = {
  agentsInvolved: [],
  cards: [],
  steps: [],
  approvals: [],
  tokensIn: 0,
  tokensOut: 0,
};

function toMessage(record: TurnRecord, label: Label): AssistantMessage {
  return {
    content: record.text,
    agentsInvolved: record.agents,
    cards: record.cards,
    steps: record.steps,
    approvals: record.approvals,
    label,
    tokensIn: record.tokensIn,
    tokensOut: record.tokensOut,
  };
}

/** A fault of ours or of a provider, as an error that may be shown. */
function known(error: unknown): DeputizeError {
  if (isDeputizeError(error)) return error;
  return new DeputizeError("unavailable", "the model could not answer; nothing was lost, try again", {
    cause: error,
  });
}

export function apology(error: unknown): string {
  return `Sorry, I could not finish: ${known(error).message}.`;
}
