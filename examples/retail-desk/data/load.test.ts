/** Loading a desk's file: all of it or nothing, and the bad record by its name. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { deskMigrations } from "../desk.ts";
import { FIXTURE, textOf } from "../fixture.ts";
import { jsonRecords } from "./json-records.ts";
import { loadDesk } from "./load.ts";

async function* inChunks(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
}

async function recordsOf(chunks: AsyncIterable<string>): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const record of jsonRecords(chunks)) found.push(record);
  return found;
}

describe("jsonRecords", () => {
  const text = JSON.stringify({ a: { 'k"{': { x: ["},", '\\"'] }, n: 1 }, b: {}, c: { last: null } }, null, 1);

  it.each([1, 2, 3, 7, 1000])("reads the same records in chunks of %d", async (size) => {
    expect(await recordsOf(inChunks(text, size))).toEqual([
      { section: "a", key: 'k"{', value: { x: ["},", '\\"'] } },
      { section: "a", key: "n", value: 1 },
      { section: "c", key: "last", value: null },
    ]);
  });

  it.each([
    "",
    "[]",
    "{",
    '{"a":{"k":1}',
    '{"a":{"k":}}',
    '{"a":{"k":1,}}',
    '{"a":{,"k":1}}',
    '{"a":{"k":1}},',
    '{"a":[1]}',
    '{"a":1}',
    '{"a":{"k":1}} x',
    '{"a":{"k":1}}{"b":{}}',
    '{"a":{"k":1},}',
    '{"a":{"k":1}]',
    "not json",
  ])("refuses %s", async (bad) => {
    await expect(recordsOf(inChunks(bad, 4))).rejects.toMatchObject({ code: "validation_failed" });
  });
});

describe("loadDesk", () => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openTestStore(deskMigrations.filter(({ name }) => name === "retail"));
  });
  afterAll(() => store.close());

  const load = (data: unknown) => store.asOwner((owner) => loadDesk(owner, textOf(data)));
  const changed = (change: (data: any) => void): unknown => {
    const data = structuredClone(FIXTURE);
    change(data);
    return data;
  };

  it.each<[string, (data: any) => void, RegExp]>([
    ["a field too many", (d) => (d.users.bo_lind_2002.age = 7), /`users`, record `bo_lind_2002`.*age/],
    ["a missing field", (d) => delete d.orders["#A2"].status, /`orders`, record `#A2`: status/],
    ["an unknown state", (d) => (d.orders["#A2"].status = "lost"), /record `#A2`: status/],
    ["half a cent", (d) => (d.orders["#A1"].items[0].price = 1.005), /record `#A1`: items.0.price/],
    ["another key", (d) => (d.users.x = d.users.bo_lind_2002), /record `x`: user_id/],
    [
      "a variant's other key",
      (d) => (d.products["product-lamp"].variants.y = d.products["product-lamp"].variants["lamp-red"]),
      /record `product-lamp`: variants.y/,
    ],
    ["an order of nobody", (d) => (d.orders["#B1"].user_id = "no_body_0"), /record `bo_lind_2002`: order `#B1`/],
    ["an order that is not listed", (d) => (d.users.bo_lind_2002.orders = []), /record `#B1`: its customer does not list it/],
    ["an order listed and missing", (d) => delete d.orders["#A3"], /record `ana_silva_1001`: order `#A3`/],
    ["an order listed twice", (d) => d.users.bo_lind_2002.orders.push("#A1"), /order `#A1`/],
    [
      "a stranger's payment method",
      (d) => (d.orders["#B1"].payment_history[0].payment_method_id = "paypal_1001"),
      /record `#B1`: it names a payment method/,
    ],
    ["another section", (d) => (d.coupons = { c: {} }), /`coupons`/],
  ])("refuses %s by name, and loads nothing", async (_what, change, message) => {
    await expect(load(changed(change))).rejects.toMatchObject({
      code: "validation_failed",
      message: expect.stringMatching(message),
    });
    const { rows } = await store.ownerQuery("SELECT 1 FROM retail.products UNION ALL SELECT 1 FROM retail.customers");
    expect(rows).toEqual([]);
  });

  it("loads a file whatever the order of its sections, says how far it is, and never twice", async () => {
    const { products, users, orders } = FIXTURE;
    const seen: number[] = [];
    const counts = await store.asOwner((owner) =>
      loadDesk(owner, textOf({ orders, users, products }), { onProgress: (now) => seen.push(now.orders) }),
    );
    expect(counts).toEqual({ products: 2, users: 2, orders: 5 });
    expect(seen).toEqual([5]);
    const { rows } = await store.ownerQuery<{ record: unknown }>(
      "SELECT retail.order_record(o.order_id) AS record FROM retail.orders o ORDER BY o.order_id",
    );
    expect(rows.map(({ record }) => record)).toEqual(Object.values(FIXTURE.orders));
    await expect(load(FIXTURE)).rejects.toMatchObject({ code: "conflict" });
  });
});
