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
import { DeputizeError, newId } from "@deputize/core";
import { type Label, joinLabels } from "@deputize/guardrails/flow";
import type { AgentLimits } from "../agent-types.ts";
import type { Approval } from "../events.ts";
import type { ApprovalDecision, ToolOutcome } from "../tools/tool-source.ts";
import { askModel } from "./ask-model.ts";
import { boundedResult } from "./bounded-result.ts";
import { carryOut } from "./carry-out.ts";
import { type LoopEnd, type LoopOptions, toolContext } from "./loop-options.ts";
import { type Offered, offer as offerOf } from "./offered-tools.ts";
import { argumentOrigins, argumentSources, hear, originOf } from "./provenance.ts";
import type { PlannedCall, RunState } from "./run-state.ts";
import { untilAborted } from "./until-aborted.ts";

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
