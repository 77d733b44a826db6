import { describe, expect, it } from "vitest";
import { customRule } from "./custom-rule.ts";
import { defaultScanner } from "./default-scanner.ts";

describe("a rule of one's own [PR-F44]", () => {
  it("finds by a pattern and is acted on by its name", async () => {
    const scanner = defaultScanner({
      rules: [customRule({ type: "CUSTOMER_NUMBER", pattern: "customer (C-[0-9]{6})", ignoreCase: true })],
      actions: { input: { CUSTOMER_NUMBER: "block" } },
    });
    const text = "Customer C-123456 and customer C-000001";
    expect((await scanner.scan(text, "output")).text).toBe(
      "Customer [CUSTOMER_NUMBER_1] and customer [CUSTOMER_NUMBER_2]",
    );
    await expect(scanner.check(text, "input")).rejects.toMatchObject({
      direction: "input",
      types: ["CUSTOMER_NUMBER"],
    });
  });

  it("finds by a function, in the directions that it names", () => {
    const rule = customRule({
      type: "BANG",
      find: () => [{ start: 0, end: 1 }],
      directions: ["output"],
      score: 0.5,
    });
    expect(rule.scan("!", "output")).toEqual([{ type: "BANG", start: 0, end: 1, score: 0.5 }]);
    expect(rule.scan("!", "input")).toEqual([]);
  });

  it("takes linear time for a pattern that others hang on", () => {
    const rule = customRule({ type: "SLOW", pattern: "(a+)+$" });
    expect(rule.scan(`${"a".repeat(50_000)}!`, "output")).toEqual([]);
  });

  it.each([
    { type: "lower", pattern: "a" },
    { type: "X" },
    { type: "X", pattern: "(?<!a)b" },
    { type: "X", pattern: "a", score: 2 },
  ])("refuses %j", (rule) => {
    expect(() => customRule(rule)).toThrow(expect.objectContaining({ code: "config_invalid" }));
  });
});
