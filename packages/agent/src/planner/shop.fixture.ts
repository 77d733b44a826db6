/** A small shop for the planner's tests: tools as a tool server would list them, answered from fixed rows. */
import type { LanguageModelV4, LanguageModelV4FunctionTool, LanguageModelV4Prompt } from "@ai-sdk/provider";
import { offlinePlanner } from "./offline-planner.ts";

export const tool = (
  name: string,
  description: string,
  properties: Record<string, object>,
  required: string[] = [],
): LanguageModelV4FunctionTool => ({
  type: "function",
  name,
  description,
  inputSchema: { type: "object", properties, required, additionalProperties: false } as never,
});

const text = { type: "string" };
const STATUSES = ["placed", "confirmed", "shipped", "out_for_delivery", "delivered", "cancelled", "returned"];
const CATEGORIES = ["Electronics", "Clothing", "Home", "Sports", "Books"];

export const ORDER_TOOLS = [
  tool("get_user_orders", "Your orders, newest first.", {
    status: { type: "string", enum: STATUSES },
    limit: { type: "integer", minimum: 1, maximum: 50 },
  }),
  tool("get_order_details", "One order with its items.", { order_id: text }, ["order_id"]),
  tool("get_order_tracking", "Where an order is.", { order_id: text }, ["order_id"]),
  tool("cancel_order", "Cancels an order.", { order_id: text, reason: text }, ["order_id", "reason"]),
  tool("get_user_profile", "The signed-in person's profile.", {}),
];

export const DECLINE = tool("decline_request", "Records that a request was declined.", { reason: text }, [
  "reason",
]);

export const PRODUCT_TOOLS = [
  tool("search_products", "Searches the catalogue.", {
    query: text,
    category: { type: "string", enum: CATEGORIES },
    min_price: { type: "number" },
    max_price: { type: "number" },
    min_rating: { type: "number" },
    sort_by: { type: "string", enum: ["relevance", "price_asc", "price_desc", "rating", "newest"] },
    limit: { type: "integer", minimum: 1, maximum: 20 },
  }),
  tool("get_product_details", "One product.", { product_id: text }, ["product_id"]),
];

export const ROUTER = tool(
  "call_specialist_agent",
  "Asks a specialist. order-management: orders, tracking, cancelling, profile. product-discovery: finding products in the catalogue.",
  { agent_name: { type: "string", enum: ["order-management", "product-discovery"] }, message: text },
  ["agent_name", "message"],
);

export const STAFF_TOOL = tool(
  "staff_find_orders",
  "For staff: orders of a customer, under an open case.",
  { email: text },
  ["email"],
);

export const orders = [
  {
    id: "0198c0de-0000-7000-8000-000000000001",
    number: "ORD-10042",
    status: "shipped",
    total: 29_999,
    date: "2026-11-15T10:00:00Z",
    item_count: 1,
  },
  {
    id: "0198c0de-0000-7000-8000-000000000002",
    number: "ORD-10017",
    status: "placed",
    total: 4_495,
    date: "2026-11-10T10:00:00Z",
    item_count: 2,
  },
];

const products = [
  { id: "p1", name: "Sony WH-1000XM5", price: 19_999, original_price: 34_999, rating: 4.6, review_count: 12 },
  { id: "p2", name: "JBL Tune", price: 4_999, rating: 4.1, review_count: 3 },
];

type Result = { status: string; data: unknown };

const notFound: Result = { status: "refused", data: { code: "not_found", error: "there is no such order" } };

/** Answers like the shop's tool servers. */
export function answerTool(name: string, args: Record<string, unknown>): Result {
  const order = orders.find((row) => row.id === args["order_id"] || row.number === args["order_id"]);
  switch (name) {
    case "get_user_orders":
      return { status: "done", data: { orders: orders.slice(0, Number(args["limit"] ?? 10)) } };
    case "get_order_details":
      return order
        ? {
            status: "done",
            data: {
              order: { ...order, items: [{ name: "Sony WH-1000XM5", quantity: 1, unit_price: 29_999 }] },
            },
          }
        : notFound;
    case "get_order_tracking":
      return order
        ? {
            status: "done",
            data: {
              number: order.number,
              status: order.status,
              carrier: "UPS",
              tracking: "1Z999",
              timeline: [{ status: "shipped", date: "2026-11-16T10:00:00Z", location: "Dallas, TX" }],
            },
          }
        : notFound;
    case "cancel_order":
      return order ? { status: "done", data: { order: { ...order, status: "cancelled" } } } : notFound;
    case "get_user_profile":
      return {
        status: "done",
        data: {
          profile: {
            name: "Alice Johnson",
            email: "alice@example.com",
            loyalty_tier: "gold",
            total_spend: 321_000,
            orders: 12,
          },
        },
      };
    case "search_products":
      return { status: "done", data: { products, total: 2 } };
    case "get_product_details":
      return {
        status: "done",
        data: {
          ...products[0],
          description: "Quiet headphones.",
          stock: [{ warehouse: "East", quantity: 4 }],
        },
      };
    case "decline_request":
      return { status: "refused", data: { declined: true } };
    case "staff_find_orders":
      return { status: "refused", data: { code: "case_required", error: "open a case first" } };
    default:
      return {
        status: "done",
        data: { answer: `(${String(args["agent_name"])} heard: ${String(args["message"])})` },
      };
  }
}

export interface Talk {
  readonly calls: readonly { readonly tool: string; readonly args: Record<string, unknown> }[];
  readonly answer: string;
}

/** Runs the planner to its answer. `earlier` is what was said before. */
export async function talk(
  message: string,
  tools: readonly LanguageModelV4FunctionTool[],
  options: {
    readonly earlier?: readonly { role: "user" | "assistant"; text: string }[];
    readonly answer?: typeof answerTool;
    readonly model?: LanguageModelV4;
  } = {},
): Promise<Talk> {
  const model = options.model ?? offlinePlanner();
  const prompt: LanguageModelV4Prompt = [
    { role: "system", content: "You are a test." },
    ...(options.earlier ?? []).map(({ role, text: said }) => ({
      role,
      content: [{ type: "text" as const, text: said }],
    })),
    { role: "user", content: [{ type: "text", text: message }] },
  ];
  const calls: { tool: string; args: Record<string, unknown> }[] = [];
  for (let step = 0; step < 8; step += 1) {
    const { content } = await model.doGenerate({ prompt, tools: [...tools] });
    const call = content.find((part) => part.type === "tool-call");
    if (!call)
      return { calls, answer: content.map((part) => (part.type === "text" ? part.text : "")).join("") };
    const args = JSON.parse(call.input) as Record<string, unknown>;
    calls.push({ tool: call.toolName, args });
    const value = { integrity: "trusted", ...(options.answer ?? answerTool)(call.toolName, args) };
    prompt.push(
      { role: "assistant", content: [{ ...call, input: args }] },
      {
        role: "tool",
        content: [
          {
            type: "tool-result",
            toolCallId: call.toolCallId,
            toolName: call.toolName,
            output: { type: "json", value: value as never },
          },
        ],
      },
    );
  }
  throw new Error(`no answer after ${calls.map(({ tool: name }) => name).join(", ")}`);
}
