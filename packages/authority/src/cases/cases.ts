/**
 * Cases: an administrator's reason to see one person's data, for half an hour.
 *
 * Guarantees: opened only by a person at a first-party session that holds `open:cases:*`, never by a tool, an agent
 * or an exchanged token [SR-04]; it names one person, a purpose and resources; it ends with its time, its
 * session, or the opener's role, whichever comes first (`deputize.case_subjects` asks all of that again in
 * every query). Opening and closing are in the log with the purpose.
 * Does not: tell the subject. The log does, to whoever may read it.
 */
import { type Caller, DeputizeError, type PrincipalId, isUuid, newId, scopeIsSubset } from "@deputize/core";
import { auditEvent } from "@deputize/audit";
import { foldEmail } from "../people/email.ts";
import type { AuthorityContext } from "../ports.ts";
import { auditedRefusal } from "../sessions/audited-refusal.ts";
import { requireFirstParty } from "../sessions/first-party.ts";

const CASE_SECONDS = 30 * 60;
/** Open cases of one person: enough for work, too few for a survey of customers. */
const OPEN_MAX = 5;
export const OPEN_CASES_SCOPE = "open:cases:*";

/** What a case may open. The shop's policies ask for these words. */
export const CASE_RESOURCES = ["orders", "profile"] as const;
export type CaseResource = (typeof CASE_RESOURCES)[number];

export interface CaseView {
  readonly id: string;
  readonly subject: { readonly id: string; readonly email: string; readonly name: string };
  readonly purpose: string;
  readonly resources: readonly string[];
  readonly opened: string;
  readonly expires: string;
  readonly closed?: string;
}

export interface Cases {
  /** Throws `first_party_session_required`, `insufficient_scope`, `not_found`, `limit_exceeded`. */
  open(
    caller: Caller,
    request: {
      readonly subjectEmail: string;
      readonly purpose: string;
      readonly resources: readonly CaseResource[];
    },
  ): Promise<CaseView>;
  /** The caller's own, newest first. */
  list(caller: Caller): Promise<CaseView[]>;
  /** Closing what is closed is no error. Throws `first_party_session_required`, `not_found`. */
  close(caller: Caller, id: string): Promise<void>;
  /** The open cases of the caller's session that show `subject`; for the log of what was looked at and why. */
  openFor(caller: Caller, subject: PrincipalId): Promise<{ id: string; purpose: string }[]>;
}

interface Row {
  id: string;
  subject: string;
  email: string;
  name: string;
  purpose: string;
  resources: string[];
  opened_at: Date;
  expires_at: Date;
  closed_at: Date | null;
}

const COLUMNS =
  "c.id, c.subject, p.email, p.name, c.purpose, c.resources, c.opened_at, c.expires_at, c.closed_at";
const TABLES =
  "authority.cases c JOIN authority.people p ON p.tenant = c.tenant AND p.principal_id = c.subject";

function view(row: Row): CaseView {
  return {
    id: row.id,
    subject: { id: row.subject, email: row.email, name: row.name },
    purpose: row.purpose,
    resources: row.resources,
    opened: row.opened_at.toISOString(),
    expires: row.expires_at.toISOString(),
    ...(row.closed_at && { closed: row.closed_at.toISOString() }),
  };
}

