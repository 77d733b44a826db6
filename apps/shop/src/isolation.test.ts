import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sqlState } from "@deputize/store";
import { type TestShop, callerFor, idOf, openTestShop } from "./testing/test-shop.ts";

let shop: TestShop;
/** Tables with somebody's rows, and the column that says whose. */
let owned: { table: string; column: string }[];
let columns: { table: string; column: string; type: string }[];

const MONEY =
  "sum(total)::int8, sum(subtotal)::int8, sum(shipping)::int8, string_agg(status, ',' order by id)";

beforeAll(async () => {
  shop = await openTestShop();
  columns = (
    await shop.store.ownerQuery<{ table: string; column: string; type: string }>(
      `select table_name as table, column_name as column, data_type as type from information_schema.columns
       where table_schema = 'shop' order by 1, 2`,
    )
  ).rows;
  owned = columns.filter((c) => c.column === "user_id" || c.column === "principal_id");
});
afterAll(() => shop.close());

/** Runs one statement as the app role; says what came of it, and leaves nothing behind. */
async function attempt(
  mailbox: string,
  statement: string,
  params: unknown[] = [],
  readOnly = false,
): Promise<string> {
  try {
    return await shop.store.asCaller(
      callerFor(mailbox),
      async (tx) => {
        const { rowCount } = await tx.query(statement, params);
        return `rows ${rowCount}`;
      },
      { readOnly },
    );
  } catch (error) {
    return sqlState(error) ?? (error instanceof Error ? error.message : "thrown");
  }
}

describe("rows of another person", () => {
  it("do not exist in any table for raw SQL as the app role [SH-F06]", async () => {
    expect(owned.length).toBeGreaterThanOrEqual(12);
    for (const { table, column } of owned) {
      if (table === "reviews") continue; // Public; its writer is hidden, see below.
      const others = await shop.store.asCaller(callerFor("alice.johnson"), async (tx) => {
        const { rows } = await tx.query<{ n: number }>(
          `select count(*)::int as n from shop.${table} where ${column} <> $1`,
          [idOf("alice.johnson")],
        );
        return rows[0]?.n;
      });
      expect([table, others]).toEqual([table, 0]);
    }
  });

  it("are there, so that the test above could fail", async () => {
    const { rows } = await shop.store.ownerQuery<{ n: number }>(
      "select count(*)::int as n from shop.orders where user_id <> $1",
      [idOf("alice.johnson")],
    );
    expect(rows[0]?.n).toBe(176);
    const own = await shop.store.asCaller(callerFor("alice.johnson"), (tx) =>
      tx.query<{ n: number }>("select count(*)::int as n from shop.orders"),
    );
    expect(own.rows[0]?.n).toBe(24);
  });

  it("do not exist without a caller, and the catalogue does", async () => {
    for (const { table } of owned.filter((o) => o.table !== "reviews")) {
      const { rows } = await shop.store.transaction("app", (tx) => tx.query(`select 1 from shop.${table}`));
      expect([table, rows.length]).toEqual([table, 0]);
    }
    const products = await shop.store.transaction("app", (tx) => tx.query("select 1 from shop.products"));
    expect(products.rows).toHaveLength(50);
  });

  it("do not exist for an administrator without a case [SR-04]", async () => {
    const { rows } = await shop.store.asCaller(callerFor("admin.demo"), (tx) =>
      tx.query("select 1 from shop.orders where user_id <> $1", [idOf("admin.demo")]),
    );
    expect(rows).toEqual([]);
  });

  it("do not exist in another tenant, whoever the subject is", async () => {
    const { rows } = await shop.store.asCaller(callerFor("alice.johnson", { tenant: "elsewhere" }), (tx) =>
      tx.query("select 1 from shop.orders"),
    );
    expect(rows).toEqual([]);
  });

  it("do not appear by setting what the policies read [SR-02]", async () => {
    for (const setting of ["deputize.seal", "app.user_id", "request.jwt.claims", "role"]) {
      const { rows } = await shop.store
        .asCaller(callerFor("alice.johnson"), async (tx) => {
          await tx.query("select set_config($1, $2, true)", [setting, idOf("bob.smith")]);
          return tx.query("select 1 from shop.orders where user_id = $1", [idOf("bob.smith")]);
        })
        .catch(() => ({ rows: [] }));
      expect([setting, rows]).toEqual([setting, []]);
    }
  });

  it("are not betrayed by reviews: the writer's id cannot be selected", async () => {
    expect(await attempt("alice.johnson", "select user_id from shop.reviews")).toBe("42501");
    expect(await attempt("alice.johnson", "select author_name from shop.reviews limit 1")).toBe("rows 1");
  });

  it("hide with an inactive product, and so does what hangs from it [SH-D48]", async () => {
    const counts = async () =>
      Promise.all(
        ["products", "price_history", "warehouse_inventory", "reviews"].map(
          async (t) =>
            (await shop.store.transaction("app", (tx) => tx.query(`select 1 from shop.${t}`))).rows.length,
        ),
      );
    expect(await counts()).toEqual([50, 4500, 150, 500]);
    await shop.store.ownerQuery("update shop.products set is_active = false where slug = 'jbl-charge-5'");
    const hidden = await counts();
    await shop.store.ownerQuery("update shop.products set is_active = true where slug = 'jbl-charge-5'");
    expect(hidden.slice(0, 3)).toEqual([49, 4410, 147]);
    expect(hidden[3]).toBeLessThan(500);
  });
});

