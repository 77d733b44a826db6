/** Faults that were published about other token services, each as a test that would fail here if we had it. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PrincipalId, isDeputizeError, scopeIntersect, scopeIsSubset } from "@deputize/core";
import type { VerifiedToken } from "@deputize/client";
import type { Grant } from "../grants/grant.ts";
import type { AttenuateRequest } from "../grants/grants.ts";
import { AUDIENCE, TENANT, type TestCore, WHO, openTestCore } from "../testing/test-core.ts";

let core: TestCore;
beforeAll(async () => {
  core = await openTestCore();
});
afterAll(() => core.close());

async function tokenOf(grant: Grant): Promise<VerifiedToken> {
  return core.tokens.read((await core.issue(grant, "oauth")).token);
}

/** A person's session handed by the API to the support agent, for order-management. */
async function supportForOrders(person: PrincipalId = WHO.alice): Promise<VerifiedToken> {
  const session = await tokenOf(await core.root({ subject: person, actor: person }));
  const request = { exchanger: WHO.shopApi, actor: WHO.support, audiences: [AUDIENCE.orders] };
  return core.tokens.read((await core.exchange.token(session, request)).token);
}

const codeOf = async (work: Promise<unknown>): Promise<string | undefined> => {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (!isDeputizeError(error)) throw error;
    return error.code;
  }
};

type Act = { readonly sub: string; readonly act?: Act };
function actorsIn(token: VerifiedToken): string[] {
  const actors: string[] = [];
  for (let act = token.claims.act as Act | undefined; act; act = act.act) actors.push(act.sub);
  return actors;
}

