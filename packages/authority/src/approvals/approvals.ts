/**
 * Approvals: a person's yes to one exact call.
 *
 * Guarantees: only a first-party session of a person decides [SR-05]; a yes is bound to subject, tenant, actor,
 * run, call, tool, arguments and preview, and is spent once, in the transaction of the effect [SR-15]; another
 * person's approval is not there. A staff approval is decided by an administrator who is not the one it is for.
 * Does not: run anything. Whoever holds the run resumes it, and makes all checks again.
 */
import {
  type Caller,
  DeputizeError,
  type GrantId,
  type PrincipalId,
  actingPrincipal,
  isUuid,
  newId,
} from "@deputize/core";
import { auditEvent } from "@deputize/audit";
import { type Queryable, mapDatabaseError } from "@deputize/store";
import type { AuthorityContext } from "../ports.ts";
import { auditedRefusal } from "../sessions/audited-refusal.ts";
import { requireFirstParty } from "../sessions/first-party.ts";
import {
  APPROVAL_COLUMNS,
  type AskedApproval,
  type ApprovalRequest,
  type ApprovalRow,
  type ApprovalStatus,
  type ApprovalView,
  type DecidedApproval,
  approvalRequestSchema,
  approvalView,
  statusAt,
} from "./approval.ts";

const TTL_SECONDS = 15 * 60;
/** Open cards of one person; a model that asks without end gets a refusal, and the person a page that can be read. */
const OPEN_MAX = 20;
const LIST_MAX = 100;
/** Cards of one conversation; what is beyond keeps what it was stored with. */
const VIEWS_MAX = 1_000;

export interface Approvals {
  /**
   * Asks for an approval in the caller's name. The same call with the same content gets the card that is open
   * already; with other content, a new one, and the old is superseded. Throws `forbidden` when the subject is no
   * person, `limit_exceeded`, `validation_failed`.
   */
  request(caller: Caller, request: ApprovalRequest): Promise<AskedApproval>;
  /** Newest first: the caller's own and, for staff, those that staff decides. */
  list(caller: Caller, options?: { readonly status?: ApprovalStatus }): Promise<ApprovalView[]>;
  /** Those of `ids` that the caller may see, as they are now, in no order. */
  views(caller: Caller, ids: readonly string[]): Promise<ApprovalView[]>;
  /** Throws `not_found`. */
  get(caller: Caller, id: string): Promise<ApprovalView>;
  /** Throws `first_party_session_required`, `not_found`, `approval_invalid`. */
  decide(
    caller: Caller,
    id: string,
    decision: { readonly decision: "approve" | "refuse"; readonly note?: string },
  ): Promise<DecidedApproval>;
  /**
   * Spends an approval in the caller's own transaction (`store.asCaller`, writing), together with the effect.
   * Throws `approval_invalid` for every reason alike.
   */
  consume(
    tx: Queryable,
    caller: Caller,
    call: {
      readonly approvalId: string;
      readonly callId: string;
      readonly tool: string;
      readonly argsDigest: string;
      readonly previewDigest: string;
      /** The run that asked; absent where none did. */
      readonly runId?: string | undefined;
    },
  ): Promise<void>;
  /** Whether `consume` would spend it for this caller now; it spends nothing. */
  fits(caller: Caller, call: Parameters<Approvals["consume"]>[2]): Promise<boolean>;
  /** Closes an open card of the caller's, because its call changed, was given up, or failed. */
  close(caller: Caller, id: string, status: "superseded" | "failed"): Promise<void>;
  /** Writes down what has run out. Returns how many. */
  expire(): Promise<number>;
}

/** Whom the caller may look at: the first parameter is the tenant, the second the subject, the third whether staff. */
const VISIBLE = "a.tenant = $1 AND (a.subject = $2 OR ($3 AND a.kind = 'staff'))";

