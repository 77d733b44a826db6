/**
 * Reads a tool server's answer into an outcome of our own.
 *
 * Guarantees: an answer without a readable label is unknown [SR-07]; only the protocol's own members count,
 * never what stands in a text; an approval that cannot be read is a refusal and not a wait. Of a server that is not trusted no
 * statement counts: its words are unknown, its approvals are none, and the call's entry in the log is the agent's own.
 */
import type { CallToolResult } from "@modelcontextprotocol/client";
import { ERROR_STATUS } from "@deputize/core";
import { type Label, UNKNOWN_LABEL, parseLabel } from "@deputize/guardrails/flow";
import { z } from "zod";
import { APPROVAL_REASONS } from "../approval-reason.ts";
import type { Approval, Card } from "../events.ts";
import type { ToolCall, ToolContext, ToolOutcome } from "./tool-source.ts";

/** What a result says of what it rests on. One that says it in another way says nothing. */
const BASIS = z.object({
  "deputize/effect": z.enum(["read", "write"]),
  "deputize/versions": z.record(z.string().max(64), z.string().max(64)).optional(),
  "deputize/valid_until": z.iso.datetime().optional(),
});

const CARD = z.looseObject({ type: z.string().min(1).max(64) });

const ERROR = z.looseObject({
  error: z.looseObject({
    code: z.string().max(64),
    message: z.string().max(2_000),
    detail: z.record(z.string(), z.unknown()).optional(),
  }),
});

const SOURCES = ["you", "your data", "other"] as const;
const STATUSES = ["pending", "approved", "rejected", "expired", "executed", "failed", "superseded"] as const;

const APPROVAL = z.looseObject({
  id: z.string().min(1).max(100),
  summary: z.string().max(2_000),
  tool: z.string().max(128).optional(),
  arguments: z
    .array(
      z.looseObject({
        name: z.string(),
        value: z.unknown().optional(),
        source: z.enum(SOURCES).catch("other"),
      }),
    )
    .optional(),
  amount: z.number().int().optional(),
  status: z.enum(STATUSES).catch("pending"),
  expires: z.string(),
  created: z.string().optional(),
  // It explains; what cannot be read is left out, and the card is shown without it.
  because: APPROVAL_REASONS.optional().catch(undefined),
});

/** Faults on the other side; every other code is a refusal. */
const FAULTS: ReadonlySet<string> = new Set([
  "internal",
  "unavailable",
  "timeout",
  "audit_unavailable",
  "config_invalid",
]);

/** True when an approved call was refused because what would happen is no longer what was shown. */
export function askAgain(result: CallToolResult): boolean {
  const parsed = ERROR.safeParse(result.structuredContent);
  return result.isError === true && parsed.success && parsed.data.error.code === "approval_changed";
}

export interface AnsweringServer {
  readonly name: string;
  /** What it says of its answers counts. */
  readonly trust: boolean;
}

