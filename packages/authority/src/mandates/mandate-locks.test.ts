/**
 * Stop against the making of a token, step by step. On a server one waits for the other; the embedded database has one connection,
 * and takes them one after the other.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testDatabaseUrl } from "@deputize/store/testing";
import { AUDIENCE, TENANT, WHO } from "../testing/test-core.ts";
import { type TestAuthority, type Visitor, openTestAuthority } from "../testing/test-authority.ts";
import { untilWaiting } from "../testing/until-waiting.ts";

let world: TestAuthority;
let alice: Visitor;
beforeAll(async () => {
  world = await openTestAuthority();
  alice = await world.signIn("alice");
});
afterAll(() => world.close());

const client = { tenant: TENANT, principal: WHO.orders };

async function mandate(): Promise<string> {
  const made = await alice.send("POST", "/api/mandates", {
    agent: WHO.orders,
    purpose: "for a race",
    tools: ["orders/get_order"],
    audiences: [AUDIENCE.orderTools],
    scopes: ["read:orders:*"],
    expires: new Date(world.clock.nowMs() + 3_600_000).toISOString(),
  });
  return made.body.id;
}

const stop = (id: string) => alice.send("POST", `/api/mandates/${id}/stop`);
const issue = (mandateId: string) => world.mandates.token(client, { mandateId });

/** Holds the mandate's grant while both arrive, in this order. */
async function inOrder(id: string, first: () => Promise<unknown>, second: () => Promise<unknown>) {
  if (testDatabaseUrl === undefined) return [await settled(first()), await settled(second())] as const;
  const begun: Promise<PromiseSettledResult<unknown>>[] = [];
  await world.store.transaction("authority", async (tx) => {
    await tx.query("SELECT 1 FROM authority.grants WHERE id = $1 FOR UPDATE", [id]);
    for (const work of [first, second]) {
      begun.push(settled(work()));
      await untilWaiting(world.store, begun.length);
    }
  });
  return [await begun[0], await begun[1]] as const;
}

const settled = async (work: Promise<unknown>) => (await Promise.allSettled([work]))[0];

describe("stop and issue at the same moment", () => {
  it("leave no token that stands, whichever comes first [SR-13] [SR-14]", async () => {
    const early = await mandate();
    const [token, stopped] = await inOrder(
      early,
      () => issue(early),
      () => stop(early),
    );
    expect(stopped).toMatchObject({ value: { status: 200 } });
    const made = (token as PromiseFulfilledResult<{ token: string }>).value;
    expect(await world.tokens.stands(made.token)).toBeUndefined();

    const late = await mandate();
    const [first, refused] = await inOrder(
      late,
      () => stop(late),
      () => issue(late),
    );
    expect(first).toMatchObject({ value: { status: 200 } });
    expect(refused).toMatchObject({ reason: { code: "grant_revoked" } });
    const { rows } = await world.store.ownerQuery(
      "SELECT FROM authority.grants WHERE root = ANY ($1::uuid[]) AND state = 'active'",
      [[early, late]],
    );
    expect(rows).toEqual([]);
  });

  it("leave nothing when many come at once [SR-13] [SR-14]", async () => {
    const id = await mandate();
    const outcomes = await Promise.allSettled([
      ...Array.from({ length: 4 }, () => issue(id)),
      stop(id),
      issue(id),
    ]);
    for (const outcome of outcomes) {
      const token =
        outcome.status === "fulfilled" && "token" in outcome.value ? outcome.value.token : undefined;
      if (token !== undefined) expect(await world.tokens.stands(String(token))).toBeUndefined();
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "grant_revoked" });
    }
  });
});
