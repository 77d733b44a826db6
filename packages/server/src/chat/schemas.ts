/** The bodies and queries of the chat routes. Unknown fields are refused; everything is bounded. */
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

export const RenameBody = z.strictObject({ title: z.string().trim().min(1).max(200) });
