import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseScope, readScope, scopeCovers, scopeIntersect, scopeIsSubset } from "./scope.ts";

const split = (text: string): string[] => (text === "" ? [] : text.split(" + "));

describe("scopes [AW-F09]", () => {
  it.each(["read:Customers:12345", "read:Customers:*", "admin:launch-tokens:*", "read:data:customers:42"])(
    "reads %s",
    (text) => expect(parseScope(text)).toBeDefined(),
  );

  it.each([
    "",
    "read",
    "read:Customers",
    ":Customers:*",
    "read::*",
    "read:Customers:",
    "*:data:x",
    "read:*:x",
  ])("refuses to grant `%s` [AW-D32]", (text) =>
    expect(() => parseScope(text)).toThrow(expect.objectContaining({ code: "invalid_scope" })),
  );

  it.each([
    ["read:Customers:*", "read:Customers:*", true],
    ["read:Customers:12345", "read:Customers:*", true],
    ["read:Customers:*", "read:Customers:12345", false],
    ["write:Customers:*", "read:Customers:*", false],
    ["read:Orders:*", "read:Customers:*", false],
    ["read:Customers:12345 + read:Customers:67890", "read:Customers:*", true],
    ["read:Customers:12345 + write:Customers:*", "read:Customers:*", false],
    ["read:Customers:12345 + write:Orders:*", "read:Customers:* + write:Orders:*", true],
    ["read:Customers:12345 + write:Customers:*", "read:Customers:*", false],
    ["", "read:Customers:*", true],
    ["admin:launch-tokens:*", "admin:launch-tokens:* + admin:revoke:* + admin:audit:*", true],
    ["read:data:customers", "read:data:customers", true],
    ["read:data:orders", "read:data:*", true],
    ["write:data:customers", "read:data:customers", false],
    ["read:users:customers", "read:data:customers", false],
    ["read:data:orders", "read:data:customers", false],
    ["read:data:customers + write:logs:system", "read:data:* + write:logs:system", true],
    ["read:data:customers + write:data:users", "read:data:* + write:logs:system", false],
    ["read:data:customers", "", false],
    ["read:data:customers", "*:data:customers", false],
    ["read:data:customers", "*:*:*", false],
    ["read:data:customers:42", "read:data:*", true],
    ["bad", "bad", false],
  ])("%s within %s is %s", (requested, allowed, within) => {
    expect(scopeIsSubset(split(requested), split(allowed))).toBe(within);
  });

  it("never widens: what intersects is within both", () => {
    const part = fc.constantFrom("a", "b", "*", "a:b", "");
    const scope = fc.tuple(part, part, part).map((p) => p.join(":"));
    fc.assert(
      fc.property(fc.array(scope), fc.array(scope), (requested, allowed) => {
        const both = scopeIntersect(requested, allowed);
        expect(scopeIsSubset(both, allowed)).toBe(true);
        expect(both.every((s) => requested.includes(s))).toBe(true);
      }),
    );
  });

  it("covers is reflexive for well-formed scopes, and a malformed one covers nothing", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(scopeCovers(text, text)).toBe(readScope(text) !== undefined);
      }),
    );
  });
});
