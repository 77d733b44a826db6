import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { newId } from "@deputize/core";
import { type TestBroker, openTestBroker } from "../testing/test-broker.ts";

let world: TestBroker;
beforeAll(async () => {
  world = await openTestBroker();
});
afterAll(() => world.close());

const register = (change: Partial<Parameters<TestBroker["broker"]["apps"]["register"]>[1]>) =>
  world.broker.apps.register(world.admin, { name: "fresh", scopes: ["read:data:*"], ...change });

it("makes ids of the name, shows the secret once and keeps neither it nor a token in the clear [AW-F03]", async () => {
  const plain = await register({ name: "weather" });
  const words = await register({ name: "order-desk-night-shift" });
  expect(plain.appId).toMatch(/^app-weather-[0-9a-f]{6}$/);
  expect(plain.clientId).toMatch(/^we-[0-9a-f]{12}$/);
  expect(words.clientId).toMatch(/^odn-[0-9a-f]{12}$/);
  expect(plain.clientSecret).toMatch(/^[0-9a-f]{64}$/);
  expect(await world.broker.apps.get(world.admin, plain.appId)).not.toHaveProperty("clientSecret");
  const { rows } = await world.store.ownerQuery<{ hash: Buffer }>("SELECT hash FROM authority.app_secrets");
  expect(rows.map((row) => row.hash.toString("hex"))).not.toContain(plain.clientSecret);
});

it("signs an app in with its own token lifetime and the app's scopes only [AW-F04] [AW-F10]", async () => {
  const app = await register({ name: "brief", tokenTtlSeconds: 60 });
  const signed = await world.broker.apps.signIn(app);
  expect(signed).toMatchObject({
    expiresIn: 60,
    scopes: ["app:launch-tokens:*", "app:agents:*", "app:audit:read"],
  });
  expect(signed.claims).toMatchObject({
    sub: `app:${app.appId}`,
    task_id: "",
    orch_id: "",
    app_id: app.appId,
  });
  await expect(
    world.broker.apps.signIn({ clientId: app.clientId, clientSecret: "0".repeat(64) }),
  ).rejects.toMatchObject({ code: "invalid_credentials" });
});

it("does the same work for an unknown client as for a wrong secret [AW-D16]", async () => {
  const app = await world.app();
  const query = vi.spyOn(world.store.pool("authority"), "query");
  const asked = async (clientId: string): Promise<{ statements: unknown[]; message: string }> => {
    query.mockClear();
    const error: Error = await world.broker.apps.signIn({ clientId, clientSecret: "1".repeat(64) }).then(
      () => new Error("signed in"),
      (refused: Error) => refused,
    );
    // What runs by the clock (the feed's tick) may fall in between; it asks for no app.
    const statements = query.mock.calls
      .map(([text]) => String(text))
      .filter((text) => text.includes("app_secrets"));
    return { statements, message: error.message };
  };
  const wrong = await asked(app.clientId);
  const unknown = await asked("zz-000000000000");
  query.mockRestore();
  expect(wrong.statements).toHaveLength(1);
  expect(unknown).toEqual(wrong);
});

it.each([
  ["", "invalid_request"],
  ["A", "invalid_request"],
  ["1shop", "invalid_request"],
  ["shop-", "invalid_request"],
  ["shop--two", "invalid_request"],
  ["a", "invalid_request"],
  ["x".repeat(65), "invalid_request"],
])("refuses the name %j [AW-F03]", async (name, code) => {
  await expect(register({ name })).rejects.toMatchObject({ code });
});

it("answers a name that is taken as a conflict, also when the app is gone [AW-D28]", async () => {
  const app = await register({ name: "taken" });
  await expect(register({ name: "taken" })).rejects.toMatchObject({ code: "conflict" });
  await world.broker.apps.deregister(world.admin, app.appId);
  await expect(register({ name: "taken" })).rejects.toMatchObject({ code: "conflict" });
});

