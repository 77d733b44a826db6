/**
 * The store: one Postgres dialect behind one interface, and the one place where a transaction becomes a
 * caller's.
 *
 * Guarantees: `asCaller` seals the caller in, so that row-level security decides by a MAC and not by a
 * setting [SR-02]; transactions are short (transaction.ts); it serves only through login roles that row-level
 * security binds.
 * Does not: retry. A caller that wants to repeat a transaction knows whether that is safe.
 */
import type pg from "pg";
import { type Caller, DeputizeError } from "@deputize/core";
import { type Backend, embeddedBackend, postgresBackend } from "./backend.ts";
import { type MigrationSet, migrate } from "./migrate.ts";
import type { Queryable, Tx } from "./queryable.ts";
import { DEFAULT_ROLE_PREFIX, LOGIN_ROLES, type LoginRole, type StoreSecrets } from "./roles.ts";
import { seal, sealKey } from "./seal.ts";
import { type TransactionOptions, runTransaction } from "./transaction.ts";

export type { TransactionOptions };

export interface Store {
  /** For `/health` only: no code asks which database it is. */
  readonly kind: "embedded" | "postgres";
  pool(role: LoginRole): pg.Pool;
  /** A transaction of a login role, writing unless told. */
  transaction<T>(role: LoginRole, work: (tx: Tx) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /**
   * A transaction as `caller`, reading unless `readOnly: false`. A writing one share-locks the caller's grants
   * and principals until it commits, and throws `grant_revoked` when one of them is dead [SR-13].
   */
  asCaller<T>(caller: Caller, work: (tx: Tx) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** Runs one SELECT that nobody vouches for, as `caller`, on a connection that is thrown away [SR-01]. */
  runUntrustedSql(
    caller: Caller,
    statement: string,
    options?: { maxRows?: number; deadlineMs?: number },
  ): Promise<unknown[]>;
  /** Wakes on a NOTIFY. A wake-up may be lost; nothing may depend on one. */
  listen(channel: string, onWake: (payload: string) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

export interface OpenStoreOptions {
  /** `postgres://…` of the owner, used to migrate. Without it the embedded database opens. */
  readonly url?: string;
  /** The embedded database's folder; in memory without one. */
  readonly dataDir?: string;
  readonly secrets: StoreSecrets;
  readonly rolePrefix?: string;
  readonly migrations: readonly MigrationSet[];
  /** Runs as the owner after migrating: seeds go here. */
  readonly prepare?: (owner: Queryable) => Promise<void>;
}

/**
 * Opens, migrates and prepares the database, and returns the serving side of it. Throws `config_invalid` or
 * `unavailable` with the fix in the message.
 */
export async function openStore(options: OpenStoreOptions): Promise<Store> {
  const backend = await openBackend(options);
  try {
    await backend.asOwner(async (owner) => {
      await migrate(owner, {
        sets: options.migrations,
        rolePrefix: options.rolePrefix ?? DEFAULT_ROLE_PREFIX,
        secrets: options.secrets,
      });
      await options.prepare?.(owner);
    });
    for (const role of LOGIN_ROLES) await refusePowerfulRole(backend.pool(role));
  } catch (error) {
    await backend.close();
    throw error;
  }
  return serve(backend, options.secrets);
}

function openBackend(
  options: Pick<OpenStoreOptions, "url" | "dataDir" | "secrets" | "rolePrefix">,
): Promise<Backend> {
  const prefix = options.rolePrefix ?? DEFAULT_ROLE_PREFIX;
  return options.url === undefined
    ? embeddedBackend(options.dataDir, prefix)
    : postgresBackend(options.url, prefix, options.secrets);
}

/** Row-level security does not bind superusers and BYPASSRLS roles, so we never serve as one. */
async function refusePowerfulRole(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query<{ name: string; powerful: boolean; member: boolean }>(
    `SELECT r.rolname AS name, r.rolsuper OR r.rolbypassrls AS powerful,
       EXISTS (SELECT 1 FROM pg_catalog.pg_auth_members m WHERE m.member = r.oid) AS member
     FROM pg_catalog.pg_roles r WHERE r.rolname = current_user`,
  );
  const role = rows[0];
  if (!role || role.powerful || role.member) {
    throw new DeputizeError(
      "config_invalid",
      `the login role ${role?.name ?? "?"} is a superuser, bypasses row-level security or is a member of another role; take that from it`,
    );
  }
}

export function serve(backend: Backend, secrets: StoreSecrets): Store {
  const pids = new WeakMap<object, number>();
  const key = sealKey(secrets.sealKey);

  async function backendPid(client: pg.PoolClient): Promise<number> {
    const known = pids.get(client);
    if (known !== undefined) return known;
    const { rows } = await client.query<{ pid: number }>("SELECT pg_catalog.pg_backend_pid() AS pid");
    const pid = rows[0]?.pid ?? 0;
    pids.set(client, pid);
    return pid;
  }

  /**
   * The server's own limits on a transaction, in milliseconds; 0 is none. The embedded one has a single session: a server
   * that ends a session for being idle would end the database. There `run` alone keeps the time.
   */
  const serverLimit = (ms: number): number => (backend.kind === "embedded" ? 0 : Math.ceil(ms));
  const limits = (ms: number): string =>
    `SET LOCAL statement_timeout = ${serverLimit(ms)}; SET LOCAL idle_in_transaction_session_timeout = ${serverLimit(ms)};`;

  const enterAs =
    (caller: Caller, readOnly: boolean) =>
    async (client: pg.PoolClient, ms: number): Promise<string> => {
      const { payload, mac } = seal(key, caller, await backendPid(client));
      const enter = `SELECT deputize.enter(${literal(payload)}, '${mac}', ${serverLimit(ms)})`;
      return readOnly
        ? `BEGIN READ ONLY; ${enter}`
        : `BEGIN READ WRITE; ${enter}; SELECT deputize.assert_live()`;
    };

  return {
    kind: backend.kind,
    pool: (role) => backend.pool(role),
    transaction: (role, work, { readOnly = false, ...options } = {}) => {
      const message = (_: unknown, ms: number): string =>
        `BEGIN ${readOnly ? "READ ONLY" : "READ WRITE"}; ${limits(ms)}`;
      return runTransaction(backend, role, { message, readOnly, asksFirst: false }, work, options);
    },
    asCaller: (caller, work, { readOnly = true, ...options } = {}) => {
      const message = enterAs(caller, readOnly);
      return runTransaction(backend, "app", { message, readOnly, asksFirst: !readOnly }, work, options);
    },
    runUntrustedSql: (caller, statement, { maxRows = 200, deadlineMs = 3_000 } = {}) =>
      runTransaction(
        backend,
        "sql",
        { message: enterAs(caller, true), readOnly: true, asksFirst: true },
        async (tx) => {
          const { rows } = await tx.query<{ found: unknown }>(
            "SELECT found FROM deputize.run_untrusted_sql($1, $2) AS found",
            [statement, maxRows],
          );
          return rows.map((r) => r.found);
        },
        { deadlineMs },
      ),
    listen: (channel, onWake) => backend.listen(channel, onWake),
    close: () => backend.close(),
  };
}

/** A payload as a SQL literal: ours is JSON that we made, quoted for the one message that opens a transaction. */
function literal(text: string): string {
  return text.includes("\\")
    ? ` E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`
    : `'${text.replaceAll("'", "''")}'`;
}
