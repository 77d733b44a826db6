/** Every flow of a shop by chat, each asked for in several ways, by the offline planner over tools that it knows by their names and schemas. */
import { describe, expect, it } from "vitest";
import {
  FLOW_TOOLS,
  MEMORY_ID,
  MEMORY_TOOLS,
  RETURNABLE,
  SELLER_TOOLS,
  STAFF_TOOLS,
  answerFlow,
} from "./flows.fixture.ts";
import { ORDER_TOOLS, PRODUCT_TOOLS, ROUTER, orders, talk, tool } from "./shop.fixture.ts";

type Args = Readonly<Record<string, unknown>>;
/** What is asked, the last call that it comes to, and what the answer holds. */
type Case = readonly [message: string, tool: string, args: Args, says?: string];

const placed = orders[1]?.id;
const newest = orders[0]?.id;
const delivered = RETURNABLE.id;

const CASES: readonly Case[] = [
  // Memory
  [
    "Remember that I wear shoes of size 43",
    "store_memory",
    { content: "I wear shoes of size 43" },
    "remember",
  ],
  ["please keep in mind: I'm allergic to wool", "store_memory", { content: "I'm allergic to wool" }],
  ["Don't forget that I prefer express shipping.", "store_memory", { content: "I prefer express shipping" }],
  [
    "Can you note that my favourite colour is green?",
    "store_memory",
    { content: "my favourite colour is green?" },
  ],
  ["What do you know about me?", "recall_memories", {}, "size 43"],
  ["what do you remember about me", "recall_memories", {}, "size 43"],
  ["show me my memories", "recall_memories", {}, "size 43"],
  ["what have you stored about me?", "recall_memories", {}],
  ["Forget my shoe size", "forget_memory", { memory_id: MEMORY_ID }, "forgotten"],
  ["please forget that I wear shoes of size 43", "forget_memory", { memory_id: MEMORY_ID }],
  ["delete the memory about shoes", "forget_memory", { memory_id: MEMORY_ID }],
  // Search, price, stock, reviews, comparison
  ["find headphones under $200", "search_products", { query: "headphones", max_price: 200 }],
  ["I'm looking for a speaker", "search_products", { query: "speaker" }],
  ["recommend something from Sony", "search_products", { query: "from Sony" }],
  ["How much is the Sony WH-1000XM5?", "get_product_details", { product_id: "p1" }],
  ["what does the Dyson V15 Detect cost", "get_product_details", { product_id: "p3" }],
  ["price of the JBL Charge 5", "get_product_details", { product_id: "p2" }],
  ["Is the Sony WH-1000XM5 in stock?", "check_stock", { product_id: "p1" }, "7"],
  ["how many JBL Charge 5 are left", "check_stock", { product_id: "p2" }],
  ["availability of the Dyson V15 Detect", "check_stock", { product_id: "p3" }],
  ["when is the Dyson V15 Detect back in stock?", "get_restock_schedule", { product_id: "p3" }],
  ["notify me when the Dyson V15 Detect is available", "subscribe_stock_alert", { product_id: "p3" }, "Done"],
  ["tell me when the Dyson V15 is back in stock", "subscribe_stock_alert", { product_id: "p3" }],
  [
    "show me the reviews of the Sony WH-1000XM5",
    "get_product_reviews",
    { product_id: "p1" },
    "Quiet at last",
  ],
  ["What do people say about the JBL Charge 5?", "get_product_reviews", { product_id: "p2" }],
  ["any feedback on the Sony WH-1000XM5?", "get_product_reviews", { product_id: "p1" }],
  ["are there fake reviews for the JBL Charge 5?", "detect_fake_reviews", { product_id: "p2" }],
  ["is the Sony WH-1000XM5 worth it?", "analyze_sentiment", { product_id: "p1" }],
  [
    "compare the Sony WH-1000XM5 and the JBL Charge 5",
    "compare_products",
    { product_ids: ["p1", "p2"] },
    "JBL",
  ],
  ["Sony WH-1000XM5 vs JBL Charge 5", "compare_products", { product_ids: ["p1", "p2"] }],
  [
    "what's the difference between the JBL Charge 5 and the Dyson V15",
    "compare_products",
    { product_ids: ["p2", "p3"] },
  ],
  [
    "show the price history of the JBL Charge 5 for the last 60 days",
    "get_price_history",
    { product_id: "p2", days: 60 },
  ],
  ["alternatives to the Dyson V15 Detect", "find_similar_products", { product_id: "p3" }],
  ["what's trending?", "get_trending_products", {}],
  ["show best sellers", "get_trending_products", {}],
  // Orders
  ["Where is my latest order?", "get_order_tracking", { order_id: newest }, "on its way"],
  ["track ORD-10042", "get_order_tracking", { order_id: "ORD-10042" }],
  ["what's the status of order ORD-10042", "get_order_tracking", { order_id: "ORD-10042" }],
  ["show my orders", "get_user_orders", {}],
  ["cancel ORD-10017", "cancel_order", { order_id: "ORD-10017" }, "cancelled"],
  ["please cancel my order", "cancel_order", { order_id: placed }],
  [
    "I want to return ORD-10003 because it is too small",
    "initiate_return",
    { order_id: "ORD-10003", reason: "it is too small" },
  ],
  ["send my last order back", "initiate_return", { order_id: delivered }],
  [
    "I'd like a refund for ORD-10003 as store credit",
    "initiate_return",
    { order_id: "ORD-10003", refund_method: "store_credit" },
  ],
  ["Can I still return ORD-10003?", "check_return_eligibility", { order_id: "ORD-10003" }],
  ["is order ORD-10003 eligible for a return", "check_return_eligibility", { order_id: "ORD-10003" }],
  ["Where is my refund for ORD-10003?", "get_return_status", { order_id: "ORD-10003" }, "$69.50"],
  ["what is the refund status of ORD-10003", "get_return_status", { order_id: "ORD-10003" }],
  ["when do I get my money back for ORD-10003?", "get_return_status", { order_id: "ORD-10003" }],
  [
    "change the address of ORD-10017 to 12 Elm Street, Portland, OR 97201",
    "modify_order",
    {
      order_id: "ORD-10017",
      new_address: { street: "12 Elm Street", city: "Portland", state: "OR", zip: "97201", country: "US" },
    },
  ],
  [
    "update my delivery address: 7 Oak Ave, Austin, TX 73301",
    "modify_order",
    {
      order_id: placed,
      new_address: { street: "7 Oak Ave", city: "Austin", state: "TX", zip: "73301", country: "US" },
    },
  ],
  ["I need the invoice for ORD-10042", "get_invoice", { order_id: "ORD-10042" }],
  ["get me a receipt of my last order", "get_invoice", { order_id: newest }],
  // Cart and promotions
  ["what is in my cart?", "get_cart", {}, "JBL Charge 5"],
  ["show my basket", "get_cart", {}, "$279.98"],
  ["add two JBL Charge 5 to my cart", "add_to_cart", { product_id: "p2", quantity: 2 }, "Done"],
  ["put the Sony WH-1000XM5 in the basket", "add_to_cart", { product_id: "p1" }],
  ["remove the JBL Charge 5 from my cart", "remove_from_cart", { product_id: "p2" }],
  ["apply the code WELCOME10", "apply_coupon_to_cart", { code: "WELCOME10" }],
  ["is the coupon BOOKWORM still valid?", "validate_coupon", { code: "BOOKWORM" }],
  ["are there any deals?", "get_active_deals", {}, "BOOKWORM"],
  ["which promotions are running", "get_active_deals", {}],
  ["what are the benefits of my loyalty tier?", "get_loyalty_benefits", {}],
  ["check out", "checkout", {}],
  // Oneself
  ["who am I?", "get_user_profile", {}, "Alice Johnson"],
  ["how much have I spent?", "get_user_profile", {}],
];