it("of two registrations of one name at once, one is a conflict [AW-D28]", async () => {
  const results = await Promise.allSettled([register({ name: "twice" }), register({ name: "twice" })]);
  expect(results.filter((one) => one.status === "fulfilled")).toHaveLength(1);
  expect(results.find((one) => one.status === "rejected")).toMatchObject({ reason: { code: "conflict" } });
});

it.each([
  [["app:launch-tokens:*"], "invalid_scope"],
  [["read:data:*", "admin:revoke:*"], "invalid_scope"],
  [["*:data:x"], "invalid_scope"],
  [["*:*:*"], "invalid_scope"],
  [["read:data"], "invalid_scope"],
  [["read:data:a b"], "invalid_scope"],
  [[], "invalid_request"],
])("refuses the ceiling %j [AW-D08] [AW-D32]", async (scopes, code) => {
  await expect(register({ name: "never", scopes })).rejects.toMatchObject({ code });
  const app = await world.app();
  await expect(world.broker.apps.update(world.admin, app.appId, { scopes })).rejects.toMatchObject({ code });
});

it("refuses a reserved scope in the database too, whoever writes the row [AW-D08]", async () => {
  const app = await world.app();
  await expect(
    world.store.ownerQuery(`UPDATE authority.principals SET ceiling = '{admin:revoke:*}' WHERE id = $1`, [
      app.id,
    ]),
  ).rejects.toMatchObject({ code: "23514" });
  const worker = await world.worker(app);
  const copy = (scopes: string[]) =>
    world.store.ownerQuery(
      `INSERT INTO authority.grants SELECT (jsonb_populate_record(g, jsonb_build_object('id', $2::uuid, 'root', $2::uuid,
         'path', ARRAY[$2::uuid], 'scopes', $3::text[]))).* FROM authority.grants g WHERE g.id = $1`,
      [worker.caller.grants[0], newId(), scopes],
    );
  await copy(["read:data:1"]);
  await expect(copy(["read:data:1", "app:agents:*"])).rejects.toMatchObject({
    constraint: "grants_reserved",
  });
});

it.each([0, -1, 59, 86_401, 1.5])(
  "refuses a token_ttl of %d and changes nothing [AW-D31]",
  async (tokenTtlSeconds) => {
    await expect(register({ name: "never", tokenTtlSeconds })).rejects.toMatchObject({ code: "invalid_ttl" });
    const app = await world.app();
    const before = await world.broker.apps.get(world.admin, app.appId);
    await expect(
      world.broker.apps.update(world.admin, app.appId, { scopes: ["read:data:1"], tokenTtlSeconds }),
    ).rejects.toMatchObject({ code: "invalid_ttl" });
    expect(await world.broker.apps.get(world.admin, app.appId)).toEqual(before);
  },
);

it("ends what exceeds a narrower ceiling, with what is below, and spares the rest [AW-D07] [SR-13]", async () => {
  const app = await world.app();
  const reader = await world.worker(app, { scope: ["read:data:*"] });
  const writer = await world.worker(app, { scope: ["write:data:*"] });
  const both = await world.worker(app, { scope: ["read:data:*", "write:data:*"] });
  const hop = await world.delegate(both.caller, reader.agentId, ["read:data:1"]);
  const launch = await world.registration(app, { scope: ["write:data:*"] });

  await world.broker.apps.update(world.admin, app.appId, { scopes: ["read:data:*"] });

  expect(await world.stands(reader.token)).toBe(true);
  expect(await world.stands(writer.token)).toBe(false);
  expect(await world.stands(both.token)).toBe(false);
  expect(await world.stands(hop.token)).toBe(false);
  expect(await world.stands(app.token)).toBe(true);
  await expect(world.broker.workers.register(launch)).rejects.toMatchObject({ code: "invalid_credentials" });
});

