/** Scopes are read in two languages, by core and by the database. They must never disagree. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseScope, scopeCovers, scopeIntersect, scopeIsSubset } from "@deputize/core";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { auditMigrations } from "@deputize/audit";
import { readBrokerScope } from "../broker/broker-scopes.ts";
import { authorityMigrations } from "../migrations.ts";

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore([auditMigrations, authorityMigrations]);
});
afterAll(() => store.close());

const RUNS = { numRuns: 150 };

/** Few pieces, so that texts often nearly are scopes and lists often overlap. */
const piece = fc.constantFrom(
  "a",
  "b",
  "*",
  "**",
  "a*",
  ":",
  "::",
  "-",
  ".",
  "%",
  "_",
  "a:b",
  "A",
  "admin",
  "app",
);
const oddPiece = fc.oneof(
  piece,
  fc.constantFrom("", " ", "\n", "\t", '"', "\\", "é", "\u00a0", "\u202e", "😀", "'", "$"),
);
const word = (of: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.array(of, { minLength: 0, maxLength: 2 }).map((parts) => parts.join(""));
const nearly = fc.tuple(word(oddPiece), word(oddPiece), word(oddPiece)).map((parts) => parts.join(":"));
const anything = fc.oneof(
  nearly,
  fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0") && text.isWellFormed()),
);
const name = fc.constantFrom("a", "b", "A", "a-b", "a.b", "**", "a*", "%");
const valid = fc
  .tuple(name, name, fc.constantFrom("*", "a", "b", "*a", "a:b", "*:*", "::", "a:*", "%", "_"))
  .map((parts) => parts.join(":"));
const list = fc.array(valid, { maxLength: 5 });

async function ask<T>(expression: string, ...params: unknown[]): Promise<T> {
  const { rows } = await store.ownerQuery<{ answer: T }>(`SELECT ${expression} AS answer`, params);
  return rows[0]?.answer as T;
}

const parses = (text: string): boolean => {
  try {
    parseScope(text);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: "invalid_scope" });
    return false;
  }
};

describe("core, the broker and the database agree [AW-D33] [AW-D32]", () => {
  it("on what a scope is", async () => {
    await fc.assert(
      fc.asyncProperty(anything, async (text) => {
        const inDatabase = await ask<boolean>("authority.scope_valid($1)", text);
        expect(inDatabase).toBe(readBrokerScope(text) !== undefined);
        if (inDatabase) expect(parses(text)).toBe(true);
      }),
      RUNS,
    );
  });

  it("on what a list of scopes is, whatever stands between and inside them", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(valid, nearly), { maxLength: 4 }), async (scopes) => {
        const each = scopes.every((scope) => readBrokerScope(scope) !== undefined);
        expect(await ask<boolean>("authority.scopes_valid($1::text[])", scopes)).toBe(each);
      }),
      RUNS,
    );
    expect(await ask<boolean>("authority.scopes_valid(ARRAY['a:b:c', NULL])")).toBe(false);
  });

  it("on what covers what", async () => {
    await fc.assert(
      fc.asyncProperty(valid, valid, async (allowed, requested) => {
        expect(await ask<boolean>("authority.scope_covers($1, $2)", allowed, requested)).toBe(
          scopeCovers(allowed, requested),
        );
      }),
      RUNS,
    );
  });

  it("on what is within what", async () => {
    await fc.assert(
      fc.asyncProperty(list, list, async (requested, allowed) => {
        expect(
          await ask<boolean>("authority.scopes_within($1::text[], $2::text[])", requested, allowed),
        ).toBe(scopeIsSubset(requested, allowed));
      }),
      RUNS,
    );
  });

  it("on what two lists have in common, which is within both and loses nothing", async () => {
    await fc.assert(
      fc.asyncProperty(list, list, valid, async (one, other, scope) => {
        const meet = await ask<string[]>("authority.scopes_meet($1::text[], $2::text[])", one, other);
        expect(new Set(meet)).toEqual(
          new Set([...scopeIntersect(one, other), ...scopeIntersect(other, one)]),
        );
        expect(scopeIsSubset(meet, one) && scopeIsSubset(meet, other)).toBe(true);
        const inBoth = scopeIsSubset([scope], one) && scopeIsSubset([scope], other);
        expect(scopeIsSubset([scope], meet)).toBe(inBoth);
      }),
      RUNS,
    );
  });
});
