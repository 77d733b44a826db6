/**
 * The shop's tables for drizzle, with the columns named as in the database. The migration is the truth; a test holds
 * this file against it. Constraints, policies and privileges are there only.
 */
import {
  bigint,
  boolean,
  customType,
  integer,
  jsonb,
  numeric,
  pgSchema,
  text,
  timestamp,
  uuid,
} from "drizzle-orm/pg-core";

const shop = pgSchema("shop");

const tsvector = customType<{ data: string }>({ dataType: () => "tsvector" });

const loyaltyTiers = shop.table("loyalty_tiers", {
  id: uuid().primaryKey(),
  name: text().notNull(),
  min_spend: bigint({ mode: "number" }).notNull(),
  discount_bp: integer().notNull(),
  free_shipping_from: bigint({ mode: "number" }),
  priority_support: boolean().notNull(),
  created_at: timestamp({ withTimezone: true }).notNull(),
});

const warehouses = shop.table("warehouses", {
  id: uuid().primaryKey(),
  code: text().notNull(),
  name: text().notNull(),
  location: text().notNull(),
  region: text().notNull(),
  created_at: timestamp({ withTimezone: true }).notNull(),
});

const carriers = shop.table("carriers", {
  id: uuid().primaryKey(),
  name: text().notNull(),
  speed_tier: text().notNull(),
  base_rate: bigint({ mode: "number" }).notNull(),
  created_at: timestamp({ withTimezone: true }).notNull(),
});

const shippingRates = shop.table("shipping_rates", {
  id: uuid().primaryKey(),
  carrier_id: uuid().notNull(),
  region_from: text().notNull(),
  region_to: text().notNull(),
  price: bigint({ mode: "number" }).notNull(),
  days_min: integer().notNull(),
  days_max: integer().notNull(),
  created_at: timestamp({ withTimezone: true }).notNull(),
});

const products = shop.table("products", {
  id: uuid().primaryKey(),
  tenant: text().notNull(),
  seller_id: uuid().notNull(),
  name: text().notNull(),
  slug: text().notNull(),
  description: text().notNull(),
  category: text().notNull(),
  brand: text().notNull(),
  price: bigint({ mode: "number" }).notNull(),
  list_price: bigint({ mode: "number" }),
  image_url: text().notNull(),
  rating: numeric({ precision: 3, scale: 2 }).notNull(),
  review_count: integer().notNull(),
  specs: jsonb().notNull(),
  keywords: text().notNull(),
  search: tsvector().notNull(),
  is_active: boolean().notNull(),
  created_at: timestamp({ withTimezone: true }).notNull(),
  updated_at: timestamp({ withTimezone: true }).notNull(),
});

const priceHistory = shop.table("price_history", {
  id: uuid().primaryKey(),
  tenant: text().notNull(),
  product_id: uuid().notNull(),
  price: bigint({ mode: "number" }).notNull(),
  recorded_at: timestamp({ withTimezone: true }).notNull(),
  changed_by: uuid(),
});

const warehouseInventory = shop.table("warehouse_inventory", {
  tenant: text().notNull(),
  warehouse_id: uuid().notNull(),
  product_id: uuid().notNull(),
  seller_id: uuid().notNull(),
  quantity: integer().notNull(),
  reorder_threshold: integer().notNull(),
  created_at: timestamp({ withTimezone: true }).notNull(),
  updated_at: timestamp({ withTimezone: true }).notNull(),
});

const restockSchedule = shop.table("restock_schedule", {
  id: uuid().primaryKey(),
  tenant: text().notNull(),
  warehouse_id: uuid().notNull(),
  product_id: uuid().notNull(),
  seller_id: uuid().notNull(),
  expected_quantity: integer().notNull(),
  expected_date: timestamp({ withTimezone: true }).notNull(),
  received_at: timestamp({ withTimezone: true }),
  created_at: timestamp({ withTimezone: true }).notNull(),
});