describe("an exchanged token that is exchanged again [SR-10]", () => {
  it("names every actor before it, also when an agent exchanges its own token, narrows it or renews its time [AW-F28]", async () => {
    let token = await supportForOrders();
    let before = actorsIn(token);
    expect(before).toEqual([WHO.support]);
    const hops = [
      { exchanger: WHO.support, audiences: [AUDIENCE.orders] },
      {
        exchanger: WHO.support,
        audiences: [AUDIENCE.orders],
        scopes: ["read:orders:*"],
        lifetimeSeconds: 60,
      },
      { exchanger: WHO.orders, audiences: [AUDIENCE.orderTools] },
    ];
    for (const hop of hops) {
      token = await core.tokens.read((await core.exchange.token(token, hop)).token);
      const now = actorsIn(token);
      expect(now.slice(-before.length)).toEqual(before);
      expect(now[0]).toBe(hop.exchanger);
      expect(token.claims.sub).toBe(WHO.alice);
      expect(token.caller.session).toBeUndefined();
      before = now;
    }
    expect(new Set(before)).toEqual(new Set([WHO.orders, WHO.support]));
    // Nor does the database hold a child whose actors do not end in its parent's.
    const { rows } = await core.store.ownerQuery(
      `SELECT c.id FROM authority.grants c JOIN authority.grants p ON p.tenant = c.tenant AND p.id = c.parent
       WHERE c.actors[cardinality(c.actors) - cardinality(p.actors) + 1:] IS DISTINCT FROM p.actors`,
    );
    expect(rows).toEqual([]);
  });

  it("stays below its parent in scope and time, whoever asks for what", async () => {
    const part = fc.constantFrom("read", "cancel", "write", "admin");
    const scope = fc
      .tuple(part, fc.constantFrom("orders", "profile"), fc.constantFrom("*", "17", "18"))
      .map((s) => s.join(":"));
    const held = fc.array(scope, { minLength: 1, maxLength: 4 }).map((scopes) => [...new Set(scopes)]);
    await fc.assert(
      fc.asyncProperty(
        held,
        held,
        fc.integer({ min: 1, max: 500_000 }),
        async (has, asks, lifetimeSeconds) => {
          const data = has.filter((s) => !s.startsWith("admin:"));
          if (data.length === 0) return;
          const parent = await core.root({ scopes: data, ttlSeconds: 600 });
          const request = {
            exchanger: WHO.shopApi,
            actor: WHO.support,
            audiences: [AUDIENCE.orders],
            scopes: asks,
            lifetimeSeconds,
          };
          try {
            const { grant, token } = await core.exchange.token(await tokenOf(parent), request);
            const { claims } = await core.tokens.read(token);
            const got = claims.scope.split(" ");
            expect(scopeIsSubset(got, data)).toBe(true);
            expect(scopeIsSubset(got, asks)).toBe(true);
            expect(grant.expiresAt).toBeLessThanOrEqual(parent.expiresAt);
            expect(claims.exp * 1000).toBeLessThanOrEqual(parent.expiresAt);
          } catch (error) {
            expect(isDeputizeError(error, "scope_exceeded")).toBe(true);
            expect([...scopeIntersect(asks, data), ...scopeIntersect(data, asks)]).toEqual([]);
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});

it("another client's scopes are not gained by exchanging at it, whatever that client itself may do [SR-10]", async () => {
  // Both agents may do more than Alice granted here; neither brings it in.
  const narrow = await core.root({ scopes: ["read:orders:17"] });
  const request = { exchanger: WHO.shopApi, actor: WHO.support, audiences: [AUDIENCE.orders] };
  const first = await core.tokens.read((await core.exchange.token(await tokenOf(narrow), request)).token);
  const second = await core.exchange.token(first, {
    exchanger: WHO.orders,
    audiences: [AUDIENCE.orderTools],
  });
  expect(second.grant.scopes).toEqual(["read:orders:17"]);
  for (const scopes of [
    ["cancel:orders:17"],
    ["read:orders:18"],
    ["admin:orders:*"],
    ["*:orders:17"],
    ["read:*:17"],
  ]) {
    const asked = core.exchange.token(first, {
      exchanger: WHO.orders,
      audiences: [AUDIENCE.orderTools],
      scopes,
    });
    expect(["scope_exceeded", "invalid_scope"]).toContain(await codeOf(asked));
  }
});

it("no agent exchanges a token of a person that was not handed to it: all persons, agents and audiences [SR-10]", async () => {
  const nameOf = (id: PrincipalId): string => Object.entries(WHO).find((entry) => entry[1] === id)?.[0] ?? id;
  const audiences = [AUDIENCE.orders, AUDIENCE.orderTools, AUDIENCE.productTools];
  for (const person of [WHO.alice, WHO.bob]) {
    const session = await tokenOf(await core.root({ subject: person, actor: person }));
    const handed = await supportForOrders(person);
    // Whoever exchanges is the token's audience or its actor; whoever acts then has the edge. That another actor proved
    // itself is for the HTTP face to see, which has its own test.
    const mayExchange = new Map([
      [session, [WHO.shopApi, person]],
      [handed, [WHO.support, WHO.orders]],
    ]);
    const hasEdge = [`${WHO.support} ${AUDIENCE.orders}`, `${WHO.orders} ${AUDIENCE.orderTools}`];
    for (const [token, exchangers] of mayExchange) {
      for (const exchanger of Object.values(WHO)) {
        for (const actor of [undefined, ...Object.values(WHO)]) {
          for (const audience of audiences) {
            const asked = core.exchange.token(token, {
              exchanger,
              audiences: [audience],
              ...(actor && { actor }),
            });
            const may =
              exchangers.includes(exchanger) && hasEdge.includes(`${actor ?? exchanger} ${audience}`);
            const what = `${nameOf(person)}: ${nameOf(exchanger)} as ${nameOf(actor ?? exchanger)} → ${audience}`;
            expect((await codeOf(asked)) === undefined, what).toBe(may);
          }
        }
      }
    }
  }
});

it("the depth has one limit, whichever kinds of hops lead there [SR-10]", async () => {
  const kinds = ["exchange", "delegation"] as const;
  const hop = (parent: Grant, kind: AttenuateRequest["kind"], n: number): Promise<Grant> => {
    const actor = n % 2 === 0 ? WHO.support : WHO.orders;
    const audiences = [n % 2 === 0 ? AUDIENCE.orders : AUDIENCE.orderTools];
    return core.tx((tx) =>
      core.grants.attenuate(
        tx,
        { tenant: TENANT, id: parent.id },
        {
          kind,
          actor,
          clientId: actor,
          audiences,
          ttlSeconds: 60,
          toSelf: true,
        },
      ),
    );
  };
  // Every mixture of five hops is as deep as it gets.
  for (let mixture = 0; mixture < 2 ** 5; mixture += 5) {
    let grant = await core.root();
    for (let n = 0; n < 5; n += 1) grant = await hop(grant, kinds[(mixture >> n) & 1] ?? "exchange", n);
    expect(grant.depth).toBe(5);
    for (const kind of kinds) expect(await codeOf(hop(grant, kind, 5))).toBe("depth_exceeded");
    const token = await tokenOf(grant);
    const asked = core.exchange.token(token, {
      exchanger: WHO.support,
      audiences: [AUDIENCE.orders],
    });
    expect(await codeOf(asked)).toMatch(/^(depth_exceeded|forbidden)$/);
  }
  const { rows } = await core.store.ownerQuery<{ deepest: number }>(
    "SELECT max(depth) AS deepest FROM authority.grants",
  );
  expect(rows[0]?.deepest).toBe(5);
});
