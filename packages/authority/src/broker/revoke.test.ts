import { afterAll, beforeAll, expect, it } from "vitest";
import { withContext } from "@deputize/core";
import {
  type TestApp,
  type TestBroker,
  type TestHop,
  type TestWorker,
  openTestBroker,
} from "../testing/test-broker.ts";
import type { RevokeLevel } from "./broker.ts";

let world: TestBroker;
let app: TestApp;
beforeAll(async () => {
  world = await openTestBroker();
  app = await world.app("ending");
});
afterAll(() => world.close());

const revoke = async (
  level: RevokeLevel,
  target: string,
  more: { appId?: string; reason?: string; dryRun?: boolean } = {},
) => (await world.broker.revoke(world.admin, { level, target, ...more })).count;

interface Chain {
  readonly workers: [TestWorker, TestWorker, TestWorker, TestWorker];
  /** A→B, B→C, C→D. */
  readonly hops: [TestHop, TestHop, TestHop];
}

async function chainOfFour(): Promise<Chain> {
  const workers = (await Promise.all([1, 2, 3, 4].map(() => world.worker(app)))) as Chain["workers"];
  const ab = await world.delegate(workers[0].caller, workers[1].agentId, ["read:data:*"]);
  const bc = await world.delegate(ab.caller, workers[2].agentId, ["read:data:*"]);
  const cd = await world.delegate(bc.caller, workers[3].agentId, ["read:data:1"]);
  return { workers, hops: [ab, bc, cd] };
}

const standing = (tokens: readonly { token: string }[]): Promise<boolean[]> =>
  Promise.all(tokens.map(({ token }) => world.stands(token)));

it("a worker's end takes everything below it, at any depth, and it gets no more [AW-D03]", async () => {
  const { workers, hops } = await chainOfFour();
  const [a, b, , d] = workers;
  // B's own root, what A gave B, and what came of that.
  expect(await revoke("agent", b.agentId)).toBe(4);
  expect(await standing(hops)).toEqual([false, false, false]);
  expect(await standing(workers)).toEqual([true, false, true, true]);
  await expect(world.delegate(a.caller, b.agentId, ["read:data:1"])).rejects.toMatchObject({
    code: "not_found",
  });
  expect(await revoke("agent", b.agentId)).toBe(0);
  expect(await standing([d])).toEqual([true]);
});

it("one token's end takes what was made from it [AW-D03] [AW-F14]", async () => {
  const { workers, hops } = await chainOfFour();
  expect(await revoke("token", hops[0].caller.jti)).toBe(3);
  expect(await standing(hops)).toEqual([false, false, false]);
  expect(await standing(workers)).toEqual([true, true, true, true]);
});

it("a token that was renewed since still names its line [AW-D03]", async () => {
  const worker = await world.worker(app);
  const next = await world.broker.workers.renew(worker.caller);
  expect(await revoke("token", worker.caller.jti)).toBe(1);
  expect(await world.stands(next.token)).toBe(false);
});

it("a chain ends from its root, and from its middle [AW-D04]", async () => {
  const root = await chainOfFour();
  expect(await revoke("chain", root.workers[0].agentId)).toBe(4);
  expect(await standing([root.workers[0], ...root.hops])).toEqual([false, false, false, false]);
  const middle = await chainOfFour();
  expect(await revoke("chain", middle.workers[1].agentId)).toBe(4);
  expect(await standing(middle.hops)).toEqual([false, false, false]);
  expect(await standing(middle.workers)).toEqual([true, false, true, true]);
});

it("a task ends with what its workers hold and handed on, and what was handed to them [AW-D48]", async () => {
  const mine = await world.worker(app, { task: "t-mine" });
  const theirs = await world.worker(app, { task: "t-theirs" });
  const given = await world.delegate(mine.caller, theirs.agentId, ["read:data:1"]);
  const taken = await world.delegate(theirs.caller, mine.agentId, ["read:data:2"]);
  expect(given.claims).toMatchObject({ task_id: "t-mine" });
  expect(await revoke("task", "t-theirs")).toBe(3);
  expect(await standing([mine, theirs, given, taken])).toEqual([true, false, false, false]);
  const fresh = await world.worker(app, { task: "t-theirs" });
  const again = await world.delegate(mine.caller, fresh.agentId, ["read:data:1"]);
  expect(await revoke("task", "t-mine")).toBe(2);
  expect(await standing([mine, again, fresh])).toEqual([false, false, true]);
});

it("a task of two apps has to say whose [AW-D11]", async () => {
  const other = await world.app();
  const mine = await world.worker(app, { task: "shared" });
  const theirs = await world.worker(other, { task: "shared" });
  await expect(revoke("task", "shared")).rejects.toMatchObject({ code: "conflict" });
  expect(await revoke("task", "shared", { appId: other.appId })).toBe(1);
  expect(await standing([mine, theirs])).toEqual([true, false]);
});

