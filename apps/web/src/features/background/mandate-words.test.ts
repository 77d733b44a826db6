import { describe, expect, it } from "vitest";
import type { BackgroundOffer } from "../../api/types.ts";
import { boundWords, mandateBody, toolWords } from "./mandate-words.ts";

const offer: BackgroundOffer = {
  agent: "a1",
  name: "order-management",
  audiences: ["https://shop.example/mcp/orders"],
  tools: [
    {
      name: "orders/get_user_orders",
      title: "My orders",
      asks: false,
      scopes: ["read:orders:*"],
      bounds: [],
    },
    {
      name: "orders/cancel_order",
      title: "Cancel an order",
      asks: true,
      scopes: ["cancel:orders:*"],
      bounds: [{ argument: "order_id", of: "orders" }],
    },
    {
      name: "orders/get_user_profile",
      title: "My profile",
      asks: false,
      scopes: ["read:profile:*"],
      bounds: [],
    },
  ],
};
const id = "01a22bff-5ff0-71eb-8c1e-252a788e63a8";
const draft = {
  offer,
  tools: ["orders/cancel_order", "orders/get_user_orders", "orders/not_there"],
  orders: [{ id, number: "ORD-1" }],
  purpose: "  Cancel what is late ",
  days: 90,
};

describe("the request for a mandate", () => {
  it("asks for the chosen tools, no scope beyond theirs, and binds them to the chosen orders [SR-14]", () => {
    const body = mandateBody(draft, 0);
    expect(body).toEqual({
      agent: "a1",
      purpose: "Cancel what is late",
      tools: ["orders/get_user_orders", "orders/cancel_order"],
      audiences: ["https://shop.example/mcp/orders"],
      scopes: ["read:orders:*", "cancel:orders:*"],
      constraints: {
        "orders-1": { tool: "orders/cancel_order", argument: "order_id", oneOf: [id, "ORD-1"] },
      },
      expires: "1970-03-31T23:59:00.000Z",
    });
    expect(mandateBody({ ...draft, orders: [] }, 0)).not.toHaveProperty("constraints");
    expect(mandateBody({ ...draft, tools: ["orders/get_user_orders"] }, 0)).not.toHaveProperty("constraints");
  });
});

describe("a mandate in words", () => {
  it("names orders by number and tools by title", () => {
    expect(boundWords({ constraints: { a: { oneOf: [id, "ORD-1"] }, b: { oneOf: [id, "ORD-1"] } } })).toBe(
      "Only ORD-1",
    );
    expect(boundWords({})).toBeUndefined();
    expect(toolWords("orders/cancel_order", [offer])).toBe("Cancel an order");
    expect(toolWords("orders/get_order", [])).toBe("Get order");
  });
});
