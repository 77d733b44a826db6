import { describe, expect, it } from "vitest";
import { safeReturnPath } from "./return-path.ts";

describe("the way back after signing in", () => {
  it.each(["/orders", "/orders/1?receipt=e", "/chat?q=hello%20there"])("is kept: %s", (path) => {
    expect(safeReturnPath(path)).toBe(path);
  });

  it.each([
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "/\t/evil.example",
    "\\\\evil.example",
    "javascript:alert(1)",
    "evil.example",
    "/ok\n//evil.example",
    "/sign-in?return=/sign-in",
    "/",
    "",
    undefined,
    42,
    `/${"a".repeat(3000)}`,
  ])("never leaves this site or loops: %j", (path) => {
    expect(safeReturnPath(path)).toBe("/chat");
  });
});
