/**
 * API keys in the database: made, found, held, rotated, ended.
 *
 * Guarantees: one indexed read finds a key, whatever the number of agents [AA-D01]; the text is shown once and
 * cannot be read back; a rotated key works until its overlap ends, and not a moment longer; a key may hold less than
 * its agent, never more.
 */
import { type Clock, DeputizeError, type PrincipalId, newId, stableId } from "@deputize/core";
import type { Queryable } from "@deputize/store";
import {
  type ApiKeyParts,
  apiKeyHash,
  apiKeyMatches,
  formatApiKey,
  newApiKeySecret,
  readApiKey,
} from "../credentials/api-key-format.ts";

export const KEY_LIMITS = {
  /** A week to move to a new key; longer and nobody remembers that the old one works. */
  overlapSeconds: 7 * 24 * 3600,
  /** How far ahead a change of keys can be planned. */
  scheduleSeconds: 90 * 24 * 3600,
  /** A key that nobody ever has to think about again is one that nobody knows about. */
  lifetimeSeconds: 366 * 24 * 3600,
  /** Live keys of one agent. */
  keys: 20,
} as const;
/** Keys end after a year unless told. */
const LIFETIME_SECONDS = 365 * 24 * 3600;
/** An hour in which both keys work, unless told. */
const OVERLAP_SECONDS = 3600;
const LAST_USED_STEP_MS = 60_000;

export interface KeyOwner {
  readonly tenant: string;
  readonly principal: PrincipalId;
}

/** Who holds a key that matched. */
export interface ApiKeyHolder extends KeyOwner {
  readonly keyId: string;
  /** False for a key that was right and has ended, or has not begun. */
  readonly live: boolean;
  /** Epoch milliseconds; Infinity for a key without end. */
  readonly expiresAt: number;
  /** Who owns the agent, for limits: a person's id, or the address that was claimed. */
  readonly owner?: string;
}

/** A key whose row is held: it cannot be ended before the transaction commits. */
export interface HeldKey {
  /** What the key is limited to; undefined: all that its agent holds. */
  readonly scopes: readonly string[] | undefined;
  /** Epoch milliseconds; Infinity for a key without end. */
  readonly expiresAt: number;
}

export interface NewKey {
  readonly keyId: string;
  /** Shown once. */
  readonly apiKey: string;
  /** RFC 3339; absent for keys of the installation. */
  readonly expires?: string;
}

export interface RotatedKey extends NewKey {
  /** When the key that it replaces ends, epoch milliseconds; now when it was to end at once. */
  readonly replacedEnds: number;
}

export interface ApiKeyView {
  readonly key_id: string;
  readonly created: string;
  /** Only these; absent: all that the agent holds. */
  readonly scopes?: readonly string[];
  readonly not_before?: string;
  readonly last_used?: string;
  readonly expires?: string;
  readonly revoked?: string;
  readonly replaced_by?: string;
}

export interface RotateRequest {
  /** When the new key begins and the old one's overlap starts, epoch milliseconds; now unless told. */
  readonly at?: number;
  /** How long both work; an hour unless told. */
  readonly overlapSeconds?: number;
  /** The old key ends now, as after a leak. */
  readonly forced?: boolean;
}

export interface ApiKeys {
  /** Makes a key and returns its text, for the only time. Throws `limit_exceeded`, `invalid_request`. */
  create(
    tx: Queryable,
    owner: KeyOwner,
    options?: { readonly scopes?: readonly string[]; readonly expiresAt?: number },
  ): Promise<NewKey>;
  /** Sets the key of a built-in principal to one secret from the installation's secrets; returns its text. */
  ensure(tx: Queryable, owner: KeyOwner & { readonly secret: string }): Promise<string>;
  /** Who holds a key that is right; undefined otherwise. One read. Does not say that the holder is active. */
  check(query: Queryable, text: string): Promise<ApiKeyHolder | undefined>;
  /** Holds a key that `check` found, until the transaction commits; undefined when it has ended since. */
  hold(tx: Queryable, tenant: string, keyId: string): Promise<HeldKey | undefined>;
  /** Remembers the use, once a minute. */
  used(query: Queryable, keyId: string): Promise<void>;
  list(query: Queryable, owner: KeyOwner): Promise<ApiKeyView[]>;
  /**
   * Makes a successor with the same limits. Throws `not_found` for a key that has ended or was replaced, `limit_exceeded`
   * when the agent would have too many. The caller ends what the old key made.
   */
  rotate(tx: Queryable, owner: KeyOwner, keyId: string, request: RotateRequest): Promise<RotatedKey>;
  /** Throws `not_found`. */
  revoke(tx: Queryable, owner: KeyOwner, keyId: string): Promise<void>;
  revokeAll(tx: Queryable, owner: KeyOwner): Promise<void>;
}

