/** What everything that writes to a conversation in Postgres shares: its lock, the place of the next message, and whose run died. */
import { type Caller, type Clock, isUuid, newId } from "@deputize/core";
import { parseLabel } from "@deputize/guardrails/flow";
import { type Tx, sqlState } from "@deputize/store";
import { plainMessage } from "./conversation-rules.ts";
import {
  type AssistantMessage,
  CUT_OFF,
  type RunKey,
  SessionAccessDeniedError,
  conversationBusy,
  storeFault,
} from "./conversation-store.ts";
import { storableText, toJsonb } from "./jsonb.ts";

/** The rows of the conversations that `agent` has, as one transaction of their owner sees them. */
export function turnRows(agent: string, clock: Clock) {
  const now = (): Date => new Date(clock.nowMs());

  /** The place of the next message. The row lock of this UPDATE is what orders writers of one conversation. */
  async function nextSeq(tx: Tx, run: RunKey): Promise<number> {
    if (!isUuid(run.conversationId)) throw new SessionAccessDeniedError();
    const { rows } = await tx.query<{ last_seq: number }>(
      `UPDATE agent.conversations SET last_seq = last_seq + 1, last_message = $3
       WHERE agent = $1 AND id = $2 AND deleted IS NULL RETURNING last_seq`,
      [agent, run.conversationId, now()],
    );
    const seq = rows[0]?.last_seq;
    if (seq === undefined) throw new SessionAccessDeniedError();
    return seq;
  }

  async function append(
    tx: Tx,
    caller: Caller,
    run: RunKey,
    seq: number,
    role: "user" | "assistant",
    message: AssistantMessage,
  ): Promise<string> {
    const id = newId(clock);
    await tx.query(
      `INSERT INTO agent.messages (tenant, owner, agent, conversation, seq, id, run, role, content, agent_name,
         agents_involved, cards, steps, approvals, label, tokens_in, tokens_out, created)
       VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11::jsonb,$12::jsonb,$13::jsonb,$14::jsonb,$15::jsonb,$16,$17,$18)`,
      [
        caller.tenant,
        caller.subject,
        agent,
        run.conversationId,
        seq,
        id,
        run.runId,
        role,
        storableText(message.content),
        role === "assistant" ? agent : null,
        toJsonb(message.agentsInvolved),
        toJsonb(message.cards),
        toJsonb(message.steps),
        toJsonb(message.approvals),
        toJsonb(message.label),
        message.tokensIn,
        message.tokensOut,
        now(),
      ],
    );
    return id;
  }

  /**
   * Runs whose process died: failed, and said so, so that the person is not left without an answer. One that
   * was resuming waits again.
   */
  async function expireDeadRuns(tx: Tx, caller: Caller, conversationId: string): Promise<void> {
    const dead = await tx.query<{ id: string; label: unknown; status: string }>(
      `UPDATE agent.runs SET lease = NULL, updated = $3,
         status = CASE WHEN pending_approval IS NULL THEN 'failed' ELSE 'waiting' END
       WHERE agent = $1 AND conversation = $2 AND status = 'running' AND lease < $3 RETURNING id, label, status`,
      [agent, conversationId, now()],
    );
    for (const row of dead.rows) {
      if (row.status === "waiting") continue; // its decision can still be carried out
      const run = { runId: row.id, conversationId };
      const message = plainMessage(CUT_OFF, parseLabel(row.label));
      await append(tx, caller, run, await nextSeq(tx, run), "assistant", message);
    }
  }

  /** Locks the caller's conversation for the rest of the transaction. */
  async function lockConversation(tx: Tx, conversationId: string): Promise<void> {
    const { rows } = await tx.query(
      "SELECT 1 FROM agent.conversations WHERE agent = $1 AND id = $2 AND deleted IS NULL FOR UPDATE",
      [agent, conversationId],
    );
    if (rows.length === 0) throw new SessionAccessDeniedError();
  }

  async function refuseIfBusy(tx: Tx, conversationId: string): Promise<void> {
    const { rows } = await tx.query(
      "SELECT 1 FROM agent.runs WHERE agent = $1 AND conversation = $2 AND status = 'running'",
      [agent, conversationId],
    );
    if (rows.length > 0) throw conversationBusy();
  }

  return { append, expireDeadRuns, lockConversation, nextSeq, now, refuseIfBusy };
}

/** The index that allows one running run a conversation says the same as our own check. */
export function busyOrFault(error: unknown): never {
  throw sqlState(error) === "23505" ? conversationBusy() : storeFault(error);
}
