import { randomBytes, sign } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FIRST_RECORD, type DelegationLink, delegationStatement, signCompactJws } from "@deputize/client";
import { importSigningKey } from "../keys/private-key.ts";
import {
  type TestApp,
  type TestBroker,
  type TestHop,
  type TestWorker,
  openTestBroker,
} from "../testing/test-broker.ts";
import type { BrokerCaller } from "./broker.ts";

let world: TestBroker;
let app: TestApp;
beforeAll(async () => {
  world = await openTestBroker();
  app = await world.app("chain");
});
afterAll(() => world.close());

/** Claims in the hands of a forger. */
interface Claims {
  [claim: string]: unknown;
  delegation_chain: Record<string, unknown>[];
  grants: (string | undefined)[];
}

const workers = (n: number): Promise<TestWorker[]> =>
  Promise.all(Array.from({ length: n }, () => world.worker(app)));

it("hands on a part, as the protocol shows it [AW-F13]", async () => {
  const [from, to] = (await workers(2)) as [TestWorker, TestWorker];
  const hop = await world.delegate(from.caller, to.agentId, ["read:data:1"]);
  expect(hop.expiresIn).toBe(60);
  expect(hop.claims).toMatchObject({
    sub: to.agentId,
    scope: ["read:data:1"],
    task_id: "task",
    orch_id: "orch",
  });
  expect(hop.delegationChain).toEqual([
    expect.objectContaining({
      agent: from.agentId,
      scope: ["read:data:*"],
      delegated_at: expect.any(String),
    }),
  ]);
  expect(hop.claims["chain_hash"]).toMatch(/^[0-9a-f]{64}$/);
  expect((await world.recorded("delegation_created")).at(-1)).toMatchObject({
    agent: from.agentId,
    about: [to.caller.principal],
    detail: {
      jti: from.caller.jti,
      next_jti: hop.caller.jti,
      depth: 1,
      chain_hash: hop.claims["chain_hash"],
    },
  });
});

it("a child never lives longer than its parent [AW-D01]", async () => {
  const [from, to] = (await workers(2)) as [TestWorker, TestWorker];
  const hop = await world.delegate(from.caller, to.agentId, ["read:data:1"], 86_400);
  expect(hop.caller.expiresAt).toBe(from.caller.expiresAt);
});

it("in the last second of a token nothing is handed on, and nothing recorded; it can still be renewed [AW-D01] [AW-D23]", async () => {
  const [from, to] = await Promise.all([world.worker(app, { maxTtlSeconds: 60 }), world.worker(app)]);
  world.clock.advance(from.caller.expiresAt * 1000 - world.clock.nowMs() + 100);
  const before = await world.recorded("delegation_created");
  await expect(world.delegate(from.caller, to.agentId, ["read:data:1"])).rejects.toMatchObject({
    code: "grant_revoked",
  });
  expect(await world.recorded("delegation_created")).toEqual(before);
  const renewed = await world.broker.workers.renew(from.caller);
  expect(
    (await world.delegate(await world.broker.verify(renewed.token), to.agentId, ["read:data:1"])).expiresIn,
  ).toBe(60);
});

it("goes five hops deep and not six [AW-F13]", async () => {
  const chain = await workers(7);
  let caller = chain[0]?.caller as BrokerCaller;
  let hop: TestHop | undefined;
  for (const next of chain.slice(1, 6)) {
    hop = await world.delegate(caller, next.agentId, ["read:data:*"]);
    caller = hop.caller;
  }
  expect(hop?.delegationChain).toHaveLength(5);
  await expect(world.delegate(caller, chain[6]?.agentId ?? "", ["read:data:*"])).rejects.toMatchObject({
    code: "depth_exceeded",
  });
  expect((await world.recorded("delegation_attenuation_violation")).at(-1)).toMatchObject({
    outcome: "refused",
    reason: "depth_exceeded",
  });
  // Another process, which made none of these, reads the whole chain.
  const other = await openTestBroker({
    store: world.store,
    signingKey: world.signingKey,
    clock: world.clock,
  });
  expect((await other.broker.verify(hop?.token ?? "")).grants).toHaveLength(6);
  await other.close();
});

