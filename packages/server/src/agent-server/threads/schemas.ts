/** What the routes of threads read and answer. */
import { isUuid, stableId } from "@deputize/core";
import { z } from "zod";

/** Bytes of the JSON of what programs keep with a thread. */
const METADATA_BYTES = 16_384;
const STATE_BYTES = 65_536;

const fits = (most: number) => (value: unknown) => Buffer.byteLength(JSON.stringify(value)) <= most;

/** Names that the server itself answers for; a client that could write them would be believed. */
const OWN_NAMES =
  /^(user|user_id|authz|roles|scopes|tenant|tenant_id|thread_id|context|messages|execution_meta|__proto__|_.*)$/;

const Names = z
  .string()
  .min(1)
  .max(128)
  .refine((name) => !OWN_NAMES.test(name));

export const Metadata = z.record(Names, z.unknown()).refine(fits(METADATA_BYTES));
export const State = z.record(Names, z.unknown()).refine(fits(STATE_BYTES));

/** As clients write it. What is no UUID is a name, which leads to one conversation of its owner's. */
export const ThreadId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/)
  .meta({ description: "the thread's id" });

/** The id under which the conversation of a thread is kept. It lives under its owner, so that nobody takes or finds another's. */
export const conversationId = (threadId: string): string =>
  isUuid(threadId) ? threadId : stableId(`agent-server:thread:${threadId}`);

export const ThreadPath = z.strictObject({ id: ThreadId });
export const MessagePath = z.strictObject({ id: ThreadId, mid: z.string().min(1).max(128) });

const Title = z.string().min(1).max(200);
const AgentName = z.string().min(1).max(100);

export const NewThread = z
  .strictObject({ agent: AgentName.optional(), title: Title.optional(), metadata: Metadata.optional() })
  .optional();

export const ThreadChange = z
  .strictObject({ title: Title.optional(), metadata: Metadata.optional() })
  .refine(({ title, metadata }) => title !== undefined || metadata !== undefined);

export const ThreadSearch = z.strictObject({
  search: z.string().max(200).optional(),
  agent: AgentName.optional(),
  offset: z.coerce.number().int().min(0).max(10_000).default(0),
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
});

export const MessagePage = z.strictObject({
  before: z.coerce.number().int().min(1).max(2_147_483_647).optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
});

/** `config` of clients of the original: of it only the thread's id is looked at, which must be that of the path [AF-D07]. */
export const Config = z.record(z.string().max(128), z.unknown()).refine(fits(METADATA_BYTES));

const Text = z.union([
  z.string().min(1).max(100_000),
  z
    .array(z.strictObject({ type: z.literal("text"), text: z.string().max(100_000) }))
    .min(1)
    .max(100),
]);

/** One message of a client: text of the person's, or what an assistant said elsewhere. Never a system's, and never a tool call. */
export const SentMessage = z.strictObject({
  role: z.enum(["user", "assistant"]).default("user"),
  content: Text,
  message_id: z.union([z.string().max(128), z.number()]).nullish(),
  metadata: Metadata.optional(),
});

export const textOf = (content: z.output<typeof Text>): string =>
  typeof content === "string" ? content : content.map(({ text }) => text).join("\n");

export const StoredMessages = z.strictObject({
  messages: z.array(SentMessage).min(1).max(100),
  metadata: Metadata.optional(),
  config: Config.optional(),
});

export const GuideMessage = z.strictObject({ content: Text });

export const StateChange = z.strictObject({
  state: State,
  version: z.number().int().min(0).optional(),
  config: Config.optional(),
});

export const OptionalConfig = z.strictObject({ config: Config.optional() }).optional();

export const ThreadView = z.object({
  thread_id: z.string(),
  thread_name: z.string(),
  agent: z.string(),
  created_at: z.string().optional(),
  updated_at: z.string(),
  metadata: z.record(z.string(), z.unknown()).optional(),
});

export const MessageView = z.object({
  message_id: z.string(),
  seq: z.number(),
  role: z.enum(["user", "assistant"]),
  content: z.string(),
  created_at: z.string(),
});

export const StateView = z.object({
  thread_id: z.string(),
  state: z.record(z.string(), z.unknown()),
  version: z.number(),
});
