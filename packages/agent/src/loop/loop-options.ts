/** What a run of the loop is made with, how it ends, and what its tools are told of it. */
import type { AuditLog } from "@deputize/audit";
import type { Caller, Clock, PrincipalId } from "@deputize/core";
import type { Label } from "@deputize/guardrails/flow";
import type { AgentLimits } from "../agent-types.ts";
import type { ToolApprovals } from "../approvals/tool-approvals.ts";
import type { Approval } from "../events.ts";
import type { ResolvedModel } from "../models/resolve-model.ts";
import type { Observe } from "../observe/agent-event.ts";
import type { SpanOwner } from "../observe/spans.ts";
import type { ToolContext, ToolSource } from "../tools/tool-source.ts";
import type { AnswerRests, RunBudget, TextGuard, ToolChooser } from "../turn/ports.ts";
import type { RunState } from "./run-state.ts";
import type { TurnRecord } from "./turn-record.ts";

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
      /** What the answer rests on, where the turn was asked to tell and it may be kept elsewhere. */
      readonly rests?: AnswerRests;
      /** What is left to do once the answer is stored. Never throws. */
      readonly keep?: () => Promise<void>;
    }
  | {
      readonly status: "waiting";
      readonly approval: Approval;
      /** Of the approval's words, which others than the caller may have written. */
      readonly label: Label;
    };

/**
 * What a tool is told; with the label of the context in which its call was chosen. Where a guard reads cards, those that a called
 * agent shows while it works are shown once the call is over, as `guardedCards` lets them out.
 */
export function toolContext(options: LoopOptions, label = options.state.label): ToolContext {
  const { record, state, guard } = options;
  return {
    ...options.context,
    label,
    personMessage: state.personMessage,
    emit: (event) => {
      if (guard === undefined || event.event !== "card") record.emit(event);
    },
  };
}