export function createCases(context: AuthorityContext): Cases {
  const { store, clock, audit } = context;
  const now = () => new Date(clock.nowMs());

  return {
    open(caller, { subjectEmail, purpose, resources }) {
      return auditedRefusal(context.refusals, caller, "case.open", "cases", () =>
        store.transaction("authority", async (tx) => {
          const session = await requireFirstParty(tx, caller, clock);
          if (!scopeIsSubset([OPEN_CASES_SCOPE], caller.scopes) || !caller.roles.includes("admin")) {
            throw new DeputizeError("insufficient_scope", "only administrators open cases");
          }
          const found = await tx.query<{ id: string }>(
            "SELECT principal_id AS id FROM authority.people WHERE tenant = $1 AND email = $2",
            [caller.tenant, foldEmail(subjectEmail)],
          );
          const subject = found.rows[0]?.id;
          if (subject === undefined || subject === caller.subject) {
            throw new DeputizeError("not_found", "no other person has this address");
          }
          // One person's cases are opened one after another, so that the bound holds.
          await tx.query(
            "SELECT 1 FROM authority.people WHERE tenant = $1 AND principal_id = $2 FOR NO KEY UPDATE",
            [caller.tenant, caller.subject],
          );
          const open = await tx.query(
            "SELECT 1 FROM authority.cases WHERE tenant = $1 AND opened_by = $2 AND closed_at IS NULL AND expires_at > $3",
            [caller.tenant, caller.subject, now()],
          );
          if (open.rows.length >= OPEN_MAX) {
            throw new DeputizeError("limit_exceeded", `close a case first; ${OPEN_MAX} may be open at once`);
          }
          const id = newId(clock);
          const expires = new Date(clock.nowMs() + CASE_SECONDS * 1000);
          await tx.query(
            `INSERT INTO authority.cases (id, tenant, opened_by, subject, purpose, resources, session_id, opened_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
            [
              id,
              caller.tenant,
              caller.subject,
              subject,
              purpose,
              [...new Set(resources)],
              session.id,
              now(),
              expires,
            ],
          );
          await audit.record(
            tx,
            auditEvent(caller, {
              action: "case.opened",
              outcome: "allowed",
              about: [subject as PrincipalId],
              case: { id, purpose },
              detail: { resources, session: session.id, expires: expires.toISOString() },
            }),
          );
          const made = await tx.query<Row>(`SELECT ${COLUMNS} FROM ${TABLES} WHERE c.id = $1`, [id]);
          if (!made.rows[0]) throw new DeputizeError("internal", "the case was not made");
          return view(made.rows[0]);
        }),
      );
    },

    async list(caller) {
      const { rows } = await store.pool("authority").query<Row>(
        `SELECT ${COLUMNS} FROM ${TABLES} WHERE c.tenant = $1 AND c.opened_by = $2
         ORDER BY c.opened_at DESC, c.id DESC LIMIT 100`,
        [caller.tenant, caller.subject],
      );
      return rows.map(view);
    },

    async close(caller, id) {
      await store.transaction("authority", async (tx) => {
        await requireFirstParty(tx, caller, clock);
        const { rows } = isUuid(id)
          ? await tx.query<{ subject: string; purpose: string; closed_at: Date | null }>(
              `SELECT subject, purpose, closed_at FROM authority.cases
               WHERE id = $1 AND tenant = $2 AND opened_by = $3 FOR UPDATE`,
              [id, caller.tenant, caller.subject],
            )
          : { rows: [] };
        const row = rows[0];
        if (!row) throw new DeputizeError("not_found", "no such case");
        if (row.closed_at) return;
        await tx.query("UPDATE authority.cases SET closed_at = $2 WHERE id = $1", [id, now()]);
        await audit.record(
          tx,
          auditEvent(caller, {
            action: "case.closed",
            outcome: "allowed",
            about: [row.subject as PrincipalId],
            case: { id, purpose: row.purpose },
          }),
        );
      });
    },

    async openFor(caller, subject) {
      const { rows } = await store.pool("authority").query<{ id: string; purpose: string }>(
        `SELECT c.id, c.purpose FROM authority.cases c JOIN authority.sessions s ON s.tenant = c.tenant AND s.id = c.session_id
         WHERE c.tenant = $1 AND c.opened_by = $2 AND c.subject = $3 AND c.closed_at IS NULL AND c.expires_at > $4
           AND s.revoked_at IS NULL AND s.grant_id = ANY ($5::uuid[]) ORDER BY c.opened_at`,
        [caller.tenant, caller.subject, subject, now(), caller.grants],
      );
      return rows;
    },
  };
}