const coupons = shop.table("coupons", {
  id: uuid().primaryKey(),
  tenant: text().notNull(),
  code: text().notNull(),
  description: text().notNull(),
  type: text().notNull(),
  percent: integer(),
  amount: bigint({ mode: "number" }),
  min_spend: bigint({ mode: "number" }).notNull(),
  max_discount: bigint({ mode: "number" }),
  usage_limit: integer(),
  times_used: integer().notNull(),
  valid_from: timestamp({ withTimezone: true }).notNull(),
  valid_until: timestamp({ withTimezone: true }).notNull(),
  categories: text().array(),
  only_user: uuid(),
  min_tier: text(),
  first_order_only: boolean().notNull(),
  is_active: boolean().notNull(),
  created_at: timestamp({ withTimezone: true }).notNull(),
  updated_at: timestamp({ withTimezone: true }).notNull(),
});

const promotions = shop.table("promotions", {
  id: uuid().primaryKey(),
  tenant: text().notNull(),
  name: text().notNull(),
  type: text().notNull(),
  rules: jsonb().notNull(),
  early_access_from: timestamp({ withTimezone: true }),
  starts_at: timestamp({ withTimezone: true }).notNull(),
  ends_at: timestamp({ withTimezone: true }).notNull(),
  is_active: boolean().notNull(),
  created_at: timestamp({ withTimezone: true }).notNull(),
  updated_at: timestamp({ withTimezone: true }).notNull(),
});

const reviews = shop.table("reviews", {
  id: uuid().primaryKey(),
  tenant: text().notNull(),
  user_id: uuid().notNull(),
  product_id: uuid().notNull(),
  author_name: text().notNull(),
  rating: integer().notNull(),
  title: text().notNull(),
  body: text().notNull(),
  verified_purchase: boolean().notNull(),
  helpful_count: integer().notNull(),
  is_flagged: boolean().notNull(),
  state: text().notNull(),
  created_at: timestamp({ withTimezone: true }).notNull(),
  updated_at: timestamp({ withTimezone: true }).notNull(),
});

const reviewVotes = shop.table("review_votes", {
  id: uuid().primaryKey(),
  tenant: text().notNull(),
  user_id: uuid().notNull(),
  review_id: uuid().notNull(),
  created_at: timestamp({ withTimezone: true }).notNull(),
});

const customers = shop.table("customers", {
  principal_id: uuid().primaryKey(),
  tenant: text().notNull(),
  loyalty_tier: text().notNull(),
  total_spend: bigint({ mode: "number" }).notNull(),
  created_at: timestamp({ withTimezone: true }).notNull(),
  updated_at: timestamp({ withTimezone: true }).notNull(),
});

const carts = shop.table("carts", {
  id: uuid().primaryKey(),
  tenant: text().notNull(),
  user_id: uuid().notNull(),
  shipping_address: jsonb(),
  billing_address: jsonb(),
  billing_same: boolean().notNull(),
  coupon_code: text(),
  notes: text(),
  version: integer().notNull(),
  created_at: timestamp({ withTimezone: true }).notNull(),
  updated_at: timestamp({ withTimezone: true }).notNull(),
});

const cartItems = shop.table("cart_items", {
  id: uuid().primaryKey(),
  tenant: text().notNull(),
  user_id: uuid().notNull(),
  cart_id: uuid().notNull(),
  product_id: uuid().notNull(),
  quantity: integer().notNull(),
  created_at: timestamp({ withTimezone: true }).notNull(),
  updated_at: timestamp({ withTimezone: true }).notNull(),
});

const orders = shop.table("orders", {
  id: uuid().primaryKey(),
  tenant: text().notNull(),
  user_id: uuid().notNull(),
  number: text().notNull(),
  status: text().notNull(),
  subtotal: bigint({ mode: "number" }).notNull(),
  promo_discount: bigint({ mode: "number" }).notNull(),
  coupon_discount: bigint({ mode: "number" }).notNull(),
  loyalty_discount: bigint({ mode: "number" }).notNull(),
  shipping: bigint({ mode: "number" }).notNull(),
  total: bigint({ mode: "number" }).notNull(),
  coupon_code: text(),
  shipping_address: jsonb().notNull(),
  billing_address: jsonb().notNull(),
  carrier_id: uuid().notNull(),
  tracking_number: text(),
  version: integer().notNull(),
  placed_at: timestamp({ withTimezone: true }).notNull(),
  created_at: timestamp({ withTimezone: true }).notNull(),
  updated_at: timestamp({ withTimezone: true }).notNull(),
});

