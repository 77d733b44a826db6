/** The entry in the log of a call that no tool server wrote one for. */
import { type AuditEvent, auditEvent } from "@deputize/audit";
import type { ToolOutcome } from "../tools/tool-source.ts";
import type { LoopOptions } from "./loop-options.ts";
import type { PlannedCall } from "./run-state.ts";

/** Refuses a call in words of ours, with its entry. */
export async function refuse(
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
export function entryOf({ status, content, approval, resource }: ToolOutcome): CallEntry {
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
export async function log(
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
