/**
 * What a person sees of their conversations: list, read, rename, remove.
 *
 * Guarantees: another's conversation, a removed one and one that never was answer in the same words
 * [PR-D27]; rows of others are hidden by the database, not by these queries.
 * Does not: erase. A removed conversation keeps its rows until retention or an erasure takes them.
 */
import { type Caller, type Clock, DeputizeError, isUuid } from "@deputize/core";
import type { Store } from "@deputize/store";
import type { Approval, Card, Step } from "../events.ts";

export interface Message {
  readonly id: string;
  readonly seq: number;
  readonly role: "user" | "assistant";
  readonly content: string;
  readonly agent_name?: string;
  readonly agents_involved: readonly string[];
  readonly cards: readonly Card[];
  readonly steps: readonly Step[];
  /** As they were when the message was written; the authority knows their present status. */
  readonly approvals: readonly Approval[];
  readonly created: string;
}

export interface ConversationSummary {
  readonly id: string;
  readonly title: string;
  /** RFC 3339. */
  readonly last_message: string;
}

export interface Conversation {
  readonly id: string;
  readonly title: string;
  readonly messages: readonly Message[];
}

export interface Conversations {
  /** Newest first; `next` is the cursor of the following page. */
  list(
    caller: Caller,
    page?: { readonly limit?: number; readonly cursor?: string },
  ): Promise<{ readonly conversations: readonly ConversationSummary[]; readonly next?: string }>;
  /** Throws `not_found`, in the same words whether it is missing, removed or somebody else's. */
  get(caller: Caller, id: string): Promise<Conversation>;
  rename(caller: Caller, id: string, title: string): Promise<ConversationSummary>;
  delete(caller: Caller, id: string): Promise<void>;
}

const PAGE_MAX = 100;
const PAGE_DEFAULT = 30;
export const TITLE_MAX = 200;

/** The one answer to every id that is not the caller's to use. */
export function conversationNotFound(): DeputizeError {
  return new DeputizeError("not_found", "there is no such conversation");
}

interface SummaryRow {
  id: string;
  title: string;
  last_message: Date;
}

export interface MessageRow {
  id: string;
  seq: number;
  role: "user" | "assistant";
  content: string;
  agent_name: string | null;
  agents_involved: string[];
  cards: Card[];
  steps: Step[];
  approvals: Approval[];
  created: Date;
}

const summary = (row: SummaryRow): ConversationSummary => ({
  id: row.id,
  title: row.title,
  last_message: new Date(row.last_message).toISOString(),
});

function toMessage(row: MessageRow): Message {
  return {
    id: row.id,
    seq: row.seq,
    role: row.role,
    content: row.content,
    ...(row.agent_name !== null && { agent_name: row.agent_name }),
    agents_involved: row.agents_involved,
    cards: row.cards,
    steps: row.steps,
    approvals: row.approvals,
    created: new Date(row.created).toISOString(),
  };
}

/** An instant as we write it, in a year that the database has; what JavaScript calls a date is far wider. */
function isInstant(text: string): boolean {
  const at = /^[1-9]\d{3}-/.test(text) ? new Date(text) : undefined;
  return at !== undefined && !Number.isNaN(at.getTime()) && at.toISOString() === text;
}

/** A cursor is the sort key of the last row seen; it holds nothing that its owner does not know. */
function readCursor(cursor: string): { at: string; id: string } {
  const [at, id, ...rest] = Buffer.from(cursor, "base64url").toString("utf8").split("|");
  if (!at || !isInstant(at) || !isUuid(id) || rest.length > 0) {
    throw new DeputizeError("invalid_request", "`cursor` must be the `next` of an earlier page");
  }
  return { at, id };
}

/** The conversations that `agent` has with its callers. */
export function createConversations(store: Store, agent: string, clock: Clock): Conversations {
  return {
    list: (caller, { limit = PAGE_DEFAULT, cursor } = {}) =>
      store.asCaller(caller, async (tx) => {
        const size = Math.max(1, Math.min(PAGE_MAX, Math.trunc(limit) || PAGE_DEFAULT));
        const after = cursor === undefined ? undefined : readCursor(cursor);
        const { rows } = await tx.query<SummaryRow>(
          `SELECT id, title, last_message FROM agent.conversations
           WHERE agent = $1 AND deleted IS NULL
             AND ($2::timestamptz IS NULL OR (last_message, id) < ($2::timestamptz, $3::uuid))
           ORDER BY last_message DESC, id DESC LIMIT $4`,
          [agent, after?.at ?? null, after?.id ?? null, size + 1],
        );
        const page = rows.slice(0, size).map(summary);
        const last = page.at(-1);
        if (rows.length <= size || !last) return { conversations: page };
        const next = Buffer.from(`${last.last_message}|${last.id}`, "utf8").toString("base64url");
        return { conversations: page, next };
      }),

    get: (caller, id) =>
      store.asCaller(caller, async (tx) => {
        if (!isUuid(id)) throw conversationNotFound();
        const found = await tx.query<SummaryRow>(
          `SELECT id, title, last_message FROM agent.conversations
           WHERE agent = $1 AND id = $2 AND deleted IS NULL`,
          [agent, id],
        );
        const row = found.rows[0];
        if (!row) throw conversationNotFound();
        const { rows } = await tx.query<MessageRow>(
          `SELECT id, seq, role, content, agent_name, agents_involved, cards, steps, approvals, created
           FROM agent.messages WHERE agent = $1 AND conversation = $2 ORDER BY seq`,
          [agent, id],
        );
        return { id: row.id, title: row.title, messages: rows.map(toMessage) };
      }),

    rename: (caller, id, title) => {
      const clean = title.trim();
      if (clean === "" || clean.length > TITLE_MAX) {
        throw new DeputizeError("validation_failed", `a title has 1 to ${TITLE_MAX} characters`, {
          detail: { field: "title" },
        });
      }
      return change(caller, id, "title = $3", clean);
    },

    delete: async (caller, id) => {
      await change(caller, id, "deleted = $3", new Date(clock.nowMs()));
    },
  };

  function change(caller: Caller, id: string, set: string, value: unknown): Promise<ConversationSummary> {
    return store.asCaller(
      caller,
      async (tx) => {
        if (!isUuid(id)) throw conversationNotFound();
        const { rows } = await tx.query<SummaryRow>(
          `UPDATE agent.conversations SET ${set} WHERE agent = $1 AND id = $2 AND deleted IS NULL
           RETURNING id, title, last_message`,
          [agent, id, value],
        );
        if (!rows[0]) throw conversationNotFound();
        return summary(rows[0]);
      },
      { readOnly: false },
    );
  }
}
