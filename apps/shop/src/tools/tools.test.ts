import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Caller, DeputizeError, type PrincipalId } from "@deputize/core";
import {
  type ApprovalGate,
  type ApprovalRequest,
  type Authenticator,
  META,
  type MemoryAudit,
  TestClient,
  type ToolCallResult,
  memoryAudit,
} from "@deputize/mcp";
import { type Ephemeral, type Store } from "@deputize/store";
import { openTestEphemeral } from "@deputize/store/testing";
import { people } from "../seed/data/people.ts";
import { Card } from "../shapes.ts";
import { type TestShop, callerFor, idOf, openTestShop } from "../testing/test-shop.ts";
import { ordersServer } from "./orders-server.ts";
import { productsServer } from "./products-server.ts";

let shop: TestShop;
let ephemeral: Ephemeral;
let audit: MemoryAudit;
let asked: ApprovalRequest[];
/** Digest of the preview that a person agreed to, by approval id. */
let agreed: Map<string, { previewDigest: string; argsDigest: string }>;
let openCases: { subject: PrincipalId; id: string; purpose: string }[];

beforeAll(async () => {
  shop = await openTestShop();
  ephemeral = await openTestEphemeral();
  // Stands in for the authority's table of cases: open for everybody whom `openCases` names.
  await shop.store.ownerQuery("create table shop.test_cases (subject uuid)");
  await shop.store.ownerQuery(
    `create or replace function deputize.case_subjects(resource text) returns uuid[] language sql stable security definer
     set search_path = pg_catalog, pg_temp as $$
       select case when deputize.has_role('admin') then array(select subject from shop.test_cases) else '{}'::uuid[] end $$`,
  );
});
afterAll(async () => {
  await ephemeral.close();
  await shop.close();
});
beforeEach(() => {
  audit = memoryAudit();
  asked = [];
  agreed = new Map();
  openCases = [];
});

/** The token is the mailbox: the verifier is proved elsewhere. */
const auth: Authenticator = {
  name: "test",
  authenticate: async (request: Request): Promise<Caller> => {
    const [mailbox = "", scopes] = (request.headers.get("authorization") ?? "")
      .replace("Bearer ", "")
      .split("|");
    return callerFor(mailbox, scopes === undefined ? {} : { scopes: scopes.split(" ") });
  },
};

const approvals: ApprovalGate = {
  request: async (_caller, request) => {
    asked.push(request);
    const id = `approval-${asked.length}`;
    agreed.set(id, request);
    return { id, expiresAt: new Date(Date.UTC(2026, 10, 22, 18)).toISOString() };
  },
  consume: async (_tx, _caller, use) => {
    const known = agreed.get(use.approvalId);
    if (!known) throw new DeputizeError("approval_invalid", "not approved");
    if (known.previewDigest !== use.previewDigest || known.argsDigest !== use.argsDigest) {
      throw new DeputizeError("approval_changed", "something moved");
    }
    agreed.delete(use.approvalId);
  },
};

function toolServer(kind: "orders" | "products") {
  const deps = {
    auth,
    store: shop.store as Store,
    audit,
    ephemeral,
    url: `http://localhost:3000/mcp/${kind}`,
  };
  return kind === "products"
    ? productsServer(deps)
    : ordersServer({
        ...deps,
        approvals,
        people: { get: async (id) => people.find((p) => p.id === id) },
        cases: { openFor: async (_caller, subject) => openCases.filter((c) => c.subject === subject) },
      });
}

function client(who: string, kind: "orders" | "products" = "orders"): TestClient {
  return new TestClient(toolServer(kind), { token: who });
}

async function call(
  who: string,
  tool: string,
  args: object,
  kind: "orders" | "products" = "orders",
  meta?: object,
): Promise<ToolCallResult> {
  const response = await client(who, kind).send("tools/call", {
    name: tool,
    arguments: args,
    ...(meta && { _meta: meta }),
  });
  const body = await response.text();
  const json = body.startsWith("{")
    ? body
    : (body.split("\n").find((l) => l.startsWith("data:")) ?? "data:{}").slice(5);
  const { result, error } = JSON.parse(json) as { result?: ToolCallResult; error?: { message: string } };
  return result ?? { isError: true, content: [{ type: "text", text: error?.message ?? "" }] };
}

const cardsOf = (result: ToolCallResult): Card[] => Card.array().parse(result.structuredContent?.["cards"]);
const codeOf = (result: ToolCallResult): unknown =>
  (result.structuredContent?.["error"] as { code?: string } | undefined)?.code;

async function orderOf(mailbox: string, status: string): Promise<{ id: string; number: string }> {
  const { rows } = await shop.store.ownerQuery<{ id: string; number: string }>(
    "select id, number from shop.orders where user_id = $1 and status = $2 order by placed_at limit 1",
    [idOf(mailbox), status],
  );
  return rows[0]!;
}

