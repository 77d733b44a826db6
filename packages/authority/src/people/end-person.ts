/**
 * Ends everything that a person can do, in the caller's transaction: their sessions, what hangs from them, and what the agents
 * that they own were given for themselves [SR-12].
 */
import type { GrantId, PrincipalId } from "@deputize/core";
import type { Queryable } from "@deputize/store";
import type { Grants } from "../grants/grants.ts";
import type { Principals } from "../principals/principals.ts";

export async function endPerson(
  tx: Queryable,
  parts: {
    readonly principals: Pick<Principals, "suspend">;
    readonly grants: Pick<Grants, "revokeMany">;
    readonly now: Date;
  },
  { tenant, id }: { readonly tenant: string; readonly id: PrincipalId },
): Promise<void> {
  // Sessions, then principals, then grants: the order of signing out and of renewing.
  await tx.query(
    "UPDATE authority.sessions SET revoked_at = $3 WHERE tenant = $1 AND principal_id = $2 AND revoked_at IS NULL",
    [tenant, id, parts.now],
  );
  await parts.principals.suspend(tx, { tenant, id }, "deactivated");
  // Whoever signs such an agent in holds its owner first, so none is missed.
  const { rows } = await tx.query<{ id: GrantId }>(
    `SELECT g.id FROM authority.agents a
     JOIN authority.grants g ON g.tenant = a.tenant AND g.subject = a.principal_id AND g.actor = a.principal_id
     WHERE a.tenant = $1 AND a.owner_id = $2 AND g.kind IN ('api_key', 'service')
       AND g.state = 'active' AND g.expires_at > $3 ORDER BY g.id`,
    [tenant, id, parts.now],
  );
  await parts.grants.revokeMany(tx, { tenant, ids: rows.map((row) => row.id) }, "owner_deactivated");
}
