/**
 * The shapes of the API that are not the shop's domain, as schemas for `/openapi.json` (docs/architecture.md has the list).
 * Requests of other rooms are parsed there; these say what goes over the wire.
 */
import { ChatBody, RenameBody } from "@deputize/server";
import { z } from "zod";
import { Card } from "../shapes.ts";
import { DecideBody } from "./approvals.ts";

const id = z.uuid();
const instant = z.iso.datetime({ offset: true });
const status = z.enum(["done", "waiting", "stopped", "failed"]);

export const Problem = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  request_id: z.string(),
});

export const User = z.strictObject({
  id,
  email: z.string(),
  name: z.string(),
  role: z.enum(["customer", "power_user", "seller", "admin"]),
});
export const LoginBody = z.strictObject({ email: z.string().max(254), password: z.string().max(1024) });
export const SignUpBody = z.strictObject({ email: z.email(), password: z.string(), name: z.string() });
export const RefreshBody = z.strictObject({ refresh_token: z.string() });
export const Tokens = z.strictObject({
  access_token: z.string(),
  refresh_token: z.string(),
  token_type: z.literal("Bearer"),
  expires_in: z.int(),
  user: User,
});
export const SessionAnswer = z.strictObject({
  user: User.nullable(),
  csrf_token: z.string().optional(),
  demo_accounts: z
    .array(z.strictObject({ email: z.string(), password: z.string(), role: z.string(), name: z.string() }))
    .optional(),
  model: z.strictObject({ name: z.string(), offline: z.boolean() }),
});
export const SessionList = z.strictObject({
  sessions: z.array(
    z.strictObject({
      id,
      user_agent: z.string(),
      created: instant,
      last_used: instant,
      current: z.boolean(),
    }),
  ),
});

export const Step = z.strictObject({
  call_id: z.string(),
  agent: z.string(),
  tool: z.string(),
  status: z.enum(["running", "done", "refused", "waiting", "failed"]),
  ms: z.number().optional(),
  entry_id: z.string().optional(),
});
export const Approval = z.strictObject({
  id,
  tool: z.string(),
  agent: z.string(),
  summary: z.string(),
  arguments: z.array(
    z.strictObject({ name: z.string(), value: z.string(), source: z.enum(["you", "your data", "other"]) }),
  ),
  amount: z.int().optional(),
  status: z.enum(["pending", "approved", "rejected", "expired", "executed", "failed", "superseded"]),
  expires: instant,
  created: instant,
  conversation_id: z.string().optional(),
});
export const ApprovalList = z.strictObject({ approvals: z.array(Approval) });
export const Message = z.strictObject({
  id,
  seq: z.int(),
  role: z.enum(["user", "assistant"]),
  content: z.string(),
  agent_name: z.string().optional(),
  agents_involved: z.array(z.string()),
  cards: z.array(Card),
  steps: z.array(Step),
  approvals: z.array(Approval),
  created: instant,
});
export const DecideAnswer = z.strictObject({ approval: Approval, message: Message.optional() });
export { ChatBody, DecideBody, RenameBody };
export const ChatAnswer = z.strictObject({
  response: z.string(),
  conversation_id: id,
  run_id: id,
  status,
  agents_involved: z.array(z.string()),
  cards: z.array(Card),
  approvals: z.array(Approval),
  steps: z.array(Step),
});
export const ConversationSummary = z.strictObject({ id, title: z.string(), last_message: instant });
export const ConversationList = z.strictObject({
  conversations: z.array(ConversationSummary),
  next: z.string().optional(),
});
export const Conversation = z.strictObject({ id, title: z.string(), messages: z.array(Message) });

export const OpenCaseBody = z.strictObject({
  subject_email: z.string().min(3).max(254),
  purpose: z.string().min(5).max(500),
  resources: z
    .array(z.enum(["orders", "profile"]))
    .min(1)
    .max(2),
});
export const Case = z.strictObject({
  id,
  subject: z.strictObject({ id, email: z.string(), name: z.string() }),
  purpose: z.string(),
  resources: z.array(z.string()),
  opened: instant,
  expires: instant,
  closed: instant.optional(),
});
export const CaseList = z.strictObject({ cases: z.array(Case) });

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
export const Checkpoint = z.strictObject({
  checkpoint: z.string().nullable(),
  public_key: z.string(),
  consistency: z.array(z.string()).optional(),
});
const sums = { turns: z.int(), tokens_in: z.int(), tokens_out: z.int() };
export const Usage = z.strictObject({
  days: z.int(),
  total: z.strictObject(sums),
  agents: z.array(z.strictObject({ agent: z.string(), ...sums })),
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
export const RegisterAgentBody = z.strictObject({ agent_name: z.string(), owner_email: z.email() });
export const RegisteredAgent = z.strictObject({ agent_id: id, api_key: z.string(), key_id: z.string() });
export const ApiKeyBody = z.strictObject({ api_key: z.string() });
export const AgentTokens = z.strictObject({
  access_token: z.string(),
  token_type: z.literal("bearer"),
  expires_in: z.int(),
  scope: z.string(),
});
export const CheckBody = z.strictObject({ token: z.string() });
export const CheckAnswer = z.strictObject({ active: z.boolean() });
