/**
 * Turns and runs as rows: who may work on a conversation now, what was said, and how a paused run goes on.
 *
 * Guarantees: a conversation is claimed in one transaction, before any other work, and has one run at a time;
 * whoever loses gets `conflict` [PR-D25]. A paused run is taken up by exactly one resumption: the change from
 * `waiting` to `running` is made under the conversation's row lock. Messages are appended under it, never rewritten [PR-D28].
 * A label that is missing in a row reads as unknown [SR-07].
 * Does not: let a run outlive its process. A run whose lease ran out counts as failed, and is said so.
 */
import { type Caller, type Clock, isUuid, newId } from "@deputize/core";
import { parseLabel } from "@deputize/guardrails/flow";
import type { Store, Tx } from "@deputize/store";
import type { RunStatus, TurnEnd } from "../events.ts";
import { plainMessage, titleOf } from "./conversation-rules.ts";
import {
  LEASE_MS,
  type LastingRuns,
  type RunKey,
  type Runs,
  SessionAccessDeniedError,
  nothingWaits,
  runEndedElsewhere,
  runNotFound,
} from "./conversation-store.ts";
import { history } from "./history.ts";
import { storableText, toJsonb } from "./jsonb.ts";
import { busyOrFault, turnRows } from "./postgres-turn-rows.ts";
import { generateSessionId } from "./session-id.ts";

