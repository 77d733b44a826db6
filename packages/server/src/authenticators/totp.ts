/**
 * Second factors by time-based codes (RFC 6238), and what strengthened which sign-in.
 *
 * Guarantees: the secret is encrypted (AES-256-GCM) under a key that is not in the database and bound to its user, and stands in no token; a code
 * counts one step early or late, and once: the step is raised by compare-and-set (AF-D25). After five wrong tries in a row nothing counts for fifteen
 * minutes, however many are sent at one moment. Recovery codes are kept as keyed hashes, and each counts once. A strengthened sign-in is
 * that of one token id, and ends with it.
 * Does not: check the first factor. Whoever is shown here was accepted already (step-up.ts).
 */
import {
  type KeyObject,
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  hkdfSync,
  randomBytes,
} from "node:crypto";
import { Secret, TOTP } from "otpauth";
import { type Clock, DeputizeError, nowSeconds, systemClock } from "@deputize/core";
import type { Store, Tx } from "@deputize/store";
import type { Identity } from "./authenticator.ts";
import { type OwnerRef, type RowOwner, rowOwner } from "./owner.ts";

const PERIOD = 30;
const SECRET_BYTES = 20;
const MOST_FAILURES = 5;
const LOCK_SECONDS = 15 * 60;
const RECOVERY_CODES = 10;
/** A strengthened sign-in whose token names no end. */
const STEP_UP_SECONDS = 12 * 3600;
const MOST_PRUNED = 100;

export interface Enrolment {
  /** For a QR code: `otpauth://totp/…`. Shown once. */
  readonly uri: string;
  /** The same secret in base32, for typing. */
  readonly secret: string;
}

export type ProofResult =
  | { readonly ok: true }
  /** Wrong, used before, or nothing to compare with. */
  | { readonly ok: false; readonly locked: false }
  | { readonly ok: false; readonly locked: true; readonly retryAfterSeconds: number };

/** What strengthened a sign-in, and when. */
export interface StepUp {
  readonly amr: readonly string[];
  /** Epoch seconds. */
  readonly authTime: number;
}

export interface SecondFactors {
  /** Makes a secret for a user, who confirms it by a code. Throws `conflict` when one is in use. `account` is shown in their app. */
  enrol(owner: OwnerRef, account: string): Promise<Enrolment>;
  /** Takes the secret into use; answers ten recovery codes, shown once. Undefined: the code was wrong. Throws `not_found`. */
  confirm(owner: OwnerRef, code: string): Promise<readonly string[] | undefined>;
  /** Proves the second factor, by a code or a recovery code, and strengthens the sign-in of this identity. */
  prove(identity: Identity, code: string): Promise<ProofResult>;
  /** Strengthens it by another factor that was checked elsewhere, such as a passkey (`hwk`). Throws `invalid_request` without a token id. */
  strengthen(identity: Identity, amr: readonly string[]): Promise<void>;
  /** What strengthened this sign-in, if anything did. */
  stepUpOf(identity: Identity): Promise<StepUp | undefined>;
  /** True when the user has one in use. */
  enrolled(owner: OwnerRef): Promise<boolean>;
  /** Takes the second factor away, with its recovery codes and what it strengthened. */
  remove(owner: OwnerRef): Promise<void>;
}

export interface SecondFactorOptions {
  readonly store: Store;
  /** 32 bytes or more, not in the database. Several while one replaces another; new secrets are kept under the first. */
  readonly key: string | readonly string[];
  /** The name that people see in their app. */
  readonly issuer: string;
  readonly clock?: Clock;
}

interface FactorRow {
  secret: Buffer;
  confirmed_at: Date | null;
  failures: number;
  locked_until: Date | null;
}

