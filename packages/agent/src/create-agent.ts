/**
 * An agent: conversations that belong to their callers, and turns that act for them.
 *
 * Guarantees: nothing is asked of a model before the conversation is claimed for the caller [PR-D25]. A turn
 * ends stored, whatever ended it: an answer, a limit, a stop, a fault, a question to the person. A run that
 * waits is continued from the store alone, by exactly one resumption, with the exact call that was shown.
 * Does not: authenticate. Whoever calls brings a verified caller, and the authority to get tokens for it.
 */
import { auditEvent } from "@deputize/audit";
import {
  type Caller,
  DeputizeError,
  currentContext,
  isDeputizeError,
  systemClock,
  telemetry,
  toProblem,
  withCaller,
} from "@deputize/core";
import { type Label, UNKNOWN_LABEL, joinLabels, privateLabel } from "@deputize/guardrails/flow";
import { toolApprovals } from "./approvals/tool-approvals.ts";
import type {
  Agent,
  AgentLimits,
  AgentOptions,
  CarriedOn,
  LastingRequest,
  ResumeRequest,
  TurnRequest,
} from "./agent-types.ts";
import type { TurnEnd, TurnEvent, TurnResult } from "./events.ts";
import { type EventChannel, createEventChannel } from "./loop/event-channel.ts";
import { composeInstructions } from "./loop/instructions.ts";
import { heardBefore } from "./loop/provenance.ts";
import { type Lifeline, Stopped, createLifeline } from "./loop/lifeline.ts";
import { AUTHORITY_ENDED, type LoopEnd, type LoopOptions, offer, runLoop } from "./loop/run-loop.ts";
import { type RunState, dumpState, loadState, newState } from "./loop/run-state.ts";
import { type TurnRecord, createTurnRecord } from "./loop/turn-record.ts";
import type { AssistantMessage, RunKey } from "./conversations/conversation-store.ts";
import type { GuardActed, Observe } from "./observe/agent-event.ts";
import { type SpanOwner, annotateUsage, turnSpan } from "./observe/spans.ts";
import { priceKnown } from "./models/price.ts";
import { declineTool } from "./tools/decline-tool.ts";
import type { AgentAuthority, ApprovalDecision } from "./tools/tool-source.ts";
import { untilAborted } from "./loop/until-aborted.ts";
import type { TextGuard, Turn } from "./turn/ports.ts";
import { runTurn } from "./turn/run-turn.ts";

export const DEFAULT_LIMITS: AgentLimits = {
  steps: 12,
  timeMs: 120_000,
  tokens: 60_000,
  toolCalls: 100,
  messageChars: 8_000,
  historyMessages: 30,
};

/** Started work: the events as they come, and the whole at the end. */
interface Started {
  readonly events: EventChannel<TurnEvent>;
  readonly result: Promise<TurnResult>;
}

interface Drive {
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
  readonly personConversationId: string | undefined;
  /** Its state is kept at each step, and an end that is not the run's own is not stored. */
  readonly lasting?: boolean;
}

