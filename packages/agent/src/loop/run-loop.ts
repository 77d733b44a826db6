/**
 * The loop: ask the model, carry out what it asks for within what was offered, tell it the results, again.
 *
 * Guarantees: only tools that their source offered to this caller are called; others are refused, audited and
 * visible as steps [PR-D43]. Each call leaves one audit entry, the tool server's or this loop's, and its step opens it. The label of
 * every result, and of every tool's description by others, joins the run's before the model sees it [SR-07]. A call goes with the
 * label of the context in which the model chose it: what was chosen before untrusted content came in was not chosen by it [SR-06]. One that
 * waits for a person ends the loop, and no later call of the same step runs before it. Steps, tokens and time
 * are bounded.
 * Does not: decide whether a call is allowed. Tool servers do, with the caller's authority and the run's label.
 */
import { type AuditEvent, type AuditLog, auditEvent } from "@deputize/audit";
import {
  type Caller,
  type Clock,
  DeputizeError,
  type PrincipalId,
  isDeputizeError,
  newId,
  telemetry,
} from "@deputize/core";
import {
  type Destination,
  type FlowDecision,
  type Label,
  UNKNOWN_LABEL,
  decideFlow,
  joinLabels,
} from "@deputize/guardrails/flow";
import type { AgentLimits } from "../agent-types.ts";
import type { ToolApprovals } from "../approvals/tool-approvals.ts";
import type { Approval } from "../events.ts";
import type { ApprovalDecision, ToolContext, ToolOutcome, ToolSource } from "../tools/tool-source.ts";
import type { ResolvedModel } from "../models/resolve-model.ts";
import { type Observe, UNKNOWN_TOOL } from "../observe/agent-event.ts";
import { type SpanOwner, toolSpan } from "../observe/spans.ts";
import type { RunBudget, TextGuard, ToolChooser } from "../turn/ports.ts";
import { askModel } from "./ask-model.ts";
import { boundedResult } from "./bounded-result.ts";
import { type Offered, type OfferedBy, offer as offerOf } from "./offered-tools.ts";
import { argumentOrigins, argumentSources, hear, originOf } from "./provenance.ts";
import type { PlannedCall, RunState } from "./run-state.ts";
import type { TurnRecord } from "./turn-record.ts";
import { untilAborted } from "./until-aborted.ts";

export interface LoopOptions {
  readonly agent: string;
  readonly principal: PrincipalId | undefined;
  readonly model: ResolvedModel;
  readonly instructions: string;
  /** What the guard wants beside them. */
  readonly marker: string | undefined;
  readonly guard: TextGuard | undefined;
  readonly sources: readonly ToolSource[];
  readonly audit: Pick<AuditLog, "append">;
  readonly clock: Clock;
  readonly limits: AgentLimits;
  readonly caller: Caller;
  readonly context: Omit<ToolContext, "label" | "personMessage" | "emit"> & SpanOwner;
  readonly state: RunState;
  readonly record: TurnRecord;
  readonly budget: RunBudget | undefined;
  readonly chooser: ToolChooser | undefined;
  readonly approvals: ToolApprovals | undefined;
  readonly observe: Observe;
  readonly onDecided: () => Promise<void>;
  /** Before calls that the model asked for are carried out, and after each. */
  readonly onStep?: (() => Promise<void>) | undefined;
}

export type LoopEnd =
  | {
      readonly status: "done";
      /** False when a model was cut off: the answer is shown, and neither given again nor remembered. */
      readonly whole: boolean;
      /** What is left to do once the answer is stored. Never throws. */
      readonly keep?: () => Promise<void>;
    }
  | {
      readonly status: "waiting";
      readonly approval: Approval;
      /** Of the approval's words, which others than the caller may have written. */
      readonly label: Label;
    };

