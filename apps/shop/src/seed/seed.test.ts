import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { manualClock } from "@deputize/core";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { type SeedAuthority, seedPeople } from "../app/seeding.ts";
import { shopMigrations } from "../migrations.ts";
import { CATEGORIES } from "../shapes.ts";
import { SEED_MOMENT } from "../testing/test-shop.ts";
import { people, permittedAgents } from "./data/people.ts";
import { generateSeed } from "./generate.ts";
import { STATUS_MIX } from "./order-plan.ts";
import { SEED_TABLES } from "./rows.ts";
import { seedShop } from "./seed-shop.ts";

interface Heard {
  readonly people: { email: string; password?: string }[];
  readonly permissions: string[];
  readonly authority: SeedAuthority;
}

function listeningAuthority(): Heard {
  const heard: Heard = {
    people: [],
    permissions: [],
    authority: {
      people: { create: async (person) => void heard.people.push(person) },
      permissions: {
        grant: async ({ person, agent }) => void heard.permissions.push(`${person}:${agent}`),
      },
    },
  };
  return heard;
}

let store: TestStore;

const seed = (atMs: number) => store.asOwner((owner) => seedShop(owner, { clock: manualClock(atMs) }));

async function peopleWith(demoAccounts: boolean, permittedOnce: ReadonlySet<string> = new Set()) {
  const heard = listeningAuthority();
  await seedPeople(heard.authority, { seeded: true, demoAccounts, permittedOnce });
  return heard;
}

async function one<T>(text: string): Promise<T> {
  const { rows } = await store.ownerQuery<{ value: T }>(text);
  return rows[0]!.value;
}

async function dump(): Promise<string> {
  const tables: unknown[] = [];
  for (const table of [...SEED_TABLES, "seed"]) {
    const { rows } = await store.ownerQuery(
      `select to_jsonb(t) as row from shop.${table} t order by to_jsonb(t)::text`,
    );
    tables.push([table, rows]);
  }
  return JSON.stringify(tables);
}

beforeAll(async () => {
  store = await openTestStore([shopMigrations]);
  await seed(SEED_MOMENT);
});
afterAll(() => store.close());