export function createRuns(
  store: Store,
  agent: string,
  clock: Clock,
): Runs & { readonly lasting: LastingRuns } {
  const { append, expireDeadRuns, lockConversation, nextSeq, now, refuseIfBusy } = turnRows(agent, clock);
  const lease = (): Date => new Date(clock.nowMs() + LEASE_MS);
  const write = <T>(caller: Caller, work: (tx: Tx) => Promise<T>): Promise<T> =>
    store.asCaller(caller, work, { readOnly: false }).catch(busyOrFault);

  async function end(tx: Tx, run: RunKey, status: TurnEnd): Promise<void> {
    const { rowCount } = await tx.query(
      `UPDATE agent.runs SET status = $3, lease = NULL, state = CASE WHEN $3 = 'waiting' THEN state ELSE '{}'::jsonb END,
         updated = $4
       WHERE agent = $1 AND id = $2 AND conversation = $5 AND status = 'running'`,
      [agent, run.runId, status, now(), run.conversationId],
    );
    if (rowCount !== 1) throw runEndedElsewhere();
  }

  return {
    claimTurn: (caller, turn) =>
      write(caller, async (tx) => {
        const conversationId = turn.conversationId ?? generateSessionId();
        if (!isUuid(conversationId)) throw new SessionAccessDeniedError();
        if (!turn.mustExist || turn.conversationId === undefined) {
          await tx.query(
            `INSERT INTO agent.conversations (tenant, owner, agent, id, title, created, last_message)
             VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT DO NOTHING`,
            [caller.tenant, caller.subject, agent, conversationId, titleOf(turn.message), now()],
          );
        }
        await lockConversation(tx, conversationId);
        await expireDeadRuns(tx, caller, conversationId);
        await refuseIfBusy(tx, conversationId);
        const run = { runId: newId(clock), conversationId };
        await tx.query(
          `INSERT INTO agent.runs (tenant, owner, agent, id, conversation, status, state, label, lease, created, updated)
           VALUES ($1, $2, $3, $4, $5, 'running', '{}'::jsonb, $6::jsonb, $7, $8, $8)`,
          [
            caller.tenant,
            caller.subject,
            agent,
            run.runId,
            conversationId,
            toJsonb(turn.label),
            lease(),
            now(),
          ],
        );
        const earlier = await tx.query<{ role: "user" | "assistant"; content: string; label: unknown }>(
          `SELECT role, content, label FROM agent.messages WHERE agent = $1 AND conversation = $2
           ORDER BY seq DESC LIMIT $3`,
          [agent, conversationId, turn.history],
        );
        const message = plainMessage(turn.message, turn.label);
        await append(tx, caller, run, await nextSeq(tx, run), "user", message);
        const messages = earlier.rows.map((row) => ({ ...row, label: parseLabel(row.label) }));
        return { ...run, ...history(messages.toReversed()) };
      }),

    claimResumption: (caller, approvalId) =>
      write(caller, async (tx) => {
        const approval = storableText(approvalId);
        const found = await tx.query<{ conversation: string }>(
          `SELECT conversation FROM agent.runs WHERE agent = $1 AND pending_approval = $2
             AND status IN ('waiting', 'running')`,
          [agent, approval],
        );
        const conversationId = found.rows[0]?.conversation;
        if (conversationId === undefined) throw nothingWaits();
        await lockConversation(tx, conversationId);
        await expireDeadRuns(tx, caller, conversationId);
        await refuseIfBusy(tx, conversationId);
        const { rows } = await tx.query<{ id: string; state: unknown; label: unknown }>(
          `UPDATE agent.runs SET status = 'running', lease = $3, stop_requested = false, updated = $4
           WHERE agent = $1 AND pending_approval = $2 AND status = 'waiting' RETURNING id, state, label`,
          [agent, approval, lease(), now()],
        );
        const row = rows[0];
        // It ended between the look and the lock.
        if (!row) throw nothingWaits();
        return { runId: row.id, conversationId, state: row.state, label: parseLabel(row.label) };
      }),

    finish: (caller, run, status, message) =>
      write(caller, async (tx) => {
        const seq = await nextSeq(tx, run);
        await end(tx, run, status);
        return append(tx, caller, run, seq, "assistant", message);
      }),

    pause: (caller, run, { approvalId, state, message }) =>
      write(caller, async (tx) => {
        const seq = await nextSeq(tx, run);
        await tx.query(
          `UPDATE agent.runs SET pending_approval = $3, state = $4::jsonb, label = $5::jsonb
           WHERE agent = $1 AND id = $2 AND conversation = $6 AND status = 'running'`,
          [agent, run.runId, approvalId, toJsonb(state), toJsonb(message.label), run.conversationId],
        );
        await end(tx, run, "waiting");
        return append(tx, caller, run, seq, "assistant", message);
      }),

    checkpoint: (caller, run, state, label) =>
      write(caller, async (tx) => {
        const { rowCount } = await tx.query(
          `UPDATE agent.runs SET state = $3::jsonb, label = $4::jsonb
           WHERE agent = $1 AND id = $2 AND status = 'running'`,
          [agent, run.runId, toJsonb(state), toJsonb(label)],
        );
        if (rowCount !== 1) throw runEndedElsewhere();
      }),

    renew: (caller, run) =>
      write(caller, async (tx) => {
        const { rows } = await tx.query<{ stop_requested: boolean }>(
          `UPDATE agent.runs SET lease = $3 WHERE agent = $1 AND id = $2 AND status = 'running'
           RETURNING stop_requested`,
          [agent, run.runId, lease()],
        );
        return rows[0]?.stop_requested === false ? "go on" : "stop";
      }),

    requestStop: (caller, runId) =>
      write(caller, async (tx) => {
        if (!isUuid(runId)) throw runNotFound();
        const { rows } = await tx.query<{ status: string }>(
          `UPDATE agent.runs SET stop_requested = true, updated = $3,
             status = CASE WHEN status = 'waiting' THEN 'stopped' ELSE status END
           WHERE agent = $1 AND id = $2 AND status IN ('running', 'waiting') RETURNING status`,
          [agent, runId, now()],
        );
        if (!rows[0]) throw runNotFound();
        return rows[0].status === "running" ? "running" : "stopped";
      }),

    lasting: {
      begin: (caller, run) =>
        write(caller, async (tx) => {
          const { tenant, subject } = caller;
          await tx.query(
            `INSERT INTO agent.conversations (tenant, owner, agent, id, title, created, last_message)
             VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT DO NOTHING`,
            [tenant, subject, agent, run.conversationId, titleOf(run.message), now()],
          );
          await lockConversation(tx, run.conversationId);
          const made = await tx.query(
            `INSERT INTO agent.runs (tenant, owner, agent, id, conversation, status, state, pending_approval, label, created, updated)
             VALUES ($1, $2, $3, $4, $5, 'waiting', '{}'::jsonb, $8, $6::jsonb, $7, $7) ON CONFLICT DO NOTHING`,
            [tenant, subject, agent, run.runId, run.conversationId, toJsonb(run.label), now(), run.runId],
          );
          if (made.rowCount !== 1) return;
          const message = plainMessage(run.message, run.label);
          await append(tx, caller, run, await nextSeq(tx, run), "user", message);
        }),

      look: (caller, runId) =>
        store
          .asCaller(caller, async (tx) => {
            const { rows } = await tx.query<{ status: RunStatus; pending: string | null }>(
              "SELECT status, pending_approval AS pending FROM agent.runs WHERE agent = $1 AND id = $2",
              [agent, runId],
            );
            if (!rows[0]) throw runNotFound();
            return { status: rows[0].status, pending: rows[0].pending ?? runId };
          })
          .catch(busyOrFault),
    },
  };
}