it.each([[["write:data:1"]], [["read:data:*", "read:other:1"]], [["read:data"]], [["admin:revoke:*"]]])(
  "refuses %j, which the delegator does not hold [AW-F02] [AW-D08]",
  async (scope) => {
    const [from, to] = (await workers(2)) as [TestWorker, TestWorker];
    await expect(world.delegate(from.caller, to.agentId, scope)).rejects.toMatchObject({
      code: "scope_exceeded",
    });
  },
);

it("only workers' tokens delegate: what is an app's or operator's stays [AW-D09]", async () => {
  const [to] = (await workers(1)) as [TestWorker];
  for (const by of [app.caller, world.admin]) {
    await expect(world.delegate(by, to.agentId, ["app:launch-tokens:*"])).rejects.toMatchObject({
      code: "forbidden",
    });
  }
});

describe("the delegate [AW-D12]", () => {
  it("is not the delegator", async () => {
    const [from] = (await workers(1)) as [TestWorker];
    await expect(world.delegate(from.caller, from.agentId, ["read:data:1"], 86_400)).rejects.toMatchObject({
      code: "forbidden",
    });
  });

  it("is not released, not revoked, not expired, not unknown", async () => {
    const [from, released, revoked] = (await workers(3)) as [TestWorker, TestWorker, TestWorker];
    const brief = await world.worker(app, { maxTtlSeconds: 5 });
    await world.broker.workers.release(released.caller);
    await world.broker.revoke(world.admin, { level: "agent", target: revoked.agentId });
    world.clock.advance(6_000);
    const unknown = `${from.agentId.slice(0, -16)}0000000000000000`;
    for (const to of [released.agentId, revoked.agentId, brief.agentId, unknown, "nobody"]) {
      await expect(world.delegate(from.caller, to, ["read:data:1"])).rejects.toMatchObject({
        code: "not_found",
      });
    }
  });

  it("is of the same app; another's looks unknown [AW-D11]", async () => {
    const other = await world.app();
    const stranger = await world.worker(other);
    const [from] = (await workers(1)) as [TestWorker];
    await expect(world.delegate(from.caller, stranger.agentId, ["read:data:1"])).rejects.toMatchObject({
      code: "not_found",
    });
  });
});

it("a delegator whose token was renewed or released delegates no more [AW-D12] [SR-13]", async () => {
  const [from, to] = (await workers(2)) as [TestWorker, TestWorker];
  const next = await world.broker.workers.renew(from.caller);
  await expect(world.delegate(from.caller, to.agentId, ["read:data:1"])).rejects.toMatchObject({
    code: "invalid_token",
  });
  const renewed = await world.broker.verify(next.token);
  await world.delegate(renewed, to.agentId, ["read:data:1"]);
  await world.broker.workers.release(renewed);
  await expect(world.delegate(renewed, to.agentId, ["read:data:1"])).rejects.toMatchObject({
    code: "invalid_token",
  });
});

