/**
 * Which key signs, and which keys are published: `next` before it signs, `active` while it does, `retired` until
 * the last token that it signed has expired (overlap rotation).
 *
 * Guarantees: one active key in the whole installation (a unique index); a replica asks the database again
 * every few seconds; a key is published before its first token and until after its last. `begin` makes a new key, and has
 * it sign once every replica and cache can know it. `voidAll` ends every token at once, as after a restore (SR-21).
 */
import { type Clock, DeputizeError, type PrincipalId } from "@deputize/core";
import { type PublicJwk, importJwkSet } from "@deputize/client";
import type { AuditLog } from "@deputize/audit";
import type { Queryable, Store } from "@deputize/store";
import type { KeyObject } from "node:crypto";
import { type PrivateJwk, type SigningKey, generateSigningKey, importSigningKey } from "./private-key.ts";

/** Where the private halves are kept, for all processes of the installation. */
export interface SigningKeyStore {
  load(): readonly PrivateJwk[];
  /** Adds a key and forgets those whose public halves (`x`) are in `retired`; flushed when it returns. */
  add(key: PrivateJwk, retired: ReadonlySet<string>): void;
}

/** A key as operators see it. Times in epoch milliseconds. */
export interface KeyView {
  readonly kid: string;
  readonly state: "next" | "active" | "retired";
  readonly createdAt: number;
  /** When it began to sign; for a next key, when it will. */
  readonly activatesAt?: number;
  readonly retiredAt?: number;
  /** Tokens that it signed verify until then. */
  readonly publishedUntil?: number;
}

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
  rotate(tx: Queryable, by?: PrincipalId): Promise<string>;
  /**
   * Begins a rotation: a new key is written to the key store, then published, and signs in `afterSeconds` by itself, in
   * whichever process looks first; at once for 0. A rotation that was begun before is moved to the new time instead, so
   * that asking twice makes one key. Throws `conflict` when this process cannot keep a new key, or does not hold the waiting one.
   */
  begin(tx: Queryable, afterSeconds: number, by?: PrincipalId): Promise<KeyView>;
  /** Every published key, oldest first. */
  list(): Promise<readonly KeyView[]>;
  /** Unpublishes every key but this new one, which signs from now on: all tokens are void. */
  voidAll(tx: Queryable, key: PrivateJwk): Promise<string>;
  /** Publishes the keys of the secrets; activates the first when none is active. Throws `config_invalid`. */
  start(): Promise<void>;
  close(): void;
}

/** How often a replica asks which key is active. Overlap covers the time between. */
const REREAD_MS = 5_000;

/** A rotation that nobody remembers is worse than none. */
const AFTER_SECONDS_MAX = 86_400;

interface Row {
  kid: string;
  public_jwk: PublicJwk;
  state: "next" | "active" | "retired";
  created: Date;
  activated_at: Date | null;
  retired_at: Date | null;
  published_until: Date | null;
}

function viewOf(row: Row): KeyView {
  return {
    kid: row.kid,
    state: row.state,
    createdAt: row.created.getTime(),
    ...(row.activated_at && { activatesAt: row.activated_at.getTime() }),
    ...(row.retired_at && { retiredAt: row.retired_at.getTime() }),
    ...(row.published_until && { publishedUntil: row.published_until.getTime() }),
  };
}

