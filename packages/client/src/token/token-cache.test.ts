import { expect, it } from "vitest";
import { createTokenCache } from "./token-cache.ts";

it("keeps what is used and at most its capacity", () => {
  const cache = createTokenCache<number>(100);
  cache.set("used", 0);
  for (let i = 1; i <= 1000; i += 1) {
    cache.set(`t${i}`, i);
    expect(cache.get("used")).toBe(0);
  }
  const kept = Array.from({ length: 1000 }, (_, i) => cache.get(`t${i + 1}`)).filter((n) => n !== undefined);
  expect(kept.length).toBeLessThanOrEqual(100);
  expect(cache.get("t1000")).toBe(1000);
});

it("forgets what is deleted, in both halves", () => {
  const cache = createTokenCache<number>(4);
  for (const text of ["a", "b", "c"]) cache.set(text, 1);
  for (const text of ["a", "c"]) cache.delete(text);
  expect(["a", "b", "c"].map((text) => cache.get(text))).toEqual([undefined, 1, undefined]);
  cache.clear();
  expect(cache.get("b")).toBeUndefined();
});
