/**
 * What the decision promises, over random runs. The attacker is the model: it copies everything that it was given into every call,
 * and nobody ever says yes. What a run may do is told by facts of the run itself, not by the labels that it computed.
 */
import { EFFECTS, type PrincipalId, stableId } from "@deputize/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EMPTY_LABEL, type Label, joinLabels, labelFlowsTo } from "../label.ts";
import { type FlowCall, decideFlow } from "./decide-flow.ts";
import { type Destination, isOutward } from "./destination.ts";

const PEOPLE = ["alice", "bob", "carol"].map((name) => stableId(`user:${name}`) as PrincipalId);
const [alice] = PEOPLE as [PrincipalId];

const readers = fc.oneof(fc.constant("public" as const), fc.subarray(PEOPLE));
const label: fc.Arbitrary<Label> = fc.record({
  integrity: fc.constantFrom("trusted" as const, "untrusted" as const),
  readers,
  source: fc.constantFrom("person", "orders/list", "products/reviews", ""),
});
const destination: fc.Arbitrary<Destination> = fc.oneof(
  fc.constantFrom<Destination>("owner", "house", "public", "external:mail"),
  fc.subarray(PEOPLE, { minLength: 1 }),
);
const call = fc.record({
  effect: fc.constantFrom(...EFFECTS),
  sends: destination,
  gate: fc.constantFrom("ask" as const, "deny" as const),
  /** What the tool answers, should it run. */
  answers: label,
  /** Chosen in the same breath as the call before it. */
  beside: fc.boolean(),
});
const run = fc.array(call, { maxLength: 14 });
type Call = typeof call extends fc.Arbitrary<infer T> ? T : never;

interface Done {
  readonly call: Call;
  /** What the model had been given when it chose. */
  readonly knew: readonly Label[];
}

/** Plays a run in which nobody says yes, and answers what was done. */
function play(calls: readonly Call[], given: readonly Label[]): Done[] {
  const done: Done[] = [];
  const known = [...given];
  let chosenWith = [...known];
  for (const each of calls) {
    if (!each.beside) chosenWith = [...known];
    const context = joinLabels(EMPTY_LABEL, ...chosenWith);
    if (decideFlow({ person: alice, context, ...each }).decision !== "allow") continue;
    done.push({ call: each, knew: chosenWith });
    known.push(each.answers);
  }
  return done;
}

const MILDNESS = { allow: 0, ask: 1, deny: 2 } as const;
const severity = (one: FlowCall): number => MILDNESS[decideFlow(one).decision];

describe("in any run in which nobody says yes", () => {
  it("untrusted content changes nothing, and sends nothing private beyond the person [SR-06]", () => {
    fc.assert(
      fc.property(run, fc.array(label, { maxLength: 4 }), (calls, given) => {
        for (const { call: made, knew } of play(calls, given)) {
          if (knew.every(({ integrity }) => integrity === "trusted")) continue;
          expect(made.effect).toBe("read");
          const shared = made.sends !== "owner" && String(made.sends) !== alice;
          if (shared) expect(knew.every((each) => each.readers === "public")).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("nothing reaches a reader outside the label of anything that the model knew [SR-07]", () => {
    fc.assert(
      fc.property(run, fc.array(label, { maxLength: 4 }), (calls, given) => {
        for (const { call: made, knew } of play(calls, given)) {
          if (!isOutward(made.sends, alice)) continue;
          for (const { readers: may } of knew) {
            if (may === "public") continue;
            // Only named readers can be among a label's; the person is no new one.
            expect(typeof made.sends).not.toBe("string");
            const strangers = (made.sends as PrincipalId[]).filter(
              (reader) => reader !== alice && !may.includes(reader),
            );
            expect(strangers).toEqual([]);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("a run with more untrusted content in it does nothing that it would not do without [SR-06]", () => {
    fc.assert(
      fc.property(run, fc.array(label, { maxLength: 4 }), label, (calls, given, more) => {
        // The same calls with the same answers, so that only the content differs.
        const planted = { ...more, integrity: "untrusted" as const };
        const quiet = calls.map((each) => ({ ...each, answers: EMPTY_LABEL }));
        const effects = (before: readonly Label[]) =>
          new Set(play(quiet, before).map((done) => quiet.indexOf(done.call)));
        const clean = effects(given);
        for (const index of effects([...given, planted])) expect(clean.has(index)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("for any two contexts", () => {
  const question = fc.record({
    effect: fc.constantFrom(...EFFECTS),
    sends: destination,
    gate: fc.constantFrom("ask" as const, "deny" as const),
    exempt: fc.option(fc.record({ evenUntrusted: fc.boolean() }), { nil: undefined }),
  });

  it("the one that knows more gets no milder answer", () => {
    fc.assert(
      fc.property(question, label, label, (asked, context, more) => {
        const joined = joinLabels(context, more);
        expect(labelFlowsTo(context, joined)).toBe(true);
        expect(severity({ person: alice, ...asked, context: joined })).toBeGreaterThanOrEqual(
          severity({ person: alice, ...asked, context }),
        );
      }),
      { numRuns: 5_000 },
    );
  });

  it("labels of arguments make an answer stricter or leave it, and origins leave it [SR-06]", () => {
    const origins = fc.array(fc.record({ from: fc.constantFrom("person" as const, "own data" as const) }));
    fc.assert(
      fc.property(question, label, label, origins, (asked, context, of, links) => {
        const plain = { person: alice, ...asked, context };
        expect(severity({ ...plain, arguments: { a: { label: of } } })).toBeGreaterThanOrEqual(
          severity(plain),
        );
        expect(severity({ ...plain, arguments: { a: { origins: links } } })).toBe(severity(plain));
      }),
      { numRuns: 2_000 },
    );
  });

  it("a policy spares questions, and never a refusal nor the run gate of what goes outside", () => {
    fc.assert(
      fc.property(question, label, (asked, context) => {
        const exempt = { evenUntrusted: true };
        const strict = decideFlow({ person: alice, ...asked, context, exempt: undefined });
        const spared = decideFlow({ person: alice, ...asked, context, exempt });
        const outward = isOutward(asked.sends, alice);
        const fixed = (one: typeof strict) =>
          one.reasons.filter(({ rule }) => (rule === "run_gate" && outward) || rule === "not_the_persons");
        expect(fixed(spared)).toEqual(fixed(strict));
      }),
      { numRuns: 2_000 },
    );
  });
});