/** Needs `serverMigrations`. Throws `config_invalid` for a short key. */
export function secondFactors(options: SecondFactorOptions): SecondFactors {
  const { store, issuer, clock = systemClock } = options;
  const keys = [options.key].flat().map(factorKeys);
  const [first] = keys;
  if (!first || !issuer)
    throw new DeputizeError("config_invalid", "second factors need a `key` and an `issuer`");
  const now = () => new Date(clock.nowMs());

  async function factorOf(tx: Tx, { tenant, person }: RowOwner): Promise<FactorRow | undefined> {
    const { rows } = await tx.query<FactorRow>(
      "SELECT secret, confirmed_at, failures, locked_until FROM authn.totp WHERE tenant = $1 AND person = $2 FOR UPDATE",
      [tenant, person],
    );
    return rows[0];
  }

  /** True when the code is of a step near now that was not taken before. */
  async function takeCode(tx: Tx, owner: RowOwner, row: FactorRow, code: string): Promise<boolean> {
    const totp = new TOTP({
      secret: new Secret({ buffer: opened(keys, owner, row.secret).buffer as ArrayBuffer }),
      period: PERIOD,
    });
    const delta = /^\d{6}$/.test(code)
      ? totp.validate({ token: code, timestamp: clock.nowMs(), window: 1 })
      : null;
    if (delta === null) return false;
    const step = Math.floor(nowSeconds(clock) / PERIOD) + delta;
    const { rowCount } = await tx.query(
      "UPDATE authn.totp SET last_step = $3 WHERE tenant = $1 AND person = $2 AND last_step < $3",
      [owner.tenant, owner.person, step],
    );
    return rowCount === 1;
  }

  async function takeRecoveryCode(tx: Tx, owner: RowOwner, code: string): Promise<boolean> {
    const plain = code.toUpperCase().replace(/[\s-]/g, "");
    if (!/^[A-Z2-7]{16}$/.test(plain)) return false;
    const { rowCount } = await tx.query(
      `UPDATE authn.recovery_codes SET used_at = $4
       WHERE tenant = $1 AND person = $2 AND hash = ANY ($3) AND used_at IS NULL`,
      [owner.tenant, owner.person, keys.map((one) => recoveryHash(one, owner, plain)), now()],
    );
    return rowCount === 1;
  }

  /** One try at a time for a user: the row is held until it is counted. */
  async function attempt(
    tx: Tx,
    owner: RowOwner,
    row: FactorRow,
    take: () => Promise<boolean>,
  ): Promise<ProofResult> {
    const lockedMs = (row.locked_until?.getTime() ?? 0) - clock.nowMs();
    if (lockedMs > 0) return { ok: false, locked: true, retryAfterSeconds: Math.ceil(lockedMs / 1000) };
    const right = await take();
    const failures = right ? 0 : row.failures + 1;
    const locks = failures >= MOST_FAILURES;
    await tx.query(
      "UPDATE authn.totp SET failures = $3, locked_until = $4 WHERE tenant = $1 AND person = $2",
      [
        owner.tenant,
        owner.person,
        locks ? 0 : failures,
        locks ? new Date(clock.nowMs() + LOCK_SECONDS * 1000) : null,
      ],
    );
    if (right) return { ok: true };
    return locks
      ? { ok: false, locked: true, retryAfterSeconds: LOCK_SECONDS }
      : { ok: false, locked: false };
  }

  async function record(tx: Tx, identity: Identity, amr: readonly string[]): Promise<void> {
    const { tenant, person } = rowOwner(identity);
    const ends = identity.expiresAt ?? nowSeconds(clock) + STEP_UP_SECONDS;
    await tx.query(
      `DELETE FROM authn.step_ups WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM authn.step_ups WHERE expires_at <= $1 ORDER BY expires_at LIMIT ${MOST_PRUNED} FOR UPDATE SKIP LOCKED))`,
      [now()],
    );
    await tx.query(
      `INSERT INTO authn.step_ups (tenant, person, session, amr, auth_time, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (tenant, person, session) DO UPDATE
         SET amr = excluded.amr, auth_time = excluded.auth_time, expires_at = excluded.expires_at`,
      [tenant, person, sessionOf(identity), amr, now(), new Date(ends * 1000)],
    );
  }

  return {
    async enrol(owner, account) {
      if (!account || account.length > 128)
        throw new DeputizeError("invalid_request", "an account is named by 1 to 128 characters");
      const mine = rowOwner(owner);
      const secret = randomBytes(SECRET_BYTES);
      const { rowCount } = await store.pool("authority").query(
        `INSERT INTO authn.totp (tenant, person, secret, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant, person) DO UPDATE SET secret = excluded.secret, created_at = excluded.created_at
           WHERE totp.confirmed_at IS NULL`,
        [mine.tenant, mine.person, sealed(first, mine, secret), now()],
      );
      if (rowCount !== 1) throw new DeputizeError("conflict", "a second factor is in use; remove it first");
      const shown = new Secret({ buffer: new Uint8Array(secret).buffer });
      const totp = new TOTP({ issuer, label: account, secret: shown, period: PERIOD });
      return { uri: totp.toString(), secret: shown.base32 };
    },

    async confirm(owner, code) {
      const mine = rowOwner(owner);
      return store.transaction("authority", async (tx) => {
        const row = await factorOf(tx, mine);
        if (!row || row.confirmed_at) throw new DeputizeError("not_found", "there is no secret to confirm");
        const { ok } = await attempt(tx, mine, row, () => takeCode(tx, mine, row, code));
        if (!ok) return undefined;
        await tx.query("UPDATE authn.totp SET confirmed_at = $3 WHERE tenant = $1 AND person = $2", [
          mine.tenant,
          mine.person,
          now(),
        ]);
        const codes = Array.from({ length: RECOVERY_CODES }, () => new Secret({ size: 10 }).base32);
        await tx.query(
          "INSERT INTO authn.recovery_codes (tenant, person, hash) SELECT $1, $2, unnest($3::bytea[])",
          [mine.tenant, mine.person, codes.map((one) => recoveryHash(first, mine, one))],
        );
        return codes.map((one) => one.match(/.{4}/g)?.join("-") ?? one);
      });
    },

    async prove(identity, code) {
      sessionOf(identity);
      const mine = rowOwner(identity);
      return store.transaction("authority", async (tx) => {
        const row = await factorOf(tx, mine);
        if (!row?.confirmed_at) return { ok: false, locked: false } as const;
        const result = await attempt(
          tx,
          mine,
          row,
          async () => (await takeCode(tx, mine, row, code)) || (await takeRecoveryCode(tx, mine, code)),
        );
        if (result.ok) await record(tx, identity, ["otp", "mfa"]);
        return result;
      });
    },

    async strengthen(identity, amr) {
      await store.transaction("authority", (tx) => record(tx, identity, amr));
    },

    async stepUpOf(identity) {
      if (identity.tokenId === undefined) return undefined;
      const { tenant, person } = rowOwner(identity);
      const { rows } = await store
        .pool("authority")
        .query<{ amr: string[]; auth_time: Date }>(
          "SELECT amr, auth_time FROM authn.step_ups WHERE tenant = $1 AND person = $2 AND session = $3 AND expires_at > $4",
          [tenant, person, sessionOf(identity), now()],
        );
      return rows[0] && { amr: rows[0].amr, authTime: Math.floor(rows[0].auth_time.getTime() / 1000) };
    },

    async enrolled(owner) {
      const { tenant, person } = rowOwner(owner);
      const { rows } = await store
        .pool("authority")
        .query("SELECT 1 FROM authn.totp WHERE tenant = $1 AND person = $2 AND confirmed_at IS NOT NULL", [
          tenant,
          person,
        ]);
      return rows.length === 1;
    },

    async remove(owner) {
      const { tenant, person } = rowOwner(owner);
      await store.transaction("authority", async (tx) => {
        for (const table of ["recovery_codes", "step_ups", "totp"])
          await tx.query(`DELETE FROM authn.${table} WHERE tenant = $1 AND person = $2`, [tenant, person]);
      });
    },
  };
}

