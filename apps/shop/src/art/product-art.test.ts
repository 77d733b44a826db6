import { describe, expect, it } from "vitest";
import { slugOf } from "../seed/data/product.ts";
import { products } from "../seed/data/products.ts";
import { productArt } from "./product-art.ts";

const all = products.map((p) => ({ slug: slugOf(p.name), name: p.name, category: p.category }));

describe("product pictures", () => {
  it("are the same on every call, differ between products, and stay under 6 kB", () => {
    const drawn = all.map(productArt);
    expect(all.map(productArt)).toEqual(drawn);
    expect(new Set(drawn).size).toBe(50);
    for (const svg of drawn) expect(Buffer.byteLength(svg)).toBeLessThan(6_000);
  });

  it("hold no script, no link and nothing remote", () => {
    for (const svg of all.map(productArt)) {
      expect(svg.replace('xmlns="http://www.w3.org/2000/svg"', "")).not.toMatch(
        /<script|href|https?:|\bon\w+=|@import/i,
      );
    }
  });

  it("keep a hostile name as text", () => {
    const svg = productArt({ slug: "x", name: '"><script>alert(1)</script>', category: "Books" });
    expect(svg).not.toContain("<script");
    expect(svg).toContain("&lt;script&gt;");
  });

  it("draw an unknown product by its category", () => {
    expect(productArt({ slug: "new-thing", name: "New thing", category: "Home" })).toContain("<svg");
  });
});