export function createApprovals(context: AuthorityContext): Approvals {
  const { store, clock, audit } = context;
  const now = () => new Date(clock.nowMs());
  const notFound = () => new DeputizeError("not_found", "no such approval");

  /** Agents see their subject's own cards only; to decide for staff is a person's own. */
  const visibleTo = (caller: Caller) => [
    caller.tenant,
    caller.subject,
    caller.actors.length === 0 && caller.roles.includes("admin"),
  ];

  async function find(query: Queryable, caller: Caller, id: string, lock = ""): Promise<ApprovalRow> {
    if (!isUuid(id)) throw notFound();
    const { rows } = await query.query<ApprovalRow>(
      `SELECT ${APPROVAL_COLUMNS} FROM authority.approvals a WHERE ${VISIBLE} AND a.id = $4 ${lock}`,
      [...visibleTo(caller), id],
    );
    if (!rows[0]) throw notFound();
    return rows[0];
  }

  const asked = (row: ApprovalRow): AskedApproval => {
    const view = approvalView(row, clock.nowMs());
    return { id: view.id, expiresAt: view.expires, status: view.status, view };
  };

  return {
    async request(caller, input) {
      const parsed = approvalRequestSchema.safeParse(input);
      if (!parsed.success) {
        throw new DeputizeError("validation_failed", "the request for an approval is malformed", {
          detail: { fields: parsed.error.issues.map((issue) => issue.path.join(".")) },
        });
      }
      const request = parsed.data;
      if (caller.subjectKind !== "user") {
        throw new DeputizeError("forbidden", "this needs a person's approval, and the caller acts for none");
      }
      const actor = actingPrincipal(caller);
      const created = now();
      const expires = new Date(created.getTime() + (request.ttlSeconds ?? TTL_SECONDS) * 1000);
      return store.transaction("authority", async (tx) => {
        // One person's requests are made one after another: the bound and the open card are seen by the next.
        await tx.query(
          "SELECT 1 FROM authority.people WHERE tenant = $1 AND principal_id = $2 FOR NO KEY UPDATE",
          [caller.tenant, caller.subject],
        );
        await tx.query(
          `UPDATE authority.approvals SET status = 'expired', closed_at = $3
           WHERE tenant = $1 AND subject = $2 AND status IN ('pending', 'approved') AND expires_at <= $3`,
          [caller.tenant, caller.subject, now()],
        );
        const open = await tx.query<ApprovalRow & { same: boolean }>(
          `SELECT ${APPROVAL_COLUMNS},
             a.args_digest = $6 AND a.preview_digest = $7 AND a.kind = $8 AS same
           FROM authority.approvals a WHERE a.tenant = $1 AND a.subject = $2 AND a.status IN ('pending', 'approved')
             AND ((a.actor = $3 AND a.tool = $4 AND a.call_id = $5) OR a.id = $9) FOR UPDATE`,
          [
            caller.tenant,
            caller.subject,
            actor,
            request.tool,
            request.callId,
            request.argsDigest,
            request.previewDigest,
            request.kind ?? "owner",
            request.supersedes ?? null,
          ],
        );
        const same = open.rows.find((row) => row.same && row.id !== request.supersedes);
        if (same) return asked(same);
        await tx.query(
          "UPDATE authority.approvals SET status = 'superseded', closed_at = $2 WHERE id = ANY ($1::uuid[])",
          [open.rows.map((row) => row.id), now()],
        );
        const count = await tx.query<{ n: number }>(
          `SELECT count(*)::int AS n FROM authority.approvals
           WHERE tenant = $1 AND subject = $2 AND status IN ('pending', 'approved')`,
          [caller.tenant, caller.subject],
        );
        if ((count.rows[0]?.n ?? 0) >= OPEN_MAX) {
          throw new DeputizeError("limit_exceeded", "too many approvals are waiting; decide those first");
        }
        const id = newId(clock);
        const made = await tx.query<ApprovalRow>(
          `INSERT INTO authority.approvals AS a (id, tenant, subject, actor, agent, tool, call_id, args_digest, preview_digest,
             args, preview, summary, amount_cents, kind, run_id, conversation_id, because, status, created_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $19, 'pending', $17, $18)
           RETURNING ${APPROVAL_COLUMNS}`,
          [
            id,
            caller.tenant,
            caller.subject,
            actor,
            request.agent,
            request.tool,
            request.callId,
            request.argsDigest,
            request.previewDigest,
            JSON.stringify(request.args),
            request.preview === undefined ? null : JSON.stringify(request.preview),
            request.summary,
            request.amountCents ?? null,
            request.kind ?? "owner",
            request.runId ?? null,
            request.conversationId ?? null,
            created,
            expires,
            request.because === undefined ? null : JSON.stringify(request.because),
          ],
        );
        await audit.record(
          tx,
          auditEvent(caller, {
            action: "approval.requested",
            outcome: "info",
            resource: request.tool,
            approval: id,
            detail: {
              agent: request.agent,
              call: request.callId,
              superseded: open.rows.map((row) => row.id),
            },
          }),
        );
        return asked(made.rows[0] as ApprovalRow);
      });
    },

    async list(caller, options = {}) {
      const { rows } = await store.pool("authority").query<ApprovalRow>(
        `SELECT ${APPROVAL_COLUMNS} FROM authority.approvals a
         WHERE ${VISIBLE} AND ($4::text IS NULL OR $4 =
           CASE WHEN a.status IN ('pending', 'approved') AND a.expires_at <= $5 THEN 'expired' ELSE a.status END)
         ORDER BY a.created_at DESC, a.id DESC LIMIT ${LIST_MAX}`,
        [...visibleTo(caller), options.status ?? null, now()],
      );
      return rows.map((row) => approvalView(row, clock.nowMs()));
    },

    async views(caller, ids) {
      const wanted = ids.filter(isUuid).slice(0, VIEWS_MAX);
      if (wanted.length === 0) return [];
      const { rows } = await store
        .pool("authority")
        .query<ApprovalRow>(
          `SELECT ${APPROVAL_COLUMNS} FROM authority.approvals a WHERE ${VISIBLE} AND a.id = ANY ($4::uuid[])`,
          [...visibleTo(caller), wanted],
        );
      return rows.map((row) => approvalView(row, clock.nowMs()));
    },

    get: async (caller, id) => approvalView(await find(store.pool("authority"), caller, id), clock.nowMs()),

    decide(caller, id, { decision, note }) {
      const resource = `approval:${isUuid(id) ? id : "malformed"}`;
      return auditedRefusal(context.refusals, caller, "approval.decide", resource, () =>
        store.transaction("authority", async (tx) => {
          const session = await requireFirstParty(tx, caller, clock);
          const row = await find(tx, caller, id, "FOR UPDATE");
          const isOwner = row.subject === caller.subject;
          // Their own staff approval is theirs to see and somebody else's to decide; another's own is not there.
          if (row.kind === "staff" && isOwner) {
            throw new DeputizeError("forbidden", "somebody else decides what you asked for");
          }
          const status = statusAt(row, clock.nowMs());
          if (status !== "pending") {
            throw new DeputizeError("approval_invalid", `this approval is ${status} already`, {
              detail: { status },
            });
          }
          // After a yes the run gets as long again to act on it, which is also how long a restart may take.
          const expires =
            decision === "approve" ? new Date(clock.nowMs() + TTL_SECONDS * 1000) : row.expires_at;
          const next = decision === "approve" ? "approved" : "rejected";
          await tx.query(
            `UPDATE authority.approvals SET status = $2, decided_by = $3, decided_at = $4, decided_session = $5, note = $6,
             expires_at = $7, closed_at = CASE WHEN $2 = 'rejected' THEN $4::timestamptz END WHERE id = $1`,
            [id, next, caller.subject, now(), session.id, note ?? null, expires],
          );
          await audit.record(
            tx,
            auditEvent(caller, {
              action: "approval.decided",
              outcome: decision === "approve" ? "allowed" : "refused",
              ...(decision === "refuse" && { reason: "person_refused" }),
              resource: row.tool,
              approval: id,
              about: [row.subject as PrincipalId],
              detail: { agent: row.agent, call: row.call_id, session: session.id },
            }),
          );
          const grant: GrantId | undefined = caller.grants[0];
          return {
            id,
            decision,
            tenant: row.tenant,
            subject: row.subject as PrincipalId,
            actor: row.actor as PrincipalId,
            agent: row.agent,
            tool: row.tool,
            callId: row.call_id,
            ...(row.run_id !== null && { runId: row.run_id }),
            ...(row.conversation_id !== null && { conversationId: row.conversation_id }),
            view: approvalView({ ...row, status: next, expires_at: expires }, clock.nowMs()),
            ...(grant !== undefined && { grant }),
          };
        }),
      );
    },

    async consume(tx, _caller, call) {
      if (!isUuid(call.approvalId))
        throw new DeputizeError("approval_invalid", "the approval does not fit this call");
      // The caller is the sealed one: the function takes subject, tenant and actor from nowhere else.
      try {
        await tx.query("SELECT authority.consume_approval($1, $2, $3, $4, $5, $6)", [
          call.approvalId,
          call.callId,
          call.tool,
          call.argsDigest,
          call.previewDigest,
          call.runId ?? null,
        ]);
      } catch (error) {
        throw mapDatabaseError(error);
      }
    },

    async fits(caller, call) {
      if (!isUuid(call.approvalId)) return false;
      // As the function that spends it compares.
      const { rows } = await store.pool("authority").query(
        `SELECT FROM authority.approvals WHERE id = $1 AND status = 'approved' AND expires_at > $2 AND tenant = $3 AND subject = $4
           AND actor = $5 AND call_id = $6 AND tool = $7 AND args_digest = $8 AND preview_digest = $9
           AND run_id IS NOT DISTINCT FROM $10`,
        [
          call.approvalId,
          now(),
          caller.tenant,
          caller.subject,
          actingPrincipal(caller),
          call.callId,
          call.tool,
          call.argsDigest,
          call.previewDigest,
          call.runId ?? null,
        ],
      );
      return rows.length === 1;
    },

    async close(caller, id, status) {
      if (!isUuid(id)) throw notFound();
      await store.transaction("authority", async (tx) => {
        const closed = await tx.query(
          `UPDATE authority.approvals SET status = $4, closed_at = $5
           WHERE id = $1 AND tenant = $2 AND subject = $3 AND status IN ('pending', 'approved')`,
          [id, caller.tenant, caller.subject, status, now()],
        );
        if (closed.rowCount === 0) throw notFound();
        await audit.record(
          tx,
          auditEvent(caller, { action: `approval.${status}`, outcome: "info", approval: id }),
        );
      });
    },

    async expire() {
      const { rowCount } = await store.pool("authority").query(
        `UPDATE authority.approvals SET status = 'expired', closed_at = $1
         WHERE status IN ('pending', 'approved') AND expires_at <= $1`,
        [now()],
      );
      return rowCount ?? 0;
    },
  };
}
