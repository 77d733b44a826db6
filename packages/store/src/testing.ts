/**
 * For tests: a store of its own for each caller, embedded unless DEPUTIZE_TEST_DATABASE_URL names a server.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type PgTable, getTableConfig } from "drizzle-orm/pg-core";
import pg from "pg";
import { randomHex } from "@deputize/core";
import { type Backend, embeddedBackend, postgresBackend } from "./backend.ts";
import { type Ephemeral, openEphemeral } from "./ephemeral.ts";
import { type MigrationSet, migrate } from "./migrate.ts";
import type { QueryResult, Queryable } from "./queryable.ts";
import { LOGIN_ROLES, type LoginRole, type StoreSecrets, generateStoreSecrets, roleName } from "./roles.ts";
import { EMBEDDED_PREFIX, migratedSnapshot } from "./snapshot.ts";
import { type Store, serve } from "./store.ts";

export interface TestStore extends Store {
  /** A query as the owner, whom nothing binds. */
  ownerQuery<R = Record<string, unknown>>(text: string, params?: readonly unknown[]): Promise<QueryResult<R>>;
  asOwner<T>(work: (owner: Queryable) => Promise<T>): Promise<T>;
  roleName(role: LoginRole): string;
  /** Remembers every row of now. The function it gives back takes the database there again, for the next test of a file. */
  mark(): Promise<() => Promise<void>>;
  /** A second store over the same database, as another process would have. */
  sibling(): Promise<Store>;
  readonly url: string | undefined;
  readonly secrets: StoreSecrets;
}

/** The server the tests run against, when one was named. */
export const testDatabaseUrl: string | undefined = process.env["DEPUTIZE_TEST_DATABASE_URL"] || undefined;

/**
 * Opens a fresh database with `sets` applied. The embedded one starts from a snapshot where they are, unless `onDisk`
 * keeps it in a folder: that one is migrated from nothing.
 */
export async function openTestStore(
  sets: readonly MigrationSet[],
  options: { onDisk?: boolean } = {},
): Promise<TestStore> {
  const secrets = generateStoreSecrets();
  const id = testDatabaseUrl === undefined ? EMBEDDED_PREFIX : `t_${randomHex(6)}`;
  let backend: Backend;
  let url: string | undefined;
  let cleanup = async (): Promise<void> => {};
  if (testDatabaseUrl === undefined) {
    const dataDir = options.onDisk ? mkdtempSync(join(tmpdir(), "deputize-")) : undefined;
    backend = await embeddedBackend(dataDir, id, dataDir ? undefined : await migratedSnapshot(sets));
    cleanup = async () => {
      if (dataDir) rmSync(dataDir, { recursive: true, force: true });
    };
  } else {
    await withServer(testDatabaseUrl, async (server) => {
      await server.query(`CREATE DATABASE ${id}`);
    });
    const own = new URL(testDatabaseUrl);
    own.pathname = `/${id}`;
    url = own.href;
    backend = await postgresBackend(url, id, secrets);
    cleanup = () =>
      withServer(testDatabaseUrl, async (server) => {
        await server.query(`DROP DATABASE IF EXISTS ${id} WITH (FORCE)`);
        for (const role of LOGIN_ROLES) await server.query(`DROP ROLE IF EXISTS ${roleName(id, role)}`);
      });
  }
  await backend.asOwner((owner) => migrate(owner, { sets, rolePrefix: id, secrets }));
  const store = serve(backend, secrets);
  const siblings: Backend[] = [];
  return {
    ...store,
    url,
    secrets,
    roleName: (role) => roleName(id, role),
    ownerQuery: (text, params = []) => backend.asOwner((owner) => owner.query(text, params)),
    asOwner: (work) => backend.asOwner(work),
    mark: () =>
      backend.asOwner(async (owner) => {
        const back = await rowsOfNow(owner);
        return () => backend.asOwner(async (again) => void (await again.query(back)));
      }),
    sibling: async () => {
      if (url === undefined) return serve(backend, secrets);
      const other = await postgresBackend(url, id, secrets);
      siblings.push(other);
      return serve(other, secrets);
    },
    close: async () => {
      await Promise.all(siblings.map((s) => s.close()));
      await backend.close();
      await cleanup();
    },
  };
}

