/**
 * The shapes of the API that are not the shop's domain, as schemas for `/openapi.json` (docs/architecture.md has the list).
 * Requests of other rooms are parsed there; these say what goes over the wire.
 */
import { ApprovalAnswer } from "@deputize/authority";
import { ChatBody, RenameBody } from "@deputize/server";
import { z } from "zod";
import { Card } from "../shapes.ts";

const id = z.uuid();
const instant = z.iso.datetime({ offset: true });
const status = z.enum(["done", "waiting", "stopped", "failed"]);

export const Step = z.strictObject({
  call_id: z.string(),
  agent: z.string(),
  tool: z.string(),
  status: z.enum(["running", "done", "refused", "waiting", "failed"]),
  ms: z.number().optional(),
  entry_id: z.string().optional(),
});
export const Message = z.strictObject({
  id,
  seq: z.int(),
  role: z.enum(["user", "assistant"]),
  content: z.string(),
  agent_name: z.string().optional(),
  agents_involved: z.array(z.string()),
  cards: z.array(Card),
  steps: z.array(Step),
  approvals: z.array(ApprovalAnswer),
  created: instant,
});
export { ChatBody, RenameBody };
export const ChatAnswer = z.strictObject({
  response: z.string(),
  conversation_id: id,
  run_id: id,
  status,
  agents_involved: z.array(z.string()),
  cards: z.array(Card),
  approvals: z.array(ApprovalAnswer),
  steps: z.array(Step),
});
export const ConversationSummary = z.strictObject({ id, title: z.string(), last_message: instant });
export const ConversationList = z.strictObject({
  conversations: z.array(ConversationSummary),
  next: z.string().optional(),
});
export const Conversation = z.strictObject({
  id,
  title: z.string(),
  messages: z.array(Message),
  earlier: z.int().optional(),
});

const opening = z.strictObject({ salt: z.string(), value: z.unknown() });
export const Receipt = z.strictObject({
  status: z.enum(["pending", "logged"]),
  entry_id: id,
  index: z.int().optional(),
  size: z.int().optional(),
  leaf: z.string().optional(),
  proof: z.array(z.string()).optional(),
  checkpoint: z.string().optional(),
  public_key: z.string(),
  openings: z.partialRecord(z.enum(["who", "why", "what", "detail"]), opening).optional(),
  summary: z.looseObject({ action: z.string(), outcome: z.string(), at: instant }),
});
export const ErasureReceipt = z.strictObject({
  id,
  at: instant,
  counts: z.record(z.string(), z.int()),
  entry_id: id,
  proof: Receipt,
});
export const Checkpoint = z.strictObject({
  checkpoint: z.string().nullable(),
  public_key: z.string(),
  consistency: z.array(z.string()).optional(),
});
const tokens = { tokens_in: z.int(), tokens_out: z.int(), cost_micros: z.int() };
const sums = { turns: z.int(), ...tokens, unpriced: z.int() };
export const Usage = z.strictObject({
  days: z.int(),
  total: z.strictObject(sums),
  agents: z.array(z.strictObject({ agent: z.string(), ...sums })),
  tools: z.array(
    z.strictObject({ agent: z.string(), tool: z.string(), calls: z.int(), failed: z.int(), ...tokens }),
  ),
  by_day: z.array(z.strictObject({ agent: z.string(), day: z.string(), people: z.int(), ...sums })),
});
const part = z.strictObject({ kind: z.string(), up: z.boolean() });
export const Health = z.strictObject({
  status: z.enum(["ok", "degraded", "unavailable"]),
  database: part,
  ephemeral: part,
  model: z.strictObject({ name: z.string(), offline: z.boolean() }),
  version: z.string(),
});
