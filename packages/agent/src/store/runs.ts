/**
 * Turns and runs as rows: who may work on a conversation now, what was said, and how a paused run goes on.
 *
 * Guarantees: a conversation is claimed in one transaction, before any other work, and has one run at a time;
 * whoever loses gets `conflict` [PR-D25]. A paused run is taken up by exactly one resumption: the change from
 * `waiting` to `running` is one UPDATE. Messages are appended under a row lock, never rewritten [PR-D28].
 * A label that is missing in a row reads as unknown [SR-07].
 * Does not: let a run outlive its process. A run whose lease ran out counts as failed, and is said so.
 */
import { type Caller, type Clock, DeputizeError, isUuid, newId } from "@deputize/core";
import { type Label, joinLabels, parseLabel } from "@deputize/guardrails";
import { type Store, type Tx, sqlState } from "@deputize/store";
import type { Approval, Card, Step, TurnEnd } from "../events.ts";
import { TITLE_MAX, conversationNotFound } from "./conversations.ts";
import { storableText, toJsonb } from "./jsonb.ts";

export interface HistoryMessage {
  readonly role: "user" | "assistant";
  readonly content: string;
}

export interface ClaimedTurn {
  readonly runId: string;
  readonly conversationId: string;
  readonly history: readonly HistoryMessage[];
  /** The join of the labels of `history`. */
  readonly historyLabel: Label;
}

export interface AssistantMessage {
  readonly content: string;
  readonly agentsInvolved: readonly string[];
  readonly cards: readonly Card[];
  readonly steps: readonly Step[];
  readonly approvals: readonly Approval[];
  readonly label: Label;
  readonly tokensIn: number;
  readonly tokensOut: number;
}

export interface RunRow {
  readonly runId: string;
  readonly conversationId: string;
  readonly state: unknown;
  readonly label: Label;
}

export interface Runs {
  claimTurn(
    caller: Caller,
    turn: {
      readonly conversationId: string | undefined;
      readonly mustExist: boolean;
      readonly message: string;
      readonly label: Label;
      readonly history: number;
    },
  ): Promise<ClaimedTurn>;
  /** Takes up the run that waits for this approval, or whose resumption died. Throws `not_found`, `conflict`. */
  claimResumption(caller: Caller, approvalId: string): Promise<RunRow>;
  /** Ends a run: its last message and its status are one transaction. Returns the message's id. */
  finish(
    caller: Caller,
    run: RunKey,
    status: Exclude<TurnEnd, "waiting">,
    message: AssistantMessage,
  ): Promise<string>;
  /** Pauses a run until a person decides. */
  pause(
    caller: Caller,
    run: RunKey,
    paused: { readonly approvalId: string; readonly state: unknown; readonly message: AssistantMessage },
  ): Promise<string>;
  /** Keeps how far a resumption came, so that dying after the decided call does not issue it again. */
  checkpoint(caller: Caller, run: RunKey, state: unknown, label: Label): Promise<void>;
  /** Renews the lease. `stop` when somebody asked for it or the run is no longer ours. */
  renew(caller: Caller, run: RunKey): Promise<"go on" | "stop">;
  /** Asks for a stop. Throws `not_found` when the caller has no such run that runs or waits. */
  requestStop(caller: Caller, runId: string): Promise<"running" | "stopped">;
}

export interface RunKey {
  readonly runId: string;
  readonly conversationId: string;
}

/** A process that died is noticed after this long. */
const LEASE_MS = 15_000;

const CUT_OFF =
  "I was interrupted before I could finish that. Please ask again; nothing more will happen by itself.";

const conflict = (): DeputizeError =>
  new DeputizeError(
    "conflict",
    "this conversation is still busy with an earlier message; wait for it or stop it",
  );

/** The first line of what was asked, as a title. */
function titleOf(message: string): string {
  const line = storableText(message).replaceAll(/\s+/g, " ").trim();
  return line.length <= 80 ? line || "New conversation" : `${line.slice(0, 79).trimEnd()}…`;
}

