/**
 * API keys in the database: made, checked, rotated, ended.
 *
 * Guarantees: one indexed read finds a key, whatever the number of agents [AA-D01]; the text is shown once and
 * cannot be read back; a rotated key works until its overlap ends, and not a moment longer; ending a key ends
 * every token that it made.
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

/** A week to move to a new key; longer and nobody remembers that the old one works. */
export const OVERLAP_SECONDS_MAX = 7 * 24 * 3600;

export interface ApiKeyHolder {
  readonly keyId: string;
  readonly principal: PrincipalId;
  readonly tenant: string;
}

export interface ApiKeyView {
  readonly key_id: string;
  readonly created: string;
  readonly last_used?: string;
  readonly expires?: string;
  readonly revoked?: string;
}

export interface ApiKeys {
  /** Makes a key and returns its text, for the only time. */
  create(
    tx: Queryable,
    owner: { tenant: string; principal: PrincipalId },
  ): Promise<{ keyId: string; apiKey: string }>;
  /** Sets the key of a built-in principal to one secret from the installation's secrets; returns its text. */
  ensure(tx: Queryable, owner: { tenant: string; principal: PrincipalId; secret: string }): Promise<string>;
  /** Who holds a key; undefined for every reason alike. Does not say that the holder is active.
   * `hold` keeps the key from being ended until the transaction commits. */
  check(
    query: Queryable,
    text: string,
    options?: { readonly hold?: boolean },
  ): Promise<ApiKeyHolder | undefined>;
  list(query: Queryable, owner: { tenant: string; principal: PrincipalId }): Promise<ApiKeyView[]>;
  /** Makes a successor; the old key works for `overlapSeconds` more. Throws `not_found`. */
  rotate(
    tx: Queryable,
    owner: { tenant: string; principal: PrincipalId },
    keyId: string,
    overlapSeconds: number,
  ): Promise<{ keyId: string; apiKey: string }>;
  /** Throws `not_found`. */
  revoke(tx: Queryable, owner: { tenant: string; principal: PrincipalId }, keyId: string): Promise<void>;
}

export function createApiKeys(options: { readonly key: Uint8Array; readonly clock: Clock }): ApiKeys {
  const { key, clock } = options;
  const now = () => new Date(clock.nowMs());

  async function insert(
    tx: Queryable,
    owner: { tenant: string; principal: PrincipalId },
    parts: ApiKeyParts,
  ): Promise<string> {
    await tx.query(
      `INSERT INTO authority.api_keys (id, tenant, principal_id, hash, created_at) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (id) DO UPDATE SET hash = excluded.hash
         WHERE api_keys.principal_id = excluded.principal_id AND api_keys.hash <> excluded.hash`,
      [parts.id, owner.tenant, owner.principal, apiKeyHash(key, parts), now()],
    );
    return formatApiKey(parts);
  }

  return {
    async create(tx, owner) {
      const parts = { id: newId(clock), secret: newApiKeySecret() };
      return { keyId: parts.id, apiKey: await insert(tx, owner, parts) };
    },
    ensure(tx, { tenant, principal, secret }) {
      if (!/^[0-9a-f]{64}$/.test(secret)) {
        throw new DeputizeError(
          "config_invalid",
          "the secret of a built-in principal is 32 bytes as lower-case hex",
        );
      }
      return insert(tx, { tenant, principal }, { id: stableId(`api-key:${tenant}:${principal}`), secret });
    },
    async check(query, text, options = {}) {
      const parts = readApiKey(text);
      if (!parts) return undefined;
      const { rows } = await query.query<{
        hash: Buffer;
        tenant: string;
        principal_id: string;
        last_used_at: Date | null;
      }>(
        `SELECT hash, tenant, principal_id, last_used_at FROM authority.api_keys
         WHERE id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)
         ${options.hold ? "FOR NO KEY UPDATE" : ""}`,
        [parts.id, now()],
      );
      const row = rows[0];
      if (!apiKeyMatches(key, parts, row?.hash) || !row) return undefined;
      if (clock.nowMs() - (row.last_used_at?.getTime() ?? 0) > 60_000) {
        await query.query("UPDATE authority.api_keys SET last_used_at = $2 WHERE id = $1", [parts.id, now()]);
      }
      return { keyId: parts.id, principal: row.principal_id as PrincipalId, tenant: row.tenant };
    },
    async list(query, owner) {
      const { rows } = await query.query<{
        id: string;
        created_at: Date;
        last_used_at: Date | null;
        expires_at: Date | null;
        revoked_at: Date | null;
      }>(
        `SELECT id, created_at, last_used_at, expires_at, revoked_at FROM authority.api_keys
         WHERE tenant = $1 AND principal_id = $2 ORDER BY created_at DESC, id DESC LIMIT 100`,
        [owner.tenant, owner.principal],
      );
      return rows.map((row) => ({
        key_id: row.id,
        created: row.created_at.toISOString(),
        ...(row.last_used_at && { last_used: row.last_used_at.toISOString() }),
        ...(row.expires_at && { expires: row.expires_at.toISOString() }),
        ...(row.revoked_at && { revoked: row.revoked_at.toISOString() }),
      }));
    },
    async rotate(tx, owner, keyId, overlapSeconds) {
      const held = await tx.query(
        `SELECT 1 FROM authority.api_keys WHERE id = $1 AND tenant = $2 AND principal_id = $3 AND revoked_at IS NULL
           AND replaced_by IS NULL AND (expires_at IS NULL OR expires_at > $4) FOR UPDATE`,
        [keyId, owner.tenant, owner.principal, now()],
      );
      if (held.rows.length === 0) throw new DeputizeError("not_found", "no such key");
      const parts = { id: newId(clock), secret: newApiKeySecret() };
      const apiKey = await insert(tx, owner, parts);
      const ends = new Date(clock.nowMs() + Math.min(overlapSeconds, OVERLAP_SECONDS_MAX) * 1000);
      await tx.query(
        "UPDATE authority.api_keys SET expires_at = least(coalesce(expires_at, $2), $2), replaced_by = $3 WHERE id = $1",
        [keyId, ends, parts.id],
      );
      return { keyId: parts.id, apiKey };
    },
    async revoke(tx, owner, keyId) {
      const ended = await tx.query(
        `UPDATE authority.api_keys SET revoked_at = coalesce(revoked_at, $4)
         WHERE id = $1 AND tenant = $2 AND principal_id = $3`,
        [keyId, owner.tenant, owner.principal, now()],
      );
      if (ended.rowCount === 0) throw new DeputizeError("not_found", "no such key");
    },
  };
}
