/**
 * What a person sees of their conversations: list, read, rename, remove, export.
 *
 * Guarantees: another's conversation, a removed one and one that never was answer in the same words [PR-D27]; rows of others
 * are hidden by the database, not by these queries. Removing hides a conversation in the caller's own transaction, and takes
 * its content in a second one, by the only role that may [SR-03]; where that fails, an erasure takes it later.
 */
import { type Caller, type Clock, isUuid } from "@deputize/core";
import type { Store, Tx } from "@deputize/store";
import { shownMessage } from "./conversation-document.ts";
import { parseTitle } from "./conversation-rules.ts";
import {
  type ConversationSummary,
  type Conversations,
  type ExportRecord,
  SessionAccessDeniedError,
  storeFault,
} from "./conversation-store.ts";
import { type ConversationRef, exportRecords } from "./export-records.ts";
import { conversationsAPage, messagesAPage, pageOf, readCursor } from "./pages.ts";
import { erase } from "./postgres-erase.ts";
import { type MessageRow, MESSAGE, storedMessage } from "./postgres-message.ts";

const EXPORT_PAGE = 500;

interface SummaryRow {
  id: string;
  title: string;
  last_message: Date;
}

const summary = (row: SummaryRow): ConversationSummary => ({
  id: row.id,
  title: row.title,
  last_message: new Date(row.last_message).toISOString(),
});

/** The conversations that `agent` has with its callers. */
export function createConversations(
  store: Store,
  agent: string,
  clock: Clock,
): Omit<Conversations, "begin" | "append" | "removeMessage" | "facts" | "setFacts"> {
  const read = <T>(caller: Caller, work: (tx: Tx) => Promise<T>): Promise<T> =>
    store.asCaller(caller, work).catch(fault);

  return {
    list: (caller, { limit, cursor } = {}) =>
      read(caller, async (tx) => {
        const size = conversationsAPage(limit);
        const after = readCursor(cursor);
        const { rows } = await tx.query<SummaryRow>(
          `SELECT id, title, last_message FROM agent.conversations
           WHERE agent = $1 AND deleted IS NULL
             AND ($2::timestamptz IS NULL OR (last_message, id) < ($2::timestamptz, $3::uuid))
           ORDER BY last_message DESC, id DESC LIMIT $4`,
          [agent, after ? new Date(after.at) : null, after?.id ?? null, size + 1],
        );
        return pageOf(rows.map(summary), size);
      }),

    get: (caller, id, { limit, before } = {}) =>
      read(caller, async (tx) => {
        const { title } = await readable(tx, { agent, id });
        const size = messagesAPage(limit);
        const { rows } = await tx.query<MessageRow>(
          `SELECT ${MESSAGE} FROM agent.messages
           WHERE agent = $1 AND conversation = $2 AND ($3::integer IS NULL OR seq < $3)
           ORDER BY seq DESC LIMIT $4`,
          [agent, id, before ?? null, size + 1],
        );
        const messages = rows
          .slice(0, size)
          .toReversed()
          .map((row) => shownMessage(storedMessage(row)));
        const earlier = rows.length > size ? messages[0]?.seq : undefined;
        return { id, title, messages, ...(earlier !== undefined && { earlier }) };
      }),

    rename: async (caller, id, title) => change(caller, id, "title = $3", parseTitle(title)),

    delete: async (caller, id) => {
      await change(
        caller,
        id,
        "title = '-', metadata = '{}', state = '{}', deleted = $3",
        new Date(clock.nowMs()),
      );
      await erase(store, caller, { agent, id });
    },

    export: (caller, id) =>
      exported(store, caller, async (tx) => {
        if (id === undefined) return refsOf(tx, agent);
        await readable(tx, { agent, id });
        return [{ agent, id }];
      }),
  };

  function change(caller: Caller, id: string, set: string, value: unknown): Promise<ConversationSummary> {
    const work = async (tx: Tx): Promise<ConversationSummary> => {
      if (!isUuid(id)) throw new SessionAccessDeniedError();
      const { rows } = await tx.query<SummaryRow>(
        `UPDATE agent.conversations SET ${set} WHERE agent = $1 AND id = $2 AND deleted IS NULL
         RETURNING id, title, last_message`,
        [agent, id, value],
      );
      if (!rows[0]) throw new SessionAccessDeniedError();
      return summary(rows[0]);
    };
    return store.asCaller(caller, work, { readOnly: false }).catch(fault);
  }
}

function fault(error: unknown): never {
  throw storeFault(error);
}

/** The row of a conversation that the caller can see. */
async function readable(tx: Tx, { agent, id }: ConversationRef): Promise<SummaryRow & { created: Date }> {
  if (!isUuid(id)) throw new SessionAccessDeniedError();
  const { rows } = await tx.query<SummaryRow & { created: Date }>(
    `SELECT id, title, last_message, created FROM agent.conversations
     WHERE agent = $1 AND id = $2 AND deleted IS NULL`,
    [agent, id],
  );
  if (!rows[0]) throw new SessionAccessDeniedError();
  return rows[0];
}

/** All conversations of the caller's, with `agent` or with anybody. */
export async function refsOf(tx: Tx, agent?: string): Promise<ConversationRef[]> {
  const { rows } = await tx.query<ConversationRef>(
    `SELECT agent, id FROM agent.conversations
     WHERE deleted IS NULL AND ($1::text IS NULL OR agent = $1) ORDER BY agent, id`,
    [agent ?? null],
  );
  return rows;
}

/** An export of the conversations that `refs` names. Each page is a transaction of its own. */
export async function* exported(
  store: Store,
  caller: Caller,
  refs: (tx: Tx) => Promise<ConversationRef[]>,
): AsyncGenerator<ExportRecord> {
  const read = <T>(work: (tx: Tx) => Promise<T>): Promise<T> => store.asCaller(caller, work).catch(fault);
  const source = {
    read: async (ref: ConversationRef) => {
      const row = await read((tx) => readable(tx, ref)).catch((error: unknown) => {
        if (SessionAccessDeniedError.isInstance(error)) return undefined;
        throw error;
      });
      return row && { ...summary(row), agent: ref.agent, created: new Date(row.created).toISOString() };
    },
    messagesAfter: ({ agent, id }: ConversationRef, seq: number) =>
      read(async (tx) => {
        const { rows } = await tx.query<MessageRow>(
          `SELECT ${MESSAGE} FROM agent.messages
           WHERE agent = $1 AND conversation = $2 AND seq > $3 ORDER BY seq LIMIT ${EXPORT_PAGE}`,
          [agent, id, seq],
        );
        return rows.map(storedMessage);
      }),
  };
  yield* exportRecords(source, await read(refs));
}
