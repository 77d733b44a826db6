import { afterAll, beforeAll, expect, it } from "vitest";
import { REFUSAL_ENTRIES } from "@deputize/audit";
import { type TestApp, type TestBroker, openTestBroker } from "../testing/test-broker.ts";

let world: TestBroker;
let app: TestApp;
beforeAll(async () => {
  world = await openTestBroker();
  app = await world.app("renewal");
});
afterAll(() => world.close());

it("renewal keeps lifetime, scopes, task and name; the old token dies first [AW-F11] [AW-F07]", async () => {
  const worker = await world.worker(app, { maxTtlSeconds: 120 });
  world.clock.advance(50_000);
  const next = await world.broker.workers.renew(worker.caller);
  expect(next.expiresIn).toBe(120);
  expect(next.claims).toMatchObject({
    sub: worker.agentId,
    scope: ["read:data:*"],
    task_id: "task",
    orch_id: "orch",
    grants: worker.caller.grants,
  });
  expect(next.claims["jti"]).not.toBe(worker.caller.jti);
  expect(await world.stands(worker.token)).toBe(false);
  expect(await world.stands(next.token)).toBe(true);
  await expect(world.broker.workers.renew(worker.caller)).rejects.toMatchObject({ code: "invalid_token" });
  expect((await world.recorded("token_renewed")).at(-1)).toMatchObject({
    agent: worker.agentId,
    detail: { jti: worker.caller.jti, next_jti: next.claims["jti"] },
  });
});

it("of 48 renewals at once exactly one succeeds [AW-D45]", async () => {
  const worker = await world.worker(app);
  const results = await Promise.allSettled(
    Array.from({ length: 48 }, () => world.broker.workers.renew(worker.caller)),
  );
  expect(results.filter((one) => one.status === "fulfilled")).toHaveLength(1);
  for (const one of results) {
    if (one.status === "rejected") expect(one.reason).toMatchObject({ code: "invalid_token" });
  }
  const { rows } = await world.store.ownerQuery<{ live: number }>(
    `SELECT count(*)::int AS live FROM authority.broker_tokens WHERE grant_id = $1 AND live`,
    [worker.caller.grants[0]],
  );
  expect(rows[0]?.live).toBe(1);
  expect((await world.recorded("token_renewal_failed")).length).toBeGreaterThanOrEqual(REFUSAL_ENTRIES.ofOne);
});

it("children outlive the renewal of their parent, and not its release [AW-D05]", async () => {
  const parent = await world.worker(app);
  const child = await world.worker(app);
  const hop = await world.delegate(parent.caller, child.agentId, ["read:data:1"]);
  const renewed = await world.broker.verify((await world.broker.workers.renew(parent.caller)).token);
  expect(await world.stands(hop.token)).toBe(true);
  await world.broker.workers.release(renewed);
  expect(await world.stands(hop.token)).toBe(false);
  expect(await world.stands(child.token)).toBe(true);
});

it("a delegated token is renewed up to its parent's end, never past it [AW-D02]", async () => {
  const parent = await world.worker(app, { maxTtlSeconds: 100 });
  const child = await world.worker(app, { maxTtlSeconds: 600 });
  let hop = await world.delegate(parent.caller, child.agentId, ["read:data:1"], 60);
  const end = parent.caller.expiresAt;
  for (let n = 0; n < 5; n += 1) {
    world.clock.advance(20_000 - (n === 4 ? 1_000 : 0));
    const renewed = await world.broker.workers.renew(hop.caller).catch(() => undefined);
    if (!renewed) break;
    hop = { ...hop, ...renewed, caller: await world.broker.verify(renewed.token) };
    expect(hop.caller.expiresAt).toBeLessThanOrEqual(end);
  }
  expect(hop.caller.expiresAt).toBe(end);
  world.clock.advance(3_000);
  expect(await world.stands(hop.token)).toBe(false);
  await expect(world.broker.workers.renew(hop.caller)).rejects.toMatchObject({ code: "invalid_token" });
});

it("when no token could live, nothing is renewed and nothing recorded [AW-D02] [AW-D23]", async () => {
  const [from, to] = await Promise.all([world.worker(app, { maxTtlSeconds: 60 }), world.worker(app)]);
  const hop = await world.delegate(from.caller, to.agentId, ["read:data:1"]);
  // The child's token is good through this second, and its parent's grant ends with it.
  world.clock.advance(hop.caller.expiresAt * 1000 - world.clock.nowMs() + 100);
  const before = await world.recorded("token_renewed");
  await expect(world.broker.workers.renew(hop.caller)).rejects.toMatchObject({ code: "invalid_token" });
  expect(await world.recorded("token_renewed")).toEqual(before);
  expect((await world.broker.verify(hop.token)).jti).toBe(hop.caller.jti);
});

it("no worker is renewed past its last day [AW-D36]", async () => {
  const short = await openTestBroker({ broker: { lifetimes: { renewSeconds: 500 } } });
  const own = await short.app();
  const worker = await short.worker(own, { maxTtlSeconds: 200 });
  const last = worker.caller.issuedAt + 500;
  let { caller } = worker;
  for (let n = 0; n < 20; n += 1) {
    short.clock.advance(100_000);
    const renewed = await short.broker.workers.renew(caller).catch(() => undefined);
    if (!renewed) break;
    caller = await short.broker.verify(renewed.token);
    expect(caller.expiresAt).toBeLessThanOrEqual(last);
  }
  expect(short.clock.nowMs() / 1000).toBeGreaterThanOrEqual(last - 101);
  short.clock.advance(101_000);
  await expect(short.broker.workers.renew(caller)).rejects.toMatchObject({ code: "invalid_token" });
  await short.close();
});

it("operators and apps do not renew; they sign in again [AW-D36]", async () => {
  for (const by of [app.caller, world.admin]) {
    await expect(world.broker.workers.renew(by)).rejects.toMatchObject({ code: "forbidden" });
  }
  expect(await world.stands(app.token)).toBe(true);
});

it("a token renews through the last second of its `exp`, and not after [AW-F11]", async () => {
  const worker = await world.worker(app, { maxTtlSeconds: 2 });
  world.clock.advance(worker.caller.expiresAt * 1000 + 999 - world.clock.nowMs());
  expect(await world.stands(worker.token)).toBe(true);
  const renewed = await world.broker.workers.renew(worker.caller);
  const caller = await world.broker.verify(renewed.token);
  world.clock.advance(3_000);
  expect(await world.stands(renewed.token)).toBe(false);
  await expect(world.broker.workers.renew(caller)).rejects.toMatchObject({ code: "invalid_token" });
});

it("release answers once; then the token is unknown [AW-F11]", async () => {
  const worker = await world.worker(app);
  await world.broker.workers.release(worker.caller);
  expect(await world.stands(worker.token)).toBe(false);
  await expect(world.broker.workers.release(worker.caller)).rejects.toMatchObject({ code: "invalid_token" });
  expect((await world.recorded("token_released")).filter((one) => one.agent === worker.agentId)).toHaveLength(
    1,
  );
});

it("of many releases of one token at once one succeeds, and other tokens go with theirs [AW-F11]", async () => {
  const workers = await Promise.all(Array.from({ length: 6 }, () => world.worker(app)));
  const results = await Promise.allSettled(
    workers.flatMap(({ caller }) => [0, 1, 2].map(() => world.broker.workers.release(caller))),
  );
  expect(results.filter((one) => one.status === "fulfilled")).toHaveLength(6);
  for (const { token } of workers) expect(await world.stands(token)).toBe(false);
});
