/**
 * What agents may do for themselves: permissions, and roles that stand for several [AA-F09].
 *
 * Guarantees: an agent that nobody vouched for may do nothing, whatever is written for it; a change ends every token that
 * was signed before it, in its own transaction, so that the next request is judged by the new state [AA-F08]; granting
 * again what is held changes nothing [AA-D07]; a role that the policy does not name gives nothing.
 * How tokens stay right without a question to the database: scopes are signed in, and a change revokes the grants that
 * carry the old ones. The sign-in itself goes on: its refresh token gets a token of the new state.
 */
import { DeputizeError, type GrantId, type PrincipalId, newId, permissionScope } from "@deputize/core";
import type { Queryable, Tx } from "@deputize/store";
import type { AuthorityContext } from "../ports.ts";
import { type AgentManager, type AgentRow, type AgentRows, requireAdmin } from "./agent-rows.ts";

const PERMISSIONS_MAX = 50;
/** A grant holds at most 64 scopes. */
const SCOPES_MAX = 64;

export interface PermissionView {
  readonly permission: string;
  readonly granted_by: string;
  readonly granted: string;
  readonly expires?: string;
}

export interface PermissionsView {
  readonly permissions: readonly PermissionView[];
  readonly roles: readonly string[];
  /** What a token of the agent holds now: both together, nothing while it is unconfirmed. */
  readonly effective: readonly string[];
}

export interface PermissionRequest {
  /** A scope, or short for one: `read_weather`. */
  readonly permission: string;
  /** Epoch milliseconds. */
  readonly expiresAt?: number;
}

/** An agent as it is now, held until the transaction commits. */
export interface AgentStanding {
  readonly active: boolean;
  readonly epoch: number;
  readonly owner: PrincipalId | undefined;
  readonly scopes: readonly string[];
  /** When the first of its permissions ends, epoch milliseconds; Infinity. */
  readonly endsAt: number;
}

export interface AgentPermissions {
  /** Throws `not_found`. */
  view(by: AgentManager, agentId: string): Promise<PermissionsView>;
  /** Adds a permission; adding it again changes its end at most [AA-D07]. Only administrators. */
  add(by: AgentManager, agentId: string, request: PermissionRequest): Promise<void>;
  /** Takes one back. Throws `not_found` when the agent does not hold it. */
  remove(by: AgentManager, agentId: string, permission: string): Promise<void>;
  /** Makes permissions, and roles when given, exactly these. */
  set(
    by: AgentManager,
    agentId: string,
    wanted: { readonly permissions: readonly PermissionRequest[]; readonly roles?: readonly string[] },
  ): Promise<void>;
  /** Throws `invalid_request` for a role that the policy does not name. */
  addRole(by: AgentManager, agentId: string, role: string): Promise<void>;
  removeRole(by: AgentManager, agentId: string, role: string): Promise<void>;
  /** The agent and its owner held against changes, then read; undefined when there is no such principal. */
  hold(tx: Queryable, ref: { tenant: string; id: PrincipalId }): Promise<AgentStanding | undefined>;
  /** Ends every living grant by which the agent acts for itself. */
  endGrants(tx: Tx, ref: { tenant: string; id: PrincipalId }, reason: string): Promise<void>;
}