/** Runs until the model has nothing more to ask for, a person must decide, or a limit is reached (throws). */
export async function runLoop(
  options: LoopOptions,
  offered: Offered,
  decision?: ApprovalDecision,
): Promise<LoopEnd> {
  const { state, limits, context } = options;

  if (state.pending && decision) {
    const { call, approvalId } = state.pending;
    const outcome = await carryOut(options, offered, call, { id: approvalId, decision });
    if (outcome.status === "waiting" && outcome.approval)
      return wait(options, call, outcome.approval, outcome.label);
    settle(state, call, outcome);
    state.pending = undefined;
    await options.onDecided();
  }

  // What the model was shown last is what it may ask for [PR-D43]; a paused run's calls were shown before the pause.
  let shown = offered;
  for (;;) {
    for (let call = state.queue[0]; call; call = state.queue[0]) {
      context.signal.throwIfAborted();
      if (state.toolCalls >= limits.toolCalls) throw exceeded("toolCalls", `${limits.toolCalls} tool calls`);
      state.toolCalls += 1;
      const outcome = await carryOut(options, shown, call);
      state.queue = state.queue.slice(1);
      if (outcome.status === "waiting" && outcome.approval)
        return wait(options, call, outcome.approval, outcome.label);
      settle(state, call, outcome);
      await options.onStep?.();
    }
    context.signal.throwIfAborted();
    if (state.modelCalls >= limits.steps) throw exceeded("steps", `${limits.steps} steps`);
    if (state.tokens >= limits.tokens) throw exceeded("tokens", `${limits.tokens} tokens`);
    if (limits.costMicros !== undefined && state.costMicros >= limits.costMicros)
      throw exceeded("costMicros", `$${limits.costMicros / 1_000_000}`);
    shown = await choose(options, offered);
    state.label = joinLabels(state.label, ...[...shown.values()].flatMap(({ tool }) => tool.label ?? []));
    const step = await askModel(options, shown);
    state.messages.push(...step.messages);
    if (step.calls.length === 0) return { status: "done", whole: step.whole };
    state.queue = step.calls.map((call) => ({
      ...call,
      callId: newId(options.clock),
      argumentSources: argumentSources(call.args ?? {}, state.personMessage, state.heard),
      origins: argumentOrigins(call.args ?? {}, state.personMessage, state.heard),
      label: state.label,
    }));
    await options.onStep?.();
  }
}

const exceeded = (limit: keyof AgentLimits, what: string): DeputizeError =>
  new DeputizeError(
    "limit_exceeded",
    `this took more than ${what}; what was done so far is kept, ask for less at once`,
    { detail: { budget: `run.${limit}` } },
  );

/** What the caller may use in this run. Throws as `offer` of offered-tools.ts. */
export const offer = (options: LoopOptions): Promise<Offered> =>
  offerOf(options.sources, toolContext(options));

