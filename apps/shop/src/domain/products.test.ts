import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ProductDetail } from "../shapes.ts";
import { type TestShop, openTestShop } from "../testing/test-shop.ts";
import {
  type SearchProducts,
  findProduct,
  listReviews,
  nearestProducts,
  searchProducts,
} from "./products.ts";
import { nearestWord, searchWords, similarity } from "./search-words.ts";

let shop: TestShop;
beforeAll(async () => {
  shop = await openTestShop();
});
afterAll(() => shop.close());

const search = (request: SearchProducts) =>
  shop.store.transaction("app", (tx) => searchProducts(tx, request), { readOnly: true });
const names = async (request: SearchProducts) => (await search(request)).products.map((p) => p.name);

describe("searching the catalogue", () => {
  it.each([
    ["headphones", ["Sony WH-1000XM5", "AirPods Max"]],
    ["Sony WH-1000XM5", ["Sony WH-1000XM5"]],
    ["Levi's jeans", ["Levi's 501"]],
    ["yoga mat", ["Manduka PRO"]],
    ["robot vacuum", ["Roomba j9+"]],
    ["show me a tent lamp for camping please", ["Black Diamond Spot 400"]],
    ["espresso machine", ["Breville Barista Express"]],
  ])("finds what is meant by %j", async (query, expected) => {
    expect(await names({ query, limit: 10 })).toEqual(expect.arrayContaining(expected));
  });

  it("puts the named thing first", async () => {
    expect((await names({ query: "kindle" }))[0]).toBe("Kindle Paperwhite Signature");
    expect((await names({ query: "headphones" }))[0]).toMatch(/Sony WH-1000XM5|AirPods Max/);
  });

  it("forgives a misspelling, and says what it searched for", async () => {
    const found = await search({ query: "hedphones" });
    expect(found.corrected).toBe("headphones");
    expect(found.products.map((p) => p.name)).toContain("Sony WH-1000XM5");
  });

  it("says that no headphones cost less than $200, and offers the nearest", async () => {
    const request = { query: "headphones", maxPrice: 20_000 };
    expect((await search(request)).total).toBe(0);
    const nearest = await shop.store.transaction("app", (tx) => nearestProducts(tx, request));
    expect(nearest.map((p) => p.name)).toEqual(["Sony WH-1000XM5", "AirPods Max"]);
  });

  it("holds to every filter at once", async () => {
    const { products, total, categories } = await search({
      category: "Clothing",
      minPrice: 10_000,
      maxPrice: 15_000,
      sort: "price_asc",
    });
    expect(products.map((p) => p.price)).toEqual([12_999, 13_900, 14_500]);
    expect(total).toBe(3);
    expect(categories.find((c) => c.name === "Clothing")?.count).toBe(3);
    for (const p of (await search({ minRating: 4.3, limit: 100 })).products)
      expect(p.rating).toBeGreaterThanOrEqual(4.3);
  });

  it.each(["relevance", "price_asc", "price_desc", "rating", "newest"] as const)(
    "pages by %s, each product once",
    async (sort) => {
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await search({ sort, limit: 9, ...(cursor && { cursor }) });
        seen.push(...page.products.map((p) => p.slug));
        cursor = page.next;
      } while (cursor);
      expect(seen).toHaveLength(50);
      expect(new Set(seen).size).toBe(50);
    },
  );

  it("refuses a cursor of another sort", async () => {
    const { next } = await search({ sort: "rating", limit: 5 });
    await expect(search({ sort: "newest", limit: 5, cursor: next! })).rejects.toMatchObject({
      code: "validation_failed",
    });
  });

  it.each([
    "'; drop table shop.products; --",
    "a & | ! ( ) :*",
    "%",
    '"',
    "\\",
    "ünïcödé 💥",
    "or or or",
    "x".repeat(500),
  ])("takes %j as words and nothing else", async (query) => {
    await expect(search({ query })).resolves.toMatchObject({ total: expect.any(Number) });
    expect((await search({})).total).toBe(50);
  });

  it("marks what is reduced", async () => {
    const [sony] = (await search({ query: "WH-1000XM5" })).products;
    expect(sony).toMatchObject({
      price: 29_999,
      original_price: 34_999,
      on_sale: true,
      image_url: "/art/sony-wh-1000xm5.svg",
    });
    const [kindle] = (await search({ query: "kindle" })).products;
    expect(kindle?.on_sale).toBe(false);
    expect(kindle && "original_price" in kindle).toBe(false);
  });
});

describe("one product", () => {
  it("is found by id, slug and name, with stock of each warehouse", async () => {
    const find = (key: string) => shop.store.transaction("app", (tx) => findProduct(tx, key));
    const bySlug = await find("dyson-v15-detect");
    expect(ProductDetail.parse(bySlug).stock).toEqual([
      { warehouse: "Central", quantity: 0 },
      { warehouse: "East", quantity: 0 },
      { warehouse: "West", quantity: 0 },
    ]);
    expect(await find(bySlug.id)).toEqual(bySlug);
    expect(await find("Dyson V15 Detect")).toEqual(bySlug);
    for (const key of ["nothing", "", "' or true --", "00000000-0000-4000-8000-000000000000"]) {
      await expect(find(key)).rejects.toMatchObject({ code: "not_found" });
    }
  });

  it("has reviews, signed without a whole name, a hostile one among them", async () => {
    const { reviews } = await shop.store.transaction("app", (tx) =>
      listReviews(tx, "sony-wh-1000xm5", { limit: 100 }),
    );
    expect(reviews.some((r) => r.body.includes("SYSTEM:"))).toBe(true);
    for (const review of reviews) expect(review.author).toMatch(/^\p{L}+ \p{L}\.( |$)|^\p{L}+ \p{L}\.$/u);
  });
});

describe("search words", () => {
  it("drop fillers and sums of money, and are bounded", () => {
    expect(searchWords("Show me headphones under $200, please")).toEqual(["headphones"]);
    expect(searchWords("books below 40 dollars")).toEqual(["books"]);
    expect(searchWords("w ".repeat(500)).length).toBeLessThanOrEqual(12);
  });

  it("know how alike two words are", () => {
    expect(similarity("jacket", "jacket")).toBe(1);
    expect(similarity("jacket", "zoo")).toBe(0);
    expect(nearestWord("jaket", ["jacket", "basket"])).toBe("jacket");
    expect(nearestWord("qqqqqq", ["jacket", "basket"])).toBeUndefined();
  });
});
