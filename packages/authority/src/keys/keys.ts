/**
 * Which key signs, and which keys are published: `next` before it signs, `active` while it does, `retired` until
 * the last token that it signed has expired (overlap rotation).
 *
 * Guarantees: one active key in the whole installation (a unique index); a replica asks the database again
 * every few seconds, and stops signing when it cannot; a key is published before its first token and until after
 * its last. `voidAll` ends every token at once, as after a restore (SR-21).
 */
import { type Clock, DeputizeError } from "@deputize/core";
import { type PublicJwk, importJwkSet } from "@deputize/client";
import type { AuditLog } from "@deputize/audit";
import type { Queryable, Store } from "@deputize/store";
import type { KeyObject } from "node:crypto";
import { type PrivateJwk, type SigningKey, importSigningKey } from "./private-key.ts";

export interface Keys {
  /**
   * The key to sign with, as last read; reads again in the background, so that it never waits for a connection
   * inside somebody's transaction. Throws `unavailable` when this process does not hold it.
   */
  signer(): Promise<SigningKey>;
  /** Reads the keys' states now; call it after `rotate` or `voidAll` committed. */
  refresh(): Promise<void>;
  /** A published key by its id. */
  verifier(kid: string): Promise<KeyObject | undefined>;
  /** The published set (RFC 7517). */
  jwks(): Promise<{ readonly keys: readonly PublicJwk[] }>;
  /** Publishes a key from the secrets as the next one. */
  prepare(tx: Queryable, key: PrivateJwk): Promise<string>;
  /** The oldest `next` key signs from now on; the active one is retired with overlap. Throws `conflict` when none waits. */
  rotate(tx: Queryable): Promise<string>;
  /** Unpublishes every key but this new one, which signs from now on: all tokens are void. */
  voidAll(tx: Queryable, key: PrivateJwk): Promise<string>;
  /** Publishes the keys of the secrets; activates the first when none is active. Throws `config_invalid`. */
  start(): Promise<void>;
  close(): void;
}

/** How often a replica asks which key is active. Overlap covers the time between. */
const REREAD_MS = 5_000;

interface Row {
  kid: string;
  public_jwk: PublicJwk;
  state: "next" | "active" | "retired";
}

