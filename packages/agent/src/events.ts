/**
 * What a turn tells whoever listens, name for name the server-sent events of the HTTP API: a server writes
 * `event: <event>` and `data: <JSON of data>` and adds nothing.
 *
 * Guarantees: cards and approvals come from tool servers' results, never from text that a model wrote.
 */
import type { Problem } from "@deputize/core";
import type { Label } from "@deputize/guardrails/flow";
import type { ApprovalReason } from "./approval-reason.ts";

export type StepStatus = "running" | "done" | "refused" | "waiting" | "failed";

/** One tool call of a turn, as a person sees it. `entry_id` opens its receipt. */
export interface Step {
  readonly call_id: string;
  readonly agent: string;
  readonly tool: string;
  readonly status: StepStatus;
  readonly ms?: number;
  readonly entry_id?: string;
}

/** A piece of interface made by server code from a tool's result; the shop declares its kinds. */
export interface Card {
  readonly type: string;
  readonly [member: string]: unknown;
}

export interface ApprovalArgument {
  readonly name: string;
  readonly value: unknown;
  /** Where the value came from; explains the card and waives nothing [SR-06]. */
  readonly source: "you" | "your data" | "other";
}

export type ApprovalStatus =
  "pending" | "approved" | "rejected" | "expired" | "executed" | "failed" | "superseded";

export interface Approval {
  readonly id: string;
  readonly tool: string;
  readonly agent: string;
  readonly summary: string;
  readonly arguments: readonly ApprovalArgument[];
  /** Integer cents. */
  readonly amount?: number;
  readonly status: ApprovalStatus;
  readonly expires: string;
  readonly created: string;
  readonly conversation_id?: string;
  readonly because?: readonly ApprovalReason[];
}

export type RunStatus = "running" | "waiting" | "done" | "failed" | "stopped";
export type TurnEnd = Exclude<RunStatus, "running">;

export interface TurnMetadata {
  readonly agents_involved: readonly string[];
  readonly tokens_in: number;
  readonly tokens_out: number;
}

export type TurnEvent =
  | { readonly event: "start"; readonly data: { readonly run_id: string; readonly conversation_id: string } }
  | { readonly event: "delta"; readonly data: { readonly text: string } }
  | { readonly event: "tool"; readonly data: Step }
  | { readonly event: "card"; readonly data: Card }
  | { readonly event: "approval"; readonly data: Approval }
  | { readonly event: "metadata"; readonly data: TurnMetadata }
  | { readonly event: "error"; readonly data: Problem }
  | { readonly event: "done"; readonly data: { readonly status: TurnEnd; readonly message_id?: string } };

/** A whole turn, for callers that do not stream, and for agents that were called by agents. */
export interface TurnResult {
  readonly response: string;
  readonly run_id: string;
  readonly conversation_id: string;
  readonly status: TurnEnd;
  readonly message_id?: string;
  readonly agents_involved: readonly string[];
  readonly cards: readonly Card[];
  readonly approvals: readonly Approval[];
  readonly steps: readonly Step[];
  readonly tokens_in: number;
  readonly tokens_out: number;
  /** Millionths of a US dollar; absent where a part of it has no price. */
  readonly cost_micros?: number;
  /** The run's label at its end; an A2A answer must carry it [SR-07]. */
  readonly label: Label;
  /** Why the turn failed or stopped; the answer holds the same in words. */
  readonly problem?: Problem;
}
