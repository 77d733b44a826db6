/** The one reader of `Authorization`, against whatever a stranger can write there. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bearerToken } from "./authenticator.ts";

/** A stand-in for headers, since a real `Headers` refuses much of what must be refused here too. */
const requestWith = (authorization: string) =>
  ({
    headers: {
      get: (name: string) => (name === "authorization" ? authorization : null),
      has: (name: string) => name === "authorization",
    },
  }) as unknown as Request;

const outcome = (authorization: string): { token?: string; code?: string } => {
  try {
    return { token: bearerToken(requestWith(authorization)) };
  } catch (error) {
    return { code: (error as { code: string }).code };
  }
};

describe("bearerToken", () => {
  it("answers a token or invalid_token, whatever the header holds", () => {
    const parts = fc.constantFrom(
      "Bearer",
      "bearer",
      " ",
      "  ",
      ",",
      "\t",
      "=",
      "a.b.c",
      "DPoP",
      "\u0000",
      "é",
      "",
    );
    const headers = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(parts).map((list) => list.join("")),
    );
    fc.assert(
      fc.property(headers, (header) => {
        const { token, code } = outcome(header);
        if (token === undefined) expect(code).toBe("invalid_token");
        else {
          expect(token).toMatch(/^[A-Za-z0-9\-._~+/]+=*$/);
          expect(header.toLowerCase().replace(/^bearer +/, "")).toBe(token.toLowerCase());
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("reads every token of the grammar as it is, in any case of the scheme (RFC 6750 §2.1)", () => {
    const characters = [..."ABCxyz019-._~+/"];
    const tokens = fc
      .array(fc.constantFrom(...characters), { minLength: 1, maxLength: 200 })
      .map((c) => c.join(""));
    fc.assert(
      fc.property(
        tokens,
        fc.constantFrom("Bearer", "bearer", "BEARER"),
        fc.integer({ min: 1, max: 4 }),
        (t, s, n) => {
          expect(outcome(`${s}${" ".repeat(n)}${t}`)).toEqual({ token: t });
        },
      ),
    );
  });

  it.each([
    ["no scheme", "abc"],
    ["another scheme", "Basic abc"],
    ["a key-bound scheme", "DPoP abc"],
    ["no token", "Bearer "],
    ["two tokens", "Bearer a, Bearer b"],
    ["parameters", 'Bearer token="a"'],
    ["more than 8192 characters", `Bearer ${"a".repeat(8192)}`],
  ])("refuses %s", (_name, header) => {
    expect(outcome(header)).toEqual({ code: "invalid_token" });
  });
});
