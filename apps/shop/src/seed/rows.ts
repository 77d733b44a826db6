/** The rows of the seed, named as their columns, so that writing them needs no mapping. */
export type Row = Readonly<Record<string, unknown>>;

/** Tables in the order in which foreign keys let them be written. */
export const SEED_TABLES = [
  "loyalty_tiers",
  "warehouses",
  "carriers",
  "shipping_rates",
  "products",
  "price_history",
  "warehouse_inventory",
  "restock_schedule",
  "coupons",
  "promotions",
  "customers",
  "reviews",
  "review_votes",
  "carts",
  "cart_items",
  "orders",
  "order_items",
  "order_status_history",
  "returns",
  "return_items",
  "refunds",
  "coupon_redemptions",
] as const;
export type SeedTable = (typeof SEED_TABLES)[number];

export type SeedRows = Readonly<Record<SeedTable, readonly Row[]>>;

export const TENANT = "default";
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export function instant(ms: number): string {
  return new Date(ms).toISOString();
}