describe("records", () => {
  function own(from: TestWorker, to: string, scope: string[], jti = randomBytes(16).toString("hex")) {
    const statement = delegationStatement({
      prev: FIRST_RECORD,
      delegator: from.agentId,
      delegate: to,
      held: from.caller.scopes,
      scope,
      jti,
    });
    return { jti, signature: sign(null, Buffer.from(statement), from.key.privateKey).toString("base64") };
  }

  it("are signed by the delegator's own key when it signs, and stored with it [AW-D13]", async () => {
    const [from, to] = (await workers(2)) as [TestWorker, TestWorker];
    const scope = ["read:data:1"];
    const proof = own(from, to.agentId, scope);
    const hop = await world.broker.workers.delegate(from.caller, { delegateTo: to.agentId, scope, ...proof });
    const link = hop.delegationChain[0] as DelegationLink;
    expect(link).toMatchObject({ key: from.key.publicKey, jti: proof.jti });
    expect(link.kid).toBeUndefined();
    expect(hop.claims["jti"]).toBe(proof.jti);
    const { rows } = await world.store.ownerQuery<{ signature: Buffer; statement: string }>(
      `SELECT signature, statement FROM authority.delegation_records WHERE grant_id = $1`,
      [(hop.claims["grants"] as string[])[1]],
    );
    expect(rows[0]?.signature.toString("base64")).toBe(proof.signature);
    expect(rows[0]?.statement).toContain(proof.jti);
  });

  it("refuse a signature of another key, of another hop, and a jti used before [AW-D13]", async () => {
    const [from, to, other] = (await workers(3)) as [TestWorker, TestWorker, TestWorker];
    const scope = ["read:data:1"];
    const proof = own(from, to.agentId, scope);
    const send = (change: object) =>
      world.broker.workers.delegate(from.caller, { delegateTo: to.agentId, scope, ...proof, ...change });
    await expect(
      send({ signature: own(other, to.agentId, scope, proof.jti).signature }),
    ).rejects.toMatchObject({
      code: "invalid_request",
    });
    await expect(send({ scope: ["read:data:2"] })).rejects.toMatchObject({ code: "invalid_request" });
    await expect(send({ delegateTo: other.agentId })).rejects.toMatchObject({ code: "invalid_request" });
    await expect(send({ jti: "x" })).rejects.toMatchObject({ code: "invalid_request" });
    await expect(send({ jti: undefined })).rejects.toMatchObject({ code: "invalid_request" });
    await send({});
    await expect(send({})).rejects.toMatchObject({ code: "conflict" });
  });

  it("are checked when the token is used: any field altered is refused, though the authority signed it [AW-D13]", async () => {
    const [a, b, c] = (await workers(3)) as [TestWorker, TestWorker, TestWorker];
    const first = await world.delegate(a.caller, b.agentId, ["read:data:*"]);
    const second = await world.delegate(first.caller, c.agentId, ["read:data:1"]);
    const key = importSigningKey(world.signingKey);
    const forge = (change: (claims: Claims) => void): string => {
      const claims = structuredClone(second.claims) as unknown as Claims;
      change(claims);
      return signCompactJws({ alg: "EdDSA", typ: "JWT", kid: key.kid }, claims, key.privateKey);
    };
    // Signed anew but unchanged, it stands: what follows is refused for what was changed.
    expect(await world.stands(forge((claims) => (claims["x"] = undefined)))).toBe(true);
    const chain = second.claims["delegation_chain"] as DelegationLink[];
    for (const n of [0, 1]) {
      for (const field of Object.keys(chain[n] ?? {})) {
        if (field === "delegated_at") continue;
        const altered = forge((claims) => {
          const link = claims.delegation_chain[n] ?? {};
          link[field] = Array.isArray(link[field])
            ? ["read:data:2"]
            : String(link[field]).replace(/.$/, (last: string) => (last === "0" ? "1" : "0"));
        });
        expect(await world.stands(altered), `${n} ${field}`).toBe(false);
      }
    }
    for (const change of [
      (claims: Claims) => Reflect.deleteProperty(claims, "delegation_chain"),
      (claims: Claims) => claims.delegation_chain.pop(),
      (claims: Claims) => (claims.delegation_chain = claims.delegation_chain.toReversed()),
      (claims: Claims) => (claims["chain_hash"] = "0".repeat(64)),
      (claims: Claims) => (claims["scope"] = ["read:data:*"]),
      (claims: Claims) => (claims["sub"] = a.agentId),
      (claims: Claims) =>
        (claims["jti"] = randomBytes(16).toString("hex")) && (claims.grants[2] = a.caller.grants[0]),
    ]) {
      expect(await world.stands(forge(change)), String(change)).toBe(false);
    }
  });

  it("hold for a renewed token too, whose line they began [AW-D13] [AW-D05]", async () => {
    const [a, b] = (await workers(2)) as [TestWorker, TestWorker];
    const hop = await world.delegate(a.caller, b.agentId, ["read:data:1"]);
    const renewed = await world.broker.workers.renew(hop.caller);
    expect(renewed.claims["delegation_chain"]).toEqual(hop.claims["delegation_chain"]);
    const other = await openTestBroker({
      store: world.store,
      signingKey: world.signingKey,
      clock: world.clock,
    });
    expect(await other.stands(renewed.token)).toBe(true);
    expect(await other.stands(hop.token)).toBe(false);
    await other.close();
  });
});
