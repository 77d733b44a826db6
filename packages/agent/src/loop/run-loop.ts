/**
 * The loop: ask the model, carry out what it asks for within what was offered, tell it the results, again.
 *
 * Guarantees: only tools that their source offered to this caller are called; others are refused, audited and
 * visible as steps [PR-D43]. Each call leaves one audit entry, the tool server's or this loop's, and its step opens it. Every result's label joins the run's before the model sees it [SR-07]. A call that
 * waits for a person ends the loop, and no later call of the same step runs before it. Steps, tokens and time
 * are bounded.
 * Does not: decide whether a call is allowed. Tool servers do, with the caller's authority and the run's label.
 */
import type { LanguageModelV4 } from "@ai-sdk/provider";
import { type AuditEvent, type AuditLog, auditEvent } from "@deputize/audit";
import {
  type Caller,
  type Clock,
  DeputizeError,
  type PrincipalId,
  isDeputizeError,
  newId,
} from "@deputize/core";
import { UNKNOWN_LABEL, joinLabels } from "@deputize/guardrails";
import type { AgentLimits } from "../agent-types.ts";
import type { Approval } from "../events.ts";
import type {
  ApprovalDecision,
  OfferedTool,
  ToolContext,
  ToolOutcome,
  ToolSource,
} from "../tools/tool-source.ts";
import { modelStep } from "./model-step.ts";
import { argumentSources } from "./provenance.ts";
import type { PlannedCall, RunState } from "./run-state.ts";
import type { TurnRecord } from "./turn-record.ts";

export interface LoopOptions {
  readonly agent: string;
  readonly principal: PrincipalId | undefined;
  readonly model: LanguageModelV4;
  readonly instructions: string;
  readonly sources: readonly ToolSource[];
  readonly audit: Pick<AuditLog, "append">;
  readonly clock: Clock;
  readonly limits: AgentLimits;
  readonly caller: Caller;
  readonly context: Omit<ToolContext, "label" | "personMessage" | "emit">;
  readonly state: RunState;
  readonly record: TurnRecord;
  readonly onDecided: () => Promise<void>;
}

export type LoopEnd =
  { readonly status: "done" } | { readonly status: "waiting"; readonly approval: Approval };

const TOOL_NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** Runs until the model has nothing more to ask for, a person must decide, or a limit is reached (throws). */
export async function runLoop(options: LoopOptions, decision?: ApprovalDecision): Promise<LoopEnd> {
  const { state, record, limits, context } = options;
  const offered = await offer(options);

  if (state.pending && decision) {
    const { call, label, approvalId } = state.pending;
    const outcome = await carryOut(options, offered, call, label, { id: approvalId, decision });
    if (outcome.status === "waiting" && outcome.approval) return wait(options, call, outcome.approval);
    settle(state, call, outcome);
    state.pending = undefined;
    await options.onDecided();
  }

  for (;;) {
    for (let call = state.queue[0]; call; call = state.queue[0]) {
      context.signal.throwIfAborted();
      const outcome = await carryOut(options, offered, call, state.label);
      state.queue = state.queue.slice(1);
      if (outcome.status === "waiting" && outcome.approval) return wait(options, call, outcome.approval);
      settle(state, call, outcome);
    }
    context.signal.throwIfAborted();
    if (state.modelCalls >= limits.steps) throw exceeded(`this took more than ${limits.steps} steps`);
    if (state.tokens >= limits.tokens) throw exceeded(`this took more than ${limits.tokens} tokens`);
    state.modelCalls += 1;

    const step = await modelStep({
      model: options.model,
      instructions: options.instructions,
      messages: state.messages,
      tools: [...offered.values()].map(({ tool }) => tool),
      signal: context.signal,
      onText: (text) => record.emit({ event: "delta", data: { text } }),
    });
    record.endParagraph();
    record.tokensIn += step.tokensIn;
    record.tokensOut += step.tokensOut;
    state.tokens += step.tokensIn + step.tokensOut;
    state.messages.push(...step.messages);
    if (step.calls.length === 0) return { status: "done" };
    state.queue = step.calls.map((call) => ({
      ...call,
      callId: newId(options.clock),
      argumentSources: argumentSources(call.args ?? {}, state.personMessage, state.trustedData),
    }));
  }
}

const exceeded = (what: string): DeputizeError =>
  new DeputizeError("limit_exceeded", `${what}; what was done so far is kept, ask for less at once`);

type Offered = ReadonlyMap<string, { readonly source: ToolSource; readonly tool: OfferedTool }>;

async function offer(options: LoopOptions): Promise<Offered> {
  const lists = await Promise.all(
    options.sources.map(async (source) => ({ source, tools: await source.list(toolContext(options)) })),
  );
  const offered = new Map<string, { source: ToolSource; tool: OfferedTool }>();
  for (const { source, tools } of lists) {
    for (const tool of tools) {
      if (!TOOL_NAME.test(tool.name)) continue; // model providers take no other names
      if (offered.has(tool.name)) {
        throw new DeputizeError(
          "config_invalid",
          `two tool sources offer \`${tool.name}\`; give one a prefix`,
        );
      }
      offered.set(tool.name, { source, tool });
    }
  }
  return offered;
}

function toolContext(options: LoopOptions, label = options.state.label): ToolContext {
  const { record, state } = options;
  return {
    ...options.context,
    label,
    personMessage: state.personMessage,
    emit: (event) => record.emit(event),
  };
}

