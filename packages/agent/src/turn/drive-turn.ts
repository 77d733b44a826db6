/**
 * One turn at work, new or resumed: its lifeline, its record, its layers, until it is settled.
 *
 * Guarantees: it ends stored, whatever ended it: an answer, a limit, a stop, a fault, a question to the person.
 */
import { auditEvent } from "@deputize/audit";
import { type Caller, isDeputizeError, withCaller } from "@deputize/core";
import type { Label } from "@deputize/guardrails/flow";
import type { AgentOptions, TurnAccount } from "../agent-types.ts";
import type { RunKey } from "../conversations/conversation-store.ts";
import type { TurnEvent, TurnResult } from "../events.ts";
import { type EventChannel, createEventChannel } from "../loop/event-channel.ts";
import { type Lifeline, Stopped, createLifeline } from "../loop/lifeline.ts";
import type { LoopEnd, LoopOptions } from "../loop/loop-options.ts";
import { offer, runLoop } from "../loop/run-loop.ts";
import { type RunState, dumpState } from "../loop/run-state.ts";
import { createTurnRecord } from "../loop/turn-record.ts";
import { untilAborted } from "../loop/until-aborted.ts";
import type { GuardActed, Observe } from "../observe/agent-event.ts";
import { type SpanOwner, turnSpan } from "../observe/spans.ts";
import type { AgentAuthority, ApprovalDecision } from "../tools/tool-source.ts";
import type { AgentRuntime } from "./agent-runtime.ts";
import type { Turn } from "./ports.ts";
import { runTurn } from "./run-turn.ts";
import { ids, quietly, settle } from "./settle-turn.ts";

/** Started work: the events as they come, and the whole at the end. */
export interface Started {
  readonly events: EventChannel<TurnEvent>;
  readonly result: Promise<TurnResult>;
}

export interface Drive {
  /** A new turn; undefined for a resumption. */
  readonly turn: Omit<Turn, "signal"> | undefined;
  /** What the guard found in the message. */
  readonly acted: readonly GuardActed[];
  /** Why the guard lets the turn go no further. */
  readonly refusal: Error | undefined;
  readonly caller: Caller;
  readonly authority: AgentAuthority;
  readonly run: RunKey;
  readonly state: RunState;
  readonly decision: ApprovalDecision | undefined;
  readonly signal: AbortSignal | undefined;
  readonly requestId: string;
  readonly correlationId: string | undefined;
  readonly onLabel: ((label: Label) => void) | undefined;
  readonly onAccount: ((account: TurnAccount) => void) | undefined;
  /** Whoever asks is bounded in money. */
  readonly costMustBeKnown: boolean;
  /** Nothing was said in its conversation before. */
  readonly alone: boolean;
  readonly personConversationId: string | undefined;
  /** Fewer model calls than the agent's own limit. */
  readonly steps?: number | undefined;
  /** Its state is kept at each step, and an end that is not the run's own is not stored. */
  readonly lasting?: boolean;
}

/** Sets a claimed run to work. */
export function start(runtime: AgentRuntime, drive: Drive): Started {
  const { options, limits, room, active } = runtime;
  const events = createEventChannel<TurnEvent>();
  const lifeline = createLifeline({
    timeMs: limits.timeMs,
    signal: drive.signal,
    beat: () => room.renew(drive.caller, drive.run),
  });
  const result = withCaller(drive.caller, () =>
    turnSpan(ownerOf(options.name, drive), options.model, () => work(runtime, drive, lifeline, events)),
  ).finally(() => {
    lifeline.close();
    active.delete(drive.run.runId);
  });
  active.set(drive.run.runId, { lifeline, result });
  result.then(
    () => events.close(),
    (error: unknown) => events.close(error),
  );
  return { events, result };
}

/** Outside of any request a turn is tied to itself; so is one whose id no header could carry. */
function ownerOf(agent: string, { run, requestId, correlationId = requestId }: Drive): SpanOwner {
  const usable = correlationId !== "none" && /^[\x21-\x7e]{1,128}$/.test(correlationId);
  return { agent, ...ids(run), correlationId: usable ? correlationId : run.runId };
}

