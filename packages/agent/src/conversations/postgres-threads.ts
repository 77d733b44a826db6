/**
 * What programs do with conversations beside turns, in Postgres: begin one, keep messages in it, take one out, and keep facts.
 *
 * Guarantees: as for turns, the conversation's row lock orders writers, and the database hides rows of others. A message is
 * taken out by the only role that may [SR-03].
 */
import { type Caller, type Clock, isUuid, newId } from "@deputize/core";
import type { Store, Tx } from "@deputize/store";
import { shownMessage } from "./conversation-document.ts";
import { parseTitle, plainMessage, titleOf } from "./conversation-rules.ts";
import {
  type ConversationFacts,
  type Conversations,
  SessionAccessDeniedError,
  conversationTaken,
  messageNotFound,
  stateMovedOn,
} from "./conversation-store.ts";
import { toJsonb } from "./jsonb.ts";
import { type MessageRow, MESSAGE, storedMessage } from "./postgres-message.ts";
import { busyOrFault, turnRows } from "./postgres-turn-rows.ts";
import { generateSessionId } from "./session-id.ts";

interface FactsRow {
  id: string;
  title: string;
  created: Date;
  last_message: Date;
  metadata: Record<string, unknown>;
  state: Record<string, unknown>;
  state_version: number;
}

const FACTS = "id, title, created, last_message, metadata, state, state_version";

const factsOf = ({ state_version, created, last_message, ...row }: FactsRow): ConversationFacts => ({
  ...row,
  created: new Date(created).toISOString(),
  last_message: new Date(last_message).toISOString(),
  version: state_version,
});

type Threads = Pick<Conversations, "begin" | "append" | "removeMessage" | "facts" | "setFacts">;

export function createThreads(store: Store, agent: string, clock: Clock): Threads {
  const { append, expireDeadRuns, lockConversation, nextSeq, now, refuseIfBusy } = turnRows(agent, clock);
  const write = <T>(caller: Caller, id: string, work: (tx: Tx) => Promise<T>): Promise<T> => {
    const checked = async (tx: Tx): Promise<T> => {
      if (!isUuid(id)) throw new SessionAccessDeniedError();
      return work(tx);
    };
    return store.asCaller(caller, checked, { readOnly: false }).catch(busyOrFault);
  };
  const one = (row: FactsRow | undefined): ConversationFacts => {
    if (!row) throw new SessionAccessDeniedError();
    return factsOf(row);
  };

  return {
    begin: (caller, { id = generateSessionId(), title, metadata = {} } = {}) =>
      write(caller, id, async (tx) => {
        const name = title === undefined ? titleOf("") : parseTitle(title);
        const { rows } = await tx.query<FactsRow>(
          `INSERT INTO agent.conversations (tenant, owner, agent, id, title, created, last_message, metadata)
           VALUES ($1, $2, $3, $4, $5, $6, $6, $7::jsonb) ON CONFLICT DO NOTHING RETURNING ${FACTS}`,
          [caller.tenant, caller.subject, agent, id, name, now(), toJsonb(metadata)],
        );
        if (!rows[0]) throw conversationTaken();
        return factsOf(rows[0]);
      }),

    append: (caller, id, messages) =>
      write(caller, id, async (tx) => {
        await lockConversation(tx, id);
        await expireDeadRuns(tx, caller, id);
        await refuseIfBusy(tx, id);
        const run = { runId: newId(clock), conversationId: id };
        await tx.query(
          `INSERT INTO agent.runs (tenant, owner, agent, id, conversation, status, state, created, updated)
           VALUES ($1, $2, $3, $4, $5, 'done', '{}'::jsonb, $6, $6)`,
          [caller.tenant, caller.subject, agent, run.runId, id, now()],
        );
        for (const { role, content, label } of messages)
          await append(tx, caller, run, await nextSeq(tx, run), role, plainMessage(content, label));
        const { rows } = await tx.query<MessageRow>(
          `SELECT ${MESSAGE} FROM agent.messages WHERE agent = $1 AND conversation = $2 AND run = $3 ORDER BY seq`,
          [agent, id, run.runId],
        );
        return rows.map((row) => shownMessage(storedMessage(row)));
      }),

    removeMessage: async (caller, id, messageId) => {
      await write(caller, id, async (tx) => {
        await lockConversation(tx, id);
        await refuseIfBusy(tx, id);
      });
      const { tenant, subject } = caller;
      const removed = isUuid(messageId)
        ? await store
            .transaction("authority", (tx) =>
              tx.query<{ removed: boolean }>("SELECT agent.remove_message($1, $2, $3, $4, $5) AS removed", [
                tenant,
                subject,
                agent,
                id,
                messageId,
              ]),
            )
            .catch(busyOrFault)
        : undefined;
      if (removed?.rows[0]?.removed !== true) throw messageNotFound();
    },

    facts: (caller, id) =>
      store
        .asCaller(caller, async (tx) => {
          if (!isUuid(id)) throw new SessionAccessDeniedError();
          const { rows } = await tx.query<FactsRow>(
            `SELECT ${FACTS} FROM agent.conversations WHERE agent = $1 AND id = $2 AND deleted IS NULL`,
            [agent, id],
          );
          return one(rows[0]);
        })
        .catch(busyOrFault),

    setFacts: (caller, id, { metadata, state, expected }) =>
      write(caller, id, async (tx) => {
        await lockConversation(tx, id);
        const { rows } = await tx.query<FactsRow>(
          `UPDATE agent.conversations SET metadata = coalesce($3::jsonb, metadata), state = coalesce($4::jsonb, state),
             state_version = state_version + CASE WHEN $4::jsonb IS NULL THEN 0 ELSE 1 END
           WHERE agent = $1 AND id = $2 AND deleted IS NULL AND state_version = coalesce($5::integer, state_version)
           RETURNING ${FACTS}`,
          [
            agent,
            id,
            metadata === undefined ? null : toJsonb(metadata),
            state === undefined ? null : toJsonb(state),
            expected ?? null,
          ],
        );
        // The row is locked and there, so it can only be the version.
        if (!rows[0]) throw stateMovedOn();
        return factsOf(rows[0]);
      }),
  };
}
