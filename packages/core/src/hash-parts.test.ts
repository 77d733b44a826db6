import fc from "fast-check";
import { expect, it } from "vitest";
import { hashParts } from "./hash-parts.ts";

const parts = fc.array(
  fc.string({
    unit: fc.constantFrom("a", "b", ":", "/", "_", "1", "\u0000", "\ud800", "\udc00", "\ufffd", "é"),
  }),
  { maxLength: 4 },
);

it("gives different parts different keys, however they are cut and whatever they hold [PR-D35]", () => {
  fc.assert(
    fc.property(parts, parts, (one, other) => {
      expect(hashParts(one) === hashParts(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
    }),
    { numRuns: 2_000 },
  );
  const joined = [["a:b"], ["a/b"], ["a_b"], ["a", "b"], ["ab", ""], ["", "ab"], ["\ud800"], ["\ufffd"]];
  expect(new Set(joined.map(hashParts)).size).toBe(joined.length);
});
