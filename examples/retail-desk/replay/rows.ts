/**
 * The desk's rows as a replay looks at them, as the database's owner: what changed, and back to the beginning.
 *
 * Guarantees: a print covers every row of every table of the desk, so that nothing changes unseen.
 */
import type { PrincipalId } from "@deputize/core";
import type { TestStore } from "@deputize/store/testing";
import { principalOf } from "../data/load.ts";

const PRIVATE = ["customers", "payment_methods", "orders", "order_items", "order_payments"] as const;
const PUBLIC = ["products", "variants"] as const;

/** By customer's principal, and under `catalogue` for what everybody sees. */
export type Print = ReadonlyMap<string, string>;

export interface DeskRows {
  print(): Promise<Print>;
  /** A customer's own record and orders, as they stand. */
  of(userId: string): Promise<{ readonly user: unknown; readonly orders: readonly unknown[] }>;
  /** Puts a customer's rows back to what they were at the beginning. */
  restore(userId: string): Promise<void>;
}

/** Keeps a copy of the rows as they are now. */
export async function watchRows(store: TestStore): Promise<DeskRows> {
  await store.ownerQuery("CREATE SCHEMA retail_start");
  for (const table of PRIVATE)
    await store.ownerQuery(`CREATE TABLE retail_start.${table} AS SELECT * FROM retail.${table}`);
  // 64 bits of each row, joined in any order: rows are told apart by their keys, so none cancels another.
  const rowsOf = (table: string, owner: string) =>
    `SELECT ${owner} AS owner, hashtextextended('${table}' || t::text, 0) AS row FROM retail.${table} t`;
  const everything = [
    ...PRIVATE.map((table) => rowsOf(table, "t.owner::text")),
    ...PUBLIC.map((table) => rowsOf(table, "'catalogue'")),
  ].join(" UNION ALL ");
  return {
    async print() {
      const { rows } = await store.ownerQuery<{ owner: string; print: string }>(
        `SELECT owner, count(*) || ':' || bit_xor(row) AS print FROM (${everything}) a GROUP BY owner`,
      );
      return new Map(rows.map(({ owner, print }) => [owner, print]));
    },
    async of(userId) {
      const { rows } = await store.ownerQuery<{ user: unknown; orders: unknown[] }>(
        `SELECT retail.customer_record($1) AS user,
           (SELECT coalesce(jsonb_agg(retail.order_record(o.order_id) ORDER BY o.place), '[]')
            FROM retail.orders o WHERE o.owner = $2) AS orders`,
        [userId, principalOf(userId)],
      );
      return rows[0] ?? { user: null, orders: [] };
    },
    async restore(userId) {
      const owner: PrincipalId = principalOf(userId);
      await store.asOwner(async (db) => {
        await db.query("BEGIN");
        for (const table of PRIVATE.toReversed())
          await db.query(`DELETE FROM retail.${table} WHERE owner = $1`, [owner]);
        for (const table of PRIVATE)
          await db.query(`INSERT INTO retail.${table} SELECT * FROM retail_start.${table} WHERE owner = $1`, [
            owner,
          ]);
        await db.query("COMMIT");
      });
    },
  };
}

/** Whose rows differ between two prints. */
export function changedOwners(before: Print, after: Print): string[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter(
    (key) => before.get(key) !== after.get(key),
  );
}
