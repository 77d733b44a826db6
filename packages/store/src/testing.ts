/**
 * For tests: a store of its own for each caller, embedded unless DEPUTIZE_TEST_DATABASE_URL names a server.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type PgTable, getTableConfig } from "drizzle-orm/pg-core";
import pg from "pg";
import { randomHex } from "@deputize/core";
import { type Backend, embeddedBackend, postgresBackend } from "./backend.ts";
import { type Ephemeral, openEphemeral } from "./ephemeral.ts";
import { type MigrationSet, migrate } from "./migrate.ts";
import type { QueryResult, Queryable } from "./queryable.ts";
import { LOGIN_ROLES, type LoginRole, type StoreSecrets, generateStoreSecrets, roleName } from "./roles.ts";
import { type Store, serve } from "./store.ts";

export interface TestStore extends Store {
  /** A query as the owner, whom nothing binds. */
  ownerQuery<R = Record<string, unknown>>(text: string, params?: readonly unknown[]): Promise<QueryResult<R>>;
  asOwner<T>(work: (owner: Queryable) => Promise<T>): Promise<T>;
  roleName(role: LoginRole): string;
  /** A second store over the same database, as another process would have. */
  sibling(): Promise<Store>;
  readonly url: string | undefined;
  readonly secrets: StoreSecrets;
}

/** An empty database, kept so that each test file need not run initdb. */
const SNAPSHOT = fileURLToPath(
  new URL("../../../node_modules/.cache/deputize/pglite-0.5.14.tar", import.meta.url),
);

/** The server the tests run against, when one was named. */
export const testDatabaseUrl: string | undefined = process.env["DEPUTIZE_TEST_DATABASE_URL"] || undefined;

/** Opens a fresh database with `sets` applied. `onDisk` keeps the embedded one in a folder. */
export async function openTestStore(
  sets: readonly MigrationSet[],
  options: { onDisk?: boolean } = {},
): Promise<TestStore> {
  const secrets = generateStoreSecrets();
  const id = `t_${randomHex(6)}`;
  let backend: Backend;
  let url: string | undefined;
  let cleanup = async (): Promise<void> => {};
  if (testDatabaseUrl === undefined) {
    const dataDir = options.onDisk ? mkdtempSync(join(tmpdir(), "deputize-")) : undefined;
    backend = await embeddedBackend(dataDir, id, SNAPSHOT);
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