it("deregisters an app with its tokens, launch tokens and workers, and may be told again [AW-D06]", async () => {
  const app = await world.app();
  const worker = await world.worker(app);
  const other = await world.worker(app);
  const hop = await world.delegate(worker.caller, other.agentId, ["read:data:1"]);
  const launch = await world.registration(app);

  const gone = await world.broker.apps.deregister(world.admin, app.appId);
  expect(gone).toMatchObject({ status: "inactive", deregisteredAt: expect.any(Number) });
  expect(await world.broker.apps.deregister(world.admin, app.appId)).toEqual(gone);

  for (const token of [app.token, worker.token, other.token, hop.token]) {
    expect(await world.stands(token)).toBe(false);
  }
  await expect(world.broker.workers.register(launch)).rejects.toMatchObject({ code: "invalid_credentials" });
  await expect(world.broker.workers.renew(worker.caller)).rejects.toMatchObject({ code: "invalid_token" });
  await expect(world.broker.apps.signIn(app)).rejects.toMatchObject({ code: "invalid_credentials" });
  await expect(
    world.broker.launchTokens.create(app.caller, { agentName: "x", allowedScope: ["read:data:1"] }),
  ).rejects.toMatchObject({ code: "invalid_token" });
  const { apps } = await world.broker.apps.list(world.admin, { limit: 1000 });
  expect(apps.find((one) => one.appId === app.appId)?.status).toBe("inactive");
});

it("lists in pages that neither repeat nor miss [AW-F03]", async () => {
  const made = [await world.app(), await world.app(), await world.app()].map((app) => app.appId);
  const seen: string[] = [];
  let cursor: string | undefined;
  let total = 0;
  do {
    const page = await world.broker.apps.list(world.admin, {
      limit: 2,
      ...(cursor !== undefined && { cursor }),
    });
    seen.push(...page.apps.map((app) => app.appId));
    cursor = page.next;
    total = page.total;
  } while (cursor !== undefined);
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen).toHaveLength(total);
  expect(seen).toEqual(expect.arrayContaining(made));
  await expect(world.broker.apps.list(world.admin, { limit: 0 })).rejects.toMatchObject({
    code: "invalid_request",
  });
});

it("rotates a secret: both work during the overlap, the old one not a second longer [AW-F30]", async () => {
  const app = await world.app();
  const { clientSecret } = await world.broker.apps.rotateSecret(world.admin, app.appId, 60);
  await world.broker.apps.signIn(app);
  await world.broker.apps.signIn({ ...app, clientSecret });
  world.clock.advance(60_000);
  await world.broker.apps.signIn({ ...app, clientSecret });
  await expect(world.broker.apps.signIn(app)).rejects.toMatchObject({ code: "invalid_credentials" });
});

it("only an operator's living token manages apps [AW-F02]", async () => {
  const app = await world.app();
  const worker = await world.worker(app);
  for (const by of [app.caller, worker.caller]) {
    await expect(world.broker.apps.deregister(by, app.appId)).rejects.toMatchObject({ code: "forbidden" });
  }
  const spent = await world.broker.verify((await world.broker.adminToken()).token);
  await world.broker.workers.release(spent);
  await expect(world.broker.apps.deregister(spent, app.appId)).rejects.toMatchObject({
    code: "invalid_token",
  });
  expect((await world.broker.apps.get(world.admin, app.appId)).status).toBe("active");
});

it("records who did what to which app [AW-D23]", async () => {
  const app = await world.app("recorded");
  await world.broker.apps.update(world.admin, app.appId, { tokenTtlSeconds: 90 });
  await world.broker.apps.deregister(world.admin, app.appId);
  for (const action of ["app_registered", "app_updated", "app_deregistered"]) {
    const event = (await world.recorded(action)).find((one) => one.resource === `app:${app.appId}`);
    expect(event, action).toMatchObject({
      outcome: "allowed",
      agent: "admin",
      subject: world.admin.principal,
      detail: { jti: world.admin.jti, app_id: app.appId },
    });
  }
});
