import { describe, expect, it } from "vitest";
import { ApiError, csrfToken, withQuery } from "./http.ts";

describe("the csrf token", () => {
  it("is read from its own cookie only", () => {
    expect(csrfToken("theme=dark; deputize_csrf=ab%3Dc; x=1")).toBe("ab=c");
    expect(csrfToken("xdeputize_csrf=evil; deputize_csrf2=evil")).toBeUndefined();
    expect(csrfToken("")).toBeUndefined();
  });
});

describe("an error", () => {
  it("says that a refusal and a failed read changed nothing", () => {
    expect(new ApiError("POST", 403, { code: "forbidden" }).changed).toBe("no");
    expect(new ApiError("GET", 500, {}).changed).toBe("no");
    expect(new ApiError("GET", 0, {}).changed).toBe("no");
  });

  it("does not claim that for a write whose answer was lost", () => {
    expect(new ApiError("POST", 0, { code: "unreachable" }).changed).toBe("unknown");
    expect(new ApiError("DELETE", 502, {}).changed).toBe("unknown");
  });
});

describe("a query", () => {
  it("holds only what has a value, encoded", () => {
    expect(withQuery("/api/products", { search: "a&b=c", category: undefined, sort: "", min_price: 0 })).toBe(
      "/api/products?search=a%26b%3Dc&min_price=0",
    );
    expect(withQuery("/api/orders", {})).toBe("/api/orders");
  });
});
