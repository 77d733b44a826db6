/**
 * Refresh tokens, of people and of agents: one family a session.
 *
 * Guarantees: a token works once; a retry within ten seconds of its use gets the same successor while that is unused, for
 * an answer may be lost and two tabs may ask; any other second use says that the token was stolen [SR-25]. Only hashes
 * are stored. Whoever calls holds the session's row lock, so that one refresh a session runs at a time.
 */
import type { Clock } from "@deputize/core";
import type { Queryable } from "@deputize/store";
import { newOpaqueToken, opaqueTokenHash, successorToken } from "../credentials/opaque-token.ts";

/** How long after its use a refresh token still answers with its unused successor. */
const RETRY_MS = 10_000;

export type Spent =
  | { readonly kind: "rotated"; readonly successor: string }
  /** `reused`: end the family. `ended`: it has ended already. */
  | { readonly kind: "reused" }
  | { readonly kind: "ended" };

export interface RefreshFamily {
  /** The first token of a session. */
  begin(tx: Queryable, session: { tenant: string; id: string; expires: Date }): Promise<string>;
  /** The session that a token belongs to, used or not; undefined for an unknown one. */
  sessionOf(tx: Queryable, token: string): Promise<string | undefined>;
  /**
   * Who holds a token of a living session, by which key they signed in, and an agent's owner; for limits, before any lock
   * is taken.
   */
  holderOf(
    query: Queryable,
    token: string,
  ): Promise<{ principal: string; keyId?: string; owner?: string } | undefined>;
  /** Uses a token of a session that the caller has locked. */
  spend(tx: Queryable, token: string, session: { tenant: string; id: string }): Promise<Spent>;
}

export function createRefreshFamily(options: {
  readonly key: Uint8Array;
  readonly clock: Clock;
  /** What tokens begin with, for secret scanners and to tell kinds apart. */
  readonly prefix: string;
}): RefreshFamily {
  const { key, clock, prefix } = options;
  const now = () => new Date(clock.nowMs());

  async function insert(
    tx: Queryable,
    hash: Buffer,
    session: { tenant: string; id: string },
    expires: Date,
  ): Promise<void> {
    await tx.query(
      `INSERT INTO authority.refresh_tokens (token_hash, tenant, session_id, issued_at, expires_at)
       VALUES ($1, $2, $3, $4, $5)`,
      [hash, session.tenant, session.id, now(), expires],
    );
  }

  return {
    async begin(tx, session) {
      const token = newOpaqueToken(prefix);
      await insert(tx, opaqueTokenHash(key, token), session, session.expires);
      return token;
    },
    async sessionOf(tx, token) {
      const { rows } = await tx.query<{ session_id: string }>(
        "SELECT session_id FROM authority.refresh_tokens WHERE token_hash = $1",
        [opaqueTokenHash(key, token)],
      );
      return rows[0]?.session_id;
    },
    async holderOf(query, token) {
      const { rows } = await query.query<{
        principal_id: string;
        api_key_id: string | null;
        owner: string | null;
      }>(
        `SELECT s.principal_id, s.api_key_id, coalesce(a.owner_id::text, a.owner_email) AS owner
         FROM authority.refresh_tokens t
         JOIN authority.sessions s ON s.tenant = t.tenant AND s.id = t.session_id
         LEFT JOIN authority.agents a ON a.tenant = s.tenant AND a.principal_id = s.principal_id
         WHERE t.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > $2`,
        [opaqueTokenHash(key, token), now()],
      );
      const row = rows[0];
      return (
        row && {
          principal: row.principal_id,
          ...(row.api_key_id !== null && { keyId: row.api_key_id }),
          ...(row.owner !== null && { owner: row.owner }),
        }
      );
    },
    async spend(tx, token, session) {
      const hash = opaqueTokenHash(key, token);
      const { rows } = await tx.query<{ used_at: Date | null; expires_at: Date; successor_used: boolean }>(
        `SELECT t.used_at, t.expires_at, n.used_at IS NOT NULL AS successor_used FROM authority.refresh_tokens t
         LEFT JOIN authority.refresh_tokens n ON n.token_hash = t.successor_hash
         WHERE t.token_hash = $1 AND t.session_id = $2`,
        [hash, session.id],
      );
      const row = rows[0];
      if (!row || row.expires_at.getTime() <= clock.nowMs()) return { kind: "ended" };
      const successor = successorToken(key, prefix, token);
      if (row.used_at !== null) {
        const retried = clock.nowMs() - row.used_at.getTime() <= RETRY_MS && !row.successor_used;
        return retried ? { kind: "rotated", successor } : { kind: "reused" };
      }
      const successorHash = opaqueTokenHash(key, successor);
      await insert(tx, successorHash, session, row.expires_at);
      await tx.query(
        "UPDATE authority.refresh_tokens SET used_at = $2, successor_hash = $3 WHERE token_hash = $1",
        [hash, now(), successorHash],
      );
      return { kind: "rotated", successor };
    },
  };
}