describe("the orders server", () => {
  it("answers with the caller's orders, a card, and a label that only they may read", async () => {
    const result = await call("alice.johnson", "get_user_orders", { limit: 3 });
    const [card] = cardsOf(result);
    expect(card?.type === "orders" && card.orders).toHaveLength(3);
    expect(card?.type === "orders" && card.orders[0]?.status).toBe("shipped");
    expect(result._meta?.[META.label]).toMatchObject({
      integrity: "trusted",
      readers: [idOf("alice.johnson")],
    });
  });

  it("labels what holds a seller's words as untrusted [SR-07]", async () => {
    const { number } = await orderOf("alice.johnson", "delivered");
    const result = await call("alice.johnson", "get_order_details", { order_id: number });
    expect(cardsOf(result)[0]?.type).toBe("order");
    expect(result._meta?.[META.label]).toMatchObject({
      integrity: "untrusted",
      readers: [idOf("alice.johnson")],
    });
  });

  it("takes no identity as an argument", async () => {
    for (const extra of [
      { user_id: idOf("bob.smith") },
      { email: "bob.smith@gmail.com" },
      { owners: [idOf("bob.smith")] },
    ]) {
      expect((await call("alice.johnson", "get_user_orders", extra)).isError).toBe(true);
      expect((await call("alice.johnson", "get_user_profile", extra)).isError).toBe(true);
    }
  });

  it("answers another's order like one that does not exist, by every tool", async () => {
    const bobs = await orderOf("bob.smith", "placed");
    for (const tool of ["get_order_details", "get_order_tracking", "cancel_order"]) {
      const args = tool === "cancel_order" ? { reason: "mine now" } : {};
      const texts = await Promise.all(
        [bobs.id, bobs.number, "ORD-99999", "not-an-id"].map(async (order_id) => {
          const result = await call("alice.johnson", tool, { order_id, ...args });
          expect(codeOf(result)).toBe("not_found");
          return result.content[0]?.text;
        }),
      );
      expect(new Set(texts).size).toBe(1);
    }
    expect(asked).toEqual([]);
  });

  it("hides each tool from whoever lacks its scope", async () => {
    for (const tool of [
      "get_user_orders",
      "get_order_details",
      "cancel_order",
      "get_user_profile",
      "staff_find_orders",
    ]) {
      const result = await call("alice.johnson|read:products:*", tool, {});
      expect(result.isError).toBe(true);
      expect(result.structuredContent?.["orders"]).toBeUndefined();
    }
  });

  it("bounds the list", async () => {
    for (const limit of [0, -1, 51, 1e9, 1.5, "10"]) {
      expect((await call("alice.johnson", "get_user_orders", { limit })).isError).toBe(true);
    }
  });

  it("tells the profile of the caller", async () => {
    const [card] = cardsOf(await call("alice.johnson", "get_user_profile", {}));
    expect(card).toMatchObject({
      type: "profile",
      profile: { email: "alice.johnson@gmail.com", loyalty_tier: "gold", orders: 24, role: "customer" },
    });
  });
});

describe("cancelling by the tool", () => {
  const state = async (id: string) =>
    (await shop.store.ownerQuery<{ status: string }>("select status from shop.orders where id = $1", [id]))
      .rows[0]?.status;

  it("waits for a person who sees number, items, total and row version, then happens once [SR-15]", async () => {
    const order = await orderOf("alice.johnson", "confirmed");
    const args = { order_id: order.number, reason: "found it cheaper" };
    const waiting = await call("alice.johnson", "cancel_order", args, "orders", { [META.callId]: "call-1" });
    expect(await state(order.id)).toBe("confirmed");
    expect(asked).toHaveLength(1);
    expect(asked[0]?.summary).toContain(order.number);
    expect(asked[0]?.summary).toMatch(/total \$[\d,]+\.\d\d/);
    expect(asked[0]?.preview.rows).toEqual({ [`order:${order.id}`]: 2 });
    expect(waiting._meta?.[META.approval]).toMatchObject({ id: "approval-1" });

    const approved = { [META.callId]: "call-1", [META.approvalId]: "approval-1" };
    const done = await call("alice.johnson", "cancel_order", args, "orders", approved);
    const [card] = cardsOf(done);
    expect(card?.type === "order" && card.order.status).toBe("cancelled");
    expect(await state(order.id)).toBe("cancelled");
    expect((await call("alice.johnson", "cancel_order", args, "orders", approved)).isError).toBe(true);
    expect(
      audit.entries.some((e) => e.outcome === "allowed" && JSON.stringify(e).includes("found it cheaper")),
    ).toBe(true);
  });

  it("asks again when the order moved after the yes, and changes nothing [SR-15]", async () => {
    const order = await orderOf("bob.smith", "placed");
    const args = { order_id: order.id, reason: "no longer needed" };
    await call("bob.smith", "cancel_order", args, "orders", { [META.callId]: "call-2" });
    await shop.store.ownerQuery(
      "update shop.orders set version = version + 1, status = 'confirmed' where id = $1",
      [order.id],
    );
    const late = await call("bob.smith", "cancel_order", args, "orders", {
      [META.callId]: "call-2",
      [META.approvalId]: "approval-1",
    });
    expect(late._meta?.[META.approval]).toMatchObject({ id: "approval-2", status: "pending" });
    expect(asked[1]?.preview.rows).toEqual({ [`order:${order.id}`]: 2 });
    expect(await state(order.id)).toBe("confirmed");
  });

  it("asks nobody for what cannot be cancelled", async () => {
    const order = await orderOf("alice.johnson", "shipped");
    const result = await call("alice.johnson", "cancel_order", { order_id: order.id, reason: "too slow" });
    expect(codeOf(result)).toBe("conflict");
    expect(asked).toEqual([]);
  });
});

