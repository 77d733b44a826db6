import { expect, it } from "vitest";
import { runDemo } from "./demo.ts";

it("tells the whole story, each step as promised [DP-02]", async () => {
  const lines: string[] = [];
  expect(await runDemo({ json: true, write: (line) => lines.push(line) })).toBe(true);
  expect(lines.map((line) => (JSON.parse(line) as { held: boolean }).held)).toEqual(
    Array.from({ length: 7 }, () => true),
  );
});
