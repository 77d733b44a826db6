import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

it("the README shows the guarded tool that runs, in under 25 lines", () => {
  const example = readFileSync(new URL("./guarded-tool.ts", import.meta.url), "utf8");
  expect(readme).toContain(example.trim());
  expect(example.trim().split("\n").length).toBeLessThan(25);
});