async function work(
  runtime: AgentRuntime,
  drive: Drive,
  lifeline: Lifeline,
  events: EventChannel<TurnEvent>,
): Promise<TurnResult> {
  const { options, clock, limits, room } = runtime;
  const { name, guard, audit } = options;
  const { caller, run, state } = drive;
  const observe = observer(runtime, drive);
  const record = createTurnRecord(name, (event) => events.push(event), guard?.output(caller, observe));
  record.emit({ event: "start", data: { run_id: run.runId, conversation_id: run.conversationId } });
  const began = clock.monotonicMs();
  observe({ kind: "turn_started" }, () => (drive.turn ? { message: drive.turn.message } : {}));
  for (const fact of drive.acted) observe(fact);
  const keep = (): Promise<void> => room.checkpoint(caller, run, dumpState(state), state.label);
  let end: LoopEnd | { readonly status: "failed" | "stopped"; readonly error: unknown };
  try {
    if (drive.refusal) {
      await logRefused(options, drive, drive.refusal);
      throw drive.refusal;
    }
    const loop: LoopOptions = {
      agent: name,
      principal: options.principal,
      model: options.model,
      instructions: runtime.instructionsFor(caller),
      marker: guard?.instructions,
      guard,
      sources: runtime.sources,
      audit,
      clock,
      limits: { ...limits, steps: Math.min(limits.steps, drive.steps ?? limits.steps) },
      caller,
      context: {
        caller,
        authority: drive.authority,
        ...ownerOf(name, drive),
        ...(drive.personConversationId !== undefined && {
          personConversationId: drive.personConversationId,
        }),
        signal: lifeline.signal,
        ...(drive.lasting && { lasting: true }),
        ...((drive.costMustBeKnown || runtime.costMustBeKnown) && { costMustBeKnown: true }),
      },
      state,
      record,
      budget: options.budgets
        ? await untilAborted(lifeline.signal, options.budgets.open({ caller, agent: name, runId: run.runId }))
        : undefined,
      chooser: options.chooser,
      approvals: runtime.approvals,
      observe,
      onDecided: keep,
      onStep: drive.lasting ? keep : undefined,
    };
    const turn = drive.turn && { ...drive.turn, signal: lifeline.signal };
    end = turn
      ? await runTurn({
          layers: options,
          loop,
          turn,
          modelName: options.model.name,
          rests: drive.alone && drive.onAccount !== undefined,
        })
      : await runLoop(loop, await offer(loop), drive.decision);
    await untilAborted(lifeline.signal, record.release());
    if (end.status === "waiting") {
      await untilAborted(lifeline.signal, record.endParagraph());
      const text = `I need your yes before I do this: ${end.approval.summary}`;
      record.emit({ event: "delta", data: { text } });
      await untilAborted(lifeline.signal, record.release());
    }
  } catch (thrown) {
    // An abort surfaces as whatever the provider made of it; the signal knows the reason.
    const error: unknown = lifeline.signal.aborted ? lifeline.signal.reason : thrown;
    end = { status: error instanceof Stopped ? "stopped" : "failed", error };
  }
  return settle(runtime, drive, record, end, events, observe, began);
}

/** The one entry of a message that the guard refused: why, and nothing of what it said. */
async function logRefused(
  { audit, name }: AgentOptions,
  { caller, run }: Drive,
  refusal: Error,
): Promise<void> {
  const reason = isDeputizeError(refusal) ? refusal.code : "internal";
  const found = isDeputizeError(refusal) ? refusal.detail : undefined;
  await audit.append(
    auditEvent(caller, {
      action: "agent.message_refused",
      outcome: "refused",
      reason,
      resource: `run:${run.runId}`,
      detail: { agent: name, ...found },
    }),
  );
}

/** Tells the observers, with what every record says. */
function observer({ options, clock }: AgentRuntime, drive: Drive): Observe {
  const { name, observers = [] } = options;
  const { tenant, subject } = drive.caller;
  const who = { ...ownerOf(name, drive), tenant, subject };
  return (fact, said) => {
    if (observers.length === 0) return;
    const at = new Date(clock.nowMs()).toISOString();
    for (const tell of observers) {
      quietly(() => tell({ ...who, at, ...fact }, said));
    }
  };
}
