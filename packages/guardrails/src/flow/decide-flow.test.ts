import { type PrincipalId, stableId } from "@deputize/core";
import { describe, expect, it } from "vitest";
import { type Label, UNKNOWN_LABEL, joinLabels, privateLabel } from "../label.ts";
import { type FlowCall, decideFlow, linkWords } from "./decide-flow.ts";
import {
  type Destination,
  UNDECLARED,
  destinationWords,
  isOutward,
  parseDestination,
} from "./destination.ts";
import { ORIGINS, originWords } from "./origin.ts";

const alice = stableId("user:alice") as PrincipalId;
const bob = stableId("user:bob") as PrincipalId;

const own = privateLabel(alice, "person");
const review: Label = {
  integrity: "untrusted",
  readers: "public",
  source: "products/get_product_details",
};
const catalogue: Label = { integrity: "trusted", readers: "public", source: "products/prices" };
const tainted = joinLabels(own, review);

const answer = (call: Partial<FlowCall>) => {
  const { decision, reasons } = decideFlow({
    person: alice,
    effect: "read",
    sends: "owner",
    context: own,
    ...call,
  });
  return [decision, ...reasons.map(({ rule }) => rule)];
};

describe("one call", () => {
  it.each<[string, Partial<FlowCall>, string[]]>([
    ["a read for the person", {}, ["allow"]],
    ["a read for the person after a review", { context: tainted }, ["allow"]],
    ["a write, chosen by the person's words alone", { effect: "write" }, ["allow"]],
    ["a write after a review", { effect: "write", context: tainted }, ["ask", "untrusted_context"]],
    ["a sensitive call", { effect: "sensitive" }, ["ask", "sensitive"]],
    ["a sensitive call after a review", { effect: "sensitive", context: tainted }, ["ask", "sensitive"]],
    ["a mail with private words", { effect: "write", sends: "external:mail" }, ["ask", "reader_not_allowed"]],
    ["a mail of what everybody may read", { sends: "external:mail", context: catalogue }, ["allow"]],
    [
      "a post of what everybody may read, with a review in it",
      { sends: "public", context: review },
      ["allow"],
    ],
    [
      "private data, a review and a way out",
      { sends: "external:search", context: tainted },
      ["ask", "reader_not_allowed", "run_gate"],
    ],
    [
      "the same where the gate is shut",
      { sends: "external:search", context: tainted, gate: "deny" },
      ["deny", "reader_not_allowed", "run_gate"],
    ],
    ["a ticket for the house", { effect: "write", sends: "house" }, ["allow"]],
    ["a ticket for the house, led by a review", { sends: "house", context: tainted }, ["ask", "run_gate"]],
    [
      "somebody else's data on its way out",
      { sends: "external:mail", context: privateLabel(bob, "orders/get") },
      ["deny", "not_the_persons"],
    ],
    [
      "a lost label on its way out",
      { sends: "public", context: UNKNOWN_LABEL },
      ["deny", "not_the_persons", "run_gate"],
    ],
    [
      "a message to one who may read it",
      { sends: [bob], context: { ...own, readers: [alice, bob] } },
      ["allow"],
    ],
    ["a message to one who may not", { sends: [bob] }, ["ask", "reader_not_allowed"]],
    ["a message to oneself", { sends: [alice], context: tainted }, ["allow"]],
    [
      "a value that others wrote, handed over past the model",
      { effect: "write", arguments: { address: { label: review } } },
      ["ask", "untrusted_context"],
    ],
    ["a destination that is none", { sends: "somewhere" as Destination }, ["ask", "reader_not_allowed"]],
  ])("is decided: %s [SR-06]", (_, call, expected) => {
    expect(answer(call)).toEqual(expected);
  });

  it("is not waived by where its arguments came from [SR-06]", () => {
    const origins = [{ from: "person" }] as const;
    const call = { effect: "write", context: tainted, arguments: { id: { origins } } } as const;
    expect(answer(call)).toEqual(["ask", "untrusted_context"]);
  });
});

