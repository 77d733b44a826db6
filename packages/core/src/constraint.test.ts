import { describe, expect, it } from "vitest";
import {
  assertWithinConstraints,
  constraintInWords,
  parseConstraints,
  withConstraints,
} from "./constraint.ts";
import { isDeputizeError } from "./errors.ts";

const allows = (constraints: Record<string, unknown>, args: Record<string, unknown>, tool = "refund") => {
  try {
    assertWithinConstraints({ constraints }, { server: "orders", tool, args });
    return true;
  } catch (error) {
    if (isDeputizeError(error, "forbidden")) return false;
    throw error;
  }
};

describe("a grant's constraints", () => {
  const amount = { limit: { tool: "refund", argument: "amount", max: 100, min: 1 } };
  const ids = { mine: { tool: "orders/refund", argument: "order_ids", oneOf: ["a", "b"] } };
  const city = { near: { tool: "refund", argument: "address.city", oneOf: ["Rome"], maxLength: 4 } };

  it.each<[string, Record<string, unknown>, Record<string, unknown>, boolean]>([
    ["a value at the limit", amount, { amount: 100 }, true],
    ["a value past it", amount, { amount: 100.01 }, false],
    ["a value below", amount, { amount: 0 }, false],
    ["no value", amount, {}, false],
    ["a number as text", amount, { amount: "5" }, false],
    ["no number", amount, { amount: Number.NaN }, false],
    ["allowed ids", ids, { order_ids: ["a", "b"] }, true],
    ["an empty list", ids, { order_ids: [] }, true],
    ["one foreign id among them", ids, { order_ids: ["a", "c"] }, false],
    ["a nested list", ids, { order_ids: [["a"], ["c"]] }, false],
    ["a value inside of an object", city, { address: { city: "Rome" } }, true],
    ["another one", city, { address: { city: "Oslo" } }, false],
    ["an inherited name", { x: { tool: "refund", argument: "toString", oneOf: ["x"] } }, {}, false],
    ["every one of several", { ...amount, ...city }, { amount: 5, address: { city: "Oslo" } }, false],
    ["none at all", {}, { amount: 1e9 }, true],
  ])("decides: %s", (_name, constraints, args, expected) => {
    expect(allows(constraints, args)).toBe(expected);
  });

  it("binds only the tool that it names, and there only on the server that it names", () => {
    expect(allows(amount, { amount: 1e9 }, "other")).toBe(true);
    expect(allows({ x: { tool: "billing/refund", argument: "amount", max: 1 } }, { amount: 9 })).toBe(true);
  });

  it("may name the only tools there are, by server or everywhere", () => {
    const only = { tools: { onlyTools: ["orders/refund", "get_order"] } };
    expect(allows(only, {})).toBe(true);
    expect(allows(only, {}, "get_order")).toBe(true);
    expect(allows(only, {}, "cancel")).toBe(false);
    expect(allows({ tools: { onlyTools: ["billing/refund"] } }, {})).toBe(false);
    expect(allows({ ...only, ...amount }, { amount: 101 })).toBe(false);
    expect(constraintInWords(only.tools)).toBe("only orders/refund, get_order");
  });

  it.each([
    { tools: { onlyTools: [] } },
    { tools: { onlyTools: ["refund"], max: 5 } },
    { limit: { tool: "refund", argument: "amount", atMost: 5 } },
    { limit: { tool: "refund", argument: "amount" } },
    { limit: { tool: "refund", argument: "amount", max: 5, when: "monday" } },
    { max_cents: 5000 },
    [],
    Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`c${i}`, { tool: "t", argument: "a", max: i }])),
  ])("refuses every call under a constraint that it cannot check: %j", (constraints) => {
    expect(allows(constraints as Record<string, unknown>, {}, "unrelated")).toBe(false);
    expect(() => parseConstraints(constraints)).toThrow(/no known kind/);
  });

  it("says which argument, and not what else the grant allows", () => {
    expect(() =>
      assertWithinConstraints(
        { constraints: ids },
        { server: "orders", tool: "refund", args: { order_ids: ["z"] } },
      ),
    ).toThrow("`order_ids` must be one of the values that the grant names");
  });
});

describe("constraints that are added", () => {
  const small = { tool: "refund", argument: "amount", max: 100 };
  const mine = { tool: "refund", argument: "order_id", oneOf: ["a"] };

  it("join those that are held, which stay", () => {
    expect(withConstraints({ small }, { mine })).toEqual({ small, mine });
    expect(withConstraints({ small }, { small: { max: 100, argument: "amount", tool: "refund" } })).toEqual({
      small,
    });
    expect(withConstraints(undefined, undefined)).toEqual({});
  });

  it("take no name that stands for another limit, and are not more than a token can hold", () => {
    expect(() => withConstraints({ small }, { small: { ...small, max: 99 } })).toThrow(/another constraint/);
    const many = (from: number) =>
      Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`limit_${from + n}`, small]));
    expect(() => withConstraints(many(0), many(9))).toThrow(/no known kind/);
  });

  it("are not passed over for their name", () => {
    const named = JSON.parse(`{"__proto__": ${JSON.stringify(small)}}`) as Record<string, unknown>;
    expect(() => parseConstraints(named)).toThrow(/no known kind/);
    expect(allows(named, { amount: 1 })).toBe(false);
  });

  it("are said in words", () => {
    expect(constraintInWords({ ...small, min: 1 })).toBe("refund: amount at least 1 and at most 100");
    expect(constraintInWords(mine)).toBe('refund: order_id one of "a"');
  });
});