/** What names a sign-in: its token's id. */
function sessionOf({ tokenId, issuer }: Identity): Buffer {
  if (tokenId === undefined)
    throw new DeputizeError(
      "invalid_request",
      "a sign-in without a token id cannot be strengthened; put a `jti` into tokens",
    );
  return createHash("sha256")
    .update(JSON.stringify([issuer, tokenId]))
    .digest();
}

interface FactorKeys {
  readonly seal: KeyObject;
  readonly recovery: KeyObject;
}

function factorKeys(root: string): FactorKeys {
  if (Buffer.byteLength(root) < 32)
    throw new DeputizeError(
      "config_invalid",
      "second factors need a `key` of 32 bytes or more; make one with `openssl rand -hex 32`",
    );
  const derive = (use: string) =>
    createSecretKey(Buffer.from(hkdfSync("sha256", root, "", `deputize:authn:${use}`, 32)));
  return { seal: derive("totp"), recovery: derive("recovery") };
}

const NONCE = 12;
const TAG = 16;
const boundTo = ({ tenant, person }: RowOwner) => Buffer.from(JSON.stringify([tenant, person]));

function sealed({ seal }: FactorKeys, owner: RowOwner, secret: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv("aes-256-gcm", seal, nonce).setAAD(boundTo(owner));
  return Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
}

/** Throws `config_invalid` when it was sealed under none of the keys, or for somebody else. */
function opened(keys: readonly FactorKeys[], owner: RowOwner, box: Buffer): Uint8Array {
  for (const { seal } of keys) {
    const cipher = createDecipheriv("aes-256-gcm", seal, box.subarray(0, NONCE), { authTagLength: TAG })
      .setAAD(boundTo(owner))
      .setAuthTag(box.subarray(-TAG));
    try {
      return new Uint8Array(Buffer.concat([cipher.update(box.subarray(NONCE, -TAG)), cipher.final()]));
    } catch {
      // Of another key, or another user's row.
    }
  }
  throw new DeputizeError("config_invalid", "a second factor was kept under a key that is not among these");
}

function recoveryHash({ recovery }: FactorKeys, { tenant, person }: RowOwner, code: string): Buffer {
  return createHmac("sha256", recovery)
    .update(JSON.stringify([tenant, person, code]))
    .digest();
}
