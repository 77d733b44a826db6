/**
 * The whole seed as rows, from one moment: the same moment gives the same rows, byte for byte (SH-F03).
 *
 * Guarantees: pure; ids are UUIDv5 of natural keys; every date is relative to `now` and only what is planned
 * (restocks, ends of offers) lies ahead of it.
 */
import { stableId } from "@deputize/core";
import { people, personNamed } from "./data/people.ts";
import { slugOf } from "./data/product.ts";
import { products as catalogue } from "./data/products.ts";
import {
  REGIONS,
  carriers,
  coupons,
  promotions,
  regionSteps,
  restocks,
  tiers,
  warehouses,
} from "./data/terms.ts";
import { type SeededProduct, generateOrders } from "./generate-orders.ts";
import { generateReviews } from "./generate-reviews.ts";
import { randomStream } from "./random.ts";
import { DAY, MINUTE, type Row, type SeedRows, TENANT, instant } from "./rows.ts";

const PRICE_DAYS = 90;

/** Generates all rows. `nowMs` is rounded down to its minute. */
export function generateSeed(nowMs: number): SeedRows {
  const now = Math.floor(nowMs / MINUTE) * MINUTE;
  const today = Math.floor(now / DAY) * DAY;
  const created = instant(now - 400 * DAY);
  const seller = [personNamed("seller.demo").id, personNamed("seller2.demo").id] as const;
  const products: SeededProduct[] = catalogue.map((p, i) => {
    const slug = slugOf(p.name);
    return { ...p, slug, id: stableId(`product:${slug}`), sellerId: i < 25 ? seller[0] : seller[1] };
  });
  const idOf = (name: string): string => {
    const found = products.find((p) => p.name === name);
    if (!found) throw new RangeError(`no product is called ${name}`);
    return found.id;
  };
  const orders = generateOrders(products, now);
  const reviews = generateReviews(products, orders.delivered, now);

  return {
    loyalty_tiers: tiers.map((t) => ({
      id: stableId(`tier:${t.name}`),
      name: t.name,
      min_spend: t.minSpend,
      discount_bp: t.discountBp,
      free_shipping_from: t.freeShippingFrom,
      priority_support: t.prioritySupport,
      created_at: created,
    })),
    warehouses: warehouses.map((w) => ({ id: stableId(`warehouse:${w.code}`), ...w, created_at: created })),
    carriers: carriers.map((c) => ({
      id: stableId(`carrier:${c.name}`),
      name: c.name,
      speed_tier: c.speedTier,
      base_rate: c.baseRate,
      created_at: created,
    })),
    shipping_rates: shippingRates(created),
    products: products.map((p, i) => productRow(p, i, now, reviews.ratings.get(p.id))),
    price_history: products.flatMap((p) => pricesOf(p, today)),
    warehouse_inventory: products.flatMap((p) => stockOf(p, created)),
    restock_schedule: restocks.map((r) => {
      const product = products.find((p) => p.name === r.product)!;
      return {
        id: stableId(`restock:${product.slug}:${r.region}`),
        tenant: TENANT,
        warehouse_id: stableId(`warehouse:${warehouses.find((w) => w.region === r.region)!.code}`),
        product_id: product.id,
        seller_id: product.sellerId,
        expected_quantity: r.quantity,
        expected_date: instant(today + r.inDays * DAY),
        received_at: null,
        created_at: instant(now),
      };
    }),
    coupons: coupons.map((c) => ({
      id: stableId(`coupon:${c.code}`),
      tenant: TENANT,
      code: c.code,
      description: c.description,
      type: c.type,
      percent: c.percent ?? null,
      amount: c.amount ?? null,
      min_spend: c.minSpend ?? 0,
      max_discount: c.maxDiscount ?? null,
      usage_limit: c.usageLimit ?? null,
      times_used: orders.uses.get(c.code) ?? 0,
      valid_from: instant(today - 200 * DAY),
      valid_until: instant(today + (c.endsInDays ?? 60) * DAY),
      categories: c.categories ?? null,
      only_user: c.onlyUser ? personNamed(c.onlyUser).id : null,
      min_tier: c.minTier ?? null,
      first_order_only: c.firstOrderOnly ?? false,
      is_active: true,
      created_at: created,
      updated_at: created,
    })),
    promotions: promotions.map((p) => ({
      id: stableId(`promotion:${p.name}`),
      tenant: TENANT,
      name: p.name,
      type: p.type,
      rules: {
        percent: p.percent,
        ...(p.products && { product_ids: p.products.map(idOf) }),
        ...(p.categories && { categories: p.categories }),
        ...(p.minItems && { min_items: p.minItems }),
      },
      early_access_from: p.type === "flash_sale" ? instant(today - 2 * DAY) : null,
      starts_at: instant(today),
      ends_at: instant(today + p.endsInDays * DAY),
      is_active: true,
      created_at: instant(now),
      updated_at: instant(now),
    })),
    customers: people.map((p) => ({
      principal_id: p.id,
      tenant: TENANT,
      loyalty_tier: p.tier,
      total_spend: orders.spend.get(p.id) ?? 0,
      created_at: created,
      updated_at: instant(now),
    })),
    reviews: reviews.reviews,
    review_votes: reviews.review_votes,
    ...carts(now, idOf),
    orders: orders.orders,
    order_items: orders.order_items,
    order_status_history: orders.order_status_history,
    returns: orders.returns,
    return_items: orders.return_items,
    refunds: orders.refunds,
    coupon_redemptions: orders.coupon_redemptions,
  };
}

