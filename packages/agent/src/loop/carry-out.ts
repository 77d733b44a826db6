/**
 * One call of a tool within a run: asked about first, performed by its source, guarded, shown as a step, logged.
 *
 * Guarantees: a tool that was not offered is refused, audited and visible as a step [PR-D43]. Each call leaves one audit entry, the
 * tool server's or this loop's, and its step opens it.
 */
import { DeputizeError, isDeputizeError, telemetry } from "@deputize/core";
import { type Label, UNKNOWN_LABEL } from "@deputize/guardrails/flow";
import type { Approval } from "../events.ts";
import { UNKNOWN_TOOL } from "../observe/agent-event.ts";
import { toolSpan } from "../observe/spans.ts";
import type { ApprovalDecision, ToolOutcome } from "../tools/tool-source.ts";
import { askFirst } from "./ask-first.ts";
import { entryOf, log, refuse } from "./call-entry.ts";
import type { Used } from "../usage/used.ts";
import { countUsed } from "./count-used.ts";
import { guardedCards } from "./guarded-cards.ts";
import { type LoopOptions, toolContext } from "./loop-options.ts";
import type { Offered } from "./offered-tools.ts";
import type { PlannedCall } from "./run-state.ts";
import { toldName } from "./told-name.ts";
import { untilAborted } from "./until-aborted.ts";

/** A name for those who watch: a model may write anybody's words in the place of a tool's name. */
const watchedName = (offered: Offered, { tool }: PlannedCall): string =>
  offered.has(tool) ? tool : UNKNOWN_TOOL;

/** Carries out one call, timed and shown as a step. Never throws for a refusal; throws when the run was ended. */
export async function carryOut(...work: Parameters<typeof carry>): Promise<ToolOutcome> {
  const [options, offered, asked, approval] = work;
  // One that was not offered is refused under whatever name.
  const call = offered.has(asked.tool) ? asked : { ...asked, tool: await toldName(asked.tool, options) };
  const watched = watchedName(offered, call);
  return toolSpan(options.context, watched, call.callId, () => carry(options, offered, call, approval));
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
    const performed = await untilAborted(context.signal, perform(options, offered, call, approval));
    outcome = { ...performed, cards: await guardedCards(performed.cards, options) };
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
  if (outcome.used) await countUsed(options, outcome.used, watched);
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
      await options.guard?.toolArguments(args, options.caller, options.observe);
    } catch (error) {
      if (isDeputizeError(error)) return refuse(options, call, error.code, error.message);
      throw error;
    }
  }
  // What was used is used, whatever becomes of the answer.
  const used: Used[] = [];
  const spent = (outcome: ToolOutcome): ToolOutcome => (used.length > 0 ? { ...outcome, used } : outcome);
  try {
    const outcome = await target.source.call(
      { callId, tool, args, argumentSources: sources, origins, ...(approval && { approval }) },
      toolContext(options, call.label),
    );
    used.push(...(outcome.used ?? []));
    if (options.context.lasting && isOutsideMandate(outcome)) {
      throw new DeputizeError("insufficient_scope", "the mandate does not cover this");
    }
    if (outcome.status !== "waiting" || !outcome.approval) return await guarded(options, outcome);
    const shown = await shownApproval(options, outcome.approval);
    if (shown) return { ...outcome, approval: shown };
    // A card that may not be shown is one that nobody can decide: whoever waits for it is told no.
    const declined = await target.source.call(
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
    used.push(...(declined.used ?? []));
    return spent(
      await refuse(options, call, "approval_invalid", "this needs a yes, and its card may not be shown"),
    );
  } catch (error) {
    // A dead grant or an unreadable token ends the run: nothing that the model could do next would succeed.
    if (isDeputizeError(error) && AUTHORITY_ENDED.has(error.code)) throw error;
    options.context.signal.throwIfAborted();
    const said = isDeputizeError(error) ? error.message : "the tool could not be reached";
    return spent({ status: "failed", content: { error: said }, label: UNKNOWN_LABEL, cards: [] });
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
  if (!guard || outcome.status === "waiting") return outcome;
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
