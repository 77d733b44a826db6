/**
 * The store: one Postgres dialect behind one interface, and the one place where a transaction becomes a
 * caller's.
 *
 * Guarantees: `asCaller` seals the caller in, so that row-level security decides by a MAC and not by a
 * setting [SR-02]; transactions are short and end at their deadline, at the server [SR-16]; it serves only
 * through login roles that row-level security binds.
 * Does not: retry. A caller that wants to repeat a transaction knows whether that is safe.
 */
import { drizzle } from "drizzle-orm/node-postgres";
import type pg from "pg";
import { type Caller, DeputizeError, isDeputizeError, telemetry } from "@deputize/core";
import { type Backend, embeddedBackend, postgresBackend } from "./backend.ts";
import { mapDatabaseError, sqlState } from "./errors.ts";
import { type MigrationSet, migrate } from "./migrate.ts";
import type { QueryResult, Queryable, Tx } from "./queryable.ts";
import { DEFAULT_ROLE_PREFIX, LOGIN_ROLES, type LoginRole, type StoreSecrets } from "./roles.ts";
import { seal, sealKey } from "./seal.ts";

export interface TransactionOptions {
  /** `true` refuses every write at the server. */
  readonly readOnly?: boolean;
  /** How long the transaction may live; 15 s unless told. */
  readonly deadlineMs?: number;
  /** Ends the transaction early; what it did is rolled back. */
  readonly signal?: AbortSignal;
}

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

const DEFAULT_DEADLINE_MS = 15_000;

/**
 * What a transaction could leave behind on its connection for the next caller: settings (a seal among them), cursors that
 * outlive a commit, prepared statements. Sent with the last statement, so it costs no trip [SR-17].
 */
const FORGET = "CLOSE ALL; DEALLOCATE ALL; RESET ALL";

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

  async function run<T>(
    role: LoginRole,
    begin: (client: pg.PoolClient, deadlineMs: number) => Promise<string>,
    work: (tx: Tx) => Promise<T>,
    options: TransactionOptions,
  ): Promise<T> {
    const deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS;
    let client: pg.PoolClient;
    try {
      client = await backend.pool(role).connect();
    } catch (error) {
      throw fault(error, "connect");
    }
    let open = true;
    let broken = false;
    let timer: NodeJS.Timeout | undefined;
    const tx = new Transaction(client, () => open);
    try {
      const out = new Promise<never>((_, reject) => {
        const end = (): void => {
          open = false;
          reject(new DeputizeError("timeout", "the transaction took too long; nothing was changed"));
        };
        timer = setTimeout(end, deadlineMs);
        if (options.signal?.aborted) end();
        else options.signal?.addEventListener("abort", end, { once: true });
      });
      out.catch(() => {});
      const inside = (async () => {
        await client.query(await begin(client, deadlineMs));
        const value = await work(tx);
        if (!open) throw new DeputizeError("timeout", "the transaction took too long; nothing was changed");
        open = false;
        clearTimeout(timer);
        await client.query(`COMMIT; ${FORGET}`);
        return value;
      })();
      inside.catch(() => {});
      return await Promise.race([inside, out]);
    } catch (error) {
      open = false;
      broken = !(await rollback(backend, client, tx.settled));
      throw fault(error, "transaction");
    } finally {
      clearTimeout(timer);
      client.release(broken);
    }
  }

  const limits = (ms: number): string =>
    `SET LOCAL statement_timeout = ${Math.ceil(ms)}; SET LOCAL idle_in_transaction_session_timeout = ${Math.ceil(ms)};`;

  const asCallerBegin =
    (caller: Caller, readOnly: boolean) =>
    async (client: pg.PoolClient, ms: number): Promise<string> => {
      const { payload, mac } = seal(key, caller, await backendPid(client));
      const enter = `SELECT deputize.enter(${literal(payload)}, '${mac}', ${Math.ceil(ms)})`;
      return readOnly
        ? `BEGIN READ ONLY; ${enter}`
        : `BEGIN READ WRITE; ${enter}; SELECT deputize.assert_live()`;
    };

  return {
    kind: backend.kind,
    pool: (role) => backend.pool(role),
    transaction: (role, work, options = {}) =>
      run(
        role,
        async (_, ms) => `BEGIN ${options.readOnly ? "READ ONLY" : "READ WRITE"}; ${limits(ms)}`,
        work,
        options,
      ),
    asCaller: (caller, work, options = {}) =>
      run("app", asCallerBegin(caller, options.readOnly ?? true), work, options),
    runUntrustedSql: (caller, statement, { maxRows = 200, deadlineMs = 3_000 } = {}) =>
      run(
        "sql",
        asCallerBegin(caller, true),
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

/** The error as callers see it. What is the database's own trouble, and no refusal, is counted. */
function fault(error: unknown, operation: "connect" | "transaction"): unknown {
  const mapped = mapDatabaseError(error);
  const own =
    mapped !== error && isDeputizeError(mapped) ? mapped.status >= 500 : sqlState(error) !== undefined;
  if (own) telemetry.count("db_errors", { operation });
  return mapped;
}

/** The server ends a late statement by its own timeout; the embedded one has to lose its thread. */
const PATIENCE_MS = 500;

/** Ends the transaction; false when the connection can no longer be trusted. */
async function rollback(
  backend: Backend,
  client: pg.PoolClient,
  running: Promise<unknown>,
): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), PATIENCE_MS);
  });
  const ended = running
    .then(() => client.query(`ROLLBACK; ${FORGET}`))
    .then(
      () => "done" as const,
      () => "broken" as const,
    );
  const outcome = await Promise.race([ended, late]);
  clearTimeout(timer);
  if (outcome === "late" && backend.abort) await backend.abort();
  return outcome === "done";
}

/** A payload as a SQL literal: ours is JSON that we made, quoted for the one message that opens a transaction. */
function literal(text: string): string {
  return text.includes("\\")
    ? ` E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`
    : `'${text.replaceAll("'", "''")}'`;
}

class Transaction implements Tx {
  readonly #client: pg.PoolClient;
  readonly #isOpen: () => boolean;
  #db: Tx["db"] | undefined;
  /** Resolves when no statement of this transaction runs any more. */
  settled: Promise<unknown> = Promise.resolve();

  constructor(client: pg.PoolClient, isOpen: () => boolean) {
    this.#client = client;
    this.#isOpen = isOpen;
  }

  async query<R>(text: string, params: readonly unknown[] = []): Promise<QueryResult<R>> {
    this.#refuseWhenEnded();
    return (await this.#track(this.#client.query(text, params as unknown[]))) as unknown as QueryResult<R>;
  }

  #track<T>(statement: Promise<T>): Promise<T> {
    this.settled = Promise.allSettled([this.settled, statement]);
    return statement;
  }

  get db(): Tx["db"] {
    // Drizzle calls `query` with a config object; the same gate stands before it.
    const gate = {
      query: (...args: [pg.QueryConfig, unknown[]?]) => {
        this.#refuseWhenEnded();
        return this.#track(this.#client.query(...args));
      },
    };
    this.#db ??= drizzle(gate as unknown as pg.PoolClient);
    return this.#db;
  }

  #refuseWhenEnded(): void {
    if (!this.#isOpen()) throw new DeputizeError("timeout", "the transaction has ended");
  }
}