export function createKeys(options: {
  readonly store: Store;
  readonly clock: Clock;
  readonly audit: Pick<AuditLog, "record">;
  readonly privateKeys: readonly PrivateJwk[];
  readonly tenant: string;
  /** How long a retired key stays published: the longest token lifetime plus skew. */
  readonly overlapSeconds: number;
  /** Where new keys are kept; without it keys are made elsewhere and no rotation begins here. */
  readonly keyStore?: SigningKeyStore;
}): Keys {
  const { store, clock, audit } = options;
  const held = new Map<string, SigningKey>();
  hold(options.privateKeys);
  let published:
    { readonly rows: readonly Row[]; readonly keys: Map<string, KeyObject>; readonly at: number } | undefined;
  let reading: Promise<void> | undefined;

  const iso = (offsetMs = 0): string => new Date(clock.nowMs() + offsetMs).toISOString();

  function hold(keys: readonly PrivateJwk[]): void {
    for (const jwk of keys) {
      const key = importSigningKey(jwk);
      held.set(key.kid, key);
    }
  }

  async function read(): Promise<void> {
    const at = clock.monotonicMs();
    const { rows } = await store.pool("authority").query<Row>(
      `SELECT kid, public_jwk, state, created, activated_at, retired_at, published_until FROM authority.signing_keys
       WHERE state <> 'retired' OR published_until > $1 ORDER BY created, kid`,
      [iso()],
    );
    published = { rows, keys: importJwkSet({ keys: rows.map((row) => row.public_jwk) }), at };
    // Another process made a key: its private half is where all of us look.
    if (options.keyStore && rows.some(({ kid, state }) => state !== "retired" && !held.has(kid))) {
      try {
        hold(options.keyStore.load());
      } catch {
        // Verifying goes on without private halves; `signer` refuses when it lacks the one it needs.
      }
    }
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

  async function record(tx: Queryable, action: string, kid: string, by?: PrincipalId): Promise<void> {
    await audit.record(tx, {
      action,
      outcome: "allowed",
      tenant: options.tenant,
      ...(by && { subject: by }),
      resource: `signing_key:${kid}`,
    });
  }

  /** Rotations wait for one another here. */
  async function lockActive(tx: Queryable): Promise<void> {
    await tx.query(`SELECT FROM authority.signing_keys WHERE state = 'active' FOR UPDATE`);
  }

  async function activate(tx: Queryable, by?: PrincipalId): Promise<string> {
    await lockActive(tx);
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
    await record(tx, "signing_key.rotated", kid, by);
    return kid;
  }

  /** A new key: first on the disk, then published. What a crash leaves in between is a key that nobody knows. */
  async function make(tx: Queryable, by?: PrincipalId): Promise<string> {
    if (!options.keyStore) {
      throw new DeputizeError(
        "conflict",
        "this server cannot keep new keys; add one to its secrets file and restart it",
      );
    }
    const retired = await tx.query<{ x: string }>(
      `SELECT public_jwk ->> 'x' AS x FROM authority.signing_keys WHERE state = 'retired' AND retired_at < $1`,
      [iso(-2 * REREAD_MS)],
    );
    const jwk = generateSigningKey();
    options.keyStore.add(jwk, new Set(retired.rows.map((row) => row.x)));
    const key = importSigningKey(jwk);
    await insert(tx, key, "next");
    await record(tx, "signing_key.published", key.kid, by);
    return key.kid;
  }

  /** Activates a next key whose time has come; the processes that look at the same time wait for one another. */
  async function activateDue(): Promise<void> {
    const isDue = (row: Pick<Row, "state" | "activated_at">): boolean =>
      row.state === "next" && row.activated_at !== null && row.activated_at.getTime() <= clock.nowMs();
    const due = published?.rows.find(isDue);
    if (!due || !held.has(due.kid)) return;
    await store.transaction("authority", async (tx) => {
      await lockActive(tx);
      const { rows } = await tx.query<Row>(`SELECT * FROM authority.signing_keys WHERE kid = $1`, [due.kid]);
      if (rows[0] && isDue(rows[0])) await activate(tx);
    });
    await reread();
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
    rotate: activate,
    async begin(tx, afterSeconds, by) {
      if (!Number.isInteger(afterSeconds) || afterSeconds < 0 || afterSeconds > AFTER_SECONDS_MAX) {
        throw new DeputizeError("invalid_request", `a rotation waits 0 to ${AFTER_SECONDS_MAX} seconds`);
      }
      await lockActive(tx);
      const { rows } = await tx.query<{ kid: string }>(
        `SELECT kid FROM authority.signing_keys WHERE state = 'next' ORDER BY created, kid LIMIT 1`,
      );
      const kid = rows[0]?.kid ?? (await make(tx, by));
      if (!held.has(kid)) hold(options.keyStore?.load() ?? []);
      if (!held.has(kid)) {
        // To let it sign would leave this process unable to, and perhaps all.
        throw new DeputizeError(
          "conflict",
          "the waiting signing key is not among this server's secrets; ask the server that made it",
        );
      }
      if (afterSeconds === 0) await activate(tx, by);
      else {
        await tx.query(`UPDATE authority.signing_keys SET activated_at = $2 WHERE kid = $1`, [
          kid,
          iso(afterSeconds * 1000),
        ]);
      }
      const made = await tx.query<Row>(`SELECT * FROM authority.signing_keys WHERE kid = $1`, [kid]);
      if (!made.rows[0]) throw new DeputizeError("internal", "the new signing key is not there");
      return viewOf(made.rows[0]);
    },
    async list() {
      await reread();
      return (await current()).rows.map(viewOf);
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
      await activateDue();
      // A failed round is made up for by the next.
      timer ??= setInterval(
        () =>
          void reread()
            .then(activateDue)
            .catch(() => {}),
        REREAD_MS,
      );
      timer.unref();
    },
    close: () => clearInterval(timer),
  };
}