/** True of a key that works at $2. */
const LIVE = `k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2)
  AND (k.not_before IS NULL OR k.not_before <= $2)`;

export function createApiKeys(options: { readonly key: Uint8Array; readonly clock: Clock }): ApiKeys {
  const { key, clock } = options;
  const now = () => new Date(clock.nowMs());

  /** How many keys of an agent work, or will. The caller holds the principal, so that it stays so. */
  async function living(tx: Queryable, owner: KeyOwner): Promise<number> {
    const { rows } = await tx.query<{ live: number }>(
      `SELECT count(*)::int AS live FROM authority.api_keys WHERE tenant = $1 AND principal_id = $3
         AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)`,
      [owner.tenant, now(), owner.principal],
    );
    return rows[0]?.live ?? 0;
  }

  async function insert(
    tx: Queryable,
    owner: KeyOwner,
    limits: {
      readonly scopes?: readonly string[] | null;
      readonly notBefore?: Date | null;
      readonly expires: Date;
    },
  ): Promise<NewKey> {
    const parts: ApiKeyParts = { id: newId(clock), secret: newApiKeySecret() };
    await tx.query(
      `INSERT INTO authority.api_keys (id, tenant, principal_id, hash, created_at, scopes, not_before, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [
        parts.id,
        owner.tenant,
        owner.principal,
        apiKeyHash(key, parts),
        now(),
        limits.scopes ?? null,
        limits.notBefore ?? null,
        limits.expires,
      ],
    );
    return { keyId: parts.id, apiKey: formatApiKey(parts), expires: limits.expires.toISOString() };
  }

  return {
    async create(tx, owner, { scopes, expiresAt } = {}) {
      if ((await living(tx, owner)) >= KEY_LIMITS.keys) {
        throw new DeputizeError(
          "limit_exceeded",
          `an agent has at most ${KEY_LIMITS.keys} keys; end one first`,
        );
      }
      const ends = expiresAt ?? clock.nowMs() + LIFETIME_SECONDS * 1000;
      if (ends <= clock.nowMs() || ends > clock.nowMs() + KEY_LIMITS.lifetimeSeconds * 1000) {
        throw new DeputizeError("invalid_request", "a key ends in the future, within a year");
      }
      return insert(tx, owner, { scopes: scopes ?? null, expires: new Date(ends) });
    },

    async ensure(tx, { tenant, principal, secret }) {
      if (!/^[0-9a-f]{64}$/.test(secret)) {
        throw new DeputizeError(
          "config_invalid",
          "the secret of a built-in principal is 32 bytes as lower-case hex",
        );
      }
      const parts = { id: stableId(`api-key:${tenant}:${principal}`), secret };
      await tx.query(
        `INSERT INTO authority.api_keys (id, tenant, principal_id, hash, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (id) DO UPDATE SET hash = excluded.hash
           WHERE api_keys.principal_id = excluded.principal_id AND api_keys.hash <> excluded.hash`,
        [parts.id, tenant, principal, apiKeyHash(key, parts), now()],
      );
      return formatApiKey(parts);
    },

    async check(query, text) {
      const parts = readApiKey(text);
      if (!parts) return undefined;
      const { rows } = await query.query<{
        hash: Buffer;
        tenant: string;
        principal_id: string;
        owner: string | null;
        expires_at: Date | null;
        live: boolean;
      }>(
        `SELECT k.hash, k.tenant, k.principal_id, k.expires_at, coalesce(a.owner_id::text, a.owner_email) AS owner,
           ${LIVE} AND a.deleted_at IS NULL AS live
         FROM authority.api_keys k
         LEFT JOIN authority.agents a ON a.tenant = k.tenant AND a.principal_id = k.principal_id
         WHERE k.id = $1`,
        [parts.id, now()],
      );
      const row = rows[0];
      if (!apiKeyMatches(key, parts, row?.hash) || !row) return undefined;
      return {
        keyId: parts.id,
        tenant: row.tenant,
        principal: row.principal_id as PrincipalId,
        live: row.live,
        expiresAt: row.expires_at?.getTime() ?? Infinity,
        ...(row.owner !== null && { owner: row.owner }),
      };
    },

    async hold(tx, tenant, keyId) {
      const { rows } = await tx.query<{ scopes: string[] | null; expires_at: Date | null }>(
        `SELECT k.scopes, k.expires_at FROM authority.api_keys k
         WHERE k.id = $1 AND ${LIVE} AND k.tenant = $3 FOR SHARE`,
        [keyId, now(), tenant],
      );
      const row = rows[0];
      return row && { scopes: row.scopes ?? undefined, expiresAt: row.expires_at?.getTime() ?? Infinity };
    },

    async used(query, keyId) {
      await query.query(
        `UPDATE authority.api_keys SET last_used_at = $2
         WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $3)`,
        [keyId, now(), new Date(clock.nowMs() - LAST_USED_STEP_MS)],
      );
    },

    async list(query, owner) {
      const { rows } = await query.query<{
        id: string;
        created_at: Date;
        scopes: string[] | null;
        not_before: Date | null;
        last_used_at: Date | null;
        expires_at: Date | null;
        revoked_at: Date | null;
        replaced_by: string | null;
      }>(
        `SELECT id, created_at, scopes, not_before, last_used_at, expires_at, revoked_at, replaced_by
         FROM authority.api_keys WHERE tenant = $1 AND principal_id = $2 ORDER BY created_at DESC, id DESC LIMIT 100`,
        [owner.tenant, owner.principal],
      );
      return rows.map((row) => ({
        key_id: row.id,
        created: row.created_at.toISOString(),
        ...(row.scopes && { scopes: row.scopes }),
        ...(row.not_before && { not_before: row.not_before.toISOString() }),
        ...(row.last_used_at && { last_used: row.last_used_at.toISOString() }),
        ...(row.expires_at && { expires: row.expires_at.toISOString() }),
        ...(row.revoked_at && { revoked: row.revoked_at.toISOString() }),
        ...(row.replaced_by !== null && { replaced_by: row.replaced_by }),
      }));
    },

    async rotate(tx, owner, keyId, { at = clock.nowMs(), overlapSeconds = OVERLAP_SECONDS, forced = false }) {
      const latest = clock.nowMs() + KEY_LIMITS.scheduleSeconds * 1000;
      if (at > latest || !(overlapSeconds >= 0 && overlapSeconds <= KEY_LIMITS.overlapSeconds)) {
        throw new DeputizeError(
          "invalid_request",
          "plan at most 90 days ahead, with at most a week of overlap",
        );
      }
      const held = await tx.query<{ scopes: string[] | null; expires_at: Date | null }>(
        `SELECT k.scopes, k.expires_at FROM authority.api_keys k WHERE k.id = $1 AND k.tenant = $3 AND k.principal_id = $4
           AND k.revoked_at IS NULL AND k.replaced_by IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2) FOR UPDATE`,
        [keyId, now(), owner.tenant, owner.principal],
      );
      const old = held.rows[0];
      if (!old) throw new DeputizeError("not_found", "no such key");
      const begins = forced ? clock.nowMs() : Math.max(at, clock.nowMs());
      const ends = Math.min(
        forced ? begins : begins + overlapSeconds * 1000,
        old.expires_at?.getTime() ?? Infinity,
      );
      const stays = ends > clock.nowMs() ? 1 : 0;
      await tx.query("SELECT 1 FROM authority.principals WHERE tenant = $1 AND id = $2 FOR UPDATE", [
        owner.tenant,
        owner.principal,
      ]);
      if ((await living(tx, owner)) + stays > KEY_LIMITS.keys) {
        throw new DeputizeError(
          "limit_exceeded",
          `an agent has at most ${KEY_LIMITS.keys} keys; end one first, or replace this one at once with \`forced\``,
        );
      }
      const made = await insert(tx, owner, {
        scopes: old.scopes,
        notBefore: begins > clock.nowMs() ? new Date(begins) : null,
        expires: new Date(begins + LIFETIME_SECONDS * 1000),
      });
      await tx.query(
        `UPDATE authority.api_keys SET replaced_by = $3, revoked_at = CASE WHEN $4 THEN $2::timestamptz END,
           expires_at = CASE WHEN $4 THEN expires_at ELSE $5::timestamptz END
         WHERE id = $1`,
        [keyId, now(), made.keyId, forced, new Date(ends)],
      );
      return { ...made, replacedEnds: ends };
    },

    async revoke(tx, owner, keyId) {
      const ended = await tx.query(
        `UPDATE authority.api_keys SET revoked_at = coalesce(revoked_at, $4)
         WHERE id = $1 AND tenant = $2 AND principal_id = $3`,
        [keyId, owner.tenant, owner.principal, now()],
      );
      if (ended.rowCount === 0) throw new DeputizeError("not_found", "no such key");
    },

    async revokeAll(tx, owner) {
      await tx.query(
        "UPDATE authority.api_keys SET revoked_at = $3 WHERE tenant = $1 AND principal_id = $2 AND revoked_at IS NULL",
        [owner.tenant, owner.principal, now()],
      );
    },
  };
}
