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
  toProblem,
  withCaller,
} from "@deputize/core";
import { type Label, UNKNOWN_LABEL, joinLabels, privateLabel } from "@deputize/guardrails";
import type { Agent, AgentLimits, AgentOptions, ResumeRequest, TurnRequest } from "./agent-types.ts";
import type { TurnEnd, TurnEvent, TurnResult } from "./events.ts";
import { type EventChannel, createEventChannel } from "./loop/event-channel.ts";
import { composeInstructions } from "./loop/instructions.ts";
import { type Lifeline, Stopped, createLifeline } from "./loop/lifeline.ts";
import { type LoopEnd, runLoop } from "./loop/run-loop.ts";
import { type RunState, dumpState, loadState } from "./loop/run-state.ts";
import { type TurnRecord, createTurnRecord } from "./loop/turn-record.ts";
import { createConversations } from "./store/conversations.ts";
import { type AssistantMessage, type RunKey, createRuns } from "./store/runs.ts";
import { declineTool } from "./tools/decline-tool.ts";
import type { AgentAuthority, ApprovalDecision } from "./tools/tool-source.ts";

export const DEFAULT_LIMITS: AgentLimits = {
  steps: 12,
  timeMs: 120_000,
  tokens: 60_000,
  messageChars: 8_000,
  historyMessages: 30,
};

/** Started work: the events as they come, and the whole at the end. */
interface Started {
  readonly events: EventChannel<TurnEvent>;
  readonly result: Promise<TurnResult>;
}

interface Drive {
  readonly caller: Caller;
  readonly authority: AgentAuthority;
  readonly run: RunKey;
  readonly state: RunState;
  readonly decision: ApprovalDecision | undefined;
  readonly signal: AbortSignal | undefined;
  readonly requestId: string;
  readonly onLabel: ((label: Label) => void) | undefined;
  readonly personConversationId: string | undefined;
}

