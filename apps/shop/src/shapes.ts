/**
 * The shapes of the shop's domain as they leave the process: one schema a shape, used by the tools, the HTTP
 * routes and (as types) the page, so that a card and a route can never disagree (SH-D40).
 *
 * Guarantees: money is integer cents, times are RFC 3339, and unknown fields are refused, so a column added to
 * a table does not leak into an answer by itself.
 */
import { z } from "zod";

const cents = z.number().int();
const instant = z.iso.datetime({ offset: true });
const id = z.uuid();

export const ORDER_STATUSES = [
  "placed",
  "confirmed",
  "shipped",
  "out_for_delivery",
  "delivered",
  "cancelled",
  "returned",
] as const;
export const OrderStatus = z.enum(ORDER_STATUSES);
export type OrderStatus = z.infer<typeof OrderStatus>;

/** An order can be cancelled until it leaves the warehouse. `shop.cancel_order` holds the same rule. */
export const CANCELLABLE: readonly OrderStatus[] = ["placed", "confirmed"];

export const CATEGORIES = ["Electronics", "Clothing", "Home", "Sports", "Books"] as const;
export const Category = z.enum(CATEGORIES);
export type Category = z.infer<typeof Category>;

const PRODUCT_SORTS = ["relevance", "price_asc", "price_desc", "rating", "newest"] as const;
export const ProductSort = z.enum(PRODUCT_SORTS);
export type ProductSort = z.infer<typeof ProductSort>;

/** One address shape everywhere (SH-D24). */
export const Address = z.strictObject({
  name: z.string().min(1).max(100),
  street: z.string().min(1).max(200),
  city: z.string().min(1).max(100),
  state: z.string().regex(/^[A-Za-z]{2,3}$/),
  zip: z.string().min(3).max(12).regex(/[0-9]/),
  country: z.string().regex(/^[A-Za-z]{2,3}$/),
  phone: z.string().max(30).optional(),
});
export type Address = z.infer<typeof Address>;

export const OrderSummary = z.strictObject({
  id,
  number: z.string(),
  status: OrderStatus,
  total: cents,
  date: instant,
  item_count: z.number().int(),
  carrier: z.string().optional(),
  tracking: z.string().optional(),
});
export type OrderSummary = z.infer<typeof OrderSummary>;

const OrderItem = z.strictObject({
  product_id: id,
  name: z.string(),
  quantity: z.number().int().positive(),
  unit_price: cents,
});

export const TimelineEntry = z.strictObject({
  status: OrderStatus,
  date: instant,
  location: z.string().optional(),
  notes: z.string().optional(),
});
export type TimelineEntry = z.infer<typeof TimelineEntry>;

export const OrderDetail = OrderSummary.extend({
  items: z.array(OrderItem),
  timeline: z.array(TimelineEntry),
  shipping_address: Address,
  subtotal: cents,
  discount: cents,
  shipping: cents,
  can_cancel: z.boolean(),
});
export type OrderDetail = z.infer<typeof OrderDetail>;

export const Product = z.strictObject({
  id,
  name: z.string(),
  slug: z.string(),
  category: Category,
  brand: z.string(),
  price: cents,
  original_price: cents.optional(),
  rating: z.number(),
  review_count: z.number().int(),
  image_url: z.string(),
  on_sale: z.boolean(),
});
export type Product = z.infer<typeof Product>;

export const ProductDetail = Product.extend({
  description: z.string(),
  specs: z.record(z.string(), z.string()),
  stock: z.array(z.strictObject({ warehouse: z.string(), quantity: z.number().int().min(0) })),
});
export type ProductDetail = z.infer<typeof ProductDetail>;

/** A review as the public sees it: the writer's display name, never their id. */
export const Review = z.strictObject({
  id,
  rating: z.number().int().min(1).max(5),
  title: z.string(),
  body: z.string(),
  author: z.string(),
  verified_purchase: z.boolean(),
  date: instant,
});
export type Review = z.infer<typeof Review>;

export const Profile = z.strictObject({
  id,
  email: z.string(),
  name: z.string(),
  role: z.string(),
  loyalty_tier: z.string(),
  total_spend: cents,
  orders: z.number().int(),
});
export type Profile = z.infer<typeof Profile>;

export const CASE_RESOURCES = ["orders", "profile"] as const;

/** What a tool's answer shows in the page; built by the server from rows, never by a model from prose (SH-D17). */
export const Card = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("order"), order: OrderDetail }),
  z.strictObject({ type: z.literal("orders"), orders: z.array(OrderSummary) }),
  z.strictObject({ type: z.literal("products"), products: z.array(Product) }),
  z.strictObject({ type: z.literal("profile"), profile: Profile }),
  z.strictObject({
    type: z.literal("case_offer"),
    subject_email: z.email().optional(),
    resources: z.array(z.enum(CASE_RESOURCES)),
  }),
]);
export type Card = z.infer<typeof Card>;

export const OrderList = z.strictObject({ orders: z.array(OrderSummary), next: z.string().optional() });
export type OrderList = z.infer<typeof OrderList>;

export const ProductList = z.strictObject({
  products: z.array(Product),
  total: z.number().int(),
  categories: z.array(z.strictObject({ name: Category, count: z.number().int() })),
  next: z.string().optional(),
});
export type ProductList = z.infer<typeof ProductList>;

export const ReviewList = z.strictObject({ reviews: z.array(Review), next: z.string().optional() });
export type ReviewList = z.infer<typeof ReviewList>;
