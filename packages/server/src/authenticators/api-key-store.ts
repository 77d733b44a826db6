/**
 * API keys of users in the database: made, found, replaced, ended.
 *
 * Guarantees: only HMAC-SHA-256 under a pepper that is not in the database is kept, bound to the key's id; one indexed read finds a key, so that
 * what ended is refused by the next request of every replica; a key that does not exist costs the same comparison; the text is shown once. A
 * replaced key works until its overlap ends, and not a moment longer.
 */
import { type KeyObject, createHmac, createSecretKey, timingSafeEqual } from "node:crypto";
import { BlockList, isIP } from "node:net";
import { type Clock, DeputizeError, newId, systemClock } from "@deputize/core";
import type { Store, Tx } from "@deputize/store";
import { z } from "zod";
import { type KeyParts, keyText, newKeySecret } from "./api-key-text.ts";
import { type OwnerRef, rowOwner } from "./owner.ts";

const LIFETIME_SECONDS = 90 * 86_400;
const MOST_SECONDS = 366 * 86_400;
const OVERLAP_SECONDS = 86_400;
const MOST_OVERLAP_SECONDS = 7 * 86_400;
const MOST_KEYS = 20;
const USED_STEP_MS = 60_000;

const word = z.string().min(1).max(256);
const NewKey = z.strictObject({
  /** What its owner calls it. */
  name: z.string().min(1).max(128),
  roles: z.array(word).max(64).default([]),
  scopes: z.array(word).max(256).default([]),
  /** Addresses and networks that it may be used from, such as `10.0.0.0/8`; all when empty. */
  addresses: z
    .array(z.string().refine((one) => networkOf(one) !== undefined))
    .max(64)
    .default([]),
  /** 90 days unless told; a year at most. */
  lifetimeSeconds: z.number().int().min(60).max(MOST_SECONDS).default(LIFETIME_SECONDS),
});
export type NewApiKey = z.input<typeof NewKey>;

export interface IssuedApiKey {
  readonly id: string;
  /** Shown once. */
  readonly key: string;
  /** RFC 3339. */
  readonly expires: string;
}

export interface ApiKeyView {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly scopes: readonly string[];
  readonly addresses: readonly string[];
  readonly created: string;
  readonly expires: string;
  readonly lastUsed?: string;
  readonly revoked?: string;
  readonly replacedBy?: string;
}

/** Whom a key that is right stands for. */
export interface ApiKeyHolder extends OwnerRef {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly scopes: readonly string[];
  readonly state: "live" | "expired" | "revoked";
  /** Epoch seconds. */
  readonly expiresAt: number;
  /** True when its list lets the address in. */
  allows(address: string | undefined): boolean;
}

export interface ApiKeyStore {
  /** Makes a key of a user. Throws `validation_failed`, `limit_exceeded`. */
  create(owner: OwnerRef, key: NewApiKey): Promise<IssuedApiKey>;
  /** Makes its successor; both work for `overlapSeconds` (a day unless told, 0 to 7 days). Throws `not_found`. */
  rotate(owner: OwnerRef, id: string, options?: { readonly overlapSeconds?: number }): Promise<IssuedApiKey>;
  /** Ends it now. Throws `not_found`. */
  revoke(owner: OwnerRef, id: string): Promise<void>;
  list(owner: OwnerRef): Promise<readonly ApiKeyView[]>;
  /** Who holds a key that is right, whether it still counts or not; undefined for one that is wrong. */
  find(parts: KeyParts): Promise<ApiKeyHolder | undefined>;
  /** Remembers the use, once a minute; true when it did. */
  used(id: string): Promise<boolean>;
}

interface Row {
  id: string;
  tenant: string;
  issuer: string;
  user_id: string;
  name: string;
  hash: Buffer;
  roles: string[];
  scopes: string[];
  addresses: string[];
  created_at: Date;
  not_before: Date;
  expires_at: Date;
  last_used_at: Date | null;
  revoked_at: Date | null;
  replaced_by: string | null;
}

