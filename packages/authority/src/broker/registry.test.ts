import { type ManualClock, isDeputizeError } from "@deputize/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestApp, type TestBroker, openTestBroker } from "../testing/test-broker.ts";

let world: TestBroker;
let other: TestApp;
let app: TestApp;
beforeAll(async () => {
  world = await openTestBroker();
  app = await world.app("shop");
  other = await world.app("bank");
});
afterAll(() => world.close());

const ids = (found: { agents: readonly { agentId: string }[] }): string[] =>
  found.agents.map(({ agentId }) => agentId);
const code = (wanted: string) => (error: unknown) => isDeputizeError(error) && error.code === wanted;

/** Time passes as the timer sees it: a look every ten seconds. */
async function pass(
  seconds: number,
  of: TestBroker = world,
  clock: ManualClock = world.clock,
): Promise<number> {
  let ended = 0;
  for (let gone = 0; gone < seconds; gone += 10) {
    clock.advance(10_000);
    ended += await of.broker.registry.look();
  }
  return ended;
}

describe("looking workers up", () => {
  it("finds living workers of one's own app with their keys, and no other's [AW-F33] [AW-D11]", async () => {
    const asker = await world.worker(app, { task: "find-1" });
    const found = await world.worker(app, { task: "find-2", orch: "pipeline" });
    const foreign = await world.worker(other, { task: "find-2" });
    const { registry } = world.broker;
    expect((await registry.find(asker.caller, { agentId: found.agentId })).agents).toEqual([
      {
        agentId: found.agentId,
        publicKey: found.key.publicKey,
        appId: app.appId,
        orchId: "pipeline",
        taskId: "find-2",
        expiresAt: expect.any(Number),
      },
    ]);
    expect(ids(await registry.find(asker.caller, { taskId: "find-2" }))).toEqual([found.agentId]);
    expect(ids(await registry.find(app.caller, { orchId: "pipeline" }))).toEqual([found.agentId]);
    expect(ids(await registry.find(asker.caller, { agentId: foreign.agentId }))).toEqual([]);
    await expect(registry.find(world.admin, {})).rejects.toSatisfy(code("forbidden"));
  });

  it("knows a worker until its grants end, and a token until it ends [AW-F33]", async () => {
    const asker = await world.worker(app);
    const found = await world.worker(app);
    const { registry, workers } = world.broker;
    const look = async (jti?: string) =>
      ids(await registry.find(asker.caller, { agentId: found.agentId, ...(jti !== undefined && { jti }) }));
    const renewed = await workers.renew(found.caller);
    expect(await look(found.caller.jti)).toEqual([]);
    expect(await look(String(renewed.claims["jti"]))).toEqual([found.agentId]);
    expect(await look(asker.caller.jti)).toEqual([]);
    await workers.release(await world.broker.verify(renewed.token));
    expect(await look()).toEqual([]);
  });

  it("answers page by page", async () => {
    const many = await Promise.all([1, 2, 3].map(() => world.worker(app, { task: "paged" })));
    const { registry } = world.broker;
    const first = await registry.find(app.caller, { taskId: "paged", limit: 2 });
    const second = await registry.find(app.caller, { taskId: "paged", limit: 2, cursor: first.next ?? "" });
    expect([...ids(first), ...ids(second)]).toEqual(many.map(({ agentId }) => agentId).toSorted());
    expect(second.next).toBeUndefined();
  });
});

