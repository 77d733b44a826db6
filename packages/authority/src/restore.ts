/**
 * What a restored backup must not bring back [SR-21].
 *
 * Guarantees: in the caller's one transaction a new epoch of the feed begins, every grant, signing key, session, launch token,
 * open approval and case of the backup ends, nonces end with the epoch, and the log says so. Nothing that was signed before
 * verifies any more, whoever asks.
 * Does not: know what was revoked after the backup was made. API keys, secrets of apps and operators, passwords, permissions and
 * scopes are as they were in it: whoever restores revokes anew what they had revoked since.
 * Attack answered: a token that was revoked or spent, and lives again in the backup.
 */
import { type Clock, newId } from "@deputize/core";
import type { AuditLog } from "@deputize/audit";
import type { Queryable, Store } from "@deputize/store";
import { createGrants } from "./grants/grants.ts";
import { type Keys, createKeys } from "./keys/keys.ts";
import type { PrivateJwk } from "./keys/private-key.ts";
import { createRevocation } from "./revocation/revocation.ts";

/** How many of each ended. */
export interface RestoredEnds {
  readonly grants: number;
  readonly sessions: number;
  readonly approvals: number;
  readonly cases: number;
  readonly launchTokens: number;
}

/** Ends it all. `signingKey` signs from now on: keep it with the secrets first. Throws `conflict` for one that was used. */
export async function endRestored(
  tx: Queryable,
  options: {
    readonly store: Store;
    readonly audit: Pick<AuditLog, "record">;
    readonly clock: Clock;
    readonly tenant: string;
    readonly reason: string;
    readonly signingKey: PrivateJwk;
    /** Of the authority that goes on in this process; it learns the key. Without one, whoever starts next reads it from the secrets. */
    readonly keys?: Pick<Keys, "voidAll">;
  },
): Promise<RestoredEnds> {
  const { clock, reason, signingKey } = options;
  const grants = createGrants({ ...options, rememberSeconds: 0 });
  const revocation = createRevocation({ ...options, grants, newEpoch: () => newId(clock) });
  const own = options.keys
    ? undefined
    : createKeys({ ...options, privateKeys: [signingKey], overlapSeconds: 0 });
  const ended = async (sql: string, params: readonly unknown[] = [new Date(clock.nowMs())]) =>
    (await tx.query(sql, params)).rowCount ?? 0;
  try {
    const restarted = await revocation.restart(tx, reason);
    await (options.keys ?? own)?.voidAll(tx, signingKey);
    return {
      grants: restarted,
      sessions: await ended("UPDATE authority.sessions SET revoked_at = $1 WHERE revoked_at IS NULL"),
      approvals: await ended(
        `UPDATE authority.approvals SET status = 'expired', closed_at = $1 WHERE status IN ('pending', 'approved')`,
      ),
      cases: await ended("UPDATE authority.cases SET closed_at = $1 WHERE closed_at IS NULL"),
      launchTokens: await ended("DELETE FROM authority.launch_tokens", []),
    };
  } finally {
    own?.close();
    await revocation.close();
  }
}
