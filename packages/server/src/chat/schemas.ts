/** The bodies, queries and answers of the routes for chat and memories. Unknown fields are refused; everything is bounded. */
import { isUuid } from "@deputize/core";
import { z } from "zod";

const uuid = z.string().refine(isUuid);

export const ChatBody = z.strictObject({
  message: z.string().trim().min(1).max(8000),
  conversation_id: uuid.optional(),
});
export type ChatBody = z.infer<typeof ChatBody>;

export const PageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).optional(),
  cursor: z.string().max(500).optional(),
});

/** Which messages of a conversation: the newest `limit`, or those before the message with the number `before`. */
export const MessagesQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).optional(),
  before: z.coerce.number().int().min(1).max(2_147_483_647).optional(),
});

export const RenameBody = z.strictObject({ title: z.string().trim().min(1).max(200) });

export const CorrectionBody = z.strictObject({ text: z.string().trim().min(1).max(4000) });

const instant = z.iso.datetime();

export const MemoryAnswer = z.strictObject({
  id: z.string(),
  text: z.string(),
  /** Somebody said to keep it, or a turn left it. */
  act: z.enum(["explicit", "turn"]),
  agent: z.string().optional(),
  conversation_id: z.string().optional(),
  /** With everybody of the tenant, by its owner's own act. */
  shared: z.boolean(),
  created: instant,
  updated: instant,
  expires: instant.optional(),
});
export type MemoryAnswer = z.infer<typeof MemoryAnswer>;

export const MemoryList = z.strictObject({ memories: z.array(MemoryAnswer), next: z.string().optional() });
