/** Pages of conversations, messages and memories, the same for every store. */
import { DeputizeError, isUuid } from "@deputize/core";
import type { ConversationSummary } from "./conversation-store.ts";

const CONVERSATIONS_MAX = 100;
const CONVERSATIONS_DEFAULT = 50;
const MESSAGES_MAX = 1_000;
const MESSAGES_DEFAULT = 200;

const size = (asked: number | undefined, otherwise: number, most: number): number =>
  Math.max(1, Math.min(most, Math.trunc(asked ?? otherwise) || otherwise));

/** How many conversations to give for what was asked. */
export const conversationsAPage = (asked?: number): number =>
  size(asked, CONVERSATIONS_DEFAULT, CONVERSATIONS_MAX);

/** How many memories to give for what was asked. */
export const memoriesAPage = conversationsAPage;

/** How many messages to give for what was asked. */
export const messagesAPage = (asked?: number): number => size(asked, MESSAGES_DEFAULT, MESSAGES_MAX);

/** The sort key of a list: newest first, then the greater id. */
export interface Position {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly id: string;
}

/** An instant as we write it, in a year that a database has; what JavaScript calls a date is far wider. */
function isInstant(text: string): boolean {
  const at = /^[1-9]\d{3}-/.test(text) ? new Date(text) : undefined;
  return at !== undefined && !Number.isNaN(at.getTime()) && at.toISOString() === text;
}

/**
 * Reads a cursor: the sort key of the last row seen, which holds nothing that its owner does not know. Throws
 * `invalid_request`.
 */
export function readCursor(cursor: string | undefined): Position | undefined {
  if (cursor === undefined) return undefined;
  const [at, id, ...rest] = Buffer.from(cursor, "base64url").toString("utf8").split("|");
  if (!at || !isInstant(at) || !isUuid(id) || rest.length > 0) {
    throw new DeputizeError("invalid_request", "`cursor` must be the `next` of an earlier page");
  }
  return { at: Date.parse(at), id };
}

/** The cursor that `readCursor` reads: after what was at `instant` (RFC 3339) under `id`. */
export const cursorOf = (instant: string, id: string): string =>
  Buffer.from(`${instant}|${id}`, "utf8").toString("base64url");

/** A page of at most `limit` of `found`, which holds one more when there is a following page. */
export function pageOf(
  found: readonly ConversationSummary[],
  limit: number,
): { readonly conversations: readonly ConversationSummary[]; readonly next?: string } {
  const conversations = found.slice(0, limit);
  const last = conversations.at(-1);
  if (found.length <= limit || !last) return { conversations };
  return { conversations, next: cursorOf(last.last_message, last.id) };
}
