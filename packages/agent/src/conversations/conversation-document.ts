/**
 * One conversation as a document, for stores that have no rows: what it is called, how far it is, and the runs that work on it
 * or wait. Messages are kept beside it and appended.
 *
 * Guarantees: what a store gives back is parsed; a document that does not fit is a fault and no conversation, and a label that
 * is missing or malformed is unknown [SR-07]. Runs that ended are not in it, so it stays small however long people talk.
 */
import { DeputizeError } from "@deputize/core";
import { type Label, parseLabel } from "@deputize/guardrails/flow";
import { z } from "zod";
import type { Approval, Card, Step } from "../events.ts";
import type { ConversationFacts, ConversationSummary, Message, StoredMessage } from "./conversation-store.ts";
import { toJsonb } from "./jsonb.ts";

const RUN = z.strictObject({
  id: z.string(),
  status: z.enum(["running", "waiting"]),
  /** What the run needs to go on. */
  state: z.unknown().optional(),
  label: z.unknown().optional().transform(parseLabel),
  /** Epoch milliseconds; a running run is alive until then, and its process renews it. */
  lease: z.number(),
  stopRequested: z.boolean(),
  /** The approval that it waits for, or was resumed by. */
  approvalId: z.string().optional(),
});

const DOCUMENT = z.strictObject({
  version: z.literal(1),
  agent: z.string(),
  id: z.string(),
  title: z.string(),
  /** Epoch milliseconds. */
  created: z.number(),
  lastMessage: z.number(),
  lastSeq: z.number().int().min(0),
  /** Removed: its messages are gone, and its id opens nothing. */
  deleted: z.boolean(),
  runs: z.array(RUN),
  /** What programs keep with it. */
  metadata: z.record(z.string(), z.unknown()).optional(),
  state: z.record(z.string(), z.unknown()).optional(),
  stateVersion: z.number().int().min(0).optional(),
});

const list = <T>() => z.array(z.custom<T>((item) => item !== undefined));

const MESSAGE = z.strictObject({
  id: z.string(),
  seq: z.number().int().min(1),
  run: z.string(),
  role: z.enum(["user", "assistant"]),
  content: z.string(),
  agent_name: z.string().optional(),
  agents_involved: z.array(z.string()),
  cards: list<Card>(),
  steps: list<Step>(),
  approvals: list<Approval>(),
  label: z.unknown().optional().transform(parseLabel),
  tokens_in: z.number(),
  tokens_out: z.number(),
  created: z.string(),
  removed: z.literal(true).optional(),
});

export type RunEntry = z.output<typeof RUN> & { readonly label: Label };
export type ConversationDocument = z.output<typeof DOCUMENT>;

/** As JSON, with text that every store takes. */
export const dumpJson = (value: ConversationDocument | StoredMessage): string => toJsonb(value);

function parse<T>(schema: z.ZodType<T>, json: string): T {
  try {
    return schema.parse(JSON.parse(json));
  } catch (cause) {
    throw new DeputizeError("internal", "a stored conversation cannot be read", { cause });
  }
}

/** Throws `internal`. */
export const loadDocument = (json: string): ConversationDocument => parse(DOCUMENT, json);

/** How many runs a document holds, for the count of an erasure: one that cannot be read goes all the same. */
export function countRuns(json: string): number {
  try {
    return loadDocument(json).runs.length;
  } catch {
    return 0;
  }
}

/** Throws `internal`. */
export function loadMessage(json: string): StoredMessage {
  const { agent_name, removed, ...message } = parse(MESSAGE, json);
  return { ...message, ...(agent_name !== undefined && { agent_name }), ...(removed && { removed }) };
}

export const summaryOf = ({ id, title, lastMessage }: ConversationDocument): ConversationSummary => ({
  id,
  title,
  last_message: new Date(lastMessage).toISOString(),
});

export const factsOf = (document: ConversationDocument): ConversationFacts => ({
  ...summaryOf(document),
  created: new Date(document.created).toISOString(),
  metadata: document.metadata ?? {},
  state: document.state ?? {},
  version: document.stateVersion ?? 0,
});

/** The message as a person sees it. */
export function shownMessage(message: StoredMessage): Message {
  const { run: _run, label: _label, tokens_in: _in, tokens_out: _out, removed: _removed, ...shown } = message;
  return shown;
}

/** The ids of runs and approvals that lead to this conversation. */
export const aliasesOf = (document: ConversationDocument): string[] =>
  document.runs.flatMap(({ id, approvalId }) => (approvalId === undefined ? [id] : [id, approvalId]));
