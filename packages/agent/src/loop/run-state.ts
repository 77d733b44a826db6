/**
 * What a run is made of while it works, and what of it is stored when it waits for a person.
 *
 * Guarantees: a stored state that does not parse ends the run; the pending call is what the person was shown,
 * with its own call id, and no model touches it again.
 */
import type { ModelMessage } from "ai";
import { DeputizeError } from "@deputize/core";
import { type Label, parseLabel } from "@deputize/guardrails";
import { z } from "zod";
import type { ArgumentSource } from "./provenance.ts";

export interface PlannedCall {
  /** Our id of the call: the approval is bound to it, and a model cannot choose it. */
  readonly callId: string;
  readonly modelCallId: string;
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>> | undefined;
  readonly claimsExecuted: boolean;
  readonly argumentSources: Readonly<Record<string, ArgumentSource>>;
}

export interface RunState {
  /** Everything in the model's context, but the instructions. */
  readonly messages: ModelMessage[];
  /** Calls that the model asked for and that were not carried out yet, in order. */
  queue: PlannedCall[];
  /** The call that waits for a person, with the label of the context that it was made in. */
  pending: { readonly call: PlannedCall; readonly label: Label; readonly approvalId: string } | undefined;
  label: Label;
  readonly personMessage: string;
  /** What trusted results said, for telling where an argument came from. */
  readonly trustedData: string[];
  modelCalls: number;
  tokens: number;
}

const CALL = z.strictObject({
  callId: z.string(),
  modelCallId: z.string(),
  tool: z.string(),
  args: z.record(z.string(), z.unknown()).optional(),
  claimsExecuted: z.boolean(),
  argumentSources: z.record(z.string(), z.enum(["you", "your data", "other"])),
});

const STATE = z.strictObject({
  version: z.literal(1),
  messages: z.array(z.looseObject({ role: z.enum(["user", "assistant", "tool"]) })),
  queue: z.array(CALL),
  pending: z.strictObject({ call: CALL, label: z.unknown().optional(), approvalId: z.string() }).optional(),
  label: z.unknown().optional(),
  personMessage: z.string(),
  trustedData: z.array(z.string()),
  modelCalls: z.number().int().min(0),
  tokens: z.number().int().min(0),
});

/** The stored form. */
export function dumpState(state: RunState): unknown {
  return { version: 1, ...state };
}

/** Reads a stored state. Labels that are missing or malformed are unknown. Throws `internal`. */
export function loadState(stored: unknown): RunState {
  const parsed = STATE.safeParse(stored);
  if (!parsed.success) {
    throw new DeputizeError("internal", "the paused run cannot be read; ask again", { cause: parsed.error });
  }
  const { messages, queue, pending, label, version: _, ...rest } = parsed.data;
  return {
    ...rest,
    messages: messages as unknown as ModelMessage[],
    queue: queue.map(call),
    pending: pending && { ...pending, call: call(pending.call), label: parseLabel(pending.label) },
    label: parseLabel(label),
  };
}

const call = (stored: z.infer<typeof CALL>): PlannedCall => ({ ...stored, args: stored.args });