export function readOutcome(
  { name: server, trust }: AnsweringServer,
  result: CallToolResult,
  call: ToolCall,
  context: ToolContext,
  nowIso: string,
): ToolOutcome {
  const said: Record<string, unknown> = result._meta ?? {};
  if (!trust && said["deputize/approval"] !== undefined) {
    const why = "this server asks for an approval, and is not trusted to";
    return { ...refusal(server, "approval_invalid", why), label: UNKNOWN_LABEL };
  }
  const meta = trust ? said : {};
  const label = readLabel(meta["deputize/label"]);
  const entryId = meta["deputize/entry_id"];
  const entry = typeof entryId === "string" && entryId.length <= 100 ? { entryId } : {};
  const structured = result.structuredContent as Record<string, unknown> | undefined;

  // A pending approval means that nothing was done, whatever else the answer says.
  if (meta["deputize/approval"] !== undefined) {
    const approval = readApproval(meta["deputize/approval"], call, context, nowIso);
    if (!approval)
      return {
        ...refusal(server, "approval_invalid", "this needs an approval that cannot be asked for"),
        ...entry,
      };
    const content = { waits: "a person must approve this first", summary: approval.summary };
    return { status: "waiting", content, label, cards: [], approval, ...entry };
  }
  if (result.isError !== true) {
    const { cards, ...rest } = structured ?? {};
    const content = structured ? rest : texts(result);
    return {
      status: "done",
      content,
      label,
      cards: readCards(cards),
      ...entry,
      ...readBasis(meta),
      ...readHolds(meta),
    };
  }
  const parsed = ERROR.safeParse(structured);
  const code = parsed.success ? parsed.data.error.code : "internal";
  const message = parsed.success ? parsed.data.error.message : "the tool failed";
  const detail = parsed.success ? parsed.data.error.detail : undefined;
  const { cards, ...shown } = detail ?? {};
  return {
    status: FAULTS.has(code) || !(code in ERROR_STATUS) ? "failed" : "refused",
    content: { error: message, code, ...(Object.keys(shown).length > 0 && { detail: shown }) },
    label,
    cards: readCards(cards ?? structured?.["cards"]),
    ...entry,
  };
}

/** A refusal that we make ourselves, in words that no stranger wrote. */
export function refusal(server: string, code: string, message: string): ToolOutcome {
  const label: Label = { integrity: "trusted", readers: "public", source: `agent/${server}` };
  return { status: "refused", content: { error: message, code }, label, cards: [] };
}

/** Tool servers write the public as a one-element list; anything else goes through the one parser. */
function readLabel(input: unknown): Label {
  if (typeof input !== "object" || input === null) return UNKNOWN_LABEL;
  const { readers } = input as { readers?: unknown };
  const all = Array.isArray(readers) && readers.length === 1 && readers[0] === "public";
  return parseLabel(all ? { ...input, readers: "public" } : input);
}

function readBasis(meta: Record<string, unknown>): Pick<ToolOutcome, "reads"> {
  const parsed = BASIS.safeParse(meta);
  if (!parsed.success) return {};
  const {
    "deputize/effect": effect,
    "deputize/versions": versions,
    "deputize/valid_until": until,
  } = parsed.data;
  return {
    reads: {
      effect,
      ...(versions && { versions }),
      ...(until !== undefined && { validUntilMs: Date.parse(until) }),
    },
  };
}

/** What the tool's author says is to be found in its answers. */
function readHolds(meta: Readonly<Record<string, unknown>>): Pick<ToolOutcome, "holds"> {
  const holds = meta["deputize/holds"];
  return typeof holds === "string" && /^[^\p{Cc}]{1,80}$/u.test(holds) ? { holds } : {};
}

function readCards(input: unknown): Card[] {
  if (!Array.isArray(input)) return [];
  return input.slice(0, 20).flatMap((card: unknown) => {
    const parsed = CARD.safeParse(card);
    return parsed.success ? [parsed.data] : [];
  });
}

function readApproval(
  input: unknown,
  call: ToolCall,
  context: ToolContext,
  nowIso: string,
): Approval | undefined {
  const parsed = APPROVAL.safeParse(input);
  if (!parsed.success) return undefined;
  const { data } = parsed;
  const fallback = Object.entries(call.args).map(([name, value]) => ({
    name,
    value,
    source: call.argumentSources[name] ?? ("other" as const),
  }));
  return {
    id: data.id,
    tool: data.tool ?? call.tool,
    agent: context.agent,
    summary: data.summary,
    arguments: data.arguments?.map(({ name, value, source }) => ({ name, value, source })) ?? fallback,
    ...(data.amount !== undefined && { amount: data.amount }),
    status: data.status,
    expires: data.expires,
    created: data.created ?? nowIso,
    ...(data.because && { because: data.because }),
    conversation_id: context.personConversationId ?? context.conversationId,
  };
}

function texts(result: CallToolResult): string {
  return result.content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
}
