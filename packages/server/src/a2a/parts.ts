/**
 * What travels between our agents inside of A2A messages: text with its label, and data parts for steps,
 * cards, approvals and resumption.
 *
 * Guarantees: every part that we make carries the label of its content; a part that arrives without one, or
 * with a malformed one, reads as untrusted and readable by nobody [SR-07]. Data parts are parsed by schema and
 * anything else is ignored, so a foreign agent cannot smuggle a card or a step of an unknown shape into a page.
 * Does not: make what another agent says true. Steps and cards are shown, nothing is decided by them.
 */
import { type Message, type Part, Role } from "@a2a-js/sdk";
import {
  APPROVAL_REASONS,
  type Approval,
  type Card,
  type Step,
  type TurnAccount,
  readUsed,
} from "@deputize/agent";
import { isUuid, newId } from "@deputize/core";
import { EMPTY_LABEL, type Label, joinLabels, parseLabel } from "@deputize/guardrails/flow";
import { z } from "zod";

/** The A2A extension that describes these parts, declared in our agent cards. */
export const TURN_EXTENSION = "urn:deputize:a2a:turn:1";
/** Where a part's metadata keeps its label. */
export const LABEL_KEY = "urn:deputize:label";

/** Where the metadata of a task's last status says what the answer cost and rests on; for agents of ours only. */
const ACCOUNT_KEY = "urn:deputize:account";
/** Where a message's metadata says that whoever asks is bounded in money. */
const COST_KEY = "urn:deputize:cost";

const MAX_TEXT = 8000;

const Account = z.strictObject({
  used: z.unknown(),
  rests: z
    .strictObject({
      versions: z
        .record(z.string().max(64), z.string().max(64))
        .refine((versions) => Object.keys(versions).length <= 100),
      valid_until: z.number().int().min(0).max(8_640_000_000_000_000).optional(),
    })
    .optional(),
});

const StepPart = z.strictObject({
  call_id: z.string().min(1).max(200),
  agent: z.string().min(1).max(100),
  tool: z.string().min(1).max(100),
  status: z.enum(["running", "done", "refused", "waiting", "failed"]),
  ms: z.number().nonnegative().optional(),
  entry_id: z.string().max(100).optional(),
});

const ApprovalPart = z.strictObject({
  id: z.string().refine(isUuid),
  tool: z.string().max(100),
  agent: z.string().max(100),
  summary: z.string().max(2000),
  arguments: z
    .array(
      z.strictObject({
        name: z.string().max(200),
        value: z.unknown(),
        source: z.enum(["you", "your data", "other"]),
      }),
    )
    .max(50),
  amount: z.number().int().optional(),
  status: z.enum(["pending", "approved", "rejected", "expired", "executed", "failed", "superseded"]),
  expires: z.string().max(40),
  created: z.string().max(40),
  because: APPROVAL_REASONS.optional(),
  conversation_id: z.string().max(100).optional(),
});

const DataPart = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("step"), step: StepPart }),
  z.strictObject({ kind: z.literal("card"), card: z.looseObject({ type: z.string().min(1).max(50) }) }),
  z.strictObject({ kind: z.literal("approval"), approval: ApprovalPart }),
]);

const ResumePart = z.strictObject({
  resume: z.string().refine(isUuid),
  decision: z.enum(["approve", "refuse"]).default("approve"),
});

const PersonPart = z.strictObject({ person_message: z.string().max(MAX_TEXT) });

export type TurnPart =
  | { readonly kind: "step"; readonly step: Step }
  | { readonly kind: "card"; readonly card: Card }
  | { readonly kind: "approval"; readonly approval: Approval };

export interface ResumeRequest {
  readonly approvalId: string;
  readonly decision: "approve" | "refuse";
}

function part(content: Part["content"], mediaType: string, label: Label): Part {
  return { content, mediaType, filename: "", metadata: { [LABEL_KEY]: label } };
}

/** A text part that carries the label of its text. */
export function textPart(text: string, label: Label): Part {
  return part({ $case: "text", value: text }, "text/plain", label);
}

/** A step, card or approval as a data part. */
export function turnPart(data: TurnPart, label: Label): Part {
  return part({ $case: "data", value: data }, "application/json", label);
}

