/**
 * Reads what a request asks for, before anything is looked up: the operation, its target, and the agent's notes in
 * `_meta`.
 *
 * Guarantees: bounded and typed; what is missing reads as the careful value, so a call without a context note
 * counts as made in an untrusted context, whose content is for the caller alone (SR-06).
 */
import {
  type Integrity,
  LINKS_MAX,
  ORIGIN,
  type Origin,
  type Readers,
  parseLabel,
} from "@deputize/guardrails/flow";
import { z } from "zod";
import { META } from "./results.ts";

type OperationKind = "tool" | "resource" | "prompt" | "completion" | "protocol";

export interface Operation {
  readonly kind: OperationKind;
  readonly method: string;
  /** The tool or prompt name, or the resource URI. */
  readonly target: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly notes: CallNotes;
  readonly completion?: { readonly argument: string; readonly value: string };
}

/** What the calling agent says about the call. None of it grants anything. */
export interface CallNotes {
  readonly callId?: string | undefined;
  /** The call may be sent again under its id, and is to have its effect once. */
  readonly once?: boolean | undefined;
  readonly approvalId?: string | undefined;
  readonly runId?: string | undefined;
  readonly conversationId?: string | undefined;
  /** What the model had been given when it chose the call. No readers: it does not say. */
  readonly context: {
    readonly integrity: Integrity;
    readonly readers?: Readers | undefined;
    readonly source: string;
  };
  readonly argumentSources?: Readonly<Record<string, string>> | undefined;
  /** Where the value of each argument stands in what the model was given. */
  readonly origins?: Readonly<Record<string, readonly Origin[]>> | undefined;
  /** W3C trace context of the caller's own span, where it came with the message and not with the request. */
  readonly traceparent?: string | undefined;
}

const NOTE = z.string().min(1).max(128).optional();

const NOTES = z.looseObject({
  [META.callId]: NOTE,
  [META.once]: z.boolean().optional(),
  [META.approvalId]: NOTE,
  [META.runId]: NOTE,
  [META.conversationId]: NOTE,
  traceparent: z.string().max(128).optional(),
  [META.context]: z.looseObject({ integrity: z.string().max(32) }).optional(),
  [META.argumentSources]: z.record(z.string().max(64), z.string().max(32)).optional(),
  // What cannot be read explains nothing, and costs no call: it decides nothing either.
  [META.origins]: z.record(z.string().max(64), z.array(ORIGIN).max(LINKS_MAX)).optional().catch(undefined),
});

const NAMED = z.looseObject({
  name: z.string().min(1).max(128),
  arguments: z.record(z.string(), z.unknown()).optional(),
});
/** What a prompt takes is text; said here, as the protocol layer would tell its own schema (and `internal`). */
const PROMPT = NAMED.extend({ arguments: z.record(z.string(), z.string()).optional() });
const READ = z.looseObject({ uri: z.string().min(1).max(2048) });
const COMPLETE = z.looseObject({
  ref: z.union([
    z.looseObject({ type: z.literal("ref/prompt"), name: z.string().min(1).max(128) }),
    z.looseObject({ type: z.literal("ref/resource"), uri: z.string().min(1).max(2048) }),
  ]),
  argument: z.looseObject({ name: z.string().max(128), value: z.string().max(2048) }),
});

const MESSAGE = z
  .looseObject({ method: z.string().max(128), id: z.unknown(), params: z.unknown() })
  .partial();

const OPERATIONS: Readonly<Record<string, z.ZodType>> = {
  "tools/call": NAMED,
  "prompts/get": PROMPT,
  "resources/read": READ,
  "completion/complete": COMPLETE,
};

export type Inbound =
  | { readonly kind: "operation"; readonly operation: Operation }
  /** A method that touches no data: handshake, lists, ping, notifications. */
  | { readonly kind: "plain" }
  | { readonly kind: "malformed"; readonly message: string };

/** Reads one JSON-RPC message. */
export function readInbound(body: unknown): Inbound {
  if (Array.isArray(body))
    return { kind: "malformed", message: "batches are not accepted; send one message a request" };
  const message = MESSAGE.safeParse(body);
  if (!message.success) return { kind: "malformed", message: "the body is no JSON-RPC message" };
  const { method, params } = message.data;
  // Without an id the method is only a notification, which the protocol layer never runs as a call.
  if (method === undefined || message.data.id === undefined) return { kind: "plain" };
  const shape = Object.hasOwn(OPERATIONS, method) ? OPERATIONS[method] : undefined;
  if (!shape) return { kind: "plain" };
  const parsed = shape.safeParse(params);
  const notes = NOTES.safeParse((params as { _meta?: unknown } | undefined)?._meta ?? {});
  if (!parsed.success || !notes.success || namesPrototype(params))
    return { kind: "malformed", message: `the parameters of ${method} are malformed` };
  return {
    kind: "operation",
    operation: { method, notes: readNotes(notes.data), ...readTarget(method, parsed.data) },
  };
}

/** An argument called `__proto__` would vanish in copies instead of being refused as unknown. */
function namesPrototype(params: unknown): boolean {
  const args = (params as { arguments?: unknown } | undefined)?.arguments;
  return typeof args === "object" && args !== null && Object.hasOwn(args, "__proto__");
}

function readTarget(
  method: string,
  data: unknown,
): Pick<Operation, "kind" | "target" | "args" | "completion"> {
  if (method === "resources/read")
    return { kind: "resource", target: (data as z.infer<typeof READ>).uri, args: {} };
  if (method === "completion/complete") {
    const { ref, argument } = data as z.infer<typeof COMPLETE>;
    const target = ref.type === "ref/prompt" ? ref.name : ref.uri;
    return {
      kind: "completion",
      target: target as string,
      args: {},
      completion: { argument: argument.name, value: argument.value },
    };
  }
  const named = data as z.infer<typeof NAMED>;
  return {
    kind: method === "tools/call" ? "tool" : "prompt",
    target: named.name,
    args: named.arguments ?? {},
  };
}

function readNotes(notes: z.infer<typeof NOTES>): CallNotes {
  return {
    callId: notes[META.callId],
    once: notes[META.once],
    approvalId: notes[META.approvalId],
    runId: notes[META.runId],
    conversationId: notes[META.conversationId],
    context: readContext(notes[META.context]),
    argumentSources: notes[META.argumentSources],
    origins: notes[META.origins] as CallNotes["origins"],
    traceparent: notes.traceparent,
  };
}

/** A note that only says `trusted` is one too; readers that cannot be read are nobody's. */
function readContext(note: Readonly<Record<string, unknown>> | undefined): CallNotes["context"] {
  const integrity = note?.["integrity"] === "trusted" ? "trusted" : "untrusted";
  if (note?.["readers"] === undefined) return { integrity, source: "" };
  const { readers, source } = parseLabel({ source: "", ...note });
  return { integrity, readers, source: /\p{Cc}/u.test(source) ? "" : source };
}

/** A message that is no operation of ours still leaves one entry when it is refused. */
export function protocolOperation(method: string): Operation {
  return {
    kind: "protocol",
    method,
    target: method.slice(0, 128),
    args: {},
    notes: { context: { integrity: "untrusted", source: "" } },
  };
}
