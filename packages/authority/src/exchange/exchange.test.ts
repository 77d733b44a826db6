import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PrincipalId, assertWithinConstraints, isDeputizeError } from "@deputize/core";
import type { VerifiedToken } from "@deputize/client";
import type { Grant } from "../grants/grant.ts";
import { rememberFirstParty } from "../first-party.ts";
import { AUDIENCE, POLICY, TENANT, type TestCore, WHO, openTestCore } from "../testing/test-core.ts";
import type { ExchangeRequest } from "./exchange.ts";

let core: TestCore;
beforeAll(async () => {
  core = await openTestCore();
});
afterAll(() => core.close());

async function tokenOf(grant: Grant): Promise<VerifiedToken> {
  return core.tokens.read((await core.issue(grant, "oauth")).token);
}

/** Alice's session token, as the API receives it. */
const aliceAtApi = async (): Promise<VerifiedToken> => tokenOf(await core.root());

/** The API hands Alice's session to the support agent, for order-management. */
async function supportForOrders(): Promise<VerifiedToken> {
  const signed = await core.exchange.token(await aliceAtApi(), {
    exchanger: WHO.shopApi,
    actor: WHO.support,
    audiences: [AUDIENCE.orders],
  });
  return core.tokens.read(signed.token);
}

describe("the walk of one question", () => {
  it("carries Alice from her session to the tool server, narrower at each hop", async () => {
    const atOrders = await supportForOrders();
    expect(atOrders.claims).toMatchObject({
      sub: WHO.alice,
      act: { sub: WHO.support },
      aud: AUDIENCE.orders,
    });

    const signed = await core.exchange.token(atOrders, {
      exchanger: WHO.orders,
      audiences: [AUDIENCE.orderTools],
      scopes: ["read:orders:*"],
    });
    const atTools = await core.tokens.read(signed.token);

    expect(atTools.claims).toMatchObject({
      sub: WHO.alice,
      aud: AUDIENCE.orderTools,
      scope: "read:orders:*",
      client_id: WHO.orders,
      act: { sub: WHO.orders, act: { sub: WHO.support } },
      epochs: { [WHO.alice]: 0, [WHO.support]: 0, [WHO.orders]: 0 },
    });
    expect(atTools.claims.grants).toEqual([...atOrders.claims.grants, signed.grant.id]);
    expect(atTools.claims.exp).toBeLessThanOrEqual(atOrders.claims.exp);
    expect((await core.submitted()).at(-1)).toMatchObject({
      action: "token.exchanged",
      outcome: "allowed",
      subject: WHO.alice,
      actors: [WHO.orders, WHO.support],
      grant: signed.grant.id,
      grants: signed.grant.path,
      detail: { kind: "exchange", scopes: ["read:orders:*"], audiences: [AUDIENCE.orderTools] },
    });
  });

  it("hands on what parent and request both allow, and no more", async () => {
    const root = await core.root({ scopes: ["read:orders:17", "cancel:orders:*"] });
    const signed = await core.exchange.token(await tokenOf(root), {
      exchanger: WHO.shopApi,
      actor: WHO.support,
      audiences: [AUDIENCE.orders],
      scopes: ["read:orders:*", "write:profile:*"],
    });
    expect(signed.grant.scopes).toEqual(["read:orders:17"]);
  });

  it("carries the root's constraints into every token, and so into every caller", async () => {
    const amount = { tool: "refund_order", argument: "amount", max: 5000, oneOf: [1, 5000, 5001] };
    const root = await core.root({ constraints: { amount } });
    const atApi = await tokenOf(root);
    expect(atApi.caller.constraints).toEqual({ amount });
    const request = { exchanger: WHO.shopApi, actor: WHO.support, audiences: [AUDIENCE.orders] };
    const atOrders = await core.tokens.read((await core.exchange.token(atApi, request)).token);
    const { token } = await core.exchange.token(atOrders, {
      exchanger: WHO.orders,
      audiences: [AUDIENCE.orderTools],
    });
    const { caller } = await core.tokens.read(token);
    expect(caller.constraints).toEqual({ amount });
    const held = caller.constraints?.["amount"] as { max: number; oneOf: number[] };
    expect(() => (held.max = 9_000_000)).toThrow(TypeError);
    expect(() => held.oneOf.push(9)).toThrow(TypeError);
    const call = (value: number) => () =>
      assertWithinConstraints(caller, { server: "orders", tool: "refund_order", args: { amount: value } });
    expect(call(5000)).not.toThrow();
    expect(call(5001)).toThrow(expect.objectContaining({ code: "forbidden" }));
    expect((await tokenOf(await core.root())).claims).not.toHaveProperty("constraints");
  });

  it("starts from a first-party session's caller, and not from an object that looks like one [SR-09]", async () => {
    const request: ExchangeRequest = {
      exchanger: WHO.shopApi,
      actor: WHO.support,
      audiences: [AUDIENCE.orders],
    };
    const root = await core.root();
    await expect(core.exchange.caller(core.callerOf(root), request)).rejects.toMatchObject({
      code: "unauthenticated",
    });
    const signed = await core.exchange.caller(rememberFirstParty(core.callerOf(root)), request);
    expect(signed.grant.parent).toBe(root.id);
  });
});

