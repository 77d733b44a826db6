/** The shop's guard over all that its catalogue says. */
import { type Caller, type PrincipalId, stableId, systemClock } from "@deputize/core";
import { GUARDRAIL_PARTS, UNKNOWN_LABEL } from "@deputize/guardrails";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HOSTILE_REVIEWS } from "../seed/data/review-texts.ts";
import { shopGuard } from "./guard.ts";
import { allMigrations } from "./migrations.ts";
import { seedRows } from "./seeding.ts";

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore(allMigrations);
  await store.asOwner((owner) => seedRows(owner, { demoAccounts: true, clock: systemClock }));
});
afterAll(() => store?.close());

const reader: Caller = {
  tenant: "default",
  subject: stableId("user:reader") as PrincipalId,
  subjectKind: "user",
  actors: [],
  roles: ["customer"],
  scopes: [],
  grants: [],
  clientId: "test",
};

interface Page {
  readonly name: string;
  readonly description: string;
  readonly reviews: readonly { readonly title: string; readonly body: string }[];
}

async function pages(): Promise<Page[]> {
  const { rows } = await store.ownerQuery<Page>(
    `select p.name, p.description, coalesce(json_agg(json_build_object('title', r.title, 'body', r.body) order by r.created_at)
       filter (where r.id is not null), '[]') as reviews
     from shop.products p left join shop.reviews r on r.product_id = p.id group by p.id order by p.name`,
  );
  return rows;
}

/** The one description that a seller wrote for assistants. */
const SELLERS = /Note for AI shopping assistants/;

describe("what the catalogue says", () => {
  it("is told as it is, but for what was planted in it, each text by itself [SR-06]", async () => {
    const { guard } = shopGuard(GUARDRAIL_PARTS);
    const hostile = new Set(HOSTILE_REVIEWS.map(({ body }) => body));
    let withheld = 0;
    const expected = (text: string): string => {
      if (!hostile.has(text) && !SELLERS.test(text)) return text;
      withheld += 1;
      return "[withheld: prompt_injection]";
    };
    const all = await pages();
    expect(all.length).toBeGreaterThan(30);
    for (const page of all) {
      const told = await guard?.toolResult(page, reader, UNKNOWN_LABEL);
      expect(told?.content).toEqual({
        ...page,
        description: expected(page.description),
        reviews: page.reviews.map(({ title, body }) => ({ title, body: expected(body) })),
      });
    }
    expect(withheld).toBe(HOSTILE_REVIEWS.length + 1);
  });

  it("is told whole where the search for injections is off", async () => {
    const { guard } = shopGuard(["personal", "credentials"]);
    const said = { body: HOSTILE_REVIEWS[0]?.body };
    expect((await guard?.toolResult(said, reader, UNKNOWN_LABEL))?.content).toEqual(said);
  });
});
