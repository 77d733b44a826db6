/**
 * What is revoked and still matters: the revocation feed as operators read it. Entries whose tokens have all expired are
 * not in it any more [AW-D41].
 */
import { type Clock, DeputizeError } from "@deputize/core";
import type { Queryable } from "@deputize/store";

export interface RevocationView {
  /** Place in the feed. */
  readonly position: number;
  readonly kind: "grant" | "jti" | "principal_epoch";
  /** Id of the grant or the principal, or the token's issuer and jti. */
  readonly target: string;
  /** For a grant: who held it, and why it ended. */
  readonly actor?: string;
  readonly reason?: string;
  /** Epoch milliseconds. */
  readonly revokedAt?: number;
  /** Until then a token could be about that would otherwise stand. Epoch milliseconds. */
  readonly keptUntil: number;
}

interface Row {
  position: string;
  kind: RevocationView["kind"];
  value: string;
  expires_at: Date;
  actor: string | null;
  reason: string | null;
  revoked_at: Date | null;
}

/** One page, newest first; `limit` 1 to 1,000. Throws `invalid_request`. */
export async function listRevocations(
  db: Queryable,
  clock: Clock,
  tenant: string,
  page: { readonly cursor?: number | undefined; readonly limit?: number | undefined },
): Promise<{ readonly revocations: readonly RevocationView[]; readonly next?: number }> {
  const limit = page.limit ?? 100;
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
    throw new DeputizeError("invalid_request", "`limit` is 1 to 1000");
  }
  // An epoch entry names its tenant; a grant's is the grant's own; a single token's names none.
  const { rows } = await db.query<Row>(
    `SELECT f.position, f.kind, f.value, f.expires_at, g.reason, g.revoked_at, coalesce(w.spiffe, p.name) AS actor
     FROM authority.revocation_feed f
     LEFT JOIN authority.grants g ON f.kind = 'grant' AND g.tenant = $1 AND g.id::text = f.value
     LEFT JOIN authority.principals p ON p.tenant = $1 AND p.id = g.actor
     LEFT JOIN authority.workers w ON w.tenant = $1 AND w.principal_id = g.actor
     WHERE f.expires_at > $2 AND ($3::bigint IS NULL OR f.position < $3)
       AND CASE f.kind WHEN 'grant' THEN g.id IS NOT NULL
         WHEN 'principal_epoch' THEN starts_with(f.value, $1 || '/') ELSE true END
     ORDER BY f.position DESC LIMIT $4`,
    [tenant, new Date(clock.nowMs()).toISOString(), page.cursor ?? null, limit + 1],
  );
  const revocations = rows.slice(0, limit).map((row): RevocationView => ({
    position: Number(row.position),
    kind: row.kind,
    target: row.kind === "principal_epoch" ? row.value.slice(tenant.length + 1) : row.value,
    ...(row.actor !== null && { actor: row.actor }),
    ...(row.reason !== null && { reason: row.reason }),
    ...(row.revoked_at && { revokedAt: row.revoked_at.getTime() }),
    keptUntil: row.expires_at.getTime(),
  }));
  const next = rows.length > limit ? revocations.at(-1)?.position : undefined;
  return { revocations, ...(next !== undefined && { next }) };
}