/** Makes an agent. Throws `config_invalid` when an option cannot work. */
export function createAgent(options: AgentOptions): Agent {
  const { name, audit, guard } = options;
  const clock = options.clock ?? systemClock;
  const limits: AgentLimits = { ...DEFAULT_LIMITS, ...options.limits };
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(name)) {
    throw new DeputizeError("config_invalid", "an agent's name has lower-case letters, digits and `-`");
  }
  for (const [limit, value] of Object.entries(limits)) {
    if (!(Number.isSafeInteger(value) && value > 0))
      throw new DeputizeError("config_invalid", `the limit \`${limit}\` must be a positive whole number`);
  }
  if (limits.costMicros !== undefined && !priceKnown(options.model)) {
    throw new DeputizeError("config_invalid", "the limit `costMicros` needs a model with a `price`");
  }
  options.budgets?.accepts?.(options.model);
  const approvals = options.approvals && toolApprovals(options.approvals, clock);
  const instructionsFor = (caller: Caller): string =>
    composeInstructions(
      name,
      typeof options.instructions === "string" ? options.instructions : options.instructions(caller),
    );
  const sources = [declineTool(audit), ...options.toolSources];
  const room = options.conversations.open(name, clock);
  const active = new Map<string, { readonly lifeline: Lifeline; readonly result: Promise<TurnResult> }>();

  /** A guard that does not answer ends the turn before it begins, in the time that a turn may take. */
  async function scan(
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

  async function begin(request: TurnRequest): Promise<Started> {
    const { caller, runOptions = {} } = request;
    const message = request.message.trim();
    if (message === "" || message.length > limits.messageChars) {
      throw new DeputizeError("validation_failed", `a message has 1 to ${limits.messageChars} characters`, {
        detail: { field: "message" },
      });
    }
    const scanned = await scan(message, caller);
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
      heard: heardBefore(
        claimed.history,
        caller.actors.length > 0 ? { text: scanned.text, label } : undefined,
      ),
    });
    const turn = { caller, agent: name, ...ids(claimed), message: scanned.text, messageLabel: label };
    const { refusal, acted } = scanned;
    return start({
      ...request,
      run: claimed,
      state,
      turn,
      refusal,
      acted,
      decision: undefined,
      ...where(request),
    });
  }

  async function beginResumption(request: ResumeRequest): Promise<Started> {
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
    const drive = { ...request, run: row, state, turn: undefined, refusal: undefined, acted: [] };
    return start({ ...drive, decision: request.decision, ...where(request) });
  }

  async function carryOn({
    caller,
    authority,
    message,
    inputLabel,
    decided,
    ...key
  }: LastingRequest): Promise<CarriedOn> {
    const { lasting } = room;
    if (!lasting) {
      throw new DeputizeError("config_invalid", "lasting work needs a `PostgresConversationStore`");
    }
    const scanned = await scan(message, caller);
    await lasting.begin(caller, { ...key, message: scanned.text, label: inputLabel });
    const { status, pending } = await lasting.look(caller, key.runId);
    if (status !== "running" && status !== "waiting") return { status };
    if (pending !== key.runId && pending !== decided?.approvalId)
      return { status: "waiting", approvalId: pending };
    const run = await room.claimResumption(caller, pending);
    const fresh = Object.keys(run.state as object).length === 0;
    const personal = inputLabel.integrity === "trusted" ? scanned.text : "";
    const { result } = start({
      caller,
      authority,
      run,
      state: fresh
        ? newState({
            messages: [{ role: "user", content: scanned.text }],
            label: inputLabel,
            personMessage: personal,
          })
        : loadState(run.state),
      turn: fresh
        ? { caller, agent: name, ...ids(run), message: scanned.text, messageLabel: inputLabel }
        : undefined,
      refusal: scanned.refusal,
      // Told when the run began.
      acted: fresh ? scanned.acted : [],
      decision: pending === decided?.approvalId ? decided.decision : undefined,
      signal: undefined,
      requestId: "none",
      correlationId: undefined,
      onLabel: undefined,
      personConversationId: undefined,
      lasting: true,
    });
    const { problem } = await result;
    if (problem && AUTHORITY_ENDED.has(problem.code)) return { status: "parked", code: problem.code };
    // What was stored, whatever became of it here: a run that this process could not end goes on elsewhere, or later.
    const after = await lasting.look(caller, key.runId);
    if (after.status === "running") throw new DeputizeError("conflict", "the run was not ended here");
    return after.status === "waiting"
      ? { status: after.status, approvalId: after.pending }
      : { status: after.status };
  }

  const where = (
    request: TurnRequest | ResumeRequest,
  ): Pick<Drive, "signal" | "requestId" | "correlationId" | "onLabel" | "personConversationId"> => ({
    signal: request.signal,
    onLabel: request.runOptions?.onLabel,
    correlationId: request.runOptions?.correlationId,
    personConversationId: request.runOptions?.personConversationId,
    requestId: request.runOptions?.requestId ?? currentContext()?.requestId ?? "none",
  });

  function start(drive: Drive): Started {
    const events = createEventChannel<TurnEvent>();
    const lifeline = createLifeline({
      timeMs: limits.timeMs,
      signal: drive.signal,
      beat: () => room.renew(drive.caller, drive.run),
    });
    const result = withCaller(drive.caller, () =>
      turnSpan(ownerOf(drive), options.model, () => work(drive, lifeline, events)),
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
  function ownerOf({ run, requestId, correlationId = requestId }: Drive): SpanOwner {
    const usable = correlationId !== "none" && /^[\x21-\x7e]{1,128}$/.test(correlationId);
    return { agent: name, ...ids(run), correlationId: usable ? correlationId : run.runId };
  }

  async function work(
    drive: Drive,
    lifeline: Lifeline,
    events: EventChannel<TurnEvent>,
  ): Promise<TurnResult> {
    const { caller, run, state } = drive;
    const observe = observer(drive);
    const record = createTurnRecord(name, (event) => events.push(event), guard?.output(caller, observe));
    record.emit({ event: "start", data: { run_id: run.runId, conversation_id: run.conversationId } });
    const began = clock.monotonicMs();
    observe({ kind: "turn_started" }, () => (drive.turn ? { message: drive.turn.message } : {}));
    for (const fact of drive.acted) observe(fact);
    const keep = (): Promise<void> => room.checkpoint(caller, run, dumpState(state), state.label);
    let end: LoopEnd | { readonly status: "failed" | "stopped"; readonly error: unknown };
    try {
      if (drive.refusal) {
        await logRefused(drive, drive.refusal);
        throw drive.refusal;
      }
      const loop: LoopOptions = {
        agent: name,
        principal: options.principal,
        model: options.model,
        instructions: instructionsFor(caller),
        marker: guard?.instructions,
        guard,
        sources,
        audit,
        clock,
        limits,
        caller,
        context: {
          caller,
          authority: drive.authority,
          ...ownerOf(drive),
          ...(drive.personConversationId !== undefined && {
            personConversationId: drive.personConversationId,
          }),
          signal: lifeline.signal,
          ...(drive.lasting && { lasting: true }),
        },
        state,
        record,
        budget: options.budgets
          ? await untilAborted(
              lifeline.signal,
              options.budgets.open({ caller, agent: name, runId: run.runId }),
            )
          : undefined,
        chooser: options.chooser,
        approvals,
        observe,
        onDecided: keep,
        onStep: drive.lasting ? keep : undefined,
      };
      const turn = drive.turn && { ...drive.turn, signal: lifeline.signal };
      end = turn
        ? await runTurn({ layers: options, loop, turn, modelName: options.model.name })
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
    return settle(drive, record, end, events, observe, began);
  }

  /** The one entry of a message that the guard refused: why, and nothing of what it said. */
  async function logRefused({ caller, run }: Drive, refusal: Error): Promise<void> {
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
  function observer(drive: Drive): Observe {
    const { observers = [] } = options;
    const { tenant, subject } = drive.caller;
    const who = { ...ownerOf(drive), tenant, subject };
    return (fact, said) => {
      if (observers.length === 0) return;
      const at = new Date(clock.nowMs()).toISOString();
      for (const tell of observers) {
        quietly(() => tell({ ...who, at, ...fact }, said));
      }
    };
  }

  /** Stores how the turn ended, then says so: nobody hears of an end that was not stored. */
  async function settle(
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
      report(end.error, run);
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
      report(error, run);
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

  function report(error: unknown, run: RunKey): void {
    quietly(() => options.onFault?.(error, { runId: run.runId }));
  }

  async function* eventsOf(started: Promise<Started>): AsyncGenerator<TurnEvent> {
    const { events, result } = await started;
    result.catch(() => {}); // the channel carries it
    yield* events;
  }

  return {
    name,
    description: options.description,
    model: { name: options.model.name, offline: options.model.offline },
    conversations: room,
    carryOn,
    stream: (request) => lazily(() => eventsOf(begin(request))),
    run: async (request) => (await begin(request)).result,
    resume: (request) => lazily(() => eventsOf(beginResumption(request))),
    resumeRun: async (request) => (await beginResumption(request)).result,
    async stop({ caller, runId }) {
      const state = await room.requestStop(caller, runId);
      await audit.append(
        auditEvent(caller, {
          action: "agent.run_stopped",
          outcome: "info",
          resource: `run:${runId}`,
          detail: { agent: name },
        }),
      );
      if (state === "running") active.get(runId)?.lifeline.end(new Stopped("the run was stopped"));
    },
    async close() {
      const running = [...active.values()];
      for (const { lifeline } of running) lifeline.end(new GoingDown("the server is going down"));
      await Promise.allSettled(running.map(({ result }) => result));
      approvals?.close();
    },
  };
}

/** The process ends, and not the run. */
class GoingDown extends Stopped {}

/** What ended is the process, or the authority that it works by: the run can go on from where it is. */
function isNotItsOwn(end: LoopEnd | { readonly status: string; readonly error: unknown }): boolean {
  const error = "error" in end ? end.error : undefined;
  return error instanceof GoingDown || (isDeputizeError(error) && AUTHORITY_ENDED.has(error.code));
}

/** Tells whoever watches. Watching is no reason to fail what is watched, nor the process, where the watcher is asynchronous. */
function quietly(tell: () => unknown): void {
  try {
    Promise.resolve(tell()).catch(() => {});
  } catch {
    // As above.
  }
}

const ids = ({ runId, conversationId }: RunKey): RunKey => ({ runId, conversationId });

const EMPTY_MESSAGE: Omit<AssistantMessage, "label" | "content"> = {
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

function apology(error: unknown): string {
  return `Sorry, I could not finish: ${known(error).message}.`;
}

/** Starts on the first step, so that an iterable that nobody iterates does nothing. */
function lazily<T>(make: () => AsyncGenerator<T>): AsyncIterable<T> {
  return { [Symbol.asyncIterator]: make };
}
