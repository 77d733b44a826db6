/** The two databases behind one face: pools by login role, an owner for migrations, wake-ups, an end. */
import pg from "pg";
import { DeputizeError } from "@deputize/core";
import { EmbeddedDatabase } from "./embedded/database.ts";
import { EmbeddedPool } from "./embedded/pool.ts";
import { mapDatabaseError, sqlState } from "./errors.ts";
import type { Queryable } from "./queryable.ts";
import { LOGIN_ROLES, type LoginRole, type StoreSecrets, roleName } from "./roles.ts";
import { typeParsers } from "./types.ts";

export interface Backend {
  readonly kind: "embedded" | "postgres";
  pool(role: LoginRole): pg.Pool;
  /** Runs `work` on one connection of the owner. */
  asOwner<T>(work: (owner: Queryable) => Promise<T>): Promise<T>;
  /** Ends a statement that outlived its deadline where the server cannot, or undefined where it can. */
  readonly abort: (() => Promise<void>) | undefined;
  listen(channel: string, onWake: (payload: string) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

export async function embeddedBackend(
  dataDir: string | undefined,
  prefix: string,
  snapshot?: Blob,
): Promise<Backend> {
  const database = await EmbeddedDatabase.open(dataDir, snapshot);
  const pools = new Map(
    LOGIN_ROLES.map((role) => [
      role,
      new EmbeddedPool(database, roleName(prefix, role)) as unknown as pg.Pool,
    ]),
  );
  return {
    kind: "embedded",
    pool: (role) => pools.get(role) as pg.Pool,
    asOwner: async (work) => {
      const { client, release } = await database.borrow(undefined);
      try {
        return await work(client as unknown as Queryable);
      } finally {
        release();
      }
    },
    abort: database.survivesKill ? () => database.kill() : undefined,
    listen: (channel, onWake) => database.listen(channel, onWake),
    close: () => database.close(),
  };
}

/** Connections of one process to one Postgres; the rest of its slots belong to other replicas. */
const POOL_SIZES: Readonly<Record<LoginRole, number>> = {
  authority: 8,
  app: 10,
  sequencer: 2,
  sql: 2,
  workflow: 4,
};

export async function postgresBackend(url: string, prefix: string, secrets: StoreSecrets): Promise<Backend> {
  let address: URL;
  try {
    address = new URL(url);
  } catch (error) {
    throw new DeputizeError(
      "config_invalid",
      "DATABASE_URL is no URL; write postgres://user:password@host:port/database",
      {
        cause: error,
      },
    );
  }
  const connectionTimeoutMillis = 5_000;
  const pools = new Map(
    LOGIN_ROLES.map((role) => {
      const own = new URL(address);
      own.username = roleName(prefix, role);
      own.password = secrets.rolePasswords[role];
      const pool = new pg.Pool({
        connectionString: own.href,
        max: POOL_SIZES[role],
        // A connection that ran SQL of unknown origin is never used again [SR-01].
        ...(role === "sql" && { maxUses: 1 }),
        connectionTimeoutMillis,
        types: typeParsers,
        // A statement need not wait for the answer to the one before: what begins a transaction is sent with its first.
        pipeline: true,
        // Our statements are short; compiling one that the planner takes for a long one costs 100 ms. What is acknowledged is
        // flushed, whatever the server's default is (SR-21).
        options: "-c jit=off -c synchronous_commit=on",
        application_name: `deputize ${role}`,
      });
      pool.on("error", () => {}); // An idle connection died; the next borrower gets a fresh one.
      // A lent one that the server ends (its transaction sat idle past the deadline) says so as an event too; its
      // borrower's next statement is refused. Unheard, the event would end this process.
      pool.on("connect", (client) => client.on("error", () => {}));
      return [role, pool] as const;
    }),
  );
  const listeners: pg.Client[] = [];
  return {
    kind: "postgres",
    pool: (role) => pools.get(role) as pg.Pool,
    asOwner: async (work) => {
      const client = new pg.Client({ connectionString: url, connectionTimeoutMillis, types: typeParsers });
      client.on("error", () => {});
      try {
        await client.connect();
      } catch (error) {
        throw ownerFault(error, address);
      }
      try {
        return await work(client as unknown as Queryable);
      } finally {
        await client.end().catch(() => {});
      }
    },
    abort: undefined,
    listen: async (channel, onWake) => {
      const own = new URL(address);
      own.username = roleName(prefix, "authority");
      own.password = secrets.rolePasswords.authority;
      let stopped = false;
      let client: pg.Client | undefined;
      const connect = async (): Promise<void> => {
        const fresh = new pg.Client({ connectionString: own.href, connectionTimeoutMillis });
        client = fresh;
        listeners.push(fresh);
        fresh.on("notification", (n) => onWake(n.payload ?? ""));
        // A wake-up may be lost, so nobody depends on one; still, come back after the connection broke.
        fresh.on("error", () => {
          if (!stopped) setTimeout(() => void connect().catch(() => {}), 1_000).unref();
        });
        await fresh.connect();
        await fresh.query(`LISTEN ${fresh.escapeIdentifier(channel)}`);
      };
      await connect();
      return async () => {
        stopped = true;
        await client?.end().catch(() => {});
      };
    },
    close: async () => {
      await Promise.all([
        ...listeners.map((l) => l.end().catch(() => {})),
        ...[...pools.values()].map((p) => p.end()),
      ]);
    },
  };
}

function ownerFault(error: unknown, address: URL): unknown {
  const where = `${address.hostname}:${address.port || "5432"}`;
  if (sqlState(error)?.startsWith("28")) {
    return new DeputizeError(
      "config_invalid",
      `the database at ${where} refuses this user; check DATABASE_URL`,
      { cause: error },
    );
  }
  if (sqlState(error) === "3D000") {
    return new DeputizeError(
      "config_invalid",
      `the database at ${where} has no such database; create it or mend DATABASE_URL`,
      { cause: error },
    );
  }
  const mapped = mapDatabaseError(error);
  return mapped instanceof DeputizeError
    ? new DeputizeError(
        "unavailable",
        `no database answers at ${where}; start it or unset DATABASE_URL to use the embedded one`,
        { cause: error },
      )
    : mapped;
}