export function createKeys(options: {
  readonly store: Store;
  readonly clock: Clock;
  readonly audit: Pick<AuditLog, "record">;
  readonly privateKeys: readonly PrivateJwk[];
  readonly tenant: string;
  /** How long a retired key stays published: the longest token lifetime plus skew. */
  readonly overlapSeconds: number;
}): Keys {
  const { store, clock, audit } = options;
  const held = new Map<string, SigningKey>();
  for (const jwk of options.privateKeys) {
    const key = importSigningKey(jwk);
    held.set(key.kid, key);
  }
  let published:
    { readonly rows: readonly Row[]; readonly keys: Map<string, KeyObject>; readonly at: number } | undefined;
  let reading: Promise<void> | undefined;

  const iso = (offsetMs = 0): string => new Date(clock.nowMs() + offsetMs).toISOString();

  async function read(): Promise<void> {
    const at = clock.monotonicMs();
    const { rows } = await store.pool("authority").query<Row>(
      `SELECT kid, public_jwk, state FROM authority.signing_keys
       WHERE state <> 'retired' OR published_until > $1 ORDER BY created, kid`,
      [iso()],
    );
    published = { rows, keys: importJwkSet({ keys: rows.map((row) => row.public_jwk) }), at };
  }

  let timer: NodeJS.Timeout | undefined;

  function reread(): Promise<void> {
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return reading;
  }

  function isStale(): boolean {
    return !published || clock.monotonicMs() - published.at > REREAD_MS;
  }

  async function current(): Promise<NonNullable<typeof published>> {
    if (isStale()) await reread();
    if (!published) throw new DeputizeError("unavailable", "the signing keys cannot be read; try again");
    return published;
  }

  async function insert(tx: Queryable, key: SigningKey, state: "next" | "active"): Promise<boolean> {
    held.set(key.kid, key);
    const { rowCount } = await tx.query(
      `INSERT INTO authority.signing_keys (kid, public_jwk, state, created, activated_at)
       VALUES ($1, $2, $3, $4, $5) ON CONFLICT (kid) DO NOTHING`,
      [key.kid, JSON.stringify(key.publicJwk), state, iso(), state === "active" ? iso() : null],
    );
    return rowCount === 1;
  }

  async function retireActive(tx: Queryable, publishedUntil: string): Promise<void> {
    await tx.query(
      `UPDATE authority.signing_keys SET state = 'retired', retired_at = $1, published_until = $2 WHERE state = 'active'`,
      [iso(), publishedUntil],
    );
  }

  async function record(tx: Queryable, action: string, kid: string): Promise<void> {
    await audit.record(tx, {
      action,
      outcome: "allowed",
      tenant: options.tenant,
      resource: `signing_key:${kid}`,
    });
  }

  return {
    async signer() {
      if (published && isStale()) reread().catch(() => {});
      const { rows } = published ?? (await current());
      const active = rows.find((row) => row.state === "active");
      const key = active && held.get(active.kid);
      if (!key) {
        throw new DeputizeError("unavailable", "the active signing key is not among this process's secrets");
      }
      return key;
    },
    refresh: reread,
    async verifier(kid) {
      return (await current()).keys.get(kid);
    },
    async jwks() {
      return { keys: (await current()).rows.map((row) => row.public_jwk) };
    },
    async prepare(tx, jwk) {
      const key = importSigningKey(jwk);
      await insert(tx, key, "next");
      await record(tx, "signing_key.published", key.kid);
      return key.kid;
    },
    async rotate(tx) {
      const { rows } = await tx.query<{ kid: string }>(
        `SELECT kid FROM authority.signing_keys WHERE state = 'next' ORDER BY created, kid LIMIT 1 FOR UPDATE`,
      );
      const kid = rows[0]?.kid;
      if (kid === undefined) throw new DeputizeError("conflict", "publish the next signing key first");
      // Replicas may sign with the old key until they read again.
      await retireActive(tx, iso(options.overlapSeconds * 1000 + 2 * REREAD_MS));
      await tx.query(`UPDATE authority.signing_keys SET state = 'active', activated_at = $2 WHERE kid = $1`, [
        kid,
        iso(),
      ]);
      await record(tx, "signing_key.rotated", kid);
      return kid;
    },
    async voidAll(tx, jwk) {
      const key = importSigningKey(jwk);
      await tx.query(
        `UPDATE authority.signing_keys SET state = 'retired', retired_at = coalesce(retired_at, $1), published_until = $1`,
        [iso()],
      );
      if (!(await insert(tx, key, "active"))) {
        throw new DeputizeError("conflict", "a new start needs a new signing key");
      }
      await record(tx, "signing_key.all_void", key.kid);
      return key.kid;
    },
    async start() {
      await store.transaction("authority", async (tx) => {
        for (const key of held.values()) await insert(tx, key, "next");
        const { rows } = await tx.query<{ kid: string }>(
          `SELECT kid FROM authority.signing_keys WHERE state = 'active'`,
        );
        const active = rows[0]?.kid;
        if (active !== undefined && !held.has(active)) {
          throw new DeputizeError(
            "config_invalid",
            "the secrets lack the active signing key; restore the secrets file that belongs to this database",
          );
        }
        const first = options.privateKeys[0];
        if (active === undefined && !first) {
          throw new DeputizeError("config_invalid", "the secrets hold no signing key; generate one");
        }
        if (active === undefined && first) {
          const { kid } = importSigningKey(first);
          await tx.query(
            `UPDATE authority.signing_keys SET state = 'active', activated_at = $2 WHERE kid = $1 AND state = 'next'`,
            [kid, iso()],
          );
        }
      });
      await reread();
      timer ??= setInterval(() => void reread().catch(() => {}), REREAD_MS);
      timer.unref();
    },
    close: () => clearInterval(timer),
  };
}
