import { describe, expect, it } from "vitest";
import { newId } from "@deputize/core";
import type { AuditEvent } from "./event.ts";
import { canonical } from "./canonical.ts";
import { commitmentInput, opens } from "./commitment.ts";
import { makeEntry, privateParts } from "./leaf.ts";
import { testEvent } from "./testing.ts";

const id = newId();
const place = { seq: 7, prev: "ab".repeat(32) };
const at = "2030-01-01T00:00:00.000Z";
const salt = new Uint8Array(32);

/** All bytes that a leaf is a hash of, with one salt for every field. */
function hashed(event: AuditEvent): string {
  const submission = { id, at, sealed: false, event: canonical(event) };
  const { commitments, ...codes } = JSON.parse(makeEntry(submission, place).leaf) as Record<string, object>;
  const parts = Object.entries(privateParts(event)).map(([field, value]) =>
    Buffer.from(commitmentInput(salt, field, value)).toString("hex"),
  );
  expect(Object.keys(commitments ?? {})).toHaveLength(parts.length);
  return canonical({ codes, parts });
}

describe("a leaf", () => {
  // Joined by bars, the two of each pair read alike.
  it.each<[string, Partial<AuditEvent>, Partial<AuditEvent>]>([
    ["neighbouring fields", { task: "a|b", orchestration: "c" }, { task: "a", orchestration: "b|c" }],
    ["a field and none", { task: "a|", resource: "b" }, { task: "a", resource: "|b" }],
    ["fields of two parts", { task: "a", resource: "b|c" }, { task: "a|b", resource: "c" }],
    ["one detail and two", { detail: { k: 'v","l":"w' } }, { detail: { k: "v", l: "w" } }],
    ["text and number", { detail: { n: "1" } }, { detail: { n: 1 } }],
    ["list and text", { detail: { list: ["a", "b"] } }, { detail: { list: ["a,b"] } }],
    ["empty and absent", { resource: "" }, {}],
    ["codes", { action: "a:b", reason: "c" }, { action: "a", reason: "b.c" }],
    ["escapes", { task: 'a"\\u0062' }, { task: 'a"b' }],
  ])("differs where joined texts would collide: %s [AW-D21]", (_, one, other) => {
    expect(hashed(testEvent(one))).not.toBe(hashed(testEvent(other)));
  });

  it.each([
    ["every part", canonical(testEvent({ task: "t", resource: "r", detail: { b: 1, a: ["\u2028", "ø"] } }))],
    ["an event that is none", '{"action":"a","outcome":"info","tenant":"default","detail":{"n":1e999}}'],
  ])("stands beside openings in canonical form, which open its commitments: %s [SR-24]", async (_, event) => {
    const { leaf, openings, body } = makeEntry(
      { id, at, sealed: false, event },
      { ...place, duplicateOf: id },
    );
    expect(body).toBe(canonical(openings));
    const { commitments } = JSON.parse(leaf) as { commitments: Record<string, string> };
    expect(Object.keys(commitments)).toEqual(Object.keys(openings).toSorted());
    for (const [field, { salt: own, value }] of Object.entries(openings))
      expect(await opens(commitments[field] ?? "", field, own, value)).toBe(true);
  });

  it("is the same bytes for the same event, however its fields are ordered [AW-D21]", () => {
    const one = testEvent({ task: "t", detail: { a: 1, b: { c: 2, d: [3] } } });
    const other = { ...testEvent({ detail: { b: { d: [3], c: 2 }, a: 1 } }), task: "t" };
    expect(hashed(other)).toBe(hashed(one));
  });
});
