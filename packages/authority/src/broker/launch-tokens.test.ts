import { afterAll, beforeAll, expect, it } from "vitest";
import { type TestApp, type TestBroker, openTestBroker } from "../testing/test-broker.ts";

let world: TestBroker;
let app: TestApp;
beforeAll(async () => {
  world = await openTestBroker();
  app = await world.app("launcher");
});
afterAll(() => world.close());

const create = (
  change: Partial<Parameters<TestBroker["broker"]["launchTokens"]["create"]>[1]> = {},
  by = app.caller,
) => world.broker.launchTokens.create(by, { agentName: "w", allowedScope: ["read:data:*"], ...change });

it("answers a token of 64 digits, its policy as asked, and when it ends [AW-F05]", async () => {
  const made = await create({ ttlSeconds: 40, maxTtlSeconds: 999_999 });
  expect(made.launchToken).toMatch(/^[0-9a-f]{64}$/);
  expect(made).toMatchObject({ allowedScope: ["read:data:*"], maxTtlSeconds: 999_999 });
  expect(made.expiresAt).toBe(Math.floor(world.clock.nowMs() / 1000) * 1000 + 40_000);
  expect((await create()).maxTtlSeconds).toBe(300);
});

it("clamps a worker's life to the longest of all [AW-F10]", async () => {
  const worker = await world.worker(app, { maxTtlSeconds: 999_999 });
  expect(worker.expiresIn).toBe(86_400);
});

it("keeps no launch token in the clear, in no table and no entry [AW-D34]", async () => {
  const { launchToken } = await create();
  const { rows } = await world.store.ownerQuery<{ hash: Buffer; event: string }>(
    `SELECT l.hash, (SELECT string_agg(event::text, '') FROM audit.outbox) AS event FROM authority.launch_tokens l`,
  );
  expect(rows.length).toBeGreaterThan(0);
  for (const { hash, event } of rows) {
    expect(hash.toString("hex")).not.toBe(launchToken);
    expect(event).not.toContain(launchToken);
  }
});

it("lives an hour at most, and not a second longer than it says [AW-D34]", async () => {
  await expect(create({ ttlSeconds: 3_601 })).rejects.toMatchObject({ code: "invalid_ttl" });
  await create({ ttlSeconds: 3_600 });
  const late = await world.registration(app);
  world.clock.advance(31_000);
  await expect(world.broker.workers.register(late)).rejects.toMatchObject({
    code: "invalid_credentials",
    message: expect.stringContaining("launch token"),
  });
});

it("serves once, or many times when asked for [AW-F05]", async () => {
  const once = await world.registration(app);
  const again = await world.registration(app);
  await world.broker.workers.register(once);
  await expect(
    world.broker.workers.register({ ...again, launchToken: once.launchToken }),
  ).rejects.toMatchObject({ code: "invalid_credentials" });

  const { launchToken } = await create({ singleUse: false });
  for (let n = 0; n < 3; n += 1) {
    await world.broker.workers.register({ ...(await world.registration(app)), launchToken });
  }
});

it("one for single use makes one worker, however many come at once [AW-F05] [AW-D35]", async () => {
  const { launchToken } = await create();
  const requests = await Promise.all(Array.from({ length: 16 }, () => world.registration(app)));
  const results = await Promise.allSettled(
    requests.map((request) => world.broker.workers.register({ ...request, launchToken })),
  );
  expect(results.filter((one) => one.status === "fulfilled")).toHaveLength(1);
});

it.each([
  ["above the ceiling", ["delete:data:*"], "scope_ceiling_exceeded"],
  ["partly above it", ["read:data:1", "delete:data:1"], "scope_ceiling_exceeded"],
  ["reserved", ["admin:revoke:*"], "launch_token_denied"],
  ["reserved for apps", ["read:data:*", "app:launch-tokens:*"], "launch_token_denied"],
])(
  "refuses scopes that are %s, and says so in the log [AW-D08] [AW-F02] [AW-D23]",
  async (_what, allowedScope, action) => {
    const before = (await world.recorded(action)).length;
    await expect(create({ allowedScope })).rejects.toMatchObject({ code: "forbidden" });
    const events = await world.recorded(action);
    expect(events).toHaveLength(before + 1);
    expect(events.at(-1)).toMatchObject({
      outcome: "refused",
      reason: "forbidden",
      agent: app.caller.sub,
      app: app.id,
    });
  },
);

it.each([[["*:data:x"]], [["read:data"]], [[""]]])(
  "refuses the malformed %j [AW-D32]",
  async (allowedScope) => {
    await expect(create({ allowedScope })).rejects.toMatchObject({ code: "invalid_scope" });
  },
);

it("an operator's own launch token needs a written policy, or an app's ceiling [AW-D10]", async () => {
  await expect(create({}, world.admin)).rejects.toMatchObject({
    code: "forbidden",
    message: expect.stringContaining("DEPUTIZE_OPERATOR_SCOPES"),
  });
  await create({ appId: app.appId }, world.admin);
  await expect(
    create({ appId: app.appId, allowedScope: ["delete:data:1"] }, world.admin),
  ).rejects.toMatchObject({
    code: "forbidden",
  });
  await expect(create({ appId: "app-nobody-000000" }, world.admin)).rejects.toMatchObject({
    code: "not_found",
  });
});

it("an operator's policy bounds its workers, and narrowing the setting ends them [AW-D10] [AW-D07]", async () => {
  const wide = await openTestBroker({ broker: { operatorScopes: ["read:data:*"] } });
  const { launchToken } = await wide.broker.launchTokens.create(wide.admin, {
    agentName: "w",
    allowedScope: ["read:data:1"],
  });
  await expect(
    wide.broker.launchTokens.create(wide.admin, { agentName: "w", allowedScope: ["write:data:1"] }),
  ).rejects.toMatchObject({ code: "forbidden" });
  const some = await wide.app();
  const worker = await wide.broker.workers.register({
    ...(await wide.registration(some, { scope: ["read:data:1"] })),
    launchToken,
  });
  expect(worker.claims).toMatchObject({ app_id: "operator" });

  const narrow = await openTestBroker({ store: wide.store, signingKey: wide.signingKey, clock: wide.clock });
  expect(await narrow.stands(worker.token)).toBe(false);
  await narrow.close();
  await wide.close();
});

it("workers make no launch tokens, and apps none for others [AW-D08] [AW-D11]", async () => {
  const worker = await world.worker(app);
  await expect(create({}, worker.caller)).rejects.toMatchObject({ code: "forbidden" });
  const other = await world.app();
  await expect(create({ appId: other.appId })).rejects.toMatchObject({ code: "forbidden" });
});