const SELLING: readonly Case[] = [
  ["show my products", "get_my_products", {}],
  ["which products do I sell? show my listings", "get_my_products", {}],
  ["orders of my products", "get_seller_orders", {}],
  ["what are my sales?", "get_seller_stats", {}, "$12,345.00"],
  ["how is my shop doing", "get_seller_stats", {}],
  ["show my inventory", "get_seller_inventory", {}],
  ["set the price of the JBL Charge 5 to $129.99", "update_price", { product_id: "p2", price: 129.99 }],
];

const STAFF: readonly Case[] = [
  ["show pending returns to review", "staff_list_returns", {}, "RET-7"],
  ["list the returns queue", "staff_list_returns", {}],
];

async function holds([message, name, args, says]: Case, tools: Parameters<typeof talk>[1]): Promise<void> {
  const { calls, answer } = await talk(message, tools, { answer: answerFlow });
  expect(calls.at(-1)).toMatchObject({ tool: name, args });
  if (says !== undefined) expect(answer).toContain(says);
  expect(answer).not.toMatch(/undefined|NaN|\[object/);
}

it("is asked in at least sixty ways", () => {
  expect(new Set([...CASES, ...SELLING, ...STAFF].map(([message]) => message)).size).toBeGreaterThanOrEqual(
    60,
  );
});

describe("a customer", () => {
  it.each(CASES)("%s", async (...one) => holds(one as unknown as Case, FLOW_TOOLS));
});

describe("a seller", () => {
  it.each(SELLING)("%s", async (...one) => holds(one as unknown as Case, [...FLOW_TOOLS, ...SELLER_TOOLS]));
});

describe("staff", () => {
  it.each(STAFF)("%s", async (...one) => holds(one as unknown as Case, [...FLOW_TOOLS, ...STAFF_TOOLS]));
});

describe("with fewer tools", () => {
  const few = [...ORDER_TOOLS, ...PRODUCT_TOOLS];

  it.each([
    ["what do people say about the JBL Charge 5?", "get_product_details"],
    ["is the JBL Charge 5 in stock?", "get_product_details"],
    ["I need the invoice for ORD-10042", "get_order_details"],
    ["where is my refund for ORD-10042?", "get_order_details"],
  ])("answers %j from what comes nearest", async (message, name) => {
    const { calls } = await talk(message, few, { answer: answerFlow });
    expect(calls.at(-1)?.tool).toBe(name);
  });

  it("compares by looking at each", async () => {
    const message = "compare the Sony WH-1000XM5 and the JBL Charge 5";
    const details = (name: string, args: Record<string, unknown>) =>
      name === "get_product_details"
        ? { status: "done", data: { name: args["product_id"], price: 100, rating: 4, stock: [] } }
        : answerFlow(name, args);
    const { calls, answer } = await talk(message, few, { answer: details });
    expect(calls.map(({ args }) => Object.values(args)[0])).toEqual([
      "Sony WH-1000XM5",
      "JBL Charge 5",
      "p1",
      "p2",
    ]);
    expect(answer).toContain("- p1: $1.00");
  });

  it.each([["send ORD-10042 back"], ["add the JBL Charge 5 to my cart"], ["apply the code WELCOME10"]])(
    "says of %j that it cannot, and does nothing",
    async (message) => {
      const { calls, answer } = await talk(message, few, { answer: answerFlow });
      expect(calls.filter(({ tool: name }) => !/^(?:get|search)_/.test(name))).toEqual([]);
      expect(answer).not.toContain("Done");
    },
  );
});

describe("tools that nobody knew", () => {
  it("are used by their names' words", async () => {
    const tools = [
      ...PRODUCT_TOOLS,
      tool("shop_reviews_list", "What buyers wrote.", { item_id: { type: "string" } }, ["item_id"]),
      tool("basket_view", "The basket.", {}),
    ];
    const asked = async (message: string) =>
      (await talk(message, tools, { answer: answerFlow })).calls.at(-1);
    expect(await asked("reviews of the JBL Charge 5")).toEqual({
      tool: "shop_reviews_list",
      args: { item_id: "p2" },
    });
    expect(await asked("show my basket")).toEqual({ tool: "basket_view", args: {} });
  });
});

describe("the front desk", () => {
  const names = [
    "order-management",
    "product-discovery",
    "pricing-promotions",
    "review-sentiment",
    "inventory-fulfillment",
  ];
  const router = {
    ...ROUTER,
    description:
      "Ask a specialist. order-management: orders, returns, cart. product-discovery: finding products in the catalogue. pricing-promotions: coupons, deals, loyalty. review-sentiment: what customers write. inventory-fulfillment: stock and shipping.",
    inputSchema: {
      ...ROUTER.inputSchema,
      properties: { agent_name: { type: "string", enum: names }, message: { type: "string" } },
    } as never,
  };

  it.each([
    ["What do people say about the JBL Charge 5?", "review-sentiment"],
    ["are there any deals?", "pricing-promotions"],
    ["Is the Dyson V15 Detect in stock?", "inventory-fulfillment"],
    ["I want to return ORD-10003", "order-management"],
    ["what is in my cart?", "order-management"],
    ["compare the Sony WH-1000XM5 and the JBL Charge 5", "product-discovery"],
    ["find headphones under $200", "product-discovery"],
    ["Where is my latest order?", "order-management"],
  ])("sends %j to %s", async (message, agent) => {
    const { calls } = await talk(message, [router, ...MEMORY_TOOLS], { answer: answerFlow });
    expect(calls[0]).toMatchObject({ tool: "call_specialist_agent", args: { agent_name: agent, message } });
  });

  it("does what it can itself, and sends on the rest", async () => {
    const { calls } = await talk(
      "Remember that I like tea. Where is my latest order?",
      [router, ...MEMORY_TOOLS],
      {
        answer: answerFlow,
      },
    );
    expect(calls.map(({ tool: name, args }) => [name, args["content"] ?? args["message"]])).toEqual([
      ["store_memory", "I like tea"],
      ["call_specialist_agent", "Where is my latest order?"],
    ]);
  });
});
