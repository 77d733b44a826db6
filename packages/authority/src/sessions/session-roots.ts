/**
 * What a session stands on: its root grant, and the locks under which both change.
 *
 * Guarantees: a grant is made from the person as they are when it commits; a session and its root end together; and
 * everybody takes locks in one order (sessions, principals, grants), so that none wait for each other in a ring [SR-13].
 */
import type { GrantId } from "@deputize/core";
import type { Tx } from "@deputize/store";
import { ROLE_CHANGED } from "../people/people.ts";
import {
  PERSON_COLUMNS,
  PERSON_TABLES,
  type Person,
  type PersonRow,
  personFromRow,
} from "../people/person.ts";
import type { AuthorityContext } from "../ports.ts";
import { FIRST_PARTY_CLIENT, type LiveSession, findSession, scopesOf } from "./session-rows.ts";

export interface SessionRoots {
  /** Makes the root grant of a sign-in. */
  root(tx: Tx, person: Person, agents: readonly string[], ttlSeconds: number): Promise<GrantId>;
  /** The agents that the person permits at present, as scopes name them. */
  permittedAgents(tx: Tx, person: Person): Promise<string[]>;
  isCurrent(session: LiveSession): boolean;
  renewRoot(tx: Tx, session: LiveSession): Promise<LiveSession | undefined>;
  holdPerson(tx: Tx, tenant: string, id: string): Promise<Person | undefined>;
  /** Locks a session and holds its person; undefined when it has ended. */
  lockSession(tx: Tx, id: string): Promise<LiveSession | undefined>;
  /** `where` is SQL of ours about the session `s`, never input. */
  endWhere(tx: Tx, where: string, params: readonly unknown[], reason: string): Promise<number>;
}

export function createSessionRoots(context: AuthorityContext): SessionRoots {
  const { clock, audit, grants, policy } = context;
  const now = () => new Date(clock.nowMs());

  async function root(
    tx: Tx,
    person: Person,
    agents: readonly string[],
    ttlSeconds: number,
  ): Promise<GrantId> {
    const grant = await grants.createRoot(tx, {
      kind: "session",
      tenant: person.tenant,
      subject: person.id,
      actor: person.id,
      clientId: FIRST_PARTY_CLIENT,
      scopes: scopesOf(policy, person.role, agents),
      audiences: [policy.apiAudience],
      ttlSeconds,
    });
    return grant.id;
  }

  async function permittedAgents(tx: Tx, person: Person): Promise<string[]> {
    const { rows } = await tx.query<{ name: string }>(
      `SELECT CASE WHEN a.built_in THEN a.name ELSE a.principal_id::text END AS name
       FROM authority.agent_permissions ap JOIN authority.agents a ON a.tenant = ap.tenant AND a.principal_id = ap.agent_id
       WHERE ap.tenant = $1 AND ap.person_id = $2 AND ap.revoked_at IS NULL AND (ap.expires_at IS NULL OR ap.expires_at > $3)
       ORDER BY 1`,
      [person.tenant, person.id, now()],
    );
    return rows.map((row) => row.name);
  }

  /** True when the root grant says what the person may do at present. */
  function isCurrent(session: LiveSession): boolean {
    const present = scopesOf(policy, session.person.role, session.agents);
    return (
      session.grantState === "active" &&
      // The installation may have moved to another address since.
      session.grantAudiences.includes(policy.apiAudience) &&
      present.length === session.grantScopes.length &&
      present.every((scope) => session.grantScopes.includes(scope))
    );
  }

  /**
   * Brings a session's root grant up to date: another role or permission ends it and starts a new one. A grant that
   * was ended for any other reason ends the session. The caller holds the session's row lock.
   */
  async function renewRoot(tx: Tx, session: LiveSession): Promise<LiveSession | undefined> {
    if (isCurrent(session)) return session;
    if (session.grantState === "revoked" && session.grantReason !== ROLE_CHANGED) return undefined;
    await grants.revoke(tx, { tenant: session.person.tenant, id: session.grant }, "session_renewed");
    const ttlSeconds = Math.floor((session.expiresAt - clock.nowMs()) / 1000);
    if (ttlSeconds < 1) return undefined;
    const grant = await root(tx, session.person, session.agents, ttlSeconds);
    await tx.query("UPDATE authority.sessions SET grant_id = $2 WHERE id = $1", [session.id, grant]);
    return findSession(tx, "id", session.id, clock.nowMs());
  }

  /**
   * Holds a person as they are until the transaction ends. Read after the lock, so that a role which is changing
   * right now cannot end up in a new grant. Sessions, principals, grants: the order of locks everywhere.
   */
  async function holdPerson(tx: Tx, tenant: string, id: string): Promise<Person | undefined> {
    await tx.query("SELECT 1 FROM authority.principals WHERE tenant = $1 AND id = $2 FOR SHARE", [
      tenant,
      id,
    ]);
    const { rows } = await tx.query<PersonRow>(
      `SELECT ${PERSON_COLUMNS} FROM ${PERSON_TABLES} WHERE p.tenant = $1 AND p.principal_id = $2`,
      [tenant, id],
    );
    return rows[0] && personFromRow(rows[0]);
  }

  async function lockSession(tx: Tx, id: string): Promise<LiveSession | undefined> {
    const { rows } = await tx.query<{ tenant: string; principal_id: string }>(
      "SELECT tenant, principal_id FROM authority.sessions WHERE id = $1 FOR UPDATE",
      [id],
    );
    if (rows[0]) await holdPerson(tx, rows[0].tenant, rows[0].principal_id);
    return findSession(tx, "id", id, clock.nowMs());
  }

  async function endSessions(
    tx: Tx,
    sessions: readonly { id: string; tenant: string; grant_id: string; principal_id: string }[],
    reason: string,
  ): Promise<void> {
    for (const session of sessions) {
      await tx.query("UPDATE authority.sessions SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL", [
        session.id,
        now(),
      ]);
      const grant = session.grant_id as GrantId;
      await grants.revoke(tx, { tenant: session.tenant, id: grant }, reason);
      await audit.record(tx, {
        action: "session.ended",
        outcome: "allowed",
        tenant: session.tenant,
        subject: session.principal_id as Person["id"],
        grant,
        detail: { reason, session: session.id },
      });
    }
  }

  /** Locks, in one order, the live sessions that match, and ends them. Returns how many. */
  async function endWhere(
    tx: Tx,
    where: string,
    params: readonly unknown[],
    reason: string,
  ): Promise<number> {
    const { rows } = await tx.query<{ id: string; tenant: string; grant_id: string; principal_id: string }>(
      `SELECT id, tenant, grant_id, principal_id FROM authority.sessions s
       WHERE s.revoked_at IS NULL AND ${where} ORDER BY s.id FOR UPDATE`,
      params,
    );
    await endSessions(tx, rows, reason);
    return rows.length;
  }

  return { root, permittedAgents, isCurrent, renewRoot, holdPerson, lockSession, endWhere };
}
