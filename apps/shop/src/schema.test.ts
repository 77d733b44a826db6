import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestStore, expectSchemaMatches, openTestStore } from "@deputize/store/testing";
import { COLUMN_WRITERS, isUntrusted } from "./domain/column-writers.ts";
import { shopMigrations } from "./migrations.ts";
import { SHOP_TABLES } from "./schema.ts";

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore([shopMigrations]);
});
afterAll(() => store.close());

describe("the shop's schema", () => {
  it("is what schema.ts says", async () => {
    await expectSchemaMatches(store, SHOP_TABLES);
    const { rows } = await store.ownerQuery<{ n: number }>(
      "select count(*)::int n from information_schema.tables where table_schema = 'shop'",
    );
    expect(rows[0]?.n).toBe(SHOP_TABLES.length);
  });

  it("forces row-level security on every table", async () => {
    const { rows } = await store.ownerQuery(
      `select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = 'shop' and c.relkind = 'r' and not (c.relrowsecurity and c.relforcerowsecurity)`,
    );
    expect(rows).toEqual([]);
  });

  it("declares who writes each column of text [SR-07]", async () => {
    const { rows } = await store.ownerQuery<{ table: string; column: string }>(
      `select table_name as table, column_name as column from information_schema.columns
       where table_schema = 'shop' and data_type in ('text', 'jsonb', 'ARRAY') and column_name <> 'tenant'`,
    );
    const inDatabase = rows.map((r) => `${r.table}.${r.column}`).toSorted();
    const declared = Object.entries(COLUMN_WRITERS).flatMap(([t, cs]) =>
      Object.keys(cs).map((c) => `${t}.${c}`),
    );
    expect(declared.toSorted()).toEqual(inDatabase);
    expect(isUntrusted("reviews", "body")).toBe(true);
    expect(isUntrusted("reviews", "no_such_column")).toBe(true);
    expect(isUntrusted("orders", "status")).toBe(false);
  });

  it("lets a private row refer to private rows only by a key that holds the owner [SR-23]", async () => {
    // Every foreign key between two tables with an owner names the owner on both sides.
    const { rows } = await store.ownerQuery<{ name: string }>(
      `select c.conname as name from pg_constraint c
       where c.contype = 'f' and c.connamespace = 'shop'::regnamespace
         and exists (select 1 from pg_attribute a where a.attrelid = c.confrelid and a.attname in ('user_id', 'principal_id'))
         and c.confrelid <> 'shop.reviews'::regclass
         and not exists (
           select 1 from pg_attribute a where a.attrelid = c.conrelid and a.attname = 'user_id' and a.attnum = any (c.conkey)
         )`,
    );
    expect(rows).toEqual([]);
  });

  it("pins the search path of every function that runs as its owner [SR-17]", async () => {
    const { rows } = await store.ownerQuery<{ proname: string }>(
      `select p.proname from pg_proc p where p.pronamespace = 'shop'::regnamespace
       and not coalesce(p.proconfig @> array['search_path=pg_catalog, pg_temp'], false)`,
    );
    expect(rows).toEqual([]);
  });
});