export interface ApiKeyStoreOptions {
  readonly store: Store;
  /** 32 bytes or more, not in the database. Several while one replaces another; new keys are made with the first. */
  readonly pepper: string | readonly string[];
  readonly clock?: Clock;
}

/** Needs `serverMigrations`. Throws `config_invalid` for a short pepper. */
export function apiKeyStore(options: ApiKeyStoreOptions): ApiKeyStore {
  const { store, clock = systemClock } = options;
  const peppers = [options.pepper].flat().map(pepperKey);
  const [pepper] = peppers;
  if (!pepper) throw new DeputizeError("config_invalid", "API keys need a `pepper`");
  const pool = () => store.pool("authority");
  const now = () => new Date(clock.nowMs());

  async function insert(tx: Tx, owner: OwnerRef, key: z.output<typeof NewKey>): Promise<IssuedApiKey> {
    const { tenant, person } = rowOwner(owner);
    const parts = { id: newId(clock), secret: newKeySecret() };
    const expires = new Date(clock.nowMs() + key.lifetimeSeconds * 1000);
    await tx.query(
      `INSERT INTO authn.api_keys (id, tenant, person, issuer, user_id, name, hash, roles, scopes, addresses, created_at, not_before, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12)`,
      [
        parts.id,
        tenant,
        person,
        owner.issuer,
        owner.userId,
        key.name,
        hashOf(pepper as KeyObject, parts),
        key.roles,
        key.scopes,
        key.addresses,
        now(),
        expires,
      ],
    );
    return { id: parts.id, key: keyText(parts), expires: expires.toISOString() };
  }

  return {
    async create(owner, input) {
      const read = NewKey.safeParse(input);
      if (!read.success)
        throw new DeputizeError("validation_failed", `an API key: ${z.prettifyError(read.error)}`);
      const { tenant, person } = rowOwner(owner);
      return store.transaction("authority", async (tx) => {
        // One is made at a time for who has any, so that the count holds. All are locked: which is the first changes with each new id.
        await tx.query(
          "SELECT 1 FROM authn.api_keys WHERE tenant = $1 AND person = $2 ORDER BY id FOR UPDATE",
          [tenant, person],
        );
        const { rows } = await tx.query<{ n: number }>(
          `SELECT count(*)::int AS n FROM authn.api_keys
           WHERE tenant = $1 AND person = $2 AND revoked_at IS NULL AND expires_at > $3`,
          [tenant, person, now()],
        );
        if ((rows[0]?.n ?? 0) >= MOST_KEYS)
          throw new DeputizeError("limit_exceeded", `a user has at most ${MOST_KEYS} keys; end one first`);
        return insert(tx, owner, read.data);
      });
    },

    async rotate(owner, id, { overlapSeconds = OVERLAP_SECONDS } = {}) {
      if (!(overlapSeconds >= 0 && overlapSeconds <= MOST_OVERLAP_SECONDS))
        throw new DeputizeError("invalid_request", "an overlap is 0 seconds to 7 days");
      const { tenant, person } = rowOwner(owner);
      return store.transaction("authority", async (tx) => {
        const { rows } = await tx.query<Row>(
          `SELECT * FROM authn.api_keys WHERE id = $1 AND tenant = $2 AND person = $3
             AND revoked_at IS NULL AND replaced_by IS NULL AND expires_at > $4 FOR UPDATE`,
          [id, tenant, person, now()],
        );
        const old = rows[0];
        if (!old) throw new DeputizeError("not_found", "no such key");
        const { name, roles, scopes, addresses } = old;
        const lifetimeSeconds = Math.round((old.expires_at.getTime() - old.created_at.getTime()) / 1000);
        const made = await insert(tx, owner, { name, roles, scopes, addresses, lifetimeSeconds });
        await tx.query(
          `UPDATE authn.api_keys SET replaced_by = $2, revoked_at = CASE WHEN $3 THEN $4::timestamptz END,
             expires_at = CASE WHEN $3 THEN expires_at ELSE least(expires_at, $5::timestamptz) END WHERE id = $1`,
          [id, made.id, overlapSeconds === 0, now(), new Date(clock.nowMs() + overlapSeconds * 1000)],
        );
        return made;
      });
    },

    async revoke(owner, id) {
      const { tenant, person } = rowOwner(owner);
      const { rowCount } = await pool().query(
        `UPDATE authn.api_keys SET revoked_at = coalesce(revoked_at, $4) WHERE id = $1 AND tenant = $2 AND person = $3`,
        [id, tenant, person, now()],
      );
      if (rowCount === 0) throw new DeputizeError("not_found", "no such key");
    },

    async list(owner) {
      const { tenant, person } = rowOwner(owner);
      const { rows } = await pool().query<Row>(
        "SELECT * FROM authn.api_keys WHERE tenant = $1 AND person = $2 ORDER BY created_at DESC, id DESC LIMIT 200",
        [tenant, person],
      );
      return rows.map(viewOf);
    },

    async find(parts) {
      const { rows } = await pool().query<Row>("SELECT * FROM authn.api_keys WHERE id = $1", [parts.id]);
      const [row] = rows;
      // The same work where there is no row, so that time does not tell which ids exist.
      const stored = row?.hash ?? Buffer.alloc(32);
      const right = peppers.map((one) => timingSafeEqual(hashOf(one, parts), stored)).includes(true);
      if (!row || !right) return undefined;
      const ms = clock.nowMs();
      const over = row.expires_at.getTime() <= ms || row.not_before.getTime() > ms;
      const state = row.revoked_at ? "revoked" : over ? "expired" : "live";
      return {
        id: row.id,
        issuer: row.issuer,
        userId: row.user_id,
        tenantId: row.tenant,
        name: row.name,
        roles: row.roles,
        scopes: row.scopes,
        state,
        expiresAt: row.expires_at.getTime() / 1000,
        allows: (address) => isWithin(row.addresses, address),
      };
    },

    async used(id) {
      const { rowCount } = await pool().query(
        `UPDATE authn.api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $3)`,
        [id, now(), new Date(clock.nowMs() - USED_STEP_MS)],
      );
      return rowCount === 1;
    },
  };
}

