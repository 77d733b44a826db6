/** What the reading tools say that their answers rest on, held against what they read [SR-22]. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { META, TestClient, memoryAudit } from "@deputize/mcp";
import { type Ephemeral, type Store, type Tx } from "@deputize/store";
import { openTestEphemeral } from "@deputize/store/testing";
import { type TestShop, callerFor, idOf, openTestShop } from "../testing/test-shop.ts";
import { ordersServer } from "./orders-server.ts";
import { productsServer } from "./products-server.ts";

let shop: TestShop;
let ephemeral: Ephemeral;
/** Tables of the shop by tag. */
let tracked: Map<string, Set<string>>;
let read: Set<string>;
let product: string;

beforeAll(async () => {
  shop = await openTestShop();
  ephemeral = await openTestEphemeral();
  const { rows } = await shop.store.ownerQuery<{ name: string; tag: string }>(
    `SELECT DISTINCT t.tgrelid::regclass::text AS name, split_part(encode(t.tgargs, 'escape'), '\\000', 1) AS tag
     FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE p.proname = 'raise_version'`,
  );
  tracked = new Map();
  for (const { name, tag } of rows) tracked.set(tag, (tracked.get(tag) ?? new Set()).add(name));
  const found = await shop.store.ownerQuery<{ slug: string }>(
    "SELECT slug FROM shop.products WHERE is_active LIMIT 1",
  );
  product = found.rows[0]?.slug ?? "";
});
afterAll(async () => {
  await ephemeral.close();
  await shop.close();
});

/** The store, listening to which tables are read. */
function listening(): Store {
  const spy = (tx: Tx): Tx =>
    new Proxy(tx, {
      get(target, name) {
        if (name !== "query") return Reflect.get(target, name, target) as unknown;
        return (text: string, params?: readonly unknown[]) => {
          for (const [table] of text.matchAll(/\bshop\.\w+/g)) read.add(table);
          return target.query(text, params);
        };
      },
    });
  return {
    ...shop.store,
    asCaller: (caller, work, options) => shop.store.asCaller(caller, (tx) => work(spy(tx)), options),
  };
}

async function call(tool: string, args: Record<string, unknown>) {
  const deps = {
    auth: { name: "test", authenticate: async () => callerFor("alice.johnson") },
    store: listening(),
    audit: memoryAudit(),
    ephemeral,
    url: "http://localhost:3000/mcp/tools",
  };
  const server = tool.includes("product")
    ? productsServer(deps)
    : ordersServer({
        ...deps,
        approvals: {
          request: () => Promise.reject(new Error("asks nobody")),
          consume: () => Promise.reject(new Error("asks nobody")),
        },
        people: { get: async () => undefined },
        cases: { openFor: async () => [] },
      });
  read = new Set();
  const result = await new TestClient(server, { token: "t" }).callTool(tool, args);
  expect(result.isError, JSON.stringify(result.content)).toBeFalsy();
  return (result._meta?.[META.versions] ?? {}) as Record<string, string>;
}

async function ownOrder(status: string): Promise<string> {
  const { rows } = await shop.store.ownerQuery<{ id: string }>(
    "SELECT id FROM shop.orders WHERE user_id = $1 AND status = $2 ORDER BY placed_at LIMIT 1",
    [idOf("alice.johnson"), status],
  );
  return rows[0]?.id ?? "";
}

describe("the tags of a reading tool", () => {
  it.each<[string, () => Promise<Record<string, unknown>>]>([
    ["get_user_orders", async () => ({})],
    ["get_order_details", async () => ({ order_id: await ownOrder("delivered") })],
    ["get_order_tracking", async () => ({ order_id: await ownOrder("shipped") })],
    ["search_products", async () => ({ query: "hedphones" })],
    ["get_product_details", async () => ({ product_id: product })],
  ])("cover every table that %s reads", async (tool, args) => {
    const versions = await call(tool, await args());
    expect(Object.keys(versions)).not.toEqual([]);
    expect(read.size).toBeGreaterThan(0);
    const covered = new Set(Object.keys(versions).flatMap((tag) => [...(tracked.get(tag) ?? [])]));
    expect([...read].filter((table) => !covered.has(table))).toEqual([]);
  });

  it("change with a write of the person's orders by whomever, and not with a write of others' orders", async () => {
    const write = (who: string) =>
      shop.store.ownerQuery("UPDATE shop.orders SET version = version + 1 WHERE user_id = $1", [idOf(who)]);
    const before = await call("get_user_orders", {});
    await write("bob.smith");
    expect(await call("get_user_orders", {})).toEqual(before);
    await write("alice.johnson");
    expect((await call("get_user_orders", {}))["orders"]).not.toBe(before["orders"]);
  });

  it("change with the stock and the reviews of what is shown to everybody", async () => {
    const details = () => call("get_product_details", { product_id: product });
    const before = await details();
    await shop.store.ownerQuery("UPDATE shop.warehouse_inventory SET quantity = quantity + 1");
    const stocked = await details();
    expect(stocked).toEqual({ ...before, products: stocked["products"] });
    expect(stocked["products"]).not.toBe(before["products"]);
    await shop.store.ownerQuery("UPDATE shop.reviews SET helpful_count = helpful_count + 1");
    expect((await details())["reviews"]).not.toBe(before["reviews"]);
  });
});
