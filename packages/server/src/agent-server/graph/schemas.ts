/** What the routes of graphs read and answer. */
import { z } from "zod";
import { Config, MessageView, SentMessage, State, ThreadId } from "../threads/schemas.ts";

/** Only a person's own words begin a turn: never a system's, an assistant's, or a tool's [AF-D09]. */
const Asked = SentMessage.extend({ role: z.literal("user").default("user") });

const AgentName = z.string().min(1).max(100).optional();

export const Invocation = z.strictObject({
  agent: AgentName.describe("the server's first agent unless named"),
  messages: z.array(Asked).min(1).max(100),
  initial_state: State.nullish(),
  /** Of it only `thread_id` is read: who asks is never in it. */
  config: Config.nullish(),
  recursion_limit: z.number().int().min(1).max(100).default(25),
  response_granularity: z.enum(["full", "partial", "low"]).default("low"),
});
export type Invocation = z.output<typeof Invocation>;

export const OfThread = z.strictObject({ thread_id: ThreadId, config: Config.nullish() });
export const OfAgent = z.strictObject({ agent: AgentName });

export const InvokeAnswer = z.object({
  messages: z.array(MessageView),
  state: z.record(z.string(), z.unknown()).optional(),
  context: z.array(MessageView).optional(),
  summary: z.string().nullable().optional(),
  status: z.enum(["done", "waiting", "stopped"]),
  approvals: z.array(z.unknown()),
  meta: z.object({
    thread_id: z.string(),
    is_new_thread: z.boolean(),
    thread_name: z.string(),
    run_id: z.string(),
  }),
});

export const GraphAnswer = z.object({
  agent: z.string(),
  description: z.string(),
  model: z.object({ name: z.string(), offline: z.boolean() }),
  nodes: z.array(z.object({ id: z.string(), name: z.string() })),
  edges: z.array(z.object({ source: z.string(), target: z.string() })),
});

export const ToolsAnswer = z.object({
  tools: z.array(z.object({ name: z.string(), description: z.string(), input_schema: z.unknown() })),
});
