/** Whom an agent asks before it makes a call, and what they are told. */
import type { Caller } from "@deputize/core";
import type { ApprovalArgument } from "../events.ts";
import type { ApprovalDecision } from "../tools/tool-source.ts";

/** One exact call that somebody must say yes to. */
export interface ApprovalQuestion {
  /** A random id; a question is asked once. */
  readonly id: string;
  readonly agent: string;
  readonly server: string;
  readonly tool: string;
  readonly arguments: readonly ApprovalArgument[];
  /** `untrusted`: words of others were in the model's context when it chose this. */
  readonly integrity: "trusted" | "untrusted";
  readonly tenant: string;
  /** The person it is for. */
  readonly subject: Caller["subject"];
  readonly run_id: string;
  /** The person's own conversation. */
  readonly conversation_id: string;
  /** RFC 3339. No answer by `expires` is a no. */
  readonly created: string;
  readonly expires: string;
}

export interface ApprovalHandler {
  /** What the log calls it. */
  readonly name: string;
  /** Anything but `approve` is a no, a throw included. `signal` ends when nobody waits for the answer any more. */
  ask(question: ApprovalQuestion, signal: AbortSignal): Promise<ApprovalDecision>;
  close?(): void;
}

/** Asks a function of the program. */
export function approvalCallback(
  decide: (question: ApprovalQuestion, signal: AbortSignal) => ApprovalDecision | Promise<ApprovalDecision>,
): ApprovalHandler {
  return { name: "callback", ask: async (question, signal) => decide(question, signal) };
}