function productRow(
  p: SeededProduct,
  index: number,
  now: number,
  reviewed: { rating: number; count: number } | undefined,
): Row {
  // Products came in one by one over a year, so that "newest" means something.
  const listed = instant(now - (380 - randomStream(`listed:${p.slug}`).int(0, 300) - (index % 7)) * DAY);
  return {
    id: p.id,
    tenant: TENANT,
    seller_id: p.sellerId,
    name: p.name,
    slug: p.slug,
    description: p.description,
    category: p.category,
    brand: p.brand,
    price: p.price,
    list_price: p.listPrice ?? null,
    image_url: `/art/${p.slug}.svg`,
    rating: reviewed?.rating ?? 0,
    review_count: reviewed?.count ?? 0,
    specs: p.specs,
    keywords: p.keywords,
    is_active: true,
    created_at: listed,
    updated_at: instant(now),
  };
}

function shippingRates(created: string): Row[] {
  return carriers.flatMap((c) =>
    REGIONS.flatMap((from) =>
      REGIONS.map((to) => {
        const steps = regionSteps(from, to);
        return {
          id: stableId(`rate:${c.name}:${from}:${to}`),
          carrier_id: stableId(`carrier:${c.name}`),
          region_from: from,
          region_to: to,
          price: c.baseRate + c.stepRate * steps,
          days_min: c.days[0] + steps,
          days_max: c.days[1] + steps,
          created_at: created,
        };
      }),
    ),
  );
}

/** One price a day: a walk around the list price that ends at today's price. */
function pricesOf(p: SeededProduct, today: number): Row[] {
  const random = randomStream(`price:${p.slug}`);
  const usual = p.listPrice ?? p.price;
  const saleDay = random.int(10, 40);
  const rows: Row[] = [];
  let price = usual;
  for (let day = PRICE_DAYS - 1; day >= 0; day--) {
    if (day === 0 || (p.listPrice && day <= saleDay)) price = p.price;
    else if (random.chance(0.12)) price = Math.round((usual * random.int(94, 106)) / 100);
    rows.push({
      id: stableId(`price:${p.slug}:${day}`),
      tenant: TENANT,
      product_id: p.id,
      price,
      recorded_at: instant(today - day * DAY),
      changed_by: null,
    });
  }
  return rows;
}

function stockOf(p: SeededProduct, created: string): Row[] {
  return warehouses.map((w) => {
    const drawn = randomStream(`stock:${p.slug}:${w.code}`).int(5, 200);
    const scarce = p.name === "Sony WH-1000XM5" && w.region === "west";
    return {
      tenant: TENANT,
      warehouse_id: stableId(`warehouse:${w.code}`),
      product_id: p.id,
      seller_id: p.sellerId,
      quantity: p.name === "Dyson V15 Detect" ? 0 : scarce ? 2 : drawn,
      reorder_threshold: 10,
      created_at: created,
      updated_at: created,
    };
  });
}

function carts(now: number, idOf: (name: string) => string): { carts: Row[]; cart_items: Row[] } {
  const filled = [
    {
      person: personNamed("alice.johnson"),
      withAddress: true,
      coupon: null,
      lines: [
        ["Kindle Paperwhite Signature", 1],
        ["Hydro Flask 32oz", 2],
        ["The Quiet Database", 1],
      ],
    },
    {
      person: personNamed("power.demo"),
      withAddress: false,
      coupon: "WELCOME10",
      lines: [
        ["Garmin Forerunner 265", 1],
        ["Nalgene 32oz", 3],
      ],
    },
  ] as const;
  const at = { created_at: instant(now - DAY), updated_at: instant(now - DAY) };
  return {
    carts: filled.map(({ person, withAddress, coupon }) => ({
      id: stableId(`cart:${person.email}`),
      tenant: TENANT,
      user_id: person.id,
      shipping_address: withAddress ? person.address : null,
      billing_address: null,
      billing_same: true,
      coupon_code: coupon,
      notes: null,
      version: 1,
      ...at,
    })),
    cart_items: filled.flatMap(({ person, lines }) =>
      lines.map(([name, quantity]) => ({
        id: stableId(`cart-item:${person.email}:${name}`),
        tenant: TENANT,
        user_id: person.id,
        cart_id: stableId(`cart:${person.email}`),
        product_id: idOf(name),
        quantity,
        ...at,
      })),
    ),
  };
}
