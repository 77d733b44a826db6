/**
 * The weights that ship, on data that they were fitted to: no measure of how good they are (bench/README.md has that), but they must
 * be the ones that belong to the code. A feature that is changed without fitting anew is found here. Needs SHARED_DIR.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Direction, injectionDetector } from "@deputize/guardrails";
import { expect, it } from "vitest";

const shared = process.env["SHARED_DIR"];
const file = shared === undefined ? "" : join(shared, "data", "injection.jsonl");

it("is tried where SHARED_DIR has the data", () => {
  expect(shared === undefined || existsSync(file)).toBe(true);
});

if (existsSync(file)) {
  it("[PR-D37] has weights that belong to its features", () => {
    const detector = injectionDetector();
    const counts = new Map<string, [number, number]>();
    for (const line of readFileSync(file, "utf8").trim().split("\n")) {
      const { text, direction, label } = JSON.parse(line) as {
        text: string;
        direction: Direction;
        label: string;
      };
      const [flagged, of] = counts.get(label) ?? [0, 0];
      const found = detector.scan(text, direction) as readonly unknown[];
      counts.set(label, [flagged + (found.length > 0 ? 1 : 0), of + 1]);
    }
    const share = (label: string): number => {
      const [flagged, of] = counts.get(label) ?? [0, 0];
      return flagged / of;
    };
    expect(share("attack")).toBeGreaterThan(0.95);
    expect(share("benign")).toBeLessThan(0.01);
  });
}