/** Makes an agent. Throws `config_invalid` when an option cannot work. */
export function createAgent(options: AgentOptions): Agent {
  const { name, store, audit } = options;
  const clock = options.clock ?? systemClock;
  const limits: AgentLimits = { ...DEFAULT_LIMITS, ...options.limits };
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(name)) {
    throw new DeputizeError("config_invalid", "an agent's name has lower-case letters, digits and `-`");
  }
  for (const [limit, value] of Object.entries(limits)) {
    if (!(value > 0)) throw new DeputizeError("config_invalid", `the limit \`${limit}\` must be positive`);
  }
  const instructionsFor = (caller: Caller): string =>
    composeInstructions(
      name,
      typeof options.instructions === "string" ? options.instructions : options.instructions(caller),
    );
  const sources = [declineTool(audit), ...options.toolSources];
  const runs = createRuns(store, name, clock);
  const active = new Map<string, { readonly lifeline: Lifeline; readonly result: Promise<TurnResult> }>();

  async function begin(request: TurnRequest): Promise<Started> {
    const { caller, runOptions = {} } = request;
    const message = request.message.trim();
    if (message === "" || message.length > limits.messageChars) {
      throw new DeputizeError("validation_failed", `a message has 1 to ${limits.messageChars} characters`, {
        detail: { field: "message" },
      });
    }
    const own = caller.actors.length === 0 ? privateLabel(caller.subject, "person") : UNKNOWN_LABEL;
    const label = runOptions.inputLabel ?? own;
    const claimed = await runs.claimTurn(caller, {
      conversationId: request.conversationId,
      mustExist: runOptions.mustExist ?? false,
      message,
      label,
      history: limits.historyMessages,
    });
    const state: RunState = {
      messages: [...claimed.history, { role: "user" as const, content: message }],
      queue: [],
      pending: undefined,
      label: joinLabels(claimed.historyLabel, label),
      personMessage: runOptions.personMessage ?? (caller.actors.length === 0 ? message : ""),
      trustedData: [],
      modelCalls: 0,
      tokens: 0,
    };
    return start({ ...request, run: claimed, state, decision: undefined, ...where(request) });
  }

  async function beginResumption(request: ResumeRequest): Promise<Started> {
    const row = await runs.claimResumption(request.caller, request.approvalId);
    let state: RunState;
    try {
      state = loadState(row.state);
    } catch (error) {
      await runs.finish(request.caller, row, "failed", {
        ...EMPTY_MESSAGE,
        content: apology(error),
        label: row.label,
      });
      throw error;
    }
    return start({ ...request, run: row, state, decision: request.decision, ...where(request) });
  }

  const where = (
    request: TurnRequest | ResumeRequest,
  ): Pick<Drive, "signal" | "requestId" | "onLabel" | "personConversationId"> => ({
    signal: request.signal,
    onLabel: request.runOptions?.onLabel,
    personConversationId: request.runOptions?.personConversationId,
    requestId: request.runOptions?.requestId ?? currentContext()?.requestId ?? "none",
  });

  function start(drive: Drive): Started {
    const events = createEventChannel<TurnEvent>();
    const lifeline = createLifeline({
      timeMs: limits.timeMs,
      signal: drive.signal,
      beat: () => runs.renew(drive.caller, drive.run),
    });
    const result = withCaller(drive.caller, () => work(drive, lifeline, events)).finally(() => {
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

  async function work(
    drive: Drive,
    lifeline: Lifeline,
    events: EventChannel<TurnEvent>,
  ): Promise<TurnResult> {
    const { caller, run, state } = drive;
    const record = createTurnRecord(name, (event) => events.push(event));
    record.emit({ event: "start", data: { run_id: run.runId, conversation_id: run.conversationId } });
    let end: LoopEnd | { readonly status: "failed" | "stopped"; readonly error: unknown };
    try {
      end = await runLoop(
        {
          agent: name,
          principal: options.principal,
          model: options.model.model,
          instructions: instructionsFor(caller),
          sources,
          audit,
          clock,
          limits,
          caller,
          context: {
            caller,
            authority: drive.authority,
            agent: name,
            ...ids(run),
            ...(drive.personConversationId !== undefined && {
              personConversationId: drive.personConversationId,
            }),
            signal: lifeline.signal,
          },
          state,
          record,
          onDecided: () => runs.checkpoint(caller, run, dumpState(state), state.label),
        },
        drive.decision,
      );
    } catch (thrown) {
      // An abort surfaces as whatever the provider made of it; the signal knows the reason.
      const error: unknown = lifeline.signal.aborted ? lifeline.signal.reason : thrown;
      end = { status: error instanceof Stopped ? "stopped" : "failed", error };
    }
    return settle(drive, record, end, events);
  }

  /** Stores how the turn ended, then says so: nobody hears of an end that was not stored. */
  async function settle(
    drive: Drive,
    record: TurnRecord,
    end: LoopEnd | { readonly status: "failed" | "stopped"; readonly error: unknown },
    events: EventChannel<TurnEvent>,
  ): Promise<TurnResult> {
    const { caller, run, state } = drive;
    let status: TurnEnd = end.status;
    let failure: unknown;
    if (end.status === "waiting") record.say(`I need your yes before I do this: ${end.approval.summary}`);
    if (end.status === "stopped") record.say("I stopped here, as you asked.");
    if (end.status === "done" && record.text.trim() === "") record.say("I have nothing to add to that.");
    if (end.status === "failed") {
      failure = known(end.error);
      report(end.error, run);
      record.say(apology(failure));
    }
    let messageId: string | undefined;
    try {
      const message = toMessage(record, state.label);
      messageId =
        end.status === "waiting"
          ? await runs.pause(caller, run, { approvalId: end.approval.id, state: dumpState(state), message })
          : await runs.finish(caller, run, end.status, message);
    } catch (error) {
      report(error, run);
      status = "failed";
      failure = isDeputizeError(error)
        ? error
        : new DeputizeError("unavailable", "the answer could not be stored; ask again", { cause: error });
    }
    const metadata = {
      agents_involved: record.agents,
      tokens_in: record.tokensIn,
      tokens_out: record.tokensOut,
    };
    const problem = failure === undefined ? undefined : toProblem(failure, drive.requestId);
    drive.onLabel?.(state.label);
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
      cards: record.cards,
      approvals: record.approvals,
      steps: record.steps,
      label: state.label,
      ...(problem && { problem }),
    };
  }

  function report(error: unknown, run: RunKey): void {
    options.onFault?.(error, { runId: run.runId });
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
    conversations: createConversations(store, name, clock),
    stream: (request) => lazily(() => eventsOf(begin(request))),
    run: async (request) => (await begin(request)).result,
    resume: (request) => lazily(() => eventsOf(beginResumption(request))),
    resumeRun: async (request) => (await beginResumption(request)).result,
    async stop({ caller, runId }) {
      const state = await runs.requestStop(caller, runId);
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
      for (const { lifeline } of running) lifeline.end(new Stopped("the server is going down"));
      await Promise.allSettled(running.map(({ result }) => result));
    },
  };
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