function pepperKey(pepper: string): KeyObject {
  if (Buffer.byteLength(pepper) < 32)
    throw new DeputizeError(
      "config_invalid",
      "`pepper` needs 32 bytes or more; make one with `openssl rand -hex 32`",
    );
  return createSecretKey(pepper, "utf8");
}

function hashOf(pepper: KeyObject, { id, secret }: KeyParts): Buffer {
  return createHmac("sha256", pepper).update(`dp_live:${id}:${secret}`).digest();
}

function viewOf(row: Row): ApiKeyView {
  const { id, name, roles, scopes, addresses } = row;
  return {
    id,
    name,
    roles,
    scopes,
    addresses,
    created: row.created_at.toISOString(),
    expires: row.expires_at.toISOString(),
    ...(row.last_used_at && { lastUsed: row.last_used_at.toISOString() }),
    ...(row.revoked_at && { revoked: row.revoked_at.toISOString() }),
    ...(row.replaced_by !== null && { replacedBy: row.replaced_by }),
  };
}

type Family = "ipv4" | "ipv6";

function networkOf(text: string): { address: string; bits: number; family: Family } | undefined {
  const [address = "", bits, ...rest] = text.split("/");
  const version = isIP(address);
  const most = version === 4 ? 32 : 128;
  if (
    version === 0 ||
    rest.length > 0 ||
    (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= most))
  )
    return undefined;
  return { address, bits: bits === undefined ? most : Number(bits), family: version === 4 ? "ipv4" : "ipv6" };
}

function isWithin(networks: readonly string[], address: string | undefined): boolean {
  if (networks.length === 0) return true;
  const plain = address?.replace(/^::ffff:(?=\d+\.)/i, "");
  const known = plain === undefined ? undefined : networkOf(plain);
  if (!known) return false;
  const list = new BlockList();
  for (const one of networks) {
    const network = networkOf(one);
    if (network) list.addSubnet(network.address, network.bits, network.family);
  }
  return list.check(known.address, known.family);
}
