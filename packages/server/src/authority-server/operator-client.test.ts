/** The operator's client against the real authority. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthenticationError, DeputizeApp, OperatorClient, ProblemResponseError } from "@deputize/client";
import { type TestBroker, openTestBroker } from "./testing.ts";

let broker: TestBroker;
let operator: OperatorClient;
beforeAll(async () => {
  broker = await openTestBroker();
  operator = broker.operator;
});
afterAll(() => broker?.[Symbol.asyncDispose]());

const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
};
const agentOf = (app: DeputizeApp, task: string, scope: readonly string[]) =>
  app.createAgent({ orchestration: "ops", task, scope });

describe("an operator's client", () => {
  it("registers, lists, changes and removes apps [AW-F40]", async () => {
    const made = await operator.registerApp({ name: "billing", scopes: ["read:bills:*"], tokenTtl: 600 });
    expect(made).toMatchObject({
      appId: expect.stringMatching(/^app-billing-[0-9a-f]{6}$/),
      name: "billing",
      status: "active",
      scopes: ["read:bills:*"],
      tokenTtl: 600,
      clientSecret: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    for (const name of ["second", "third"]) await operator.registerApp({ name, scopes: ["read:bills:*"] });
    expect((await all(operator.apps())).map(({ name }) => name)).toEqual(
      expect.arrayContaining(["billing", "second", "third"]),
    );
    const changed = await operator.updateApp(made.appId, { scopes: ["read:bills:2026"] });
    expect(changed.scopes).toEqual(["read:bills:2026"]);
    expect(await operator.app(made.appId)).toMatchObject({ scopes: ["read:bills:2026"], tokenTtl: 600 });
    expect(await operator.removeApp(made.appId)).toMatchObject({ appId: made.appId, status: "inactive" });
    await expect(operator.registerApp({ name: "second", scopes: ["read:bills:*"] })).rejects.toMatchObject({
      statusCode: 409,
      code: "conflict",
    });
    await expect(operator.app("app-none-000000")).rejects.toThrow(ProblemResponseError);
  });

  it("rotates an app's secret with an overlap [AW-F40]", async () => {
    const made = await operator.registerApp({ name: "rotating", scopes: ["read:bills:*"] });
    const { clientSecret } = await operator.rotateAppSecret(made.appId, 60);
    expect(clientSecret).not.toBe(made.clientSecret);
    for (const secret of [made.clientSecret, clientSecret]) {
      const app = new DeputizeApp({ brokerUrl: broker.url, clientId: made.clientId, clientSecret: secret });
      await expect(agentOf(app, "t", ["read:bills:1"])).resolves.toBeDefined();
    }
  });

  it("revokes at each level, says how many grants ended, and can count without ending [AW-F40]", async () => {
    const app = await broker.newApp(["read:bills:*"]);
    const [a, b] = [await agentOf(app, "one", ["read:bills:*"]), await agentOf(app, "two", ["read:bills:1"])];
    const below = await a.delegate(b, "read:bills:1");
    expect(await operator.revoke({ level: "agent", target: a.agentId, dryRun: true })).toEqual({ count: 2 });
    expect(await below.validate()).toMatchObject({ valid: true });
    expect(await operator.revoke({ level: "token", target: below.claims.jti, reason: "lost" })).toEqual({
      count: 1,
    });
    expect(await below.validate()).toMatchObject({ valid: false, reason: "revoked" });
    expect(await operator.revoke({ level: "agent", target: a.agentId })).toEqual({ count: 1 });
    expect(await operator.revoke({ level: "task", target: "two", appId: app.appId })).toEqual({ count: 1 });
    expect(
      await operator.revoke({ level: "agent", target: a.agentId.replace(/.{16}$/, "0".repeat(16)) }),
    ).toEqual({
      count: 0,
    });
    expect(await b.validate()).toMatchObject({ valid: false });
  });

  it("reads the whole audit log, page by page, forwards and backwards [AW-F40]", async () => {
    const app = await broker.newApp(["read:bills:*"]);
    const agent = await agentOf(app, "logged", ["read:bills:1"]);
    await agent.release();
    const mine = { agentId: agent.agentId };
    const events = await all(operator.events({ ...mine, pageSize: 1 }));
    expect(events.map(({ event_type }) => event_type)).toEqual(
      expect.arrayContaining(["agent_registered", "token_released"]),
    );
    const backwards = await all(operator.events({ ...mine, order: "newest", pageSize: 2 }));
    expect(backwards.map(({ id }) => id)).toEqual(events.map(({ id }) => id).toReversed());
    const page = await operator.eventPage({ ...mine, eventType: "token_released", limit: 5 });
    expect(page).toMatchObject({ total: 1, limit: 5, offset: 0, events: [{ event_type: "token_released" }] });
    const everything = await all(operator.events({ pageSize: 7 }));
    expect(new Set(everything.map(({ id }) => id)).size).toBe(everything.length);
    for (const [i, event] of everything.entries()) {
      if (i > 0) expect(event.prev_hash).toBe(everything[i - 1]?.hash);
    }
  });

  it("asks any operator's route, and is refused with a wrong secret [AW-F40]", async () => {
    expect(await operator.request("GET", "/v1/admin/apps?limit=1")).toMatchObject({
      apps: [expect.anything()],
    });
    const wrong = new OperatorClient({ brokerUrl: broker.url, adminSecret: "0".repeat(64) });
    await expect(wrong.eventPage()).rejects.toThrow(AuthenticationError);
    await wrong.close();
    await expect(wrong.eventPage()).rejects.toMatchObject({ code: "config_invalid" });
  });
});