it("an app's end of tokens leaves the app itself: it signs in again [AW-F14]", async () => {
  const other = await world.app();
  const worker = await world.worker(other);
  const launch = await world.registration(other);
  // Its own token and the worker's.
  expect(await revoke("app", other.appId)).toBe(2);
  expect(await standing([other, worker])).toEqual([false, false]);
  await expect(world.broker.workers.register(launch)).rejects.toMatchObject({ code: "invalid_credentials" });
  await world.broker.apps.signIn(other);
});

it("a tenant's end leaves only the operator's own token [AW-F14]", async () => {
  const own = await openTestBroker();
  const some = await own.app();
  const worker = await own.worker(some);
  expect((await own.broker.revoke(own.admin, { level: "tenant", target: "other" })).count).toBe(0);
  expect((await own.broker.revoke(own.admin, { level: "tenant", target: "default" })).count).toBe(2);
  expect(await own.stands(worker.token)).toBe(false);
  expect(await own.stands(some.token)).toBe(false);
  await own.app();
  await own.close();
});

it("a user's end takes what hangs from the user [AW-F14]", async () => {
  const own = await openTestBroker();
  const [alice] = ["7b0f8f0e-1111-4111-8111-111111111111"];
  await own.store.ownerQuery(
    `INSERT INTO authority.principals (tenant, id, kind, name, created) VALUES ('default', $1, 'user', 'Alice', now())`,
    [alice],
  );
  await own.store.transaction("authority", (tx) =>
    own.authority.grants.createRoot(tx, {
      kind: "session",
      tenant: "default",
      subject: alice as never,
      actor: alice as never,
      clientId: "x",
      scopes: ["read:orders:*"],
      audiences: ["x"],
      ttlSeconds: 60,
    }),
  );
  expect((await own.broker.revoke(own.admin, { level: "user", target: alice ?? "" })).count).toBe(1);
  expect((await own.broker.revoke(own.admin, { level: "user", target: own.admin.principal })).count).toBe(0);
  await own.close();
});

it.each([
  ["token", "0".repeat(32)],
  ["token", "not a jti"],
  ["agent", "spiffe://agentwrit.local/agent/o/t/0000000000000000"],
  ["task", "nobody's"],
  ["chain", "spiffe://agentwrit.local/agent/o/t/0000000000000000"],
  ["app", "app-nobody-000000"],
  ["user", "somebody@example.com"],
] as const)("counts nothing for an unknown %s %s [AW-D41]", async (level, target) => {
  expect(await revoke(level, target)).toBe(0);
});

it("counts nothing that had expired by itself [AW-D41]", async () => {
  const [short, long] = await Promise.all([
    world.worker(app, { task: "mixed", maxTtlSeconds: 60 }),
    world.worker(app, { task: "mixed" }),
  ]);
  world.clock.advance(62_000);
  expect(await revoke("task", "mixed", { dryRun: true })).toBe(1);
  expect(await revoke("task", "mixed")).toBe(1);
  expect(await standing([short, long])).toEqual([false, false]);
});

it("counts without ending anything when only asked [AW-D41]", async () => {
  const { workers, hops } = await chainOfFour();
  expect(await revoke("chain", workers[0].agentId, { dryRun: true })).toBe(4);
  expect(await standing([...workers, ...hops])).toEqual(Array(7).fill(true));
});

it("says who ended what, and why [AW-D23] [AW-D41]", async () => {
  const worker = await world.worker(app);
  await revoke("agent", worker.agentId, { reason: "left its task" });
  expect((await world.recorded("token_revoked")).at(-1)).toMatchObject({
    agent: "admin",
    subject: world.admin.principal,
    resource: `agent:${worker.agentId}`,
    detail: {
      jti: world.admin.jti,
      level: "agent",
      target: worker.agentId,
      count: 1,
      reason: "left its task",
    },
  });
});

it("entries carry the id of the request that caused them, also when many share a statement [AW-D23]", async () => {
  const ids = Array.from({ length: 5 }, (_, n) => `request-${n}`);
  const workers = await Promise.all(
    ids.map((requestId) => withContext({ requestId }, () => world.worker(app))),
  );
  const events = await world.recorded("agent_registered");
  for (const [n, worker] of workers.entries()) {
    expect(events.find((event) => event.agent === worker.agentId)?.requestId).toBe(ids[n]);
  }
});

it("only an operator revokes [AW-F14]", async () => {
  const worker = await world.worker(app);
  for (const by of [app.caller, worker.caller]) {
    await expect(world.broker.revoke(by, { level: "agent", target: worker.agentId })).rejects.toMatchObject({
      code: "forbidden",
    });
  }
  expect(await world.stands(worker.token)).toBe(true);
});