const orderItems = shop.table("order_items", {
  id: uuid().primaryKey(),
  tenant: text().notNull(),
  user_id: uuid().notNull(),
  seller_id: uuid().notNull(),
  order_id: uuid().notNull(),
  product_id: uuid().notNull(),
  warehouse_id: uuid().notNull(),
  name: text().notNull(),
  quantity: integer().notNull(),
  unit_price: bigint({ mode: "number" }).notNull(),
  discount: bigint({ mode: "number" }).notNull(),
  subtotal: bigint({ mode: "number" }).notNull(),
  fulfilment: text().notNull(),
  created_at: timestamp({ withTimezone: true }).notNull(),
  updated_at: timestamp({ withTimezone: true }).notNull(),
});

const orderStatusHistory = shop.table("order_status_history", {
  id: uuid().primaryKey(),
  tenant: text().notNull(),
  user_id: uuid().notNull(),
  order_id: uuid().notNull(),
  status: text().notNull(),
  notes: text(),
  location: text(),
  actor_id: uuid(),
  at: timestamp({ withTimezone: true }).notNull(),
});

const returns = shop.table("returns", {
  id: uuid().primaryKey(),
  tenant: text().notNull(),
  user_id: uuid().notNull(),
  order_id: uuid().notNull(),
  reason: text().notNull(),
  status: text().notNull(),
  refund_method: text().notNull(),
  refund_amount: bigint({ mode: "number" }).notNull(),
  decided_by: uuid(),
  resolved_at: timestamp({ withTimezone: true }),
  created_at: timestamp({ withTimezone: true }).notNull(),
  updated_at: timestamp({ withTimezone: true }).notNull(),
});

const returnItems = shop.table("return_items", {
  id: uuid().primaryKey(),
  tenant: text().notNull(),
  user_id: uuid().notNull(),
  return_id: uuid().notNull(),
  order_item_id: uuid().notNull(),
  quantity: integer().notNull(),
  created_at: timestamp({ withTimezone: true }).notNull(),
});

const refunds = shop.table("refunds", {
  id: uuid().primaryKey(),
  tenant: text().notNull(),
  user_id: uuid().notNull(),
  order_id: uuid().notNull(),
  return_id: uuid(),
  amount: bigint({ mode: "number" }).notNull(),
  method: text().notNull(),
  issued_by: uuid().notNull(),
  approval_id: uuid(),
  created_at: timestamp({ withTimezone: true }).notNull(),
});

const couponRedemptions = shop.table("coupon_redemptions", {
  id: uuid().primaryKey(),
  tenant: text().notNull(),
  user_id: uuid().notNull(),
  coupon_id: uuid().notNull(),
  order_id: uuid().notNull(),
  amount: bigint({ mode: "number" }).notNull(),
  reversed_at: timestamp({ withTimezone: true }),
  created_at: timestamp({ withTimezone: true }).notNull(),
});

const seed = shop.table("seed", {
  name: text().primaryKey(),
  seeded_at: timestamp({ withTimezone: true }).notNull(),
});

export const SHOP_TABLES = [
  loyaltyTiers,
  warehouses,
  carriers,
  shippingRates,
  products,
  priceHistory,
  warehouseInventory,
  restockSchedule,
  coupons,
  promotions,
  reviews,
  reviewVotes,
  customers,
  carts,
  cartItems,
  orders,
  orderItems,
  orderStatusHistory,
  returns,
  returnItems,
  refunds,
  couponRedemptions,
  seed,
] as const;
