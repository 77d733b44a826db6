import { describe, expect, it } from "vitest";
import { EXPRESSION_MAX, calculate } from "./calculate.ts";

describe("calculate", () => {
  it.each([
    ["3131.1 + 4777.75 + 367.38", "8276.23"],
    ["155.33 - 147.05 + 268.77 - 235.13", "41.92"],
    ["2 + 3 * 4", "14"],
    ["(2 + 3) * 4", "20"],
    ["10 / 4 / 5", "0.5"],
    ["-(3 - 5) * -.5", "-1"],
    ["0.1 + 0.2", "0.3"],
    ["1 - 1.001", "0"],
    ["2 * -3", "-6"],
  ])("%s is %s", (expression, value) => expect(calculate(expression)).toBe(value));

  it.each([
    "",
    "1 +",
    "(1",
    "1)",
    "1 2",
    "1 / 0",
    "2 ** 3",
    "1e3",
    ".",
    "process.exit()",
    "constructor",
    "1,5",
    "(".repeat(EXPRESSION_MAX),
    "1".repeat(EXPRESSION_MAX + 1),
  ])("refuses %s", (expression) =>
    expect(() => calculate(expression)).toThrow(expect.objectContaining({ code: "validation_failed" })),
  );
});
