import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { EmbeddedDatabase } from "./embedded/database.ts";
import type { MigrationSet } from "./migrate.ts";
import { EMBEDDED_PREFIX, migratedSnapshot, snapshotFile } from "./snapshot.ts";

const folder = mkdtempSync(join(tmpdir(), "deputize-snapshot-"));
const sets: MigrationSet[] = [{ name: "snapshot", directory: pathToFileURL(`${folder}/`) }];
const write = (column: string): void =>
  writeFileSync(
    join(folder, "0001_first.sql"),
    `CREATE SCHEMA mine; CREATE TABLE mine.list (${column} int); GRANT SELECT ON mine.list TO {{app}}`,
  );
const made = new Set<string>();
const snapshot = (): Promise<Blob> => {
  made.add(snapshotFile(sets));
  return migratedSnapshot(sets);
};

afterAll(() => {
  for (const file of made) rmSync(file, { force: true });
  rmSync(folder, { recursive: true });
});

describe("a migrated snapshot", { timeout: 120_000 }, () => {
  it("holds what the migrations made and no key, is whole whoever makes it at once, and goes when they change", async () => {
    write("a");
    await Promise.all([snapshot(), snapshot()]);
    const first = snapshotFile(sets);
    const database = await EmbeddedDatabase.open(undefined, await snapshot());
    const found = await database.ownerQuery(
      `SELECT (SELECT string_agg(attname, ',') FROM pg_attribute WHERE attrelid = 'mine.list'::regclass AND attnum > 0) AS columns,
         has_table_privilege('${EMBEDDED_PREFIX}_app', 'mine.list', 'SELECT') AS granted,
         (SELECT count(*)::int FROM deputize.seal_key) AS keys`,
    );
    await database.close();
    expect(found.rows).toEqual([{ columns: "a", granted: true, keys: 0 }]);

    write("b");
    await snapshot();
    expect(snapshotFile(sets)).not.toBe(first);
    expect([existsSync(first), existsSync(snapshotFile(sets))]).toEqual([false, true]);
  });

  it("opens though another process, whose migrations differ, removed its file meanwhile", async () => {
    write("c");
    const ours = await snapshot();
    rmSync(snapshotFile(sets));
    const database = await EmbeddedDatabase.open(undefined, ours);
    const { rows } = await database.ownerQuery("SELECT c FROM mine.list");
    await database.close();
    expect(rows).toEqual([]);
  });
});