/** What the person wrote, beside what an agent made of it; explains approval cards and waives nothing [SR-06]. */
export function personPart(text: string, label: Label): Part {
  return part(
    { $case: "data", value: { person_message: text.slice(0, MAX_TEXT) } },
    "application/json",
    label,
  );
}

/** Asks a waiting agent to go on after a person decided. */
export function resumePart(request: ResumeRequest, label: Label): Part {
  const value = { resume: request.approvalId, decision: request.decision };
  return part({ $case: "data", value }, "application/json", label);
}

/** A whole message of ours. */
export function message(
  parts: Part[],
  options: {
    role: "user" | "agent";
    contextId?: string;
    taskId?: string;
    metadata?: Record<string, unknown>;
  },
): Message {
  return {
    messageId: newId(),
    contextId: options.contextId ?? "",
    taskId: options.taskId ?? "",
    role: options.role === "user" ? Role.ROLE_USER : Role.ROLE_AGENT,
    parts,
    metadata: options.metadata,
    extensions: [TURN_EXTENSION],
    referenceTaskIds: [],
  };
}

/** What an answer cost and rests on, as metadata. */
export function accountMetadata({ used, rests }: TurnAccount): Record<string, unknown> {
  const { versions, validUntilMs } = rests ?? {};
  const until = validUntilMs !== undefined && { valid_until: validUntilMs };
  return { [ACCOUNT_KEY]: { used, ...(versions && { rests: { versions, ...until } }) } };
}

/** Reads that; undefined for a part that cannot be so, and for all where there is nothing. */
export function accountOf(
  metadata: Record<string, unknown> | undefined,
): { readonly used: TurnAccount["used"] | undefined; readonly rests: TurnAccount["rests"] } | undefined {
  const said = metadata?.[ACCOUNT_KEY];
  if (said === undefined) return undefined;
  const parsed = Account.safeParse(said);
  if (!parsed.success) return { used: undefined, rests: undefined };
  const { used, rests } = parsed.data;
  const until = rests?.valid_until !== undefined && { validUntilMs: rests.valid_until };
  return { used: readUsed(used), rests: rests && { versions: rests.versions, ...until } };
}

/** Says with a message that whoever asks is bounded in money. */
export const COST_MUST_BE_KNOWN = { [COST_KEY]: "must be known" } as const;

/** Whether it says so. */
export const costMustBeKnown = ({ metadata }: Message): boolean => metadata?.[COST_KEY] !== undefined;

/** The label of a part, `UNKNOWN_LABEL` when it has none that we can read [SR-07]. */
function labelOf(part: Part): Label {
  return parseLabel(part.metadata?.[LABEL_KEY]);
}

/** The join of the labels of all parts; of no parts, the empty label. */
export function labelOfParts(parts: readonly Part[]): Label {
  return joinLabels(EMPTY_LABEL, ...parts.map(labelOf));
}

/** All text of some parts, in order, cut at `max` characters. */
export function textOf(parts: readonly Part[], max = MAX_TEXT): string {
  const texts = parts.flatMap((p) => (p.content?.$case === "text" ? [p.content.value] : []));
  return texts.join("\n").slice(0, max);
}

/** The steps, cards and approvals among some parts. Others, and malformed ones, are left out. */
export function turnPartsOf(parts: readonly Part[]): TurnPart[] {
  return parts.flatMap((p) => {
    if (p.content?.$case !== "data") return [];
    const parsed = DataPart.safeParse(p.content.value);
    return parsed.success ? [parsed.data as TurnPart] : [];
  });
}

/** The request to go on, when a part is one. */
export function resumeOf(parts: readonly Part[]): ResumeRequest | undefined {
  for (const p of parts) {
    if (p.content?.$case !== "data") continue;
    const parsed = ResumePart.safeParse(p.content.value);
    if (parsed.success) return { approvalId: parsed.data.resume, decision: parsed.data.decision };
  }
  return undefined;
}

/** What the person wrote, when a part says so. */
export function personOf(parts: readonly Part[]): string | undefined {
  for (const p of parts) {
    if (p.content?.$case !== "data") continue;
    const parsed = PersonPart.safeParse(p.content.value);
    if (parsed.success) return parsed.data.person_message;
  }
  return undefined;
}
