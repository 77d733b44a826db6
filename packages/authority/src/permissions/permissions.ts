/**
 * A person's permission: this agent may act for me. Checked again at each exchange.
 *
 * Guarantees: granting is idempotent; taking back stops the next exchange and ends every living grant by which
 * the agent acts for the person, with what hangs from it, in the same transaction.
 * Does not: widen anything by itself. What the agent may do is the person's scopes, cut at each hop.
 */
import { DeputizeError, type PrincipalId } from "@deputize/core";
import type { Queryable } from "@deputize/store";
import { type AuthorityContext, DEFAULT_TENANT } from "../ports.ts";

export interface AgentPermission {
  readonly agent: { readonly id: string; readonly name: string };
  readonly level: "user" | "operator";
  readonly granted: string;
  readonly expires?: string;
}

export interface PermissionRef {
  readonly person: PrincipalId;
  readonly agent: PrincipalId;
  readonly tenant?: string;
}

export interface Permissions {
  /** Throws `not_found` when there is no such person or agent. */
  grant(
    permission: PermissionRef & {
      readonly level?: "user" | "operator";
      readonly grantedBy: PrincipalId;
      /** Epoch milliseconds. */
      readonly expiresAt?: number;
    },
  ): Promise<void>;
  /** Throws `not_found` when there is none to take back. */
  revoke(permission: PermissionRef & { readonly revokedBy: PrincipalId }): Promise<void>;
  /** True while the permission stands. In a transaction it is held until that commits, so that it cannot be taken
   * back between the check and what rests on it [SR-13]. */
  check(query: Queryable, permission: PermissionRef): Promise<boolean>;
  list(person: PrincipalId, tenant?: string): Promise<AgentPermission[]>;
}

export function createPermissions(context: AuthorityContext): Permissions {
  const { store, clock, audit, grants } = context;
  const now = () => new Date(clock.nowMs());

  return {
    async grant({ person, agent, tenant = DEFAULT_TENANT, level = "user", grantedBy, expiresAt }) {
      await store.transaction("authority", async (tx) => {
        const known = await tx.query(
          `SELECT 1 FROM authority.people p, authority.agents a
           WHERE p.tenant = $1 AND a.tenant = $1 AND p.principal_id = $2 AND a.principal_id = $3`,
          [tenant, person, agent],
        );
        if (known.rows.length === 0) throw new DeputizeError("not_found", "no such person or agent");
        const expires = expiresAt === undefined ? null : new Date(expiresAt);
        const changed = await tx.query(
          `INSERT INTO authority.agent_permissions AS ap (tenant, person_id, agent_id, level, granted_by, granted_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7)
           ON CONFLICT (tenant, person_id, agent_id) DO UPDATE SET level = excluded.level, granted_by = excluded.granted_by,
             granted_at = excluded.granted_at, expires_at = excluded.expires_at, revoked_at = NULL
           WHERE ap.revoked_at IS NOT NULL OR ap.level <> excluded.level OR ap.expires_at IS DISTINCT FROM excluded.expires_at`,
          [tenant, person, agent, level, grantedBy, now(), expires],
        );
        if (changed.rowCount === 0) return; // it stands already: the seeder runs at each start
        await audit.record(tx, {
          action: "permission.granted",
          outcome: "allowed",
          tenant,
          subject: grantedBy,
          about: [person, agent],
          detail: { level, ...(expires && { expires: expires.toISOString() }) },
        });
      });
    },

    async revoke({ person, agent, tenant = DEFAULT_TENANT, revokedBy }) {
      await store.transaction("authority", async (tx) => {
        const ended = await tx.query(
          `UPDATE authority.agent_permissions SET revoked_at = $4
           WHERE tenant = $1 AND person_id = $2 AND agent_id = $3 AND revoked_at IS NULL`,
          [tenant, person, agent, now()],
        );
        if (ended.rowCount === 0) throw new DeputizeError("not_found", "no such permission");
        await grants.revokeBetween(tx, { tenant, subject: person, actor: agent }, "permission_revoked");
        await audit.record(tx, {
          action: "permission.revoked",
          outcome: "allowed",
          tenant,
          subject: revokedBy,
          about: [person, agent],
        });
      });
    },

    async check(query, { person, agent, tenant = DEFAULT_TENANT }) {
      const { rows } = await query.query(
        `SELECT 1 FROM authority.agent_permissions WHERE tenant = $1 AND person_id = $2 AND agent_id = $3
           AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $4) FOR SHARE`,
        [tenant, person, agent, now()],
      );
      return rows.length > 0;
    },

    async list(person, tenant = DEFAULT_TENANT) {
      const { rows } = await store.pool("authority").query<{
        id: string;
        name: string;
        level: "user" | "operator";
        granted_at: Date;
        expires_at: Date | null;
      }>(
        `SELECT a.principal_id AS id, a.name, ap.level, ap.granted_at, ap.expires_at FROM authority.agent_permissions ap
         JOIN authority.agents a ON a.tenant = ap.tenant AND a.principal_id = ap.agent_id
         WHERE ap.tenant = $1 AND ap.person_id = $2 AND ap.revoked_at IS NULL AND (ap.expires_at IS NULL OR ap.expires_at > $3)
         ORDER BY a.name`,
        [tenant, person, now()],
      );
      return rows.map((row) => ({
        agent: { id: row.id, name: row.name },
        level: row.level,
        granted: row.granted_at.toISOString(),
        ...(row.expires_at && { expires: row.expires_at.toISOString() }),
      }));
    },
  };
}
