/**
 * For tests: embedded databases that are migrated already, each kept in a file, so that a test file which opens a store
 * pays for reading that file and not for initdb and every migration.
 *
 * Guarantees: a snapshot's name is the digest of all that shaped it (the migrations, the code that applies them, the
 * database's version), so none outlives a change; a file is whole or absent, whoever makes it at once, and it is read
 * at the moment it is found: another process, whose migrations differ, may remove it right after.
 * Does not: hold a secret that serves. `migrate` runs over the opened copy as at any second start: it sets the roles'
 * passwords and the seal key anew.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { EmbeddedDatabase } from "./embedded/database.ts";
import { type MigrationSet, digestOf, migrate } from "./migrate.ts";
import type { Queryable } from "./queryable.ts";
import { generateStoreSecrets } from "./roles.ts";

const CACHE = new URL("../../../node_modules/.cache/deputize/", import.meta.url);

/** One prefix for the roles of every embedded database of a test: each is alone with its roles. */
export const EMBEDDED_PREFIX = "t_embedded";

/** What shapes a snapshot beside the migrations. */
const SHAPED_BY = ["./snapshot.ts", "./migrate.ts", "./roles.ts", "./embedded/worker.ts", "../package.json"];

/** Where the snapshot of `sets` is kept. */
export function snapshotFile(sets: readonly MigrationSet[]): string {
  return fileURLToPath(new URL(nameOf(sets).name, CACHE));
}

/** A database with `sets` applied under `EMBEDDED_PREFIX`, made when it is missing. Holds no seal key. */
export async function migratedSnapshot(sets: readonly MigrationSet[]): Promise<Blob> {
  const { family, name } = nameOf(sets);
  const file = snapshotFile(sets);
  const found = wholeOf(file);
  if (found) return found;
  mkdirSync(CACHE, { recursive: true });
  let made: Blob;
  const database = await EmbeddedDatabase.open(
    undefined,
    sets.length === 0 ? undefined : await migratedSnapshot([]),
  );
  try {
    const { client, release } = await database.borrow(undefined);
    try {
      const owner = client as unknown as Queryable;
      await migrate(owner, { sets, rolePrefix: EMBEDDED_PREFIX, secrets: generateStoreSecrets() });
      await owner.query("DELETE FROM deputize.seal_key");
      // Nobody makes databases from templates here; without them there is a third less to read.
      await owner.query("UPDATE pg_database SET datistemplate = false");
      await owner.query("DROP DATABASE IF EXISTS template0");
      await owner.query("DROP DATABASE IF EXISTS template1");
      await owner.query("CHECKPOINT");
    } finally {
      release();
    }
    const draft = `${file}.${randomUUID()}`;
    await database.dump(draft);
    made = new Blob([readFileSync(draft)]);
    renameSync(draft, file);
  } finally {
    await database.close();
  }
  for (const old of readdirSync(CACHE)) {
    if (old.startsWith(family) && old.endsWith(".tar") && old !== name)
      rmSync(new URL(old, CACHE), { force: true });
  }
  return made;
}

function wholeOf(file: string): Blob | undefined {
  try {
    return new Blob([readFileSync(file)]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** `family` stands for the sets wherever their content goes; what it had before is removed. */
function nameOf(sets: readonly MigrationSet[]): { family: string; name: string } {
  const hash = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 20);
  const places = sets.map((s) => `${s.name} ${s.directory.href}`);
  const family = `migrated-${hash(places.join("\n"))}-`;
  const sources = SHAPED_BY.map((path) => readFileSync(new URL(path, import.meta.url), "utf8"));
  return { family, name: `${family}${hash([digestOf(sets), ...sources].join("\n"))}.tar` };
}