export function createAgentPermissions(context: AuthorityContext, rows: AgentRows): AgentPermissions {
  const { store, clock, grants, policy } = context;
  const now = () => new Date(clock.nowMs());

  /** What permissions and roles give together, by name of role as the policy knows it. */
  function combine(scopes: readonly string[], roles: readonly string[]): string[] {
    const byRole = roles.flatMap((role) =>
      Object.hasOwn(policy.agentRoles, role) ? (policy.agentRoles[role] ?? []) : [],
    );
    return [...new Set([...scopes, ...byRole.map(permissionScope)])];
  }

  function requireRole(role: string): void {
    if (Object.hasOwn(policy.agentRoles, role)) return;
    const known = Object.keys(policy.agentRoles).join(", ") || "none";
    throw new DeputizeError("invalid_request", `there is no such role for agents; there is: ${known}`);
  }

  async function endGrants(tx: Tx, ref: { tenant: string; id: PrincipalId }, reason: string): Promise<void> {
    const { rows: living } = await tx.query<{ id: GrantId }>(
      `SELECT id FROM authority.grants WHERE tenant = $1 AND subject = $2 AND actor = $2
         AND kind IN ('api_key', 'service') AND state = 'active' AND expires_at > $3 ORDER BY id`,
      [ref.tenant, ref.id, now()],
    );
    await grants.revokeMany(tx, { tenant: ref.tenant, ids: living.map(({ id }) => id) }, reason);
  }

  /** One change of what an agent may do: whoever signs it in meanwhile waits, and reads the new state. */
  function alter(
    by: AgentManager,
    agentId: string,
    action: string,
    work: (tx: Tx, row: AgentRow) => Promise<boolean>,
    detail: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    return rows.change(
      by,
      agentId,
      action,
      async (tx, { principal_id: id }) => {
        requireAdmin(by);
        // What another administrator changed just now is there.
        const row = await rows.hold(tx, by, agentId);
        if (!(await work(tx, row))) return;
        const after = await rows.require(tx, by, agentId);
        const scopes = combine(after.scopes, after.roles);
        if (after.scopes.length > PERMISSIONS_MAX || scopes.length > SCOPES_MAX) {
          throw new DeputizeError(
            "limit_exceeded",
            `an agent holds at most ${PERMISSIONS_MAX} permissions, and ${SCOPES_MAX} with those of its roles`,
          );
        }
        await endGrants(tx, { tenant: by.tenant, id }, "permissions_changed");
      },
      detail,
    );
  }

  /** Answers whether something changed. */
  async function grantScope(
    tx: Tx,
    by: AgentManager,
    row: AgentRow,
    scope: string,
    expiresAt: number | undefined,
  ): Promise<boolean> {
    if (expiresAt !== undefined && expiresAt <= clock.nowMs()) {
      throw new DeputizeError("invalid_request", "a permission ends in the future");
    }
    const expires = expiresAt === undefined ? null : new Date(expiresAt);
    const changed = await tx.query(
      `INSERT INTO authority.agent_scopes AS s (id, tenant, agent_id, scope, granted_by, granted_at, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7)
       ON CONFLICT (tenant, agent_id, scope) WHERE revoked_at IS NULL
         DO UPDATE SET granted_by = excluded.granted_by, granted_at = excluded.granted_at, expires_at = excluded.expires_at
         WHERE s.expires_at IS DISTINCT FROM excluded.expires_at`,
      [newId(clock), by.tenant, row.principal_id, scope, by.subject, now(), expires],
    );
    return changed.rowCount === 1;
  }

  async function dropScopes(
    tx: Tx,
    by: AgentManager,
    row: AgentRow,
    scopes: readonly string[],
  ): Promise<boolean> {
    const ended = await tx.query(
      `UPDATE authority.agent_scopes SET revoked_at = $4
       WHERE tenant = $1 AND agent_id = $2 AND scope = ANY ($3::text[]) AND revoked_at IS NULL`,
      [by.tenant, row.principal_id, scopes, now()],
    );
    return (ended.rowCount ?? 0) > 0;
  }

  async function grantRole(tx: Tx, by: AgentManager, row: AgentRow, role: string): Promise<boolean> {
    requireRole(role);
    const made = await tx.query(
      `INSERT INTO authority.agent_roles (id, tenant, agent_id, role, granted_by, granted_at)
       VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
      [newId(clock), by.tenant, row.principal_id, role, by.subject, now()],
    );
    return made.rowCount === 1;
  }

  async function dropRoles(
    tx: Tx,
    by: AgentManager,
    row: AgentRow,
    roles: readonly string[],
  ): Promise<boolean> {
    const ended = await tx.query(
      `UPDATE authority.agent_roles SET revoked_at = $4
       WHERE tenant = $1 AND agent_id = $2 AND role = ANY ($3::text[]) AND revoked_at IS NULL`,
      [by.tenant, row.principal_id, roles, now()],
    );
    return (ended.rowCount ?? 0) > 0;
  }

  return {
    endGrants,
    async view(by, agentId) {
      const pool = store.pool("authority");
      const row = await rows.require(pool, by, agentId);
      const { rows: held } = await pool.query<{
        scope: string;
        granted_by: string;
        granted_at: Date;
        expires_at: Date | null;
      }>(
        `SELECT scope, granted_by, granted_at, expires_at FROM authority.agent_scopes
         WHERE tenant = $1 AND agent_id = $2 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $3) ORDER BY scope`,
        [by.tenant, row.principal_id, now()],
      );
      return {
        permissions: held.map((one) => ({
          permission: one.scope,
          granted_by: one.granted_by,
          granted: one.granted_at.toISOString(),
          ...(one.expires_at && { expires: one.expires_at.toISOString() }),
        })),
        roles: row.roles,
        effective: row.confirmed_at === null ? [] : combine(row.scopes, row.roles),
      };
    },

    async add(by, agentId, { permission, expiresAt }) {
      const scope = permissionScope(permission);
      const work = (tx: Tx, row: AgentRow) => grantScope(tx, by, row, scope, expiresAt);
      await alter(by, agentId, "agent.permission_added", work, { scope });
    },

    async remove(by, agentId, permission) {
      const scope = permissionScope(permission);
      const work = async (tx: Tx, row: AgentRow): Promise<boolean> => {
        if (await dropScopes(tx, by, row, [scope])) return true;
        throw new DeputizeError("not_found", "the agent does not hold this permission");
      };
      await alter(by, agentId, "agent.permission_removed", work, { scope });
    },

    async set(by, agentId, { permissions, roles }) {
      const wanted = new Map(permissions.map((one) => [permissionScope(one.permission), one.expiresAt]));
      const work = async (tx: Tx, row: AgentRow): Promise<boolean> => {
        const gone = row.scopes.filter((scope) => !wanted.has(scope));
        let changed = gone.length > 0 && (await dropScopes(tx, by, row, gone));
        for (const [scope, expiresAt] of wanted) {
          changed = (await grantScope(tx, by, row, scope, expiresAt)) || changed;
        }
        if (!roles) return changed;
        const left = row.roles.filter((role) => !roles.includes(role));
        changed = (left.length > 0 && (await dropRoles(tx, by, row, left))) || changed;
        for (const role of new Set(roles)) changed = (await grantRole(tx, by, row, role)) || changed;
        return changed;
      };
      await alter(by, agentId, "agent.permissions_set", work, {
        scopes: [...wanted.keys()],
        ...(roles && { roles }),
      });
    },

    addRole: (by, agentId, role) =>
      alter(by, agentId, "agent.role_added", (tx, row) => grantRole(tx, by, row, role), { role }),

    removeRole: (by, agentId, role) =>
      alter(
        by,
        agentId,
        "agent.role_removed",
        async (tx, row) => {
          if (await dropRoles(tx, by, row, [role])) return true;
          throw new DeputizeError("not_found", "the agent does not have this role");
        },
        { role },
      ),

    async hold(tx, { tenant, id }) {
      // Two statements: the second has a snapshot of its own, and sees what committed while the first waited [SR-13].
      await tx.query(
        `SELECT 1 FROM authority.principals p WHERE p.tenant = $1 AND p.id = ANY (ARRAY[$2::uuid,
           (SELECT a.owner_id FROM authority.agents a WHERE a.tenant = $1 AND a.principal_id = $2)])
         ORDER BY p.id FOR SHARE`,
        [tenant, id],
      );
      const { rows: found } = await tx.query<{
        state: string;
        epoch: number;
        owner_id: PrincipalId | null;
        stands: boolean;
        scopes: string[];
        ends: Date | null;
        roles: string[];
      }>(
        // An agent whose owner was deactivated is nobody's: it does nothing until an administrator decides otherwise.
        `SELECT pr.state, pr.epoch, a.owner_id, a.confirmed_at IS NOT NULL AND a.deleted_at IS NULL AND NOT EXISTS (
             SELECT FROM authority.principals o WHERE o.tenant = a.tenant AND o.id = a.owner_id AND o.state <> 'active') AS stands,
           ARRAY(SELECT s.scope FROM authority.agent_scopes s WHERE s.tenant = pr.tenant AND s.agent_id = pr.id
             AND s.revoked_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > $3) ORDER BY s.scope) AS scopes,
           (SELECT min(s.expires_at) FROM authority.agent_scopes s WHERE s.tenant = pr.tenant AND s.agent_id = pr.id
             AND s.revoked_at IS NULL AND s.expires_at > $3) AS ends,
           ARRAY(SELECT r.role FROM authority.agent_roles r WHERE r.tenant = pr.tenant AND r.agent_id = pr.id
             AND r.revoked_at IS NULL ORDER BY r.role) AS roles
         FROM authority.principals pr
         LEFT JOIN authority.agents a ON a.tenant = pr.tenant AND a.principal_id = pr.id
         WHERE pr.tenant = $1 AND pr.id = $2`,
        [tenant, id, now()],
      );
      const row = found[0];
      return (
        row && {
          active: row.state === "active",
          epoch: row.epoch,
          owner: row.owner_id ?? undefined,
          scopes: row.stands ? combine(row.scopes, row.roles) : [],
          endsAt: row.ends?.getTime() ?? Infinity,
        }
      );
    },
  };
}