describe("hostile SQL of the app role", () => {
  it("writes no column of any table, by any command [SR-03]", async () => {
    const before = await shop.store.ownerQuery(`select ${MONEY} from shop.orders`);
    const outcomes = new Set<string>();
    for (const { table, column } of columns) {
      if (column === "search") continue; // Generated: refused for everybody, before privileges are asked.
      outcomes.add(await attempt("alice.johnson", `update shop.${table} set ${column} = ${column}`));
    }
    for (const table of new Set(columns.map((c) => c.table))) {
      outcomes.add(await attempt("alice.johnson", `delete from shop.${table}`));
      outcomes.add(await attempt("alice.johnson", `insert into shop.${table} default values`));
      outcomes.add(await attempt("alice.johnson", `truncate shop.${table} cascade`));
      outcomes.add(await attempt("alice.johnson", `select 1 from shop.${table} for update`));
    }
    for (const ddl of [
      "alter table shop.orders disable row level security",
      "drop policy own_or_case on shop.orders",
      "create table shop.orders2 (id int)",
      "alter function shop.cancel_order(uuid, text, integer) security invoker",
      "create or replace function shop.catalogue_tenant() returns text language sql as 'select 1'",
    ]) {
      outcomes.add(await attempt("alice.johnson", ddl));
    }
    expect([...outcomes]).toEqual(["42501"]);
    // Granting what one does not hold is a warning in Postgres, and grants nothing.
    await attempt("alice.johnson", "grant update on shop.orders to current_user");
    expect(await attempt("alice.johnson", "update shop.orders set total = 0")).toBe("42501");
    expect((await shop.store.ownerQuery(`select ${MONEY} from shop.orders`)).rows).toEqual(before.rows);
  });

  it("learns nothing from constraints: existing and absent things are refused alike [SR-23]", async () => {
    const { rows: foreign } = await shop.store.ownerQuery<{ id: string; user_id: string }>(
      "select id, user_id from shop.orders where user_id <> $1 limit 1",
      [idOf("alice.johnson")],
    );
    const { rows: constraints } = await shop.store.ownerQuery<{ table: string; columns: string[] }>(
      `select c.conrelid::regclass::text as table, array(
         select a.attname::text from unnest(c.conkey) k join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k) as columns
       from pg_constraint c where c.connamespace = 'shop'::regnamespace and c.contype in ('p', 'u', 'f')`,
    );
    expect(constraints.length).toBeGreaterThan(50);
    for (const { table, columns: keys } of constraints) {
      const insert = `insert into ${table} (${keys.join(", ")}) select ${keys.join(", ")} from ${table} limit 1`;
      const absent = `insert into ${table} (${keys.join(", ")}) values (${keys.map(() => "null").join(", ")})`;
      expect([table, await attempt("alice.johnson", insert)]).toEqual([
        table,
        await attempt("alice.johnson", absent),
      ]);
    }
    const missing = "00000000-0000-4000-8000-000000000000";
    const asked = async (id: string) =>
      shop.store.asCaller(
        callerFor("alice.johnson"),
        async (tx) =>
          (await tx.query("select shop.cancel_order($1, 'x', 1) as r, shop.order_version($1) as v", [id]))
            .rows,
        { readOnly: false },
      );
    expect(await asked(foreign[0]!.id)).toEqual(await asked(missing));
  });

  it("cannot cancel in a reading transaction, nor without a caller", async () => {
    const { rows } = await shop.store.ownerQuery<{ id: string }>(
      "select id from shop.orders where user_id = $1 and status = 'confirmed' limit 1",
      [idOf("alice.johnson")],
    );
    const call = `select shop.cancel_order('${rows[0]!.id}', 'x', 2)`;
    expect(await attempt("alice.johnson", call, [], true)).toBe("25006");
    await expect(shop.store.transaction("app", (tx) => tx.query(call))).rejects.toThrow();
    const after = await shop.store.ownerQuery("select status from shop.orders where id = $1", [rows[0]!.id]);
    expect(after.rows).toEqual([{ status: "confirmed" }]);
  });
});
