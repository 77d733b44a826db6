/**
 * What a run is made of while it works, and what of it is stored when it waits for a person.
 *
 * Guarantees: a stored state that does not parse ends the run; the pending call is what the person was shown,
 * with its own call id, and no model touches it again.
 */
import type { ModelMessage } from "ai";
import { DeputizeError } from "@deputize/core";
import { type Label, ORIGIN, type Origin, parseLabel } from "@deputize/guardrails/flow";
import { z } from "zod";
import type { Reads } from "../turn/ports.ts";
import type { ArgumentSource, Heard } from "./provenance.ts";

export interface PlannedCall {
  /** Our id of the call: the approval is bound to it, and a model cannot choose it. */
  readonly callId: string;
  readonly modelCallId: string;
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>> | undefined;
  readonly claimsExecuted: boolean;
  readonly argumentSources: Readonly<Record<string, ArgumentSource>>;
  /** Where the value of each argument stands in what the model was given. */
  readonly origins: Readonly<Record<string, readonly Origin[]>>;
  /** Of the context in which the model chose the call: what it reads later did not choose it [SR-06]. */
  readonly label: Label;
}

export interface RunState {
  /** Everything in the model's context, but the instructions. */
  readonly messages: ModelMessage[];
  /** Calls that the model asked for and that were not carried out yet, in order. */
  queue: PlannedCall[];
  /** The call that waits for a person. */
  pending: { readonly call: PlannedCall; readonly approvalId: string } | undefined;
  label: Label;
  readonly personMessage: string;
  /** What the model was given, for telling where an argument came from. */
  readonly heard: Heard[];
  /** What the results so far were made of. Not kept over a pause: such a turn's answer is never cached. */
  readonly reads: Reads[];
  modelCalls: number;
  toolCalls: number;
  tokens: number;
  /** Of the model calls whose price is known. */
  costMicros: number;
}

const CALL = z.strictObject({
  callId: z.string(),
  modelCallId: z.string(),
  tool: z.string(),
  args: z.record(z.string(), z.unknown()).optional(),
  claimsExecuted: z.boolean(),
  argumentSources: z.record(z.string(), z.enum(["you", "your data", "other"])),
  // Runs that were paused before these were kept have none: their calls were chosen nobody knows where.
  origins: z.record(z.string(), z.array(ORIGIN)).default({}),
  label: z.unknown().optional(),
});

const STATE = z.strictObject({
  version: z.literal(1),
  messages: z.array(z.looseObject({ role: z.enum(["user", "assistant", "tool"]) })),
  queue: z.array(CALL),
  /** Its own label is of runs that were paused before calls had theirs, and is left alone. */
  pending: z.strictObject({ call: CALL, label: z.unknown().optional(), approvalId: z.string() }).optional(),
  label: z.unknown().optional(),
  personMessage: z.string(),
  heard: z.array(z.strictObject({ ...ORIGIN.shape, text: z.string() })).default([]),
  /** As runs that were paused earlier have it. */
  trustedData: z.array(z.string()).default([]),
  modelCalls: z.number().int().min(0),
  // Runs that were paused before these were counted have none.
  toolCalls: z.number().int().min(0).default(0),
  costMicros: z.number().int().min(0).default(0),
  tokens: z.number().int().min(0),
});

/** The state of a run that begins. */
export function newState(
  from: Pick<RunState, "messages" | "label" | "personMessage"> & { readonly heard?: readonly Heard[] },
): RunState {
  return {
    ...from,
    heard: [...(from.heard ?? [])],
    queue: [],
    pending: undefined,
    reads: [],
    modelCalls: 0,
    toolCalls: 0,
    tokens: 0,
    costMicros: 0,
  };
}

/** The stored form. */
export function dumpState(state: RunState): unknown {
  const { reads: _, ...kept } = state;
  return { version: 1, ...kept };
}

/** Reads a stored state. Labels that are missing or malformed are unknown. Throws `internal`. */
export function loadState(stored: unknown): RunState {
  const parsed = STATE.safeParse(stored);
  if (!parsed.success) {
    throw new DeputizeError("internal", "the paused run cannot be read; ask again", { cause: parsed.error });
  }
  const { messages, queue, pending, label, heard, trustedData, version: _, ...rest } = parsed.data;
  return {
    ...rest,
    messages: messages as unknown as ModelMessage[],
    queue: queue.map(call),
    pending: pending && { call: call(pending.call), approvalId: pending.approvalId },
    heard: [...trustedData.map((text) => ({ from: "own data" as const, text })), ...(heard as Heard[])],
    label: parseLabel(label),
    reads: [],
  };
}

const call = (stored: z.infer<typeof CALL>): PlannedCall => ({
  ...stored,
  args: stored.args,
  origins: stored.origins as PlannedCall["origins"],
  label: parseLabel(stored.label),
});
