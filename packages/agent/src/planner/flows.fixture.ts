/** A shop with all that people ask of one: tools of every specialist, the seller's and the staff's, answered from fixed rows. */
import type { LanguageModelV4FunctionTool } from "@ai-sdk/provider";
import { ORDER_TOOLS, PRODUCT_TOOLS, answerTool, orders, tool } from "./shop.fixture.ts";

const text = { type: "string" };
const whole = { type: "integer" };
const id = { type: "string", description: "The product's id." };

export const MEMORY_TOOLS = [
  tool("store_memory", "Remembers something about the person.", { content: text }, ["content"]),
  tool("recall_memories", "Shows what is remembered.", { query: text, limit: whole }),
  tool("forget_memory", "Forgets one thing.", { memory_id: { ...text, format: "uuid" } }, ["memory_id"]),
];

const ADDRESS = {
  type: "object",
  properties: { street: text, city: text, state: text, zip: text, country: text, name: text },
  required: ["street", "city", "state", "zip"],
};

export const FLOW_TOOLS: readonly LanguageModelV4FunctionTool[] = [
  ...ORDER_TOOLS,
  ...PRODUCT_TOOLS,
  ...MEMORY_TOOLS,
  tool("check_return_eligibility", "Whether an order can be returned.", { order_id: text }, ["order_id"]),
  tool(
    "initiate_return",
    "Begins a return.",
    {
      order_id: text,
      reason: text,
      refund_method: {
        type: "string",
        enum: ["original_payment", "store_credit"],
        default: "original_payment",
      },
    },
    ["order_id", "reason"],
  ),
  tool("get_return_status", "How far a return and its refund are.", { order_id: text }, ["order_id"]),
  tool("modify_order", "Changes an order's address.", { order_id: text, new_address: ADDRESS }, [
    "order_id",
    "new_address",
  ]),
  tool("get_invoice", "An order's invoice.", { order_id: text }, ["order_id"]),
  tool("get_cart", "What is in the cart.", {}),
  tool(
    "add_to_cart",
    "Puts a product into the cart.",
    { product_id: id, quantity: { ...whole, default: 1 } },
    ["product_id"],
  ),
  tool("remove_from_cart", "Takes a product out of the cart.", { product_id: id }, ["product_id"]),
  tool("apply_coupon_to_cart", "Applies a coupon to the cart.", { code: text }, ["code"]),
  tool("checkout", "Orders what is in the cart.", {}),
  tool("validate_coupon", "Whether a coupon's code is valid.", { code: text }, ["code"]),
  tool("get_active_deals", "Running promotions and public coupons.", {}),
  tool("get_loyalty_benefits", "Benefits of the person's tier.", {}),
  tool("get_product_reviews", "Reviews of a product.", { product_id: id }, ["product_id"]),
  tool("detect_fake_reviews", "Suspicious reviews of a product.", { product_id: id }, ["product_id"]),
  tool("analyze_sentiment", "What customers like about a product.", { product_id: id }, ["product_id"]),
  tool("submit_review", "Writes a review.", { product_id: id, rating: whole }, ["product_id", "rating"]),
  tool("compare_products", "Compares products.", { product_ids: { type: "array", items: text } }, [
    "product_ids",
  ]),
  tool("check_stock", "How many of a product there are.", { product_id: id }, ["product_id"]),
  tool("get_restock_schedule", "When a product comes in again.", { product_id: id }, ["product_id"]),
  tool("subscribe_stock_alert", "Tells the person when a product is back.", { product_id: id }, [
    "product_id",
  ]),
  tool("get_price_history", "Earlier prices of a product.", { product_id: id, days: whole }, ["product_id"]),
  tool("find_similar_products", "Products like one.", { product_id: id }, ["product_id"]),
  tool("get_trending_products", "What sells most.", { category: text }),
];

export const SELLER_TOOLS = [
  tool("get_my_products", "The seller's own products.", {}),
  tool("get_seller_orders", "Order lines of the seller's products.", {}),
  tool("get_seller_stats", "The seller's revenue and ratings.", {}),
  tool("get_seller_inventory", "The seller's stock.", { low_stock_only: { type: "boolean" } }),
  tool("update_price", "Sets a product's price.", { product_id: id, price: { type: "number" } }, [
    "product_id",
    "price",
  ]),
];

export const STAFF_TOOLS = [tool("staff_list_returns", "Returns that wait for a decision.", {})];

const catalogue = [
  { id: "p1", name: "Sony WH-1000XM5", price: 29_999, rating: 4.6, review_count: 12 },
  { id: "p2", name: "JBL Charge 5", price: 13_999, rating: 4.1, review_count: 3 },
  { id: "p3", name: "Dyson V15 Detect", price: 64_999, rating: 4.4, review_count: 7 },
];
export const MEMORY_ID = "0198c0de-0000-7000-8000-00000000000a";
export const RETURNABLE = {
  id: "0198c0de-0000-7000-8000-000000000003",
  number: "ORD-10003",
  status: "delivered",
  total: 6_950,
  date: "2026-11-05T10:00:00Z",
  item_count: 1,
};

/** Answers like the shop's tool servers would. */
export function answerFlow(name: string, args: Record<string, unknown>): { status: string; data: unknown } {
  const done = (data: unknown) => ({ status: "done", data });
  const product = catalogue.find((one) => one.id === args["product_id"]);
  switch (name) {
    case "search_products": {
      const words = String(args["query"] ?? "")
        .toLowerCase()
        .split(/\W+/);
      const found = catalogue.filter((one) =>
        words.some((w) => w.length > 2 && one.name.toLowerCase().includes(w)),
      );
      return done({ products: args["query"] === undefined ? catalogue : found, total: found.length });
    }
    case "get_user_orders":
      return done({ orders: [...orders, RETURNABLE].slice(0, Number(args["limit"] ?? 10)) });
    case "store_memory":
      return done({ remembered: args["content"] });
    case "recall_memories":
      return done({ memories: [{ id: MEMORY_ID, text: "I wear shoes of size 43", kept: "2026-11-01" }] });
    case "forget_memory":
      return done({ forgotten: "I wear shoes of size 43" });
    case "get_product_reviews":
      return done({
        product,
        reviews: [
          { rating: 5, title: "Quiet at last", body: "Blocks the whole train.", verified_purchase: true },
        ],
      });
    case "check_stock":
      return done({ product: product?.name, in_stock: 7, warehouses: [{ warehouse: "East", quantity: 7 }] });
    case "compare_products":
      return done({
        products: catalogue.filter((one) => (args["product_ids"] as string[]).includes(one.id)),
      });
    case "get_return_status":
      return done({ status: "received", refund_amount: 6_950, refund_method: "original_payment" });
    case "get_cart":
      return done({ items: [{ name: "JBL Charge 5", quantity: 2, unit_price: 13_999 }], total: 27_998 });
    case "get_active_deals":
      return done({ coupons: [{ code: "BOOKWORM", description: "10% off books" }], promotions: [] });
    case "get_seller_stats":
      return done({ products: 25, revenue: 1_234_500, rating: 4.3 });
    case "staff_list_returns":
      return done({ returns: [{ number: "RET-7", status: "requested", amount: 61_000 }] });
    case "get_user_profile":
    case "get_order_details":
    case "get_order_tracking":
    case "cancel_order":
    case "get_product_details":
      return answerTool(name, args);
    default:
      return done({ ok: true, ...args });
  }
}
