import fc from "fast-check";
import { expect, it } from "vitest";
import { allPairs, pairsOf } from "./all-pairs.ts";

const FACTORS = fc
  .array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 8 })
  .map((sizes) =>
    Object.fromEntries(
      sizes.map((size, n) => [`f${n}`, Array.from({ length: size }, (_, setting) => `s${setting}`)]),
    ),
  );

it("has every pair of settings in a row, and each row a setting of each factor", () => {
  fc.assert(
    fc.property(FACTORS, (factors) => {
      const rows = allPairs(factors);
      for (const row of rows)
        for (const [name, settings] of Object.entries(factors)) expect(settings).toContain(row[name]);
      for (const { first, a, second, b } of pairsOf(factors))
        expect(rows.some((row) => row[first] === a && row[second] === b)).toBe(true);
    }),
  );
});

it("needs far fewer rows than there are combinations", () => {
  const four = ["a", "b", "c", "d"];
  const two = ["on", "off"];
  const factors = { k: four, l: four, m: four, n: two, o: two, p: two, q: two, r: two };
  expect(allPairs(factors).length).toBeLessThan(30);
});
