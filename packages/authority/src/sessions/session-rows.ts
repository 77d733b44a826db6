/**
 * Reading sessions: one query that brings the session, the person, the root grant and the agents that may act for
 * the person, so that every request sees the present state and not that of sign-in [SH-D04].
 */
import type { Caller, GrantId } from "@deputize/core";
import type { Queryable } from "@deputize/store";
import {
  PERSON_COLUMNS,
  PERSON_TABLES,
  type Person,
  type PersonRow,
  personFromRow,
} from "../people/person.ts";
import type { PeoplePolicy } from "../ports.ts";

export interface LiveSession {
  readonly id: string;
  readonly kind: "browser" | "api";
  readonly person: Person;
  readonly grant: GrantId;
  readonly grantState: "active" | "revoked";
  readonly grantReason: string | null;
  readonly grantScopes: readonly string[];
  readonly grantAudiences: readonly string[];
  /** Agents that the person permits at present, by name; agents that are not built in by id, for anybody may choose a name. */
  readonly agents: readonly string[];
  /** Epoch milliseconds. */
  readonly authenticatedAt: number;
  readonly lastUsedAt: number;
  readonly expiresAt: number;
}

interface Row extends PersonRow {
  session_id: string;
  kind: "browser" | "api";
  grant_id: string;
  grant_state: "active" | "revoked";
  grant_reason: string | null;
  grant_scopes: string[];
  grant_audiences: string[];
  agents: string[];
  authenticated_at: Date;
  last_used_at: Date;
  expires_at: Date;
}

const BY = {
  id: "s.id = $1",
  cookie: "s.cookie_hash = $1 AND s.kind = 'browser'",
  grant: "s.grant_id = $1",
} as const;

/**
 * The session of a person that is not signed out, not expired, and whose person is active; undefined otherwise.
 * The root grant may have ended: `grantState` says so.
 */
export async function findSession(
  query: Queryable,
  by: keyof typeof BY,
  value: string | Uint8Array,
  nowMs: number,
): Promise<LiveSession | undefined> {
  const { rows } = await query.query<Row>(
    `SELECT ${PERSON_COLUMNS}, s.id AS session_id, s.kind, s.grant_id, g.state AS grant_state, g.reason AS grant_reason,
       g.scopes AS grant_scopes, g.audiences AS grant_audiences, s.authenticated_at, s.last_used_at, s.expires_at,
       ARRAY(SELECT CASE WHEN a.built_in THEN a.name ELSE a.principal_id::text END FROM authority.agent_permissions ap
         JOIN authority.agents a ON a.tenant = ap.tenant AND a.principal_id = ap.agent_id
         WHERE ap.tenant = s.tenant AND ap.person_id = s.principal_id AND ap.revoked_at IS NULL
           AND (ap.expires_at IS NULL OR ap.expires_at > $2) ORDER BY 1) AS agents
     FROM authority.sessions s
     JOIN authority.grants g ON g.tenant = s.tenant AND g.id = s.grant_id
     JOIN (${PERSON_TABLES}) ON p.tenant = s.tenant AND p.principal_id = s.principal_id
     WHERE ${BY[by]} AND s.kind IN ('browser', 'api') AND s.revoked_at IS NULL AND s.expires_at > $2 AND pr.state = 'active'`,
    [value, new Date(nowMs)],
  );
  const row = rows[0];
  if (!row) return undefined;
  return {
    id: row.session_id,
    kind: row.kind,
    person: personFromRow(row),
    grant: row.grant_id as GrantId,
    grantState: row.grant_state,
    grantReason: row.grant_reason,
    grantScopes: row.grant_scopes,
    grantAudiences: row.grant_audiences,
    agents: row.agents,
    authenticatedAt: row.authenticated_at.getTime(),
    lastUsedAt: row.last_used_at.getTime(),
    expiresAt: row.expires_at.getTime(),
  };
}

/** What the person may do at present: the role's scopes, and the agents permitted to act for them. */
export function scopesOf(policy: PeoplePolicy, role: string, agents: readonly string[]): string[] {
  const held = Object.hasOwn(policy.roles, role) ? (policy.roles[role] ?? []) : [];
  return [...new Set([...held, ...agents.map((name) => `use:agents:${name}`)])];
}

/** The client id of people who sign in to this installation itself. */
export const FIRST_PARTY_CLIENT = "first-party";

/** The caller behind a session of the page. */
export function callerOf(session: LiveSession): Caller {
  return {
    tenant: session.person.tenant,
    subject: session.person.id,
    subjectKind: "user",
    actors: [],
    roles: [session.person.role],
    scopes: session.grantScopes,
    grants: [session.grant],
    clientId: FIRST_PARTY_CLIENT,
    session: { id: session.id, authenticatedAt: Math.floor(session.authenticatedAt / 1000) },
  };
}