describe("heartbeats", () => {
  it("end a worker after three misses, with what it handed on, and tell why [AW-F33]", async () => {
    const silent = await world.worker(app, { maxTtlSeconds: 3600 });
    const steady = await world.worker(app, { maxTtlSeconds: 3600 });
    const never = await world.worker(app, { maxTtlSeconds: 3600 });
    const below = await world.worker(app, { maxTtlSeconds: 3600 });
    const hop = await world.delegate(silent.caller, below.agentId, ["read:data:1"], 3000);
    const { registry } = world.broker;
    expect(await registry.beat(silent.caller)).toEqual({ everySeconds: 30, misses: 3 });
    await registry.beat(steady.caller);

    expect(await pass(60)).toBe(0);
    await registry.beat(steady.caller);
    expect(await pass(20)).toBe(0);
    expect(await world.stands(silent.token)).toBe(true);

    expect(await pass(20)).toBe(1);
    expect(await world.stands(silent.token)).toBe(false);
    expect(await world.stands(hop.token)).toBe(false);
    for (const living of [steady, never, below]) expect(await world.stands(living.token)).toBe(true);
    await expect(registry.beat(silent.caller)).rejects.toSatisfy(code("invalid_token"));
    const told = (await world.recorded("token_revoked")).filter(({ agent }) => agent === silent.agentId);
    expect(told).toMatchObject([{ reason: "heartbeats_missed", app: app.id, detail: { level: "agent" } }]);
    await registry.beat(steady.caller);
  });

  it("are the workers' own, and a token that ended sends none", async () => {
    const { registry, workers } = world.broker;
    const worker = await world.worker(app);
    await workers.release(worker.caller);
    await expect(registry.beat(worker.caller)).rejects.toSatisfy(code("invalid_token"));
    for (const by of [app.caller, world.admin])
      await expect(registry.beat(by)).rejects.toSatisfy(code("forbidden"));
  });

  it("of a worker that released itself are forgotten without a word", async () => {
    const { registry, workers } = world.broker;
    const worker = await world.worker(app, { maxTtlSeconds: 3600 });
    await registry.beat(worker.caller);
    await workers.release(worker.caller);
    await pass(120);
    const told = await world.recorded("token_revoked");
    expect(told.filter(({ agent }) => agent === worker.agentId)).toEqual([]);
  });

  it("of a silence of our own end nobody until a whole window was heard [AW-F33]", async () => {
    const worker = await world.worker(app, { maxTtlSeconds: 3600 });
    await world.broker.registry.beat(worker.caller);
    // The machine slept.
    world.clock.advance(600_000);
    expect(await world.broker.registry.look()).toBe(0);
    expect(await world.stands(worker.token)).toBe(true);
    expect(await pass(80)).toBe(0);
    expect(await pass(20)).toBe(1);
    expect(await world.stands(worker.token)).toBe(false);
  });

  it("missed by two nodes at once end a worker once [AW-F34]", async () => {
    const { store, clock, signingKey } = world;
    const second = await openTestBroker({ store, clock, signingKey });
    const worker = await world.worker(app, { maxTtlSeconds: 3600 });
    await world.broker.registry.beat(worker.caller);
    for (let gone = 0; gone < 90; gone += 10) {
      clock.advance(10_000);
      await Promise.all([world.broker.registry.look(), second.broker.registry.look()]);
    }
    clock.advance(10_000);
    const ended = await Promise.all([world.broker.registry.look(), second.broker.registry.look()]);
    expect(ended.toSorted()).toEqual([0, 1]);
    const told = [...(await world.recorded("token_revoked")), ...(await second.recorded("token_revoked"))];
    const entries = new Set(told.filter(({ agent }) => agent === worker.agentId));
    expect(entries.size).toBe(1);
    await second.authority.close();
  });
});

describe("the count of active workers", () => {
  it("is true: it rises with each, falls with each end and with time [AW-D27]", async () => {
    const fresh = await openTestBroker();
    const own = await fresh.app("counted");
    const one = await fresh.worker(own, { maxTtlSeconds: 100 });
    const two = await fresh.worker(own, { maxTtlSeconds: 1000 });
    await fresh.worker(own, { maxTtlSeconds: 1000 });
    // A hop makes no worker.
    await fresh.delegate(two.caller, one.agentId, ["read:data:1"], 50);
    expect(await fresh.broker.activeWorkers()).toBe(3);
    fresh.clock.advance(101_000);
    expect(await fresh.broker.activeWorkers()).toBe(2);
    await fresh.broker.revoke(fresh.admin, { level: "agent", target: two.agentId });
    expect(await fresh.broker.activeWorkers()).toBe(1);
    await fresh.broker.apps.deregister(fresh.admin, own.appId);
    expect(await fresh.broker.activeWorkers()).toBe(0);
    await fresh.close();
  });
});
