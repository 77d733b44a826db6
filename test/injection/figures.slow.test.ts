/**
 * Floors under what the injection detector catches, by public data that its weights were not fitted to: half of the data, near-duplicates on one
 * side only, is fitted here and the other half judged, with the thresholds that ship. Half the data and no prose make a weaker
 * model than the shipped one, so that the floors are lower than the figures of bench/README.md. Needs SHARED_DIR.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { hashOf } from "../../bench/injection/data.ts";
import { fit } from "../../bench/injection/fit.ts";
import { type Judged, corpus, judge, table } from "../../bench/injection/judge.ts";
import { HEADS, shippedModel } from "../../packages/guardrails/src/injection/model.ts";

const shared = process.env["SHARED_DIR"];
const data = shared === undefined ? "" : join(shared, "data");

const CAUGHT: Readonly<Record<string, number>> = { "direct + indirect": 0.8, jailbreak: 0.94, planted: 0.8 };
const FLAGGED: Readonly<Record<string, number>> = {
  "trigger-words": 0.08,
  "tool-request": 0.015,
  document: 0.03,
  everyday: 0.02,
};

it("is tried where SHARED_DIR has the data", () => {
  expect(shared === undefined || existsSync(join(data, "injection.jsonl"))).toBe(true);
});

if (existsSync(join(data, "injection.jsonl"))) {
  it(
    "[PR-D37] catches attacks of data that it was not fitted to, and flags little else",
    { timeout: 300_000 },
    () => {
      const all = corpus(data, undefined);
      const isFitted = ({ group }: { group: string }): boolean => hashOf(`${group}!`) % 2 === 0;
      const held = all.filter((example) => !isFitted(example) && !example.source.startsWith("own"));
      const hosts = new Set(held.map(({ text }) => text));
      const fitted = fit(
        all.filter((example) => isFitted(example) && !hosts.has(example.planted?.host ?? "")),
      );
      const judged: Judged[] = judge(fitted, held);
      const model = shippedModel();
      const [direct, jailbreak, planted] = HEADS.map((head) => model.threshold(head)) as [
        number,
        number,
        number,
      ];
      const rows = table(judged, { direct, jailbreak, planted });
      const share = (row: string): number => {
        const [flagged, of] = rows.get(row) ?? [0, 0];
        expect(of).toBeGreaterThan(40);
        return flagged / of;
      };
      for (const [row, floor] of Object.entries(CAUGHT))
        expect([row, share(row) >= floor, share(row)]).toEqual([row, true, share(row)]);
      for (const [row, roof] of Object.entries(FLAGGED))
        expect([row, share(row) <= roof, share(row)]).toEqual([row, true, share(row)]);
    },
  );
}