describe("the seed", () => {
  it("comes out the same from the same moment [SH-F03]", () => {
    expect(JSON.stringify(generateSeed(SEED_MOMENT))).toBe(JSON.stringify(generateSeed(SEED_MOMENT)));
  });

  it("changes nothing the second time, a day later and after people used the shop", async () => {
    await store.ownerQuery("update shop.carts set notes = 'ring twice' where coupon_code is null");
    const before = await dump();
    expect(await seed(SEED_MOMENT + 86_400_000)).toBe(false);
    expect(await dump()).toBe(before);
  });

  it("has the counts of the catalogue", async () => {
    const counts: Record<string, number> = {};
    for (const table of SEED_TABLES)
      counts[table] = await one(`select count(*)::int as value from shop.${table}`);
    expect(counts).toMatchObject({
      products: 50,
      orders: 200,
      order_items: 505,
      order_status_history: 773,
      reviews: 500,
      returns: 21,
      refunds: 21,
      price_history: 4500,
      warehouses: 3,
      warehouse_inventory: 150,
      carriers: 3,
      shipping_rates: 27,
      restock_schedule: 10,
      coupons: 15,
      promotions: 5,
      loyalty_tiers: 3,
      customers: 20,
      carts: 2,
      cart_items: 5,
    });
    const { rows } = await store.ownerQuery<{ category: string; n: number }>(
      "select category, count(*)::int as n from shop.products group by category",
    );
    expect(Object.fromEntries(rows.map((r) => [r.category, r.n]))).toEqual(
      Object.fromEntries(CATEGORIES.map((c) => [c, 10])),
    );
  });

  it("has the exact mix of states", async () => {
    const { rows } = await store.ownerQuery<{ status: keyof typeof STATUS_MIX; n: number }>(
      "select status, count(*)::int as n from shop.orders group by status",
    );
    expect(Object.fromEntries(rows.map((r) => [r.status, r.n]))).toEqual(STATUS_MIX);
  });

  it("makes twenty people with their roles, and passwords only where demo accounts are allowed [SR-26]", async () => {
    const heard = await peopleWith(true);
    expect(heard.people).toHaveLength(20);
    expect(heard.people.every((p) => p.password)).toBe(true);
    const roles = people.map((p) => p.role);
    expect(
      ["admin", "power_user", "seller", "customer"].map((r) => roles.filter((x) => x === r).length),
    ).toEqual([1, 2, 2, 15]);
    const elsewhere = await peopleWith(false);
    expect(elsewhere.people.some((p) => "password" in p)).toBe(false);
  });

  it("plans 92 permissions, grants those of agents that exist, and none that was there once", async () => {
    expect(people.flatMap(permittedAgents)).toHaveLength(92);
    const heard = await peopleWith(true);
    expect(heard.permissions).toHaveLength(60);
    expect(new Set(heard.permissions).size).toBe(60);
    const [given, ...missing] = heard.permissions;
    expect((await peopleWith(true, new Set([given ?? ""]))).permissions).toEqual(missing);
  });

  it("keeps timelines in order, out of the future, and ending in the order's state [SH-D44]", async () => {
    expect(
      await one(
        `select count(*)::int as value from shop.order_status_history where at > to_timestamp(${SEED_MOMENT / 1000})`,
      ),
    ).toBe(0);
    expect(
      await one(`select count(*)::int as value from shop.orders o where o.status <> (
        select h.status from shop.order_status_history h where h.order_id = o.id order by h.at desc limit 1)`),
    ).toBe(0);
    const { rows } = await store.ownerQuery<{ walked: string }>(
      "select distinct string_agg(status, '>' order by at) as walked from shop.order_status_history group by order_id",
    );
    expect(rows.map((r) => r.walked).toSorted()).toEqual([
      "placed",
      "placed>cancelled",
      "placed>confirmed",
      "placed>confirmed>cancelled",
      "placed>confirmed>shipped",
      "placed>confirmed>shipped>out_for_delivery",
      "placed>confirmed>shipped>out_for_delivery>delivered",
      "placed>confirmed>shipped>out_for_delivery>delivered>returned",
    ]);
  });

  it("verifies a review only by a delivered order before it, and repeats no pair and no text [SH-D44]", async () => {
    expect(
      await one(`select count(*)::int as value from shop.reviews r where r.verified_purchase <> exists (
        select 1 from shop.orders o join shop.order_items i on i.order_id = o.id
        join shop.order_status_history h on h.order_id = o.id and h.status = 'delivered'
        where o.user_id = r.user_id and i.product_id = r.product_id and o.status = 'delivered' and h.at < r.created_at)`),
    ).toBe(0);
    expect(await one("select count(distinct (user_id, product_id))::int as value from shop.reviews")).toBe(
      500,
    );
    expect(await one("select count(distinct title || body)::int as value from shop.reviews")).toBe(500);
    expect(await one("select count(*)::int as value from shop.reviews where is_flagged")).toBe(26);
  });

  it("computes ratings, spend, tiers and coupon uses from the rows they stand for", async () => {
    expect(
      await one(`select count(*)::int as value from shop.products p where (p.rating, p.review_count) <> (
        select round(avg(r.rating), 2), count(*) from shop.reviews r where r.product_id = p.id)`),
    ).toBe(0);
    expect(
      await one(`select count(*)::int as value from shop.customers c where c.total_spend <> (
        select coalesce(sum(o.total), 0) from shop.orders o
        where o.user_id = c.principal_id and o.status not in ('cancelled', 'returned'))`),
    ).toBe(0);
    expect(
      await one(`select count(*)::int as value from shop.customers c where c.loyalty_tier <> (
        select t.name from shop.loyalty_tiers t where t.min_spend <= c.total_spend order by t.min_spend desc limit 1)`),
    ).toBe(0);
    expect(
      await one(`select count(*)::int as value from shop.coupons c where c.times_used <> (
        select count(*) from shop.coupon_redemptions r where r.coupon_id = c.id and r.reversed_at is null)`),
    ).toBe(0);
    expect(
      await one(`select count(*)::int as value from shop.orders o where (o.subtotal, o.promo_discount + o.coupon_discount + o.loyalty_discount) <> (
        select sum(i.unit_price * i.quantity), sum(i.discount) from shop.order_items i where i.order_id = o.id)`),
    ).toBe(0);
  });

  it("ends each price history at today's price", async () => {
    expect(
      await one(`select count(*)::int as value from shop.products p where p.price <> (
        select h.price from shop.price_history h where h.product_id = p.id order by h.recorded_at desc limit 1)`),
    ).toBe(0);
  });

  it("has no Dyson V15 anywhere and two Sony headphones in the west", async () => {
    expect(
      await one(`select sum(quantity)::int as value from shop.warehouse_inventory i join shop.products p on p.id = i.product_id
        where p.name = 'Dyson V15 Detect'`),
    ).toBe(0);
    expect(
      await one(`select i.quantity as value from shop.warehouse_inventory i join shop.products p on p.id = i.product_id
        join shop.warehouses w on w.id = i.warehouse_id where p.name = 'Sony WH-1000XM5' and w.region = 'west'`),
    ).toBe(2);
  });

  it("gives Alice a newest order under way with tracking, and older ones that can be cancelled", async () => {
    const alice = people.find((p) => p.email.startsWith("alice."))!.id;
    const { rows } = await store.ownerQuery<{ status: string; tracking_number: string | null }>(
      "select status, tracking_number from shop.orders where user_id = $1 order by placed_at desc",
      [alice],
    );
    expect(rows[0]?.status).toBe("shipped");
    expect(rows[0]?.tracking_number).toMatch(/^SLX\d{10}$/);
    expect(rows.filter((r) => r.status === "confirmed")).toHaveLength(2);
  });
});
