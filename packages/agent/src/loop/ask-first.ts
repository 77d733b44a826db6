/** The agent's own rules before a call is made: its approvals, and where a call would send what its model knows. */
import type { Caller } from "@deputize/core";
import { type Destination, type FlowDecision, type Label, decideFlow } from "@deputize/guardrails/flow";
import type { ApprovalDecision, ToolOutcome } from "../tools/tool-source.ts";
import { log, refuse } from "./call-entry.ts";
import type { LoopOptions } from "./loop-options.ts";
import type { OfferedBy } from "./offered-tools.ts";
import type { PlannedCall } from "./run-state.ts";

/**
 * The agent's own rules, and where a call would send what its model knows when nobody further on holds that: answers why the call is
 * not made. A yes that somebody gave is in the log before the call.
 */
export async function askFirst(
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
