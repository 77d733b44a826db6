import { describe, expect, it } from "vitest";
import { parseBlocks } from "./rich-text.tsx";

describe("an answer's text", () => {
  it("becomes paragraphs, lists and titles", () => {
    expect(parseBlocks("# Orders\nTwo of them:\n\n- one\n- two\n\n1. first\n2) second\nend")).toEqual([
      { kind: "title", text: "Orders" },
      { kind: "paragraph", text: "Two of them:" },
      { kind: "bullets", items: ["one", "two"] },
      { kind: "numbers", items: ["first", "second"] },
      { kind: "paragraph", text: "end" },
    ]);
  });

  it("stays text where it looks like HTML, an image or a link", () => {
    const hostile =
      "<img src=x onerror=alert(1)> ![x](https://evil.example/?d=1) [click](javascript:alert(1))";
    expect(parseBlocks(hostile)).toEqual([{ kind: "paragraph", text: hostile }]);
  });

  it("of nothing is nothing", () => {
    expect(parseBlocks("\n \n")).toEqual([]);
  });
});
