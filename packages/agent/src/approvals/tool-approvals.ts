/**
 * The agent's own yes before a call: rules by the names of tools, and somebody to ask.
 *
 * Guarantees: it only ever makes things stricter. A call that it lets through meets the tool server's guards and approvals as any
 * other, and the first-party decision that a sensitive tool needs is neither given nor replaced here [SR-05]. No answer in time, a
 * fault, too many open questions and anything but a yes are a no; a no stands for a while without being asked again.
 */
import { createHash } from "node:crypto";
import { canonical } from "@deputize/audit";
import { type Caller, type Clock, DeputizeError, newId } from "@deputize/core";
import type { Label } from "@deputize/guardrails/flow";
import type { ArgumentSource } from "../loop/provenance.ts";
import { untilAborted } from "../loop/until-aborted.ts";
import type { ApprovalHandler, ApprovalQuestion } from "./approval-handler.ts";
import { type NamedTool, type ToolRules, compileRules } from "./tool-rules.ts";

export interface ToolApprovalOptions extends ToolRules {
  /** Whom to ask; needed where a rule says `ask`. */
  readonly handler?: ApprovalHandler;
  /** How long an answer is waited for, in milliseconds; then it is a no. 60,000 unless set. The run's own time goes on meanwhile. */
  readonly timeoutMs?: number;
  /** Open questions of one person, and of all: 10 and 1,000 unless set. One more is a no. */
  readonly maxPending?: { readonly person?: number; readonly total?: number };
  /** How long the same call of the same person is refused without a question after a no, in milliseconds. 60,000 unless set; 0: not at all. */
  readonly denyWindowMs?: number;
}

export interface AskedCall extends NamedTool {
  readonly agent: string;
  readonly caller: Caller;
  readonly runId: string;
  readonly conversationId: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly argumentSources: Readonly<Record<string, ArgumentSource>>;
  readonly label: Label;
  readonly signal: AbortSignal;
  /** The call has its person's yes at the authority: nobody is asked twice, and a tool that is denied stays denied. */
  readonly approved: boolean;
  /** What is sent may not be read where it goes: somebody has to say yes, whatever the rules let through. */
  readonly must?: boolean;
  /** Told before somebody is asked. */
  readonly onAsk: () => void;
}

export type DenialReason =
  "tool_denied" | "approval_refused" | "approval_timeout" | "approval_unavailable" | "too_many_pending";

export type Verdict =
  | {
      readonly allowed: true;
      /** Who said yes, where somebody was asked, and to which question. */ readonly by?: string;
      readonly id?: string;
    }
  | { readonly allowed: false; readonly reason: DenialReason; readonly said: string };

export interface ToolApprovals {
  /** Throws only when the run ended. */
  judge(call: AskedCall): Promise<Verdict>;
  close(): void;
}

const TIMEOUT_MS = 60_000;
const DENY_WINDOW_MS = 60_000;
const DENIALS_KEPT = 10_000;

const SAID: Readonly<Record<DenialReason, string>> = {
  tool_denied: "this agent does not use that tool",
  approval_refused: "the answer was no; it was not done",
  approval_timeout: "nobody answered in time; it was not done",
  approval_unavailable: "nobody could be asked; it was not done",
  too_many_pending: "too much waits for an answer already; it was not done",
};
const no = (reason: DenialReason): Verdict => ({ allowed: false, reason, said: SAID[reason] });

/** Throws `config_invalid` for rules that cannot work. */
export function toolApprovals(options: ToolApprovalOptions, clock: Clock): ToolApprovals {
  const { handler, timeoutMs = TIMEOUT_MS, denyWindowMs = DENY_WINDOW_MS } = options;
  const max = { person: 10, total: 1_000, ...options.maxPending };
  const effectOf = compileRules(options);
  if (!handler && (options.otherwise === "ask" || (options.ask ?? []).length > 0)) {
    throw new DeputizeError("config_invalid", "`approvals` asks about tools and has no `handler` to ask");
  }
  for (const [name, value, least] of [
    ["timeoutMs", timeoutMs, 1],
    ["denyWindowMs", denyWindowMs, 0],
    ["maxPending.person", max.person, 1],
    ["maxPending.total", max.total, 1],
  ] as const) {
    if (!(Number.isSafeInteger(value) && value >= least && value < 2 ** 31))
      throw new DeputizeError("config_invalid", `\`approvals.${name}\` is a whole number from ${least}`);
  }

  const open = new Map<string, number>();
  let total = 0;
  /** What was refused, until when on the monotonic clock, oldest first. */
  const denied = new Map<string, number>();

  function remember(key: string): void {
    if (denyWindowMs === 0) return;
    denied.delete(key);
    denied.set(key, clock.monotonicMs() + denyWindowMs);
    const [oldest] = denied.keys();
    if (denied.size > DENIALS_KEPT && oldest !== undefined) denied.delete(oldest);
  }

  async function ask(asked: ApprovalHandler, call: AskedCall): Promise<Verdict> {
    const { tenant, subject } = call.caller;
    const whose = canonical([tenant, subject]);
    const key = keyOf(call);
    if (key === undefined) return no("approval_unavailable");
    if ((denied.get(key) ?? 0) > clock.monotonicMs()) return no("approval_refused");
    const mine = open.get(whose) ?? 0;
    if (mine >= max.person || total >= max.total) return no("too_many_pending");
    open.set(whose, mine + 1);
    total += 1;
    const late = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([call.signal, late]);
    try {
      call.onAsk();
      const question = questionOf(call, clock.nowMs(), timeoutMs);
      const decision = await untilAborted(signal, Promise.resolve(asked.ask(question, signal)));
      if (decision === "approve") return { allowed: true, by: asked.name, id: question.id };
      remember(key);
      return no("approval_refused");
    } catch {
      call.signal.throwIfAborted();
      if (!late.aborted) return no("approval_unavailable");
      remember(key);
      return no("approval_timeout");
    } finally {
      const left = (open.get(whose) ?? 1) - 1;
      if (left > 0) open.set(whose, left);
      else open.delete(whose);
      total -= 1;
    }
  }

  return {
    async judge(call) {
      const effect = effectOf(call);
      if (effect === "deny") return no("tool_denied");
      if (call.must !== true && (effect === "allow" || call.approved)) return { allowed: true };
      return handler ? ask(handler, call) : no("approval_unavailable");
    },
    close: () => handler?.close?.(),
  };
}

/** The same call of the same person; undefined for arguments that no text can hold faithfully. */
function keyOf({ caller, agent, server, tool, args }: AskedCall): string | undefined {
  try {
    const same = canonical([caller.tenant, caller.subject, agent, server, tool, args]);
    return createHash("sha256").update(same).digest("base64url");
  } catch {
    return undefined;
  }
}

function questionOf(call: AskedCall, nowMs: number, timeoutMs: number): ApprovalQuestion {
  return {
    id: newId(),
    agent: call.agent,
    server: call.server,
    tool: call.tool,
    arguments: Object.entries(call.args).map(([name, value]) => ({
      name,
      value,
      source: call.argumentSources[name] ?? "other",
    })),
    integrity: call.label.integrity,
    tenant: call.caller.tenant,
    subject: call.caller.subject,
    run_id: call.runId,
    conversation_id: call.conversationId,
    created: new Date(nowMs).toISOString(),
    expires: new Date(nowMs + timeoutMs).toISOString(),
  };
}