/**
 * The statements, one transaction, that bring back the rows of now. Rows are deleted one table after another without triggers or
 * foreign keys: to truncate costs a new file for each table.
 */
async function rowsOfNow(owner: Queryable): Promise<string> {
  const tables = await owner.query<{ name: string; columns: string }>(
    `SELECT c.oid::regclass::text AS name, string_agg(quote_ident(a.attname), ',' ORDER BY a.attnum) AS columns
     FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
     WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)' GROUP BY c.oid`,
  );
  const sequences = await owner.query<{ reset: string }>(
    `SELECT format('SELECT setval(%L, %s, %L)', format('%I.%I', schemaname, sequencename),
       coalesce(last_value, start_value), last_value IS NOT NULL) AS reset FROM pg_sequences`,
  );
  const back = ["SET LOCAL session_replication_role = replica"];
  for (const { name, columns } of tables.rows) {
    back.push(`DELETE FROM ${name}`);
    const { rows } = await owner.query<{ kept: string | null }>(
      `SELECT jsonb_agg(to_jsonb(t))::text AS kept FROM ${name} t`,
    );
    const kept = rows[0]?.kept;
    if (kept) {
      back.push(
        `INSERT INTO ${name} (${columns}) OVERRIDING SYSTEM VALUE
         SELECT ${columns} FROM jsonb_populate_recordset(NULL::${name}, ${pg.escapeLiteral(kept)})`,
      );
    }
  }
  return [...back, ...sequences.rows.map(({ reset }) => reset)].join(";\n");
}

async function withServer(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

/** An ephemeral store: Redis when DEPUTIZE_TEST_REDIS_URL is set. */
export function openTestEphemeral(): Promise<Ephemeral> {
  const redisUrl = process.env["DEPUTIZE_TEST_REDIS_URL"] || undefined;
  return openEphemeral(redisUrl === undefined ? {} : { redisUrl });
}

/** Keys of its own, so that tests which share a Redis do not share budgets. */
export function namespaced(ephemeral: Ephemeral, name: string): Ephemeral {
  const own = (key: string): string => `${name}:${key}`;
  return {
    kind: ephemeral.kind,
    get: (key) => ephemeral.get(own(key)),
    set: (key, value, ttlMs) => ephemeral.set(own(key), value, ttlMs),
    setIfAbsent: (key, value, ttlMs) => ephemeral.setIfAbsent(own(key), value, ttlMs),
    delete: (key) => ephemeral.delete(own(key)),
    setInGroup: (group, key, value, ttlMs) => ephemeral.setInGroup(own(group), own(key), value, ttlMs),
    deleteGroup: (group) => ephemeral.deleteGroup(own(group)),
    rateLimiter: (options) => ephemeral.rateLimiter({ ...options, name: own(options.name) }),
    slidingWindow: (options) => ephemeral.slidingWindow({ ...options, name: own(options.name) }),
    tokenBucket: (options) => ephemeral.tokenBucket({ ...options, name: own(options.name) }),
    windowCounter: (options) => ephemeral.windowCounter({ ...options, name: own(options.name) }),
    publish: (channel, message) => ephemeral.publish(own(channel), message),
    subscribe: (channel, onMessage) => ephemeral.subscribe(own(channel), onMessage),
    close: () => ephemeral.close(),
  };
}

/** Throws when a drizzle table and the database disagree about a column's name or its being nullable. */
export async function expectSchemaMatches(store: TestStore, tables: readonly PgTable[]): Promise<void> {
  for (const table of tables) {
    const config = getTableConfig(table);
    const { rows } = await store.ownerQuery<{ name: string; nullable: boolean }>(
      `SELECT column_name AS name, is_nullable = 'YES' AS nullable FROM information_schema.columns
       WHERE table_schema = $1 AND table_name = $2 ORDER BY column_name`,
      [config.schema ?? "public", config.name],
    );
    const inDatabase = rows.map((r) => `${r.name}${r.nullable ? "?" : ""}`);
    const inCode = config.columns.map((c) => `${c.name}${c.notNull || c.primary ? "" : "?"}`).toSorted();
    if (JSON.stringify(inDatabase.toSorted()) !== JSON.stringify(inCode)) {
      throw new Error(
        `${config.schema}.${config.name}: database has ${inDatabase.join()}, code has ${inCode.join()}`,
      );
    }
  }
}
