/**
 * Erasing what the authority knows of a person (migrations/0029_person.sql).
 *
 * Guarantees: one transaction ends everything that they and the agents that they own can do, and then removes name, address,
 * password, sessions, refresh tokens, keys of their agents, permissions, mandates, linked credentials, approvals and cases.
 * Grants and delegation records hold ids and stay. Repeatable.
 * Does not: erase the log, or what other rooms keep; `erasePerson` of `server` does all of it.
 */
import type { AuditLog } from "@deputize/audit";
import { type Clock, DeputizeError, type PrincipalId } from "@deputize/core";
import type { Queryable, Store } from "@deputize/store";
import { createGrants } from "../grants/grants.ts";
import { createPrincipals } from "../principals/principals.ts";
import { endPerson } from "./end-person.ts";

/** Who decided it. Nobody is named when an operator did, at the machine. */
export interface ErasedBy {
  readonly actor?: PrincipalId;
  readonly tenant: string;
}

export interface PersonEraser {
  /** Erases, and answers how many rows it touched: 0 when nothing was left. Throws `not_found`. */
  erase(id: PrincipalId, by: ErasedBy): Promise<number>;
  /** The agents that the person owns or owned. */
  agentsOf(id: PrincipalId, tenant: string): Promise<readonly PrincipalId[]>;
}

/** For the composer, and for a command at the machine. `rememberSeconds`: how long the feed says that tokens ended. */
export function createPersonEraser(options: {
  readonly store: Store;
  readonly audit: Pick<AuditLog, "record">;
  readonly clock: Clock;
  readonly rememberSeconds: number;
}): PersonEraser {
  const { store, audit, clock } = options;
  const principals = createPrincipals(options);
  const grants = createGrants(options);

  return {
    async erase(id, by) {
      const { tenant } = by;
      return store.transaction("authority", async (tx) => {
        const now = new Date(clock.nowMs());
        const agents = await holdAgents(tx, id, tenant, now);
        await endPerson(tx, { principals, grants, now }, { tenant, id });
        for (const agent of agents) await principals.suspend(tx, { tenant, id: agent }, "owner_erased");
        const { rows } = await tx.query<{ n: number }>("SELECT authority.forget_person($1, $2, $3) AS n", [
          tenant,
          id,
          now,
        ]);
        const touched = rows[0]?.n ?? 0;
        await audit.record(tx, {
          action: "person.forgotten",
          outcome: "allowed",
          tenant,
          ...(by.actor !== undefined && { subject: by.actor }),
          about: [id],
          detail: { rows: touched },
        });
        return touched;
      });
    },
    async agentsOf(id, tenant) {
      const { rows } = await store
        .pool("authority")
        .query<{ id: PrincipalId }>(
          "SELECT principal_id AS id FROM authority.agents WHERE tenant = $1 AND owner_id = $2 ORDER BY 1",
          [tenant, id],
        );
      return rows.map((row) => row.id);
    },
  };
}

/**
 * The person's agents, and those that were registered for their address. Locks sessions, permissions, principals and the person,
 * in the order of whoever makes a mandate.
 */
async function holdAgents(
  tx: Queryable,
  id: PrincipalId,
  tenant: string,
  now: Date,
): Promise<readonly PrincipalId[]> {
  const { rows } = await tx.query<{ id: PrincipalId }>(
    `SELECT a.principal_id AS id FROM authority.people p JOIN authority.agents a ON a.tenant = p.tenant AND NOT a.built_in
       AND (a.owner_id = p.principal_id OR (a.owner_id IS NULL AND a.owner_email = p.email))
     WHERE p.tenant = $1 AND p.principal_id = $2 ORDER BY 1`,
    [tenant, id],
  );
  const agents = rows.map((row) => row.id);
  await tx.query(
    "UPDATE authority.sessions SET revoked_at = $3 WHERE tenant = $1 AND principal_id = ANY ($2) AND revoked_at IS NULL",
    [tenant, [id, ...agents], now],
  );
  await tx.query(
    "SELECT 1 FROM authority.agent_permissions WHERE tenant = $1 AND person_id = $2 ORDER BY agent_id FOR UPDATE",
    [tenant, id],
  );
  await tx.query(
    "SELECT 1 FROM authority.principals WHERE tenant = $1 AND id = ANY ($2) ORDER BY id FOR UPDATE",
    [tenant, [id, ...agents]],
  );
  const person = await tx.query(
    "SELECT 1 FROM authority.people WHERE tenant = $1 AND principal_id = $2 FOR UPDATE",
    [tenant, id],
  );
  if (person.rows.length === 0) throw new DeputizeError("not_found", "no such person");
  return agents;
}