describe("a written policy", () => {
  const policy = { evenUntrusted: false };
  const aloud = { evenUntrusted: true };
  it.each<[string, Partial<FlowCall>, string]>([
    ["sets a sensitive call free", { effect: "sensitive", exempt: policy }, "allow"],
    ["does not once a review was read", { effect: "sensitive", exempt: policy, context: tainted }, "ask"],
    ["does where it says so aloud", { effect: "sensitive", exempt: aloud, context: tainted }, "allow"],
    ["lets a city go to the weather", { sends: "external:weather", exempt: policy }, "allow"],
    ["never opens the run gate", { sends: "external:weather", exempt: aloud, context: tainted }, "ask"],
    [
      "lets a summary go to the house, aloud",
      { effect: "write", sends: "house", exempt: aloud, context: tainted },
      "allow",
    ],
    [
      "does not where it is not said aloud",
      { effect: "write", sends: "house", exempt: policy, context: tainted },
      "ask",
    ],
    [
      "gives away nothing of others",
      { sends: "public", exempt: aloud, context: privateLabel(bob, "x") },
      "deny",
    ],
  ])("%s [SR-06]", (_, call, expected) => {
    expect(answer(call)[0]).toBe(expected);
  });

  it("is told of the rules that it set aside", () => {
    const { exempted, reasons } = decideFlow({
      person: alice,
      effect: "sensitive",
      sends: "external:bank",
      context: own,
      exempt: policy,
    });
    expect([exempted, reasons]).toEqual([["sensitive", "reader_not_allowed"], []]);
  });
});

describe("the chain of reasons", () => {
  it("says which text was read, and from which call and entry each value came", () => {
    const origin = {
      from: "others",
      source: "products/get_product_details",
      holds: "product reviews",
      call: "c1",
      entry: "e1",
    } as const;
    const { reasons } = decideFlow({
      person: alice,
      effect: "write",
      sends: "owner",
      context: tainted,
      arguments: { address: { origins: [origin] } },
    });
    expect(reasons).toEqual([
      {
        rule: "untrusted_context",
        answer: "ask",
        says: "The assistant had read text that you did not write (products/get_product_details) when it chose this, and may have been led by it.",
        sources: ["person", "products/get_product_details"],
        links: [{ argument: "address", ...origin }],
      },
    ]);
    expect(reasons[0]?.links.map(linkWords)).toEqual([
      "address: it came from product reviews (products/get_product_details)",
    ]);
  });

  it("has words for every origin", () => {
    expect(new Set(ORIGINS.map((from) => originWords({ from }))).size).toBe(ORIGINS.length);
  });
});

describe("a destination", () => {
  it.each(["owner", "house", "public", "external:mail", [alice]])("is read: %s", (input) => {
    expect(parseDestination(input)).toEqual(input);
  });
  it.each([undefined, "", "Owner", "external:", "external:../x", "external:A B", [], ["alice"], {}, 4])(
    "is none: %j",
    (input) => expect(parseDestination(input)).toBeUndefined(),
  );
  it("is outward where a label has to name its readers", () => {
    const outward = (one: Destination) => isOutward(one, alice);
    expect(["owner", "house", [alice]].map((one) => outward(one as Destination))).toEqual([
      false,
      false,
      false,
    ]);
    expect(["public", UNDECLARED, [alice, bob]].map((one) => outward(one as Destination))).toEqual([
      true,
      true,
      true,
    ]);
  });
  it("has words", () => {
    expect(
      (["owner", "house", "public", UNDECLARED, "external:mail", [bob]] as const).map(destinationWords),
    ).toEqual([
      "nobody but the person",
      "the people who run this tool",
      "everybody",
      "readers that it does not name",
      "mail, outside",
      "1 named reader",
    ]);
  });
});
