import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Caller, toProblem, withCaller } from "@deputize/core";
import { memoryAudit } from "@deputize/mcp";
import { artRoutes } from "../art/routes.ts";
import { people } from "../seed/data/people.ts";
import { OrderDetail, OrderList, ProductDetail, ProductList, Profile, ReviewList } from "../shapes.ts";
import { type TestShop, callerFor, idOf, openTestShop } from "../testing/test-shop.ts";
import { orderRoutes } from "./orders.ts";
import { productRoutes } from "./products.ts";
import { profileRoutes } from "./profile.ts";

let shop: TestShop;
let app: Hono;
const audit = memoryAudit();

beforeAll(async () => {
  shop = await openTestShop();
  const { store } = shop;
  app = new Hono()
    .route("/api/orders", orderRoutes({ store, audit, cases: { openFor: async () => [] } }))
    .route("/api/products", productRoutes({ store }))
    .route(
      "/api/profile",
      profileRoutes({ store, people: { get: async (id) => people.find((p) => p.id === id) } }),
    )
    .route("/art", artRoutes({ store }))
    .onError((error, c) => {
      const problem = toProblem(error, "r");
      return c.json(problem, problem.status as 500);
    });
});
afterAll(() => shop.close());

async function get(path: string, caller?: Caller): Promise<{ status: number; body: unknown }> {
  const ask = async () => app.request(path);
  const response = await (caller ? withCaller(caller, ask) : ask());
  return { status: response.status, body: await response.json() };
}
const alice = callerFor("alice.johnson");

describe("the shop's own routes", () => {
  it("need a caller for orders and profile, and none for products", async () => {
    for (const path of ["/api/orders", "/api/orders/ORD-10001", "/api/profile"])
      expect((await get(path)).status).toBe(401);
    expect((await get("/api/products")).status).toBe(200);
  });

  it("answer in the shapes of the contract", async () => {
    const list = OrderList.parse((await get("/api/orders?limit=5", alice)).body);
    expect(list.orders).toHaveLength(5);
    const more = OrderList.parse((await get(`/api/orders?limit=5&cursor=${list.next}`, alice)).body);
    expect(more.orders[0]?.id).not.toBe(list.orders[4]?.id);
    OrderDetail.parse((await get(`/api/orders/${list.orders[0]?.id}`, alice)).body);
    expect(Profile.parse((await get("/api/profile", alice)).body).email).toBe("alice.johnson@gmail.com");
    const products = ProductList.parse(
      (await get("/api/products?search=jacket&max_price=20000&sort=price_asc")).body,
    );
    expect(products.products.every((p) => p.price <= 20_000)).toBe(true);
    ProductDetail.parse((await get("/api/products/levis-501")).body);
    ReviewList.parse((await get("/api/products/levis-501/reviews?limit=3")).body);
  });

  it("show the same to a signed-in person's products as to a visitor", async () => {
    expect((await get("/api/products?limit=50", alice)).body).toEqual(
      (await get("/api/products?limit=50")).body,
    );
  });

  it("answer foreign, missing and malformed ids with 404, never 5xx [SH-D13]", async () => {
    const { rows } = await shop.store.ownerQuery<{ id: string }>(
      "select id from shop.orders where user_id = $1 limit 1",
      [idOf("bob.smith")],
    );
    const ids = [
      rows[0]!.id,
      "ORD-99999",
      "1",
      "x'--",
      "%00",
      "..%2f..%2fetc",
      "%F0%9F%92%A5",
      "null",
      "a".repeat(2000),
    ];
    for (const id of ids) {
      expect([id, (await get(`/api/orders/${id}`, alice)).status]).toEqual([id, 404]);
      expect([id, (await get(`/api/products/${id}`)).status]).toEqual([id, 404]);
    }
  });

  it("refuse bad bounds and unknown parameters with 422 that names the field", async () => {
    const bad = [
      "limit=0",
      "limit=-1",
      "limit=101",
      "limit=1e9",
      "limit=x",
      "limit=5&limit=6",
      "status=lost",
      "cursor=zzz",
      "user_id=1",
      "offset=5",
    ];
    for (const query of bad)
      expect([query, (await get(`/api/orders?${query}`, alice)).status]).toEqual([query, 422]);
    for (const query of [
      "min_price=-1",
      "max_price=abc",
      "sort=random",
      "category=Cars",
      "limit=1000",
      "min_rating=6",
    ]) {
      expect([query, (await get(`/api/products?${query}`)).status]).toEqual([query, 422]);
    }
    expect((await get("/api/orders?limit=0", alice)).body).toMatchObject({
      code: "validation_failed",
      errors: { limit: expect.any(String) },
    });
  });

  it("draw every product of the list, and nothing else", async () => {
    const { products } = ProductList.parse((await get("/api/products?limit=100")).body);
    expect(products).toHaveLength(50);
    for (const { image_url } of products.slice(0, 5)) {
      const picture = await app.request(image_url);
      expect(picture.headers.get("content-type")).toContain("image/svg+xml");
      expect(picture.headers.get("content-security-policy")).toContain("default-src 'none'");
    }
    for (const path of ["/art/none.svg", "/art/levis-501.png", "/art/..%2fx.svg"])
      expect((await get(path)).status).toBe(404);
  });
});
