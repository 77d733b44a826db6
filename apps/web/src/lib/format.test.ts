import { describe, expect, it } from "vitest";
import { ago, date, duration, money, parseDollars, scopeWords, sentence, timeLeft, words } from "./format.ts";

const NOW = Date.parse("2026-11-22T12:00:00Z");

describe("money", () => {
  it("is made of integer cents", () => {
    expect([money(12_999), money(0), money(139_999), money(-500)]).toEqual([
      "$129.99",
      "$0.00",
      "$1,399.99",
      "-$5.00",
    ]);
  });

  it("is never invented from something else", () => {
    expect([money(undefined), money(12.5), money(Number.NaN)]).toEqual(["–", "–", "–"]);
  });

  it("is read from what a person types, exactly", () => {
    expect(["200", "$19.9", " 0.07 ", "1234567.89"].map(parseDollars)).toEqual([
      20_000, 1990, 7, 123_456_789,
    ]);
    expect(["", "-1", "1e3", "1,5", "1.234", "∞"].map(parseDollars)).toEqual(
      Array.from({ length: 6 }, () => undefined),
    );
  });
});

describe("times", () => {
  it("are relative to the given moment", () => {
    expect(ago("2026-11-22T11:59:40Z", NOW)).toBe("now");
    expect(ago("2026-11-22T09:00:00Z", NOW)).toBe("3 hours ago");
    expect(ago("2026-11-23T12:00:00Z", NOW)).toBe("tomorrow");
  });

  it("say a dash when unreadable, and never count as time left", () => {
    expect(date("soon")).toBe("–");
    expect(ago(undefined, NOW)).toBe("–");
    expect(timeLeft("soon", NOW)).toEqual({ text: "0:00", over: true, seconds: 0 });
  });

  it("count down to zero and stay there", () => {
    expect(timeLeft("2026-11-22T12:14:59Z", NOW).text).toBe("14:59");
    expect(timeLeft("2026-11-22T14:00:05Z", NOW).text).toBe("2:00:05");
    expect(timeLeft("2026-11-22T12:00:00Z", NOW).over).toBe(true);
    expect(timeLeft("2026-11-22T12:00:00.001Z", NOW).over).toBe(false);
  });

  it("name durations in the unit that fits", () => {
    expect([duration(41.6), duration(999), duration(1340)]).toEqual(["42 ms", "999 ms", "1.3 s"]);
  });
});

describe("words", () => {
  it("are made of identifiers", () => {
    expect([words("out_for_delivery"), words("order-management"), words("")]).toEqual([
      "Out for delivery",
      "Order management",
      "",
    ]);
  });

  it("make a sentence of a server's message, once", () => {
    expect([sentence("wrong e-mail or password"), sentence("Really?"), sentence(" ")]).toEqual([
      "Wrong e-mail or password.",
      "Really?",
      "",
    ]);
  });

  it("say a scope plainly and keep a particular one's name", () => {
    expect(["read:orders:*", "use:agents:order-management", "odd"].map(scopeWords)).toEqual([
      "read orders",
      "use agents: order-management",
      "odd",
    ]);
  });
});