export function createRuns(store: Store, agent: string, clock: Clock): Runs {
  const now = (): Date => new Date(clock.nowMs());
  const lease = (): Date => new Date(clock.nowMs() + LEASE_MS);
  const write = <T>(caller: Caller, work: (tx: Tx) => Promise<T>): Promise<T> =>
    store.asCaller(caller, work, { readOnly: false });

  async function append(
    tx: Tx,
    caller: Caller,
    run: RunKey,
    role: "user" | "assistant",
    message: AssistantMessage,
  ): Promise<string> {
    const id = newId(clock);
    // The row lock of this UPDATE is what orders writers of one conversation.
    const { rows } = await tx.query<{ last_seq: number }>(
      `UPDATE agent.conversations SET last_seq = last_seq + 1, last_message = $3
       WHERE agent = $1 AND id = $2 RETURNING last_seq`,
      [agent, run.conversationId, now()],
    );
    const seq = rows[0]?.last_seq;
    if (seq === undefined) throw conversationNotFound();
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
      await append(tx, caller, run, "assistant", { ...plain(CUT_OFF), label: parseLabel(row.label) });
    }
  }

  /** Locks the caller's conversation for the rest of the transaction. */
  async function lockConversation(tx: Tx, conversationId: string): Promise<void> {
    const { rows } = await tx.query(
      "SELECT 1 FROM agent.conversations WHERE agent = $1 AND id = $2 AND deleted IS NULL FOR UPDATE",
      [agent, conversationId],
    );
    if (rows.length === 0) throw conversationNotFound();
  }

  async function refuseIfBusy(tx: Tx, conversationId: string): Promise<void> {
    const { rows } = await tx.query(
      "SELECT 1 FROM agent.runs WHERE agent = $1 AND conversation = $2 AND status = 'running'",
      [agent, conversationId],
    );
    if (rows.length > 0) throw conflict();
  }

  async function end(tx: Tx, run: RunKey, status: TurnEnd): Promise<void> {
    const { rowCount } = await tx.query(
      `UPDATE agent.runs SET status = $3, lease = NULL, state = CASE WHEN $3 = 'waiting' THEN state ELSE '{}'::jsonb END,
         updated = $4
       WHERE agent = $1 AND id = $2 AND status = 'running'`,
      [agent, run.runId, status, now()],
    );
    // The lease ran out and another run took the conversation over: what this one did later is not its word.
    if (rowCount !== 1) throw new DeputizeError("conflict", "the run was ended elsewhere");
  }

  return {
    claimTurn: (caller, turn) =>
      write(caller, async (tx) => {
        const conversationId = turn.conversationId ?? newId(clock);
        if (!isUuid(conversationId)) throw conversationNotFound();
        if (!turn.mustExist || turn.conversationId === undefined) {
          await tx.query(
            `INSERT INTO agent.conversations (tenant, owner, agent, id, title, created, last_message)
             VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT DO NOTHING`,
            [
              caller.tenant,
              caller.subject,
              agent,
              conversationId,
              titleOf(turn.message).slice(0, TITLE_MAX),
              now(),
            ],
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
        await append(tx, caller, run, "user", { ...plain(turn.message), label: turn.label });
        return {
          ...run,
          history: earlier.rows.toReversed().map(({ role, content }) => ({ role, content })),
          historyLabel: joinLabels(...earlier.rows.map((row) => parseLabel(row.label))),
        };
      }).catch(busyOr),

    claimResumption: (caller, approvalId) =>
      write(caller, async (tx) => {
        const missing = new DeputizeError("not_found", "no run of yours waits for this approval");
        const found = await tx.query<{ conversation: string }>(
          `SELECT conversation FROM agent.runs WHERE agent = $1 AND pending_approval = $2
             AND status IN ('waiting', 'running')`,
          [agent, approvalId],
        );
        const conversationId = found.rows[0]?.conversation;
        if (conversationId === undefined) throw missing;
        await lockConversation(tx, conversationId);
        // The claim: of any number of resumptions, one finds the row as it was.
        const { rows } = await tx.query<{ id: string; state: unknown; label: unknown }>(
          `UPDATE agent.runs SET status = 'running', lease = $3, stop_requested = false, updated = $4
           WHERE agent = $1 AND pending_approval = $2
             AND (status = 'waiting' OR (status = 'running' AND lease < $4))
           RETURNING id, state, label`,
          [agent, approvalId, lease(), now()],
        );
        const row = rows[0];
        if (!row) throw conflict();
        return { runId: row.id, conversationId, state: row.state, label: parseLabel(row.label) };
      }).catch(busyOr),

    finish: (caller, run, status, message) =>
      write(caller, async (tx) => {
        const id = await append(tx, caller, run, "assistant", message);
        await end(tx, run, status);
        return id;
      }),

    pause: (caller, run, { approvalId, state, message }) =>
      write(caller, async (tx) => {
        const id = await append(tx, caller, run, "assistant", message);
        await tx.query(
          `UPDATE agent.runs SET pending_approval = $3, state = $4::jsonb, label = $5::jsonb
           WHERE agent = $1 AND id = $2 AND status = 'running'`,
          [agent, run.runId, approvalId, toJsonb(state), toJsonb(message.label)],
        );
        await end(tx, run, "waiting");
        return id;
      }),

    checkpoint: (caller, run, state, label) =>
      write(caller, async (tx) => {
        await tx.query(
          `UPDATE agent.runs SET state = $3::jsonb, label = $4::jsonb
           WHERE agent = $1 AND id = $2 AND status = 'running'`,
          [agent, run.runId, toJsonb(state), toJsonb(label)],
        );
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
        const missing = new DeputizeError("not_found", "there is no such run, or it has ended");
        if (!isUuid(runId)) throw missing;
        const { rows } = await tx.query<{ status: string }>(
          `UPDATE agent.runs SET stop_requested = true, updated = $3,
             status = CASE WHEN status = 'waiting' THEN 'stopped' ELSE status END
           WHERE agent = $1 AND id = $2 AND status IN ('running', 'waiting') RETURNING status`,
          [agent, runId, now()],
        );
        if (!rows[0]) throw missing;
        return rows[0].status === "running" ? "running" : "stopped";
      }),
  };
}

/** The index that allows one running run a conversation says the same as our own check. */
function busyOr(error: unknown): never {
  throw sqlState(error) === "23505" ? conflict() : error;
}

function plain(content: string): Omit<AssistantMessage, "label"> {
  return { content, agentsInvolved: [], cards: [], steps: [], approvals: [], tokensIn: 0, tokensOut: 0 };
}
