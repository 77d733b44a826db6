import { type PrincipalId, stableId } from "@deputize/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  EMPTY_LABEL,
  type Label,
  UNKNOWN_LABEL,
  joinLabels,
  labelFlowsTo,
  parseLabel,
  privateLabel,
} from "./label.ts";

const people = ["alice", "bob", "carol", "dave"].map((name) => stableId(name) as PrincipalId);
const labels: fc.Arbitrary<Label> = fc.record({
  integrity: fc.constantFrom("trusted", "untrusted"),
  readers: fc.oneof(
    fc.constant("public" as const),
    fc.uniqueArray(fc.constantFrom(...people)).map((set) => [...set].sort()),
  ),
  source: fc.constantFrom("person", "tool:search", "tool:reviews", "web"),
});

describe("the label lattice", () => {
  it("joins in any order and grouping to the same label", () => {
    fc.assert(
      fc.property(labels, labels, labels, (a, b, c) => {
        expect(joinLabels(a, b)).toEqual(joinLabels(b, a));
        expect(joinLabels(joinLabels(a, b), c)).toEqual(joinLabels(a, joinLabels(b, c)));
        expect(joinLabels(a, b, c)).toEqual(joinLabels(joinLabels(a, b), c));
      }),
    );
  });

  it("gains nothing from joining a label with itself or with the empty context", () => {
    fc.assert(
      fc.property(labels, (a) => {
        expect(joinLabels(a, a)).toEqual(a);
        expect(joinLabels(a, EMPTY_LABEL)).toEqual(a);
      }),
    );
  });

  it("joins to the least label that both parts flow to", () => {
    fc.assert(
      fc.property(labels, labels, labels, (a, b, upper) => {
        const join = joinLabels(a, b);
        expect(labelFlowsTo(a, join)).toBe(true);
        expect(labelFlowsTo(b, join)).toBe(true);
        if (labelFlowsTo(a, upper) && labelFlowsTo(b, upper)) expect(labelFlowsTo(join, upper)).toBe(true);
      }),
    );
  });

  it("lets information flow in one direction only between different labels", () => {
    fc.assert(
      fc.property(labels, labels, (a, b) => {
        if (labelFlowsTo(a, b) && labelFlowsTo(b, a)) {
          expect({ ...a, source: "" }).toEqual({ ...b, source: "" });
        }
      }),
    );
  });

  it("stays untrusted and unreadable once something unknown came in", () => {
    fc.assert(
      fc.property(fc.array(labels), (many) => {
        const join = joinLabels(...many, UNKNOWN_LABEL);
        expect(join.integrity).toBe("untrusted");
        expect(join.readers).toEqual([]);
      }),
    );
  });

  it("leaves no reader to a mix of two people's private data", () => {
    const [alice, bob] = people as [PrincipalId, PrincipalId];
    expect(joinLabels(privateLabel(alice, "a"), privateLabel(bob, "b")).readers).toEqual([]);
  });

  it("keeps a source short however many parts it had", () => {
    const many = Array.from({ length: 100 }, (_, i) => ({ ...EMPTY_LABEL, source: `tool:number_${i}` }));
    expect(joinLabels(...many).source).toBe("many");
  });
});

describe("parseLabel", () => {
  it("reads back what it was given", () => {
    fc.assert(
      fc.property(labels, (label) => {
        expect(parseLabel(JSON.parse(JSON.stringify(label)))).toEqual(label);
      }),
    );
  });

  it.each([
    ["nothing", undefined],
    ["null", null],
    ["text", "trusted"],
    ["a list", [{ integrity: "trusted" }]],
    ["no readers", { integrity: "trusted", source: "x" }],
    ["a made-up integrity", { integrity: "verified", readers: "public", source: "x" }],
    ["readers that are no ids", { integrity: "trusted", readers: ["alice"], source: "x" }],
    ["everyone spelled differently", { integrity: "trusted", readers: "everyone", source: "x" }],
    ["an extra member", { integrity: "trusted", readers: "public", source: "x", override: true }],
    ["an endless source", { integrity: "trusted", readers: "public", source: "x".repeat(201) }],
  ])("takes %s for unknown: untrusted, readable by nobody", (_, input) => {
    expect(parseLabel(input)).toEqual(UNKNOWN_LABEL);
  });

  it("never throws and never yields more trust than the input states", () => {
    fc.assert(
      fc.property(fc.anything(), (input) => {
        const label = parseLabel(input);
        if (label.integrity === "trusted") expect(input).toMatchObject({ integrity: "trusted" });
      }),
    );
  });
});
