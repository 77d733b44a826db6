/**
 * Agents as rows: who may manage which, how they look from outside, and one change at a time with its entry.
 *
 * Guarantees: an agent of somebody else is not there; a change and its entry commit together, and a refused one leaves an
 * entry of its own [SR-18]. Deleted agents are gone for everybody.
 */
import { type Caller, DeputizeError, type PrincipalId, isDeputizeError, isUuid } from "@deputize/core";
import type { Queryable, Tx } from "@deputize/store";
import type { AuthorityContext } from "../ports.ts";

/** Who decides about agents: an administrator, the person who owns the agent, or whose address was named for it. */
export type AgentManager = Pick<Caller, "tenant" | "subject"> & {
  readonly isAdmin: boolean;
  /** The manager's own address where it is vouched for, by which they find agents that others registered for them. */
  readonly email?: string;
};

export interface AgentView {
  readonly agent_id: string;
  readonly agent_name: string;
  readonly owner_email?: string;
  /** False while the owner has not vouched for it: it may sign in, and reach nothing. */
  readonly confirmed: boolean;
  readonly status: "active" | "suspended";
  readonly created: string;
  readonly permissions: readonly string[];
  readonly roles: readonly string[];
}

export interface AgentRow {
  readonly principal_id: PrincipalId;
  readonly name: string;
  readonly owner_email: string | null;
  readonly owner_id: PrincipalId | null;
  readonly built_in: boolean;
  readonly confirmed_at: Date | null;
  readonly suspended_by: PrincipalId | null;
  readonly state: "active" | "suspended";
  readonly created_at: Date;
  readonly scopes: string[];
  readonly roles: string[];
}

export interface AgentPage {
  readonly limit?: number;
  /** The id of the last agent of the page before. */
  readonly cursor?: string;
}

export interface AgentRows {
  /** The agents that `by` may manage, newest first. */
  find(query: Queryable, by: AgentManager, page?: AgentPage): Promise<AgentRow[]>;
  /** One of them. Throws `not_found`. */
  require(query: Queryable, by: AgentManager, agentId: string): Promise<AgentRow>;
  /** The same, held against other changes until the transaction commits, and read after that. Throws `not_found`. */
  hold(tx: Queryable, by: AgentManager, agentId: string): Promise<AgentRow>;
  /** One change to an agent that `by` manages, with its entry, in one transaction. Throws `not_found`. */
  change<T>(
    by: AgentManager,
    agentId: string,
    action: string,
    work: (tx: Tx, row: AgentRow) => Promise<T>,
    detail?: Readonly<Record<string, unknown>>,
  ): Promise<T>;
}

export const PAGE_MAX = 200;

export function requireAdmin(by: AgentManager): void {
  if (!by.isAdmin) throw new DeputizeError("forbidden", "an administrator decides what agents may do");
}

export function viewOf(row: AgentRow): AgentView {
  return {
    agent_id: row.principal_id,
    agent_name: row.name,
    ...(row.owner_email !== null && { owner_email: row.owner_email }),
    confirmed: row.confirmed_at !== null,
    status: row.state,
    created: row.created_at.toISOString(),
    permissions: row.scopes,
    roles: row.roles,
  };
}

export function createAgentRows(
  context: Pick<AuthorityContext, "store" | "audit" | "refusals" | "clock">,
): AgentRows {
  const { store, audit, refusals, clock } = context;

  async function select(
    query: Queryable,
    by: AgentManager,
    ask: { agentId?: string; limit: number; cursor?: string },
  ): Promise<AgentRow[]> {
    const { rows } = await query.query<AgentRow>(
      `SELECT a.principal_id, a.name, a.owner_email, a.owner_id, a.built_in, a.confirmed_at, a.suspended_by, pr.state, a.created_at,
         ARRAY(SELECT s.scope FROM authority.agent_scopes s WHERE s.tenant = a.tenant AND s.agent_id = a.principal_id
           AND s.revoked_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > $8) ORDER BY s.scope) AS scopes,
         ARRAY(SELECT r.role FROM authority.agent_roles r WHERE r.tenant = a.tenant AND r.agent_id = a.principal_id
           AND r.revoked_at IS NULL ORDER BY r.role) AS roles
       FROM authority.agents a JOIN authority.principals pr ON pr.tenant = a.tenant AND pr.id = a.principal_id
       WHERE a.tenant = $1 AND a.deleted_at IS NULL AND ($2::uuid IS NULL OR a.principal_id = $2)
         AND ($3 OR a.owner_id = $4 OR (a.owner_id IS NULL AND a.owner_email = $5))
         AND ($6::uuid IS NULL OR a.principal_id < $6)
       ORDER BY a.principal_id DESC LIMIT $7`,
      [
        by.tenant,
        ask.agentId ?? null,
        by.isAdmin,
        by.subject,
        by.email ?? null,
        ask.cursor ?? null,
        ask.limit,
        new Date(clock.nowMs()),
      ],
    );
    return rows;
  }

  async function require(query: Queryable, by: AgentManager, agentId: string): Promise<AgentRow> {
    const [row] = isUuid(agentId) ? await select(query, by, { agentId, limit: 1 }) : [];
    if (!row) throw new DeputizeError("not_found", "no such agent");
    return row;
  }

  return {
    find: (query, by, { limit = 100, cursor } = {}) =>
      select(query, by, {
        limit: Math.min(limit, PAGE_MAX),
        ...(cursor !== undefined && isUuid(cursor) && { cursor }),
      }),
    require,
    async hold(tx, by, agentId) {
      await tx.query("SELECT 1 FROM authority.principals WHERE tenant = $1 AND id = $2 FOR UPDATE", [
        by.tenant,
        agentId,
      ]);
      return require(tx, by, agentId);
    },
    async change(by, agentId, action, work, detail = {}) {
      const entry = {
        action,
        tenant: by.tenant,
        subject: by.subject,
        ...(isUuid(agentId) && { about: [agentId as PrincipalId], resource: `agent:${agentId}` }),
        detail,
      };
      try {
        return await store.transaction("authority", async (tx) => {
          const result = await work(tx, await require(tx, by, agentId));
          await audit.record(tx, { ...entry, outcome: "allowed" });
          return result;
        });
      } catch (error) {
        if (isDeputizeError(error) && error.status < 500) {
          await refusals.refused({ ...entry, outcome: "refused", reason: error.code });
        }
        throw error;
      }
    },
  };
}