/** Carries out one call, timed and shown as a step. Never throws for a refusal; throws when the run was ended. */
async function carryOut(
  options: LoopOptions,
  offered: Offered,
  call: PlannedCall,
  label: RunState["label"],
  approval?: { readonly id: string; readonly decision: ApprovalDecision },
): Promise<ToolOutcome> {
  const { record, clock, agent, context } = options;
  const step = { call_id: call.callId, agent, tool: call.tool.slice(0, 64) };
  const started = clock.monotonicMs();
  record.emit({ event: "tool", data: { ...step, status: "running" } });
  let outcome: ToolOutcome;
  try {
    outcome = await untilAborted(context.signal, perform(options, offered, call, label, approval));
  } catch (error) {
    const reason = isDeputizeError(error) ? error.code : "stopped";
    // The run ends for a reason of its own; a log that is down as well does not hide it.
    const entryId = await log(options, call, { outcome: "failed", reason }).catch(() => undefined);
    const entry = entryId !== undefined && { entry_id: entryId };
    record.emit({ event: "tool", data: { ...step, status: "failed", ...entry } });
    throw error;
  }
  const ms = Math.round(clock.monotonicMs() - started);
  const { status } = outcome;
  const entryId = outcome.entryId ?? (await log(options, call, entryOf(outcome)));
  record.emit({
    event: "tool",
    data: { ...step, status, ms, entry_id: entryId },
  });
  for (const card of outcome.cards) record.emit({ event: "card", data: card });
  if (outcome.approval) record.emit({ event: "approval", data: outcome.approval });
  record.involve(outcome.agents ?? []);
  if (outcome.tokens) {
    record.tokensIn += outcome.tokens.input;
    record.tokensOut += outcome.tokens.output;
    options.state.tokens += outcome.tokens.input + outcome.tokens.output;
  }
  return outcome;
}

async function perform(
  options: LoopOptions,
  offered: Offered,
  call: PlannedCall,
  label: RunState["label"],
  approval: { readonly id: string; readonly decision: ApprovalDecision } | undefined,
): Promise<ToolOutcome> {
  const target = offered.get(call.tool);
  if (!target || call.claimsExecuted)
    return refuse(options, call, "not_offered", "there is no such tool here");
  if (!call.args) return refuse(options, call, "validation_failed", "the arguments are no JSON object");
  const { callId, tool, args } = call;
  try {
    return await target.source.call(
      { callId, tool, args, argumentSources: call.argumentSources, ...(approval && { approval }) },
      toolContext(options, label),
    );
  } catch (error) {
    // A dead grant or an unreadable token ends the run: nothing that the model could do next would succeed.
    if (isDeputizeError(error, "grant_revoked") || isDeputizeError(error, "invalid_token")) throw error;
    options.context.signal.throwIfAborted();
    const said = isDeputizeError(error) ? error.message : "the tool could not be reached";
    return { status: "failed", content: { error: said }, label: UNKNOWN_LABEL, cards: [] };
  }
}

async function refuse(
  options: LoopOptions,
  call: PlannedCall,
  reason: string,
  said: string,
): Promise<ToolOutcome> {
  const entryId = await log(options, call, { outcome: "refused", reason });
  const label = { integrity: "trusted", readers: "public", source: "agent" } as const;
  return { status: "refused", content: { error: said }, label, cards: [], entryId };
}

type CallEntry = Pick<AuditEvent, "outcome" | "reason" | "resource" | "approval">;

const OUTCOMES = { done: "allowed", refused: "refused", waiting: "info", failed: "failed" } as const;
const CODE = /^[a-z][a-z0-9_]{0,63}$/;

/** What the log says of a call that no tool server wrote an entry for. */
function entryOf({ status, content, approval, resource }: ToolOutcome): CallEntry {
  const given =
    typeof content === "object" && content !== null && "code" in content ? content.code : undefined;
  const code = typeof given === "string" && CODE.test(given) ? given : status;
  const reason = status === "waiting" ? "approval_required" : code;
  return {
    outcome: OUTCOMES[status],
    ...(status !== "done" && { reason }),
    ...(approval && { approval: approval.id }),
    ...(resource !== undefined && { resource }),
  };
}

/** The entry of a call by this agent for its caller; the agent is the one that acts. */
async function log(options: LoopOptions, call: PlannedCall, entry: CallEntry): Promise<string> {
  const { caller, principal } = options;
  const behalf =
    principal === undefined || caller.actors[0] === principal
      ? caller
      : { ...caller, actors: [principal, ...caller.actors] };
  return options.audit.append(
    auditEvent(behalf, {
      action: "agent.tool_call",
      resource: `tool:${call.tool.slice(0, 64)}`,
      ...entry,
      detail: { agent: options.agent, run: options.context.runId, call: call.callId },
    }),
  );
}

/** A tool that does not heed the signal cannot hold the run; its result is no longer awaited. */
async function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    work.catch(() => {});
  }
}

/** Puts a result into the model's context, and its label into the run's. */
function settle(state: RunState, call: PlannedCall, outcome: ToolOutcome): void {
  state.label = joinLabels(state.label, outcome.label);
  const trusted = outcome.label.integrity === "trusted";
  if (trusted && outcome.status === "done")
    state.trustedData.push(JSON.stringify(outcome.content).slice(0, 20_000));
  const value = { status: outcome.status, integrity: outcome.label.integrity, data: outcome.content };
  state.messages.push({
    role: "tool",
    content: [
      {
        type: "tool-result",
        toolCallId: call.modelCallId,
        toolName: call.tool,
        output: { type: "json", value: JSON.parse(JSON.stringify(value)) },
      },
    ],
  });
}

function wait(options: LoopOptions, call: PlannedCall, approval: Approval): LoopEnd {
  const { state } = options;
  state.pending = { call, label: state.label, approvalId: approval.id };
  return { status: "waiting", approval };
}
