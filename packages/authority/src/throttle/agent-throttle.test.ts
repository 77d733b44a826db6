import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Caller, type PrincipalId, newId, randomHex } from "@deputize/core";
import { type Ephemeral, openEphemeral } from "@deputize/store";
import { openTestEphemeral } from "@deputize/store/testing";
import { type AgentsWorld, openAgentsWorld, queriesDuring } from "../testing/agents-world.ts";
import { type AgentLimitName, createAgentThrottle } from "./agent-throttle.ts";

let the: AgentsWorld;
/** As two replicas have them. */
let stores: readonly [Ephemeral, Ephemeral];
beforeAll(async () => {
  the = await openAgentsWorld();
  stores = [await openTestEphemeral(), await openTestEphemeral()];
});
afterAll(async () => {
  await the?.close();
  for (const store of stores ?? []) await store.close();
});

const wrong = () => `dpk_${randomHex(16)}_${randomHex(32)}`;
/** Counts of one run are not those of another: Redis keeps them. */
const key = Buffer.from(randomHex(32), "hex");

describe("limits of agents", () => {
  it.each(["signInByKey", "signInByAgent", "signInByOwner", "signInByAddress"] as const)(
    "hold sign-ins to a number a minute: %s [AA-F03] [AA-D08]",
    async (name) => {
      const other = { points: 100, windowSeconds: 60 };
      const limits = {
        signInByKey: other,
        signInByAgent: other,
        signInByOwner: other,
        signInByAddress: other,
      };
      const throttle = createAgentThrottle({
        ephemeral: stores[0],
        key: Buffer.from(randomHex(32), "hex"),
        limits: { ...limits, [name]: { points: 3, windowSeconds: 60 } },
      });
      // All that differs is what is not limited.
      const shared = newId();
      const who = () => ({
        source: name === "signInByAddress" ? shared : newId(),
        keyId: name === "signInByKey" ? shared : newId(),
        agent: name === "signInByAgent" ? shared : newId(),
        owner: name === "signInByOwner" ? shared : newId(),
      });
      for (let i = 0; i < 3; i += 1) await throttle.signsIn(who());
      await expect(throttle.signsIn(who())).rejects.toMatchObject({
        code: "rate_limited",
        retryAfterSeconds: expect.any(Number),
      });
    },
  );

  it.each(["requestByKey", "requestByAgent", "requestByOwner", "requestByAddress"] as const)(
    "hold requests to a number a minute, from what the token says alone: %s [AA-F03]",
    async (name: AgentLimitName) => {
      const throttle = createAgentThrottle({
        ephemeral: stores[0],
        key: Buffer.from(randomHex(32), "hex"),
        limits: { [name]: { points: 2, windowSeconds: 60 } },
      });
      const shared = newId() as PrincipalId;
      const pick = (mine: AgentLimitName) => (mine === name ? shared : (newId() as PrincipalId));
      const ask = () => {
        const caller: Caller = {
          tenant: "default",
          subject: pick("requestByAgent"),
          subjectKind: "agent",
          actors: [],
          roles: [],
          scopes: [],
          grants: [],
          clientId: "x",
          token: {
            issuer: "x",
            jti: "x",
            audience: ["x"],
            issuedAt: 0,
            expiresAt: 0,
            apiKey: pick("requestByKey"),
            owner: pick("requestByOwner"),
          },
        };
        return throttle.request(caller, pick("requestByAddress"));
      };
      await ask();
      await ask();
      await expect(ask()).rejects.toMatchObject({ code: "rate_limited" });
    },
  );

  it("count over replicas where there is Redis, and go on without it [AA-F03]", async () => {
    const limits = { signInByKey: { points: 4, windowSeconds: 3600 } };
    const throttles = stores.map((ephemeral) => createAgentThrottle({ ephemeral, key, limits }));
    const keyId = newId();
    const outcomes: string[] = [];
    for (let i = 0; i < 8; i += 1) {
      const who = { source: newId(), keyId, agent: newId() };
      await throttles[i % 2]?.signsIn(who).then(
        () => outcomes.push("in"),
        () => outcomes.push("out"),
      );
    }
    expect(outcomes.filter((one) => one === "in")).toHaveLength(stores[0].kind === "redis" ? 4 : 8);

    const away = await openEphemeral();
    const broken: Ephemeral = {
      ...away,
      get: () => Promise.reject(new Error("away")),
      set: () => Promise.reject(new Error("away")),
    };
    const alone = createAgentThrottle({ ephemeral: broken, key, limits });
    const who = { source: "x", keyId, agent: newId() };
    await alone.arrives(who);
    for (let i = 0; i < 4; i += 1) await alone.signsIn(who);
    await expect(alone.signsIn(who)).rejects.toMatchObject({ code: "rate_limited" });
  });

  it("hold an owner, and an address, to twenty registrations an hour [AA-D02] [AA-F03]", async () => {
    const open = await openAgentsWorld({ agentRegistration: "open" });
    const guest = open.world.visitor({ source: "203.0.113.1" });
    const send = (i: number) =>
      guest.send("POST", "/agents/register", { agent_name: `Many${i}`, owner_email: `o${i}@test.com` });
    for (let i = 0; i < 20; i += 1) expect((await send(i)).status).toBe(201);
    const refused = await send(20);
    expect(refused).toMatchObject({ status: 429, body: { code: "rate_limited" } });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    await open.close();
  });
});

describe("an anonymous flood", () => {
  it("is refused without a question to the database, while keys that are known there still sign in [AA-D01] [SR-26]", async () => {
    const agent = await the.agent();
    const from = the.source();
    expect((await the.login(agent.key, {}, from)).status).toBe(200);
    for (let i = 0; i < 60; i += 1) expect((await the.login(wrong(), {}, from)).status).toBe(401);
    const asked = await queriesDuring(the.world, async () => {
      for (let i = 0; i < 200; i += 1) expect((await the.login(wrong(), {}, from)).status).toBe(429);
    });
    expect(asked).toEqual([]);
    expect((await the.login(agent.key, {}, from)).status).toBe(200);
    // A key that is not known at this address waits with the strangers; elsewhere it signs in.
    const other = await the.agent();
    expect((await the.login(other.key, {}, from)).status).toBe(429);
    expect((await the.login(other.key)).status).toBe(200);
    // Failing with a known key's id uses up that key's own allowance, at that address only.
    const spoiled = `${agent.key.slice(0, -4)}0000`;
    for (let i = 0; i < 20; i += 1) expect((await the.login(spoiled, {}, from)).status).toBe(401);
    expect((await the.login(agent.key, {}, from)).status).toBe(429);
    expect((await the.login(agent.key)).status).toBe(200);
  });

  it("counts at the token endpoint too [AA-F03]", async () => {
    const from = the.source();
    const ask = () => the.world.agents.authenticate({ secret: wrong(), source: from });
    for (let i = 0; i < 60; i += 1) expect(await ask()).toBeUndefined();
    await expect(ask()).rejects.toMatchObject({ code: "rate_limited" });
  });
});