/** The tools of this step, as they are shown. A chooser leaves out and shortens, and cannot add. */
async function choose({ chooser, state, context }: LoopOptions, offered: Offered): Promise<Offered> {
  if (!chooser) return offered;
  const all = [...offered.values()].map(({ tool }) => tool);
  const called = new Set(
    state.messages.flatMap((message) =>
      message.role === "tool"
        ? message.content.flatMap((part) => (part.type === "tool-result" ? [part.toolName] : []))
        : [],
    ),
  );
  const asked = chooser.choose(all, { messages: state.messages, called });
  const chosen = await untilAborted(context.signal, asked);
  return new Map(
    chosen.flatMap((tool) => {
      const known = offered.get(tool.name);
      if (!known) return [];
      // How it is shown is the chooser's; where it sends to and whose words describe it are not.
      const { name, description, inputSchema } = tool;
      return [[name, { ...known, tool: { ...known.tool, description, inputSchema } }] as const];
    }),
  );
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

/** A name for those who watch: a model may write anybody's words in the place of a tool's name. */
const watchedName = (offered: Offered, { tool }: PlannedCall): string =>
  offered.has(tool) ? tool : UNKNOWN_TOOL;

/** Carries out one call, timed and shown as a step. Never throws for a refusal; throws when the run was ended. */
function carryOut(...work: Parameters<typeof carry>): Promise<ToolOutcome> {
  const [{ context }, offered, call] = work;
  return toolSpan(context, watchedName(offered, call), call.callId, () => carry(...work));
}

async function carry(
  options: LoopOptions,
  offered: Offered,
  call: PlannedCall,
  approval?: { readonly id: string; readonly decision: ApprovalDecision },
): Promise<ToolOutcome> {
  const { record, clock, agent, context } = options;
  const watched = watchedName(offered, call);
  const step = { call_id: call.callId, agent, tool: call.tool.slice(0, 64) };
  const started = clock.monotonicMs();
  record.emit({ event: "tool", data: { ...step, status: "running" } });
  let outcome: ToolOutcome;
  try {
    outcome = await untilAborted(context.signal, perform(options, offered, call, approval));
  } catch (error) {
    const reason = isDeputizeError(error) ? error.code : "stopped";
    // The run ends for a reason of its own; a log that is down as well does not hide it.
    const entryId = await log(options, call, { outcome: "failed", reason }).catch(() => undefined);
    const entry = entryId !== undefined && { entry_id: entryId };
    record.emit({ event: "tool", data: { ...step, status: "failed", ...entry } });
    const ms = Math.round(clock.monotonicMs() - started);
    options.observe({ kind: "tool_called", tool: watched, status: "failed", ms }, () => ({
      arguments: call.args,
    }));
    throw error;
  }
  const ms = Math.round(clock.monotonicMs() - started);
  const { status } = outcome;
  const entryId = outcome.entryId ?? (await log(options, call, entryOf(outcome)));
  record.emit({
    event: "tool",
    data: { ...step, status, ms, entry_id: entryId },
  });
  options.observe({ kind: "tool_called", tool: watched, status, ms }, () => ({
    arguments: call.args,
    result: outcome.content,
  }));
  telemetry.annotate({ "deputize.tool.status": status });
  if (status === "failed") telemetry.fail("tool_error");
  const { reads = { effect: "unknown" } } = outcome;
  options.state.reads.push({ tool: step.tool, label: outcome.label, ...reads });
  for (const card of outcome.cards) record.emit({ event: "card", data: card });
  if (outcome.approval) record.emit({ event: "approval", data: outcome.approval });
  record.involve(outcome.agents ?? []);
  if (outcome.tokens) {
    const { input, output, costMicros } = outcome.tokens;
    record.use(input, output, costMicros);
    options.state.tokens += input + output;
    options.state.costMicros += costMicros ?? 0;
  }
  return outcome;
}

async function perform(
  options: LoopOptions,
  offered: Offered,
  call: PlannedCall,
  approval: { readonly id: string; readonly decision: ApprovalDecision } | undefined,
): Promise<ToolOutcome> {
  const target = offered.get(call.tool);
  if (!target || call.claimsExecuted)
    return refuse(options, call, "not_offered", "there is no such tool here");
  if (!call.args) return refuse(options, call, "validation_failed", "the arguments are no JSON object");
  const { callId, args, argumentSources: sources, origins } = call;
  const tool = target.own;
  const refused = await askFirst(options, target, { ...call, args }, call.label, approval?.decision);
  if (refused) return refused;
  if (approval?.decision !== "refuse") {
    try {
      await options.guard?.toolArguments?.(args, options.caller, options.observe);
    } catch (error) {
      if (isDeputizeError(error)) return refuse(options, call, error.code, error.message);
      throw error;
    }
  }
  try {
    const outcome = await target.source.call(
      { callId, tool, args, argumentSources: sources, origins, ...(approval && { approval }) },
      toolContext(options, call.label),
    );
    if (options.context.lasting && isOutsideMandate(outcome)) {
      throw new DeputizeError("insufficient_scope", "the mandate does not cover this");
    }
    if (outcome.status !== "waiting" || !outcome.approval) return await guarded(options, outcome);
    const shown = await shownApproval(options, outcome.approval);
    if (shown) return { ...outcome, approval: shown };
    // A card that may not be shown is one that nobody can decide: whoever waits for it is told no.
    await target.source.call(
      {
        callId,
        tool,
        args,
        argumentSources: sources,
        origins,
        approval: { id: outcome.approval.id, decision: "refuse" },
      },
      toolContext(options, call.label),
    );
    return refuse(options, call, "approval_invalid", "this needs a yes, and its card may not be shown");
  } catch (error) {
    // A dead grant or an unreadable token ends the run: nothing that the model could do next would succeed.
    if (isDeputizeError(error) && AUTHORITY_ENDED.has(error.code)) throw error;
    options.context.signal.throwIfAborted();
    const said = isDeputizeError(error) ? error.message : "the tool could not be reached";
    return { status: "failed", content: { error: said }, label: UNKNOWN_LABEL, cards: [] };
  }
}

/** The card's words as the guard lets them out; undefined where it does not. */
async function shownApproval(
  { guard, caller, observe }: LoopOptions,
  approval: Approval,
): Promise<Approval | undefined> {
  if (!guard) return approval;
  try {
    const output = guard.output(caller, observe);
    return { ...approval, summary: output.push(approval.summary) + (await output.end()) };
  } catch (error) {
    if (!isDeputizeError(error)) throw error;
    return undefined;
  }
}

/**
 * What the tool answered as the guard lets the model read it. What was done is done, whatever the guard says of the words. Beside
 * words that were withheld nothing counts as trusted: whoever planted them may have planted more.
 */
async function guarded({ guard, caller, observe }: LoopOptions, outcome: ToolOutcome): Promise<ToolOutcome> {
  if (!guard?.toolResult || outcome.status === "waiting") return outcome;
  try {
    const { content, withheld } = await guard.toolResult(outcome.content, caller, outcome.label, observe);
    return { ...outcome, content, ...(withheld && { label: untrusted(outcome.label) }) };
  } catch (error) {
    if (!isDeputizeError(error)) throw error;
    const content = { error: error.message, withheld: true };
    return { ...outcome, content, label: untrusted(outcome.label) };
  }
}

const untrusted = (label: Label): Label => ({ ...label, integrity: "untrusted" });

/**
 * The agent's own rules, and where a call would send what its model knows when nobody further on holds that: answers why the call is
 * not made. A yes that somebody gave is in the log before the call.
 */
async function askFirst(
  options: LoopOptions,
  { source, tool, own }: OfferedBy,
  call: PlannedCall & { readonly args: Readonly<Record<string, unknown>> },
  label: Label,
  decision: ApprovalDecision | undefined,
): Promise<ToolOutcome | undefined> {
  const { approvals, agent, caller, context, record } = options;
  // A no is passed on to whoever waits for it.
  if (decision === "refuse") return undefined;
  const flow = tool.sends === undefined ? undefined : flowTo(tool.sends, call, caller);
  if (flow?.decision === "deny" || (flow?.decision === "ask" && !approvals))
    return refuse(options, call, "flow_denied", saidOf(flow));
  if (!approvals) return undefined;
  const verdict = await approvals.judge({
    agent,
    caller,
    server: source.name,
    tool: own,
    shownAs: call.tool,
    args: call.args,
    argumentSources: call.argumentSources,
    runId: context.runId,
    conversationId: context.personConversationId ?? context.conversationId,
    label,
    signal: context.signal,
    approved: decision === "approve",
    must: flow?.decision === "ask",
    onAsk: () =>
      record.emit({
        event: "tool",
        data: { call_id: call.callId, agent, tool: call.tool.slice(0, 64), status: "waiting" },
      }),
  });
  if (!verdict.allowed) return refuse(options, call, verdict.reason, verdict.said);
  if (verdict.by !== undefined) {
    const detail = { by: verdict.by, question: verdict.id };
    await log(options, call, { outcome: "allowed" }, { action: "agent.call_approved", detail });
  }
  return undefined;
}

function flowTo(sends: Destination, call: PlannedCall, { subject }: Caller): FlowDecision {
  return decideFlow({ person: subject, effect: "read", sends, context: call.label });
}

const saidOf = ({ reasons }: FlowDecision): string =>
  `this may not be sent: ${reasons.map(({ says }) => says).join(" ")}`;

/** What ends a run that has no more authority, or, of a lasting one, not for what it is to do next. */
export const AUTHORITY_ENDED: ReadonlySet<string> = new Set([
  "grant_revoked",
  "invalid_token",
  "insufficient_scope",
]);

/** The tool server named the mandate's list of tools as what stands in the way; any other limit is told to the model. */
function isOutsideMandate({ status, content }: ToolOutcome): boolean {
  const said = content as { code?: unknown; detail?: { constraint?: unknown } } | null;
  return status === "refused" && said?.code === "forbidden" && said.detail?.constraint === "tools";
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
async function log(
  options: LoopOptions,
  call: PlannedCall,
  entry: CallEntry,
  { action = "agent.tool_call", detail = {} }: Partial<Pick<AuditEvent, "action" | "detail">> = {},
): Promise<string> {
  const { caller, principal } = options;
  const behalf =
    principal === undefined || caller.actors[0] === principal
      ? caller
      : { ...caller, actors: [principal, ...caller.actors] };
  return options.audit.append(
    auditEvent(behalf, {
      action,
      resource: `tool:${call.tool.slice(0, 64)}`,
      ...entry,
      detail: { agent: options.agent, run: options.context.runId, call: call.callId, ...detail },
    }),
  );
}

/** Puts a result into the model's context, and its label into the run's. */
function settle(state: RunState, call: PlannedCall, outcome: ToolOutcome): void {
  state.label = joinLabels(state.label, outcome.label);
  const { label, holds, entryId } = outcome;
  if (outcome.status === "done")
    hear(state.heard, outcome.content, originOf(label, { holds, call: call.callId, entry: entryId }));
  const data = boundedResult(outcome.content);
  const value = { status: outcome.status, integrity: outcome.label.integrity, data };
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

function wait(options: LoopOptions, call: PlannedCall, approval: Approval, label: Label): LoopEnd {
  const { state } = options;
  state.pending = { call, approvalId: approval.id };
  return { status: "waiting", approval, label };
}
