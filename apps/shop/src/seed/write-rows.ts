/**
 * Writes the seed's rows in one transaction of the owner.
 *
 * Guarantees: all or nothing; a row of `shop.seed` written by the same transaction says that it was done, so a second
 * run writes nothing, also after people have changed what was seeded. Two runs at once: one of them waits and skips.
 */
import type { Queryable } from "@deputize/store";
import { type Row, SEED_TABLES, type SeedRows } from "./rows.ts";

/** Rows that travel as one parameter: big enough to be few, small enough to be kept in memory twice. */
const BATCH = 1_000;

/** True when the rows were written, false when they had been before. `owner` must be one connection. */
export async function writeRows(
  owner: Queryable,
  seed: () => SeedRows,
  seededAt: string,
  onTable: (table: string, rows: number) => void,
): Promise<boolean> {
  await owner.query("begin");
  try {
    const claimed = await owner.query(
      "insert into shop.seed (name, seeded_at) values ('demo', $1) on conflict (name) do nothing",
      [seededAt],
    );
    if (claimed.rowCount === 0) {
      await owner.query("rollback");
      return false;
    }
    const rows = seed();
    for (const table of SEED_TABLES) {
      for (let from = 0; from < rows[table].length; from += BATCH) {
        await insert(owner, table, rows[table].slice(from, from + BATCH));
      }
      onTable(table, rows[table].length);
    }
    await owner.query("commit");
    return true;
  } catch (error) {
    await owner.query("rollback");
    throw error;
  }
}

/** The database reads its own column types out of the JSON; generated columns are left to it. */
async function insert(owner: Queryable, table: string, rows: readonly Row[]): Promise<void> {
  const columns = Object.keys(rows[0] ?? {}).join(", ");
  await owner.query(
    `insert into shop.${table} (${columns})
     select ${columns} from jsonb_populate_recordset(null::shop.${table}, $1::jsonb)`,
    [JSON.stringify(rows)],
  );
}