describe("staff", () => {
  it("see nobody's orders without a case, and are offered to open one [SR-04]", async () => {
    for (const email of ["bob.smith@gmail.com", "nobody@nowhere.example"]) {
      const result = await call("admin.demo", "staff_find_orders", { email });
      expect(codeOf(result)).toBe("case_required");
      const error = result.structuredContent?.["error"] as { detail?: { cards: unknown } } | undefined;
      expect(Card.array().parse(error?.detail?.cards)).toEqual([
        { type: "case_offer", subject_email: email, resources: ["orders"] },
      ]);
    }
  });

  it("see exactly the person of the case, with an entry that says why [SR-04]", async () => {
    const bob = idOf("bob.smith");
    openCases = [{ subject: bob, id: "case-1", purpose: "parcel lost, ticket 81" }];
    await shop.store.ownerQuery("insert into shop.test_cases values ($1)", [bob]);
    try {
      const result = await call("admin.demo", "staff_find_orders", { email: "Bob", limit: 50 });
      const [card] = cardsOf(result);
      expect(card?.type === "orders" && card.orders).toHaveLength(13);
      expect(audit.entries.findLast((e) => e.case !== undefined)).toMatchObject({
        case: { id: "case-1", purpose: "parcel lost, ticket 81" },
        about: [bob],
        subject: idOf("admin.demo"),
      });
      expect(codeOf(await call("admin.demo", "staff_find_orders", { email: "carol.davis@gmail.com" }))).toBe(
        "case_required",
      );
      // A case shows; it never lets staff act.
      const order = await orderOf("bob.smith", "confirmed");
      expect((await call("admin.demo", "get_order_details", { order_id: order.id })).isError).not.toBe(true);
      expect(codeOf(await call("admin.demo", "cancel_order", { order_id: order.id, reason: "x" }))).toBe(
        "not_found",
      );
      expect(asked).toEqual([]);
    } finally {
      await shop.store.ownerQuery("delete from shop.test_cases");
    }
  });

  it("are the only ones who know of the tool", async () => {
    expect((await call("alice.johnson", "staff_find_orders", { email: "bob.smith@gmail.com" })).isError).toBe(
      true,
    );
  });
});

describe("both servers", () => {
  it("limit what one caller may ask of each tool", () => {
    for (const kind of ["orders", "products"] as const) {
      for (const tool of toolServer(kind).explain()) expect(JSON.stringify(tool)).toContain("600 in 60 s");
    }
  });
});

describe("the products server", () => {
  it("reads prices in dollars and answers in cents, as public and untrusted [SR-07]", async () => {
    const result = await call(
      "alice.johnson",
      "search_products",
      { query: "shoes", max_price: 129.99, sort_by: "price_asc" },
      "products",
    );
    const [card] = cardsOf(result);
    expect(card?.type === "products" && card.products.map((p) => p.price)).toEqual([9_800, 12_999]);
    expect(result._meta?.[META.label]).toMatchObject({ integrity: "untrusted", readers: "public" });
  });

  it("says honestly that no headphones cost less than $200, and shows the nearest", async () => {
    const result = await call(
      "alice.johnson",
      "search_products",
      { query: "headphones", max_price: 200 },
      "products",
    );
    expect(result.structuredContent?.["products"]).toEqual([]);
    expect(result.structuredContent?.["answer"]).toBe(
      'I found nothing for "headphones" up to $200.00. The nearest in the catalogue, outside of that: Sony WH-1000XM5 at $299.99, AirPods Max at $449.99.',
    );
    expect(cardsOf(result)[0]?.type).toBe("products");
  });

  it("shows a hostile review as text, under an untrusted label", async () => {
    const { rows } = await shop.store.ownerQuery(
      "update shop.reviews set created_at = now() where body like '%SYSTEM:%' returning id",
    );
    expect(rows).toHaveLength(1);
    const result = await call(
      "alice.johnson",
      "get_product_details",
      { product_id: "Sony WH-1000XM5" },
      "products",
    );
    expect(JSON.stringify(result.structuredContent?.["reviews"])).toContain("SYSTEM:");
    expect(result._meta?.[META.label]).toMatchObject({ integrity: "untrusted" });
  });
});
