import { describe, expect, it } from "vitest";
import { constraints, list, moment, wholeNumber } from "./parse.ts";
import { duration } from "./print.ts";

const NOW = Date.UTC(2026, 10, 22);

describe("option values", () => {
  it("are whole numbers within bounds", () => {
    const read = wholeNumber(1, 60);
    expect([read("1"), read("60")]).toEqual([1, 60]);
    for (const bad of ["0", "61", "-1", "1.5", "1e1", " 1", "", "ten", "9".repeat(40)]) {
      expect(() => read(bad), bad).toThrow(/whole number from 1 to 60/);
    }
  });

  it("are lists by commas, blanks or repetition", () => {
    expect(list("a,b  c", ["z"])).toEqual(["z", "a", "b", "c"]);
  });

  it("are limits as JSON, read before anything is sent", () => {
    const small = { tool: "orders/refund_order", argument: "amount", max: 5000 };
    expect(constraints(JSON.stringify({ small }))).toEqual({ small });
    for (const bad of ["", "small", "[]", '{"small":{"tool":"t","argument":"a"}}', '{"a b":{}}'])
      expect(() => constraints(bad), bad).toThrow(/They are JSON such as/);
  });

  it("are moments, or times ago", () => {
    const read = moment(() => NOW);
    expect(read("15m")).toBe("2026-11-21T23:45:00.000Z");
    expect(read("7d")).toBe("2026-11-15T00:00:00.000Z");
    expect(read("2026-11-22T10:00:00+02:00")).toBe("2026-11-22T08:00:00.000Z");
    for (const bad of ["yesterday", "5w", "2026-13-40", "1732233600"]) {
      expect(() => read(bad), bad).toThrow(/moment/);
    }
  });
});

describe("durations", () => {
  it.each([
    [0, "0s"],
    [59, "59s"],
    [298, "4m58s"],
    [3_600, "1h"],
    [93_600, "1d2h"],
  ])("%i seconds are %s", (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});
