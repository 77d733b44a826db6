/**
 * Migrations: plain SQL files, applied once each, in order, in one transaction each, under a lock that
 * keeps two starting processes apart. An applied file may not change: its digest is kept and compared.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { DeputizeError } from "@deputize/core";
import type { Queryable } from "./queryable.ts";
import { LOGIN_ROLES, type StoreSecrets, roleName } from "./roles.ts";
import { type SealPads, sealPads } from "./seal.ts";

export interface MigrationSet {
  readonly name: string;
  /** The folder of `NNNN_name.sql` files, with a trailing slash. */
  readonly directory: URL;
}

export const storeMigrations: MigrationSet = {
  name: "store",
  directory: new URL("../migrations/", import.meta.url),
};

/** Any fixed number will do; it is ours by being written nowhere else. */
const MIGRATION_LOCK = 4_127_001;

function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

interface MigrationFile {
  readonly set: string;
  readonly file: string;
  readonly sql: string;
  readonly digest: string;
}

function readSet(set: MigrationSet): MigrationFile[] {
  return readdirSync(set.directory)
    .filter((file) => file.endsWith(".sql"))
    .toSorted()
    .map((file) => {
      if (!/^\d{4}_[a-z0-9_]+\.sql$/.test(file)) {
        throw new DeputizeError("config_invalid", `migration ${set.name}/${file} is not named NNNN_name.sql`);
      }
      const sql = readFileSync(new URL(file, set.directory), "utf8");
      return { set: set.name, file, sql, digest: createHash("sha256").update(sql).digest("hex") };
    });
}

/** A digest of the files of `sets` and of the store's own, in the order in which they are applied. */
export function digestOf(sets: readonly MigrationSet[]): string {
  const files = [storeMigrations, ...sets].flatMap(readSet);
  const hash = createHash("sha256");
  for (const { set, file, digest } of files) hash.update(`${set}/${file} ${digest}\n`);
  return hash.digest("hex");
}

export interface MigrateOptions {
  readonly sets: readonly MigrationSet[];
  readonly rolePrefix: string;
  readonly secrets: StoreSecrets;
}

/**
 * Brings the database of `owner` up to date: login roles, the seal key, and each file of each set not yet
 * applied. Returns the files applied. Throws `config_invalid` when an applied file has changed since, and before it
 * changes anything when the database was made with other secrets.
 */
export async function migrate(owner: Queryable, options: MigrateOptions): Promise<string[]> {
  const { rolePrefix, secrets } = options;
  await owner.query(`SELECT pg_advisory_lock(${MIGRATION_LOCK})`);
  try {
    const pads = sealPads(secrets.sealKey);
    await refuseOtherSecrets(owner, pads);
    await createRoles(owner, rolePrefix, secrets);
    await owner.query(`
      CREATE SCHEMA IF NOT EXISTS deputize;
      CREATE TABLE IF NOT EXISTS deputize.migrations (
        set_name text NOT NULL, file text NOT NULL, digest text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (set_name, file))`);
    const applied = await applyAll(owner, options);
    await owner.query(
      "INSERT INTO deputize.seal_key (inner_pad, outer_pad) VALUES ($1, $2) ON CONFLICT (only_row) DO NOTHING",
      [pads.inner, pads.outer],
    );
    return applied;
  } finally {
    await owner.query(`SELECT pg_advisory_unlock(${MIGRATION_LOCK})`);
  }
}

/** Another secrets file would take the passwords and the seal from the replicas that serve with the right one. */
async function refuseOtherSecrets(owner: Queryable, pads: SealPads): Promise<void> {
  const { rows } = await owner.query<{ there: boolean }>(
    "SELECT to_regclass('deputize.seal_key') IS NOT NULL AS there",
  );
  if (!rows[0]?.there) return;
  const kept = await owner.query<{ inner_pad: Uint8Array }>("SELECT inner_pad FROM deputize.seal_key");
  const key = kept.rows[0]?.inner_pad;
  if (key && !(key.byteLength === pads.inner.byteLength && timingSafeEqual(key, pads.inner))) {
    throw new DeputizeError(
      "config_invalid",
      "this database was made with another secrets file; name that one with DEPUTIZE_SECRETS_FILE or --data",
    );
  }
}

async function createRoles(owner: Queryable, prefix: string, secrets: StoreSecrets): Promise<void> {
  for (const role of LOGIN_ROLES) {
    const name = quoteIdentifier(roleName(prefix, role));
    const password = quoteLiteral(secrets.rolePasswords[role]);
    const abilities = "LOGIN NOINHERIT NOCREATEDB NOCREATEROLE";
    await owner.query(`
      DO $$ BEGIN
        CREATE ROLE ${name} ${abilities} PASSWORD ${password};
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        ALTER ROLE ${name} ${abilities} PASSWORD ${password};
      END $$`);
  }
  const { rows } = await owner.query<{ name: string }>("SELECT current_database() AS name");
  const database = quoteIdentifier(rows[0]?.name ?? "");
  for (const role of LOGIN_ROLES) {
    await owner.query(`GRANT CONNECT ON DATABASE ${database} TO ${quoteIdentifier(roleName(prefix, role))}`);
  }
}

async function applyAll(owner: Queryable, options: MigrateOptions): Promise<string[]> {
  const { rows } = await owner.query<{ set_name: string; file: string; digest: string }>(
    "SELECT set_name, file, digest FROM deputize.migrations",
  );
  const done = new Map(rows.map((r) => [`${r.set_name}/${r.file}`, r.digest]));
  const user = await owner.query<{ name: string }>("SELECT current_user AS name");
  const names: Record<string, string> = {
    owner: quoteIdentifier(user.rows[0]?.name ?? ""),
    ...Object.fromEntries(
      LOGIN_ROLES.map((role) => [role, quoteIdentifier(roleName(options.rolePrefix, role))]),
    ),
  };
  const applied: string[] = [];
  for (const migration of [storeMigrations, ...options.sets].flatMap(readSet)) {
    const key = `${migration.set}/${migration.file}`;
    const before = done.get(key);
    if (before === migration.digest) continue;
    if (before !== undefined) {
      throw new DeputizeError(
        "config_invalid",
        `migration ${key} changed after it was applied; add a new file instead`,
      );
    }
    const sql = migration.sql.replaceAll(/\{\{(\w+)\}\}/g, (whole, word: string) => names[word] ?? whole);
    await owner.query("BEGIN");
    try {
      await owner.query(sql);
      await owner.query("INSERT INTO deputize.migrations (set_name, file, digest) VALUES ($1, $2, $3)", [
        migration.set,
        migration.file,
        migration.digest,
      ]);
      await owner.query("COMMIT");
    } catch (error) {
      await owner.query("ROLLBACK");
      const said = error instanceof Error ? error.message : "unknown error";
      throw new DeputizeError("config_invalid", `migration ${key} failed: ${said}`, { cause: error });
    }
    applied.push(key);
  }
  return applied;
}
