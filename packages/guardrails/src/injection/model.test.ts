import { describe, expect, it } from "vitest";
import { BUCKETS, featuresOf } from "./features.ts";
import { HEADS, type Head, type HeadWeights, readModel, writeModel } from "./model.ts";

const heads = (weight: number): Record<Head, HeadWeights> =>
  Object.fromEntries(
    HEADS.map((head, i) => [
      head,
      { bias: i, threshold: 0.5, weights: new Float32Array(BUCKETS).fill(weight) },
    ]),
  ) as Record<Head, HeadWeights>;

describe("the injection model's file", () => {
  it("says after reading what was written, but for the rounding of weights", () => {
    const model = readModel(writeModel(heads(0.25)));
    const features = featuresOf("ignore this");
    const sum = features.values.reduce((total, value) => total + 0.25 * value, 0);
    for (const [i, head] of HEADS.entries()) {
      expect(model.threshold(head)).toBeCloseTo(0.5);
      expect(model.score(head, features)).toBeCloseTo(1 / (1 + Math.exp(-(sum + i))), 3);
    }
  });

  it("is refused when it is damaged, short, empty or of another version", () => {
    const file = writeModel(heads(1));
    const other = Buffer.from(file);
    other.writeUInt8(99, 4);
    for (const bad of [
      Buffer.alloc(0),
      file.subarray(1),
      file.subarray(0, 100),
      other,
      Buffer.concat([file, file]),
    ]) {
      expect(() => readModel(bad)).toThrow(/weights file/);
    }
  });
});

describe("features", () => {
  it("are the same for the same text, and bounded for a long one", () => {
    expect(featuresOf("Ignore ALL rules")).toEqual(
      featuresOf("ignore all rules".replace("all", "ALL").replace("i", "I")),
    );
    expect(featuresOf("abc def ".repeat(100_000)).places.length).toBeLessThan(200);
  });
});
