/**
 * Who writes each column of text (SR-07): what comes from anybody but the caller or the shop is untrusted wherever it
 * goes, in a prompt most of all. A test refuses a column of text that is not declared here.
 *
 * `shop`: written by our code from closed words or our own texts. `owner`: the person whose row it is. `seller`, `reviewer`:
 * strangers to whoever reads.
 */
export type Writer = "shop" | "owner" | "seller" | "reviewer";

// prettier-ignore
export const COLUMN_WRITERS: Readonly<Record<string, Readonly<Record<string, Writer>>>> = {
  loyalty_tiers: { name: "shop" },
  warehouses: { code: "shop", name: "shop", location: "shop", region: "shop" },
  carriers: { name: "shop", speed_tier: "shop" },
  shipping_rates: { region_from: "shop", region_to: "shop" },
  products: {
    name: "seller", slug: "seller", description: "seller", category: "shop", brand: "seller", image_url: "shop",
    specs: "seller", keywords: "seller",
  },
  coupons: { code: "shop", description: "shop", type: "shop", categories: "shop", min_tier: "shop" },
  promotions: { name: "shop", type: "shop", rules: "shop" },
  reviews: { author_name: "reviewer", title: "reviewer", body: "reviewer", state: "shop" },
  customers: { loyalty_tier: "shop" },
  carts: { shipping_address: "owner", billing_address: "owner", coupon_code: "owner", notes: "owner" },
  orders: {
    number: "shop", status: "shop", coupon_code: "shop", shipping_address: "owner", billing_address: "owner",
    tracking_number: "shop",
  },
  order_items: { name: "seller", fulfilment: "shop" },
  order_status_history: { status: "shop", notes: "owner", location: "shop" },
  returns: { reason: "owner", status: "shop", refund_method: "shop" },
  refunds: { method: "shop" },
  seed: { name: "shop" },
};

/** True when what a column holds may steer nobody: neither the shop nor the reader's own person wrote it. */
export function isUntrusted(table: string, column: string): boolean {
  const writer = COLUMN_WRITERS[table]?.[column];
  return writer !== "shop" && writer !== "owner";
}