describe("an exchange is refused", () => {
  async function refusal(subject: VerifiedToken, request: ExchangeRequest): Promise<string> {
    const before = core.events.length;
    try {
      await core.exchange.token(subject, request);
    } catch (error) {
      if (!isDeputizeError(error)) throw error;
      expect(core.events.slice(before)).toMatchObject([
        { action: "token.exchange", outcome: "refused", reason: error.code },
      ]);
      return error.code;
    }
    return "allowed";
  }

  it("to whoever is neither the audience nor the actor of the token [SR-10]", async () => {
    const token = await supportForOrders();
    for (const exchanger of [WHO.shopApi, WHO.productTools, WHO.orderTools, WHO.bob]) {
      expect(await refusal(token, { exchanger, actor: WHO.orders, audiences: [AUDIENCE.orderTools] })).toBe(
        "forbidden",
      );
    }
  });

  it("for a token of a leaf tool, whoever asks [SR-10]", async () => {
    const signed = await core.exchange.token(await supportForOrders(), {
      exchanger: WHO.orders,
      audiences: [AUDIENCE.orderTools],
    });
    const atTools = await core.tokens.read(signed.token);
    for (const exchanger of [WHO.orderTools, WHO.orders, WHO.support, WHO.shopApi]) {
      expect(await refusal(atTools, { exchanger, audiences: [AUDIENCE.orderTools] })).toBe("forbidden");
    }
  });

  it("without an edge from the actor to the audience [SR-10]", async () => {
    const token = await supportForOrders();
    expect(await refusal(token, { exchanger: WHO.orders, audiences: [AUDIENCE.productTools] })).toBe(
      "invalid_target",
    );
    expect(
      await refusal(token, {
        exchanger: WHO.orders,
        audiences: [AUDIENCE.orderTools, "https://evil.example"],
      }),
    ).toBe("invalid_target");
  });

  it("without the person's present permission for the actor, or for the agent at the audience [SR-10]", async () => {
    const session = await aliceAtApi();
    const request = { exchanger: WHO.shopApi, actor: WHO.support, audiences: [AUDIENCE.orders] };
    for (const agent of [WHO.support, WHO.orders]) {
      await core.permit(WHO.alice, agent, false);
      expect(await refusal(session, request)).toBe("forbidden");
      await core.permit(WHO.alice, agent);
    }
    expect(await refusal(session, request)).toBe("allowed");
  });

  it("when the grant, its ancestor, the token or an epoch has ended", async () => {
    const request = { exchanger: WHO.orders, audiences: [AUDIENCE.orderTools] };
    const [byGrant, byRoot, byToken, byEpoch] = await Promise.all([1, 2, 3, 4].map(supportForOrders));
    if (!byGrant || !byRoot || !byToken || !byEpoch) throw new Error("no tokens");
    const last = byGrant.caller.grants.at(-1);
    const root = byRoot.caller.grants[0];
    if (!last || !root) throw new Error("no grants");
    await core.tx((tx) => core.grants.revoke(tx, { tenant: TENANT, id: last }, "test"));
    await core.tx((tx) => core.grants.revoke(tx, { tenant: TENANT, id: root }, "test"));
    await core.tx((tx) => core.tokens.revoke(tx, byToken, "test"));
    for (const token of [byGrant, byRoot, byToken])
      expect(await refusal(token, request)).toBe("grant_revoked");

    const claims = { ...byEpoch.claims, epochs: { ...byEpoch.claims.epochs, [WHO.alice]: -1 } };
    expect(await refusal({ ...byEpoch, claims }, request)).toBe("grant_revoked");
  });

  it("when nothing of what was asked for may be handed on", async () => {
    expect(
      await refusal(await supportForOrders(), {
        exchanger: WHO.orders,
        audiences: [AUDIENCE.orderTools],
        scopes: ["write:everything:*"],
      }),
    ).toBe("scope_exceeded");
  });
});

it("of all principals and audiences, only the edges' own pass [SR-10]", async () => {
  const session = await aliceAtApi();
  const atOrders = await supportForOrders();
  const allowed: string[] = [];
  for (const [from, token] of Object.entries({ session, atOrders })) {
    for (const [who, exchanger] of Object.entries(WHO)) {
      for (const [where, audience] of Object.entries(AUDIENCE)) {
        try {
          await core.exchange.token(token, { exchanger, audiences: [audience] });
          allowed.push(`${from}: ${who} → ${where}`);
        } catch (error) {
          expect(isDeputizeError(error)).toBe(true);
        }
      }
    }
  }
  // Of the session's token the API is the audience, but has no edge; of the other the support agent is the actor.
  expect(allowed).toEqual(["atOrders: support → orders", "atOrders: orders → orderTools"]);
});

it("revoking one token ends what was made from it, and spares its siblings [AW-D03]", async () => {
  const grant = await core.child(await core.root());
  const [one, other] = [await tokenOf(grant), await tokenOf(grant)];
  const request = { exchanger: WHO.orders, audiences: [AUDIENCE.orderTools] };
  const [fromOne, fromOther] = [
    await core.exchange.token(one, request),
    await core.exchange.token(other, request),
  ];

  await core.tx((tx) => core.tokens.revoke(tx, one, "test"));

  expect(await core.tokens.stands(fromOne.token)).toBeUndefined();
  expect(await core.tokens.stands(fromOther.token)).toBeDefined();
});

it("the policy may not lead to an audience that is not named", async () => {
  const { checkPolicy } = await import("../policy.ts");
  expect(() =>
    checkPolicy({ ...POLICY, edges: { [WHO.support as PrincipalId]: ["https://nowhere.example"] } }),
  ).toThrow(/not named/);
});
