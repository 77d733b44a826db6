import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { permissionScope, randomHex, stableId } from "@deputize/core";
import { AUDIENCE, WHO } from "../testing/test-core.ts";
import {
  PEOPLE,
  type TestAuthority,
  type Visitor,
  idOf,
  openTestAuthority,
} from "../testing/test-authority.ts";

let world: TestAuthority;
let ada: Visitor;
let sources = 0;
const source = () => `198.51.104.${(sources += 1)}`;

beforeAll(async () => {
  world = await openTestAuthority();
  ada = await world.signIn("ada", "api", source());
});
afterAll(() => world.close());
beforeEach(() => {
  world.events.length = 0;
});

async function register(agent_name = "WeatherBot", who = world.visitor({ source: source() })) {
  const reply = await who.send("POST", "/agents/register", { agent_name, owner_email: "owner@test.com" });
  expect(reply.status).toBe(201);
  return {
    id: reply.body["agent_id"] as string,
    key: reply.body["api_key"] as string,
    keyId: reply.body["key_id"] as string,
  };
}
const login = (api_key: string, from = source()) =>
  world.visitor({ source: from }).send("POST", "/auth/login", { api_key });
const allow = (id: string, permission: string) =>
  ada.send("POST", `/agents/${id}/permissions`, { permission });
const stands = async (token: string) => (await world.tokens.stands(token)) !== undefined;

describe("registering", () => {
  it("gives an id and a key once, and a token that can reach nothing [AA-D02]", async () => {
    const agent = await register();
    expect(agent.key).toMatch(/^dpk_[0-9a-f]{32}_[0-9a-f]{64}$/);
    const reply = await login(agent.key);
    expect(reply.body).toEqual({
      access_token: expect.stringMatching(/^ey/),
      token_type: "bearer",
      expires_in: 3600,
      scope: "",
    });
    const { caller } = await world.tokens.read(reply.body["access_token"]);
    expect(caller).toMatchObject({
      subject: agent.id,
      subjectKind: "agent",
      actors: [],
      scopes: [],
      roles: [],
    });
    expect(caller.session).toBeUndefined();
    const dump = await world.store.ownerQuery(
      "SELECT encode(hash, 'hex') AS h, k.* FROM authority.api_keys k",
    );
    expect(JSON.stringify(dump.rows)).not.toContain(agent.key.split("_")[2]);
  });

  it("refuses a built-in agent's name, unknown fields and malformed addresses, and leaves nothing behind", async () => {
    const guest = world.visitor({ source: source() });
    const send = (body: unknown) => guest.send("POST", "/agents/register", body);
    const owner_email = "owner@test.com";
    expect((await send({ agent_name: "Customer-Support", owner_email })).status).toBe(409);
    expect((await send({ agent_name: "A", owner_email: "nowhere" })).status).toBe(422);
    expect((await send({ agent_name: "A", owner_email, permissions: ["read_weather"] })).status).toBe(422);
    const { rows } = await world.store.ownerQuery(
      `SELECT 1 FROM authority.principals pr WHERE pr.kind = 'agent'
         AND NOT EXISTS (SELECT 1 FROM authority.agents a WHERE a.principal_id = pr.id)`,
    );
    expect(rows).toEqual([]);
  });

  it("belongs to a signed-in person under their own address only, once a name", async () => {
    const alice = await world.signIn("alice", "api", source());
    const send = (owner_email: string) =>
      alice.send("POST", "/agents/register", { agent_name: "Mine", owner_email });
    expect((await send(PEOPLE.bob.email)).status).toBe(403);
    const made = await send(PEOPLE.alice.email);
    expect(made.status).toBe(201);
    expect((await send(PEOPLE.alice.email)).status).toBe(409);
    const mine = (await alice.send("GET", "/agents")).body["agents"];
    expect(mine).toMatchObject([
      { agent_id: made.body["agent_id"], agent_name: "Mine", confirmed: true, permissions: [] },
    ]);
    const bob = await world.signIn("bob", "api", source());
    expect((await bob.send("GET", "/agents")).body).toEqual({ agents: [] });
    expect((await bob.send("GET", `/agents/${made.body["agent_id"]}`)).status).toBe(404);
    expect(
      (await bob.send("PATCH", `/agents/${made.body["agent_id"]}`, { status: "suspended" })).status,
    ).toBe(404);
    expect(
      (
        await alice.send("POST", `/agents/${made.body["agent_id"]}/permissions`, {
          permission: "read_weather",
        })
      ).status,
    ).toBe(403);
  });

  it("is bounded to twenty an hour for one source", async () => {
    const guest = world.visitor({ source: source() });
    for (let i = 0; i < 20; i += 1) await register("Many", guest);
    const reply = await guest.send("POST", "/agents/register", {
      agent_name: "Many",
      owner_email: "owner@test.com",
    });
    expect(reply.status).toBe(429);
  });
});

describe("signing in with a key", () => {
  it("answers wrong, unknown, malformed, ended and suspended keys alike [AA-D01]", async () => {
    const agent = await register();
    const suspended = await register();
    await ada.send("PATCH", `/agents/${suspended.id}`, { status: "suspended" });
    const wrong = agent.key.slice(0, -1) + (agent.key.endsWith("0") ? "1" : "0");
    const replies = [];
    for (const key of [
      wrong,
      `dpk_${randomHex(16)}_${randomHex(32)}`,
      "dpk_x",
      suspended.key,
      `${agent.key} `,
    ]) {
      const reply = await login(key);
      replies.push({ status: reply.status, body: { ...reply.body, request_id: "" } });
    }
    for (const reply of replies) expect(reply).toEqual(replies[0]);
    expect(replies[0]).toMatchObject({ status: 401, body: { code: "invalid_credentials" } });
    expect((await login(agent.key)).status).toBe(200);
  });

  it("finds a key by one indexed read, however many there are [AA-D01] [AA-F02]", async () => {
    const plan = await world.store.asOwner(async (owner) => {
      await owner.query("SET enable_seqscan = off");
      const { rows } = await owner.query<{ "QUERY PLAN": string }>(
        "EXPLAIN SELECT hash FROM authority.api_keys WHERE id = '00000000-0000-7000-8000-000000000000'",
      );
      await owner.query("RESET enable_seqscan");
      return rows.map((row) => row["QUERY PLAN"]).join("\n");
    });
    expect(plan).toContain("api_keys_pkey");
  });

  it("bounds wrong keys of one source to sixty a minute", async () => {
    const from = source();
    const key = `dpk_${randomHex(16)}_${randomHex(32)}`;
    for (let i = 0; i < 60; i += 1) await world.agents.authenticate({ secret: key, source: from });
    await expect(world.agents.authenticate({ secret: key, source: from })).rejects.toMatchObject({
      code: "rate_limited",
    });
    expect((await login(key, from)).status).toBe(429);
  });
});

describe("permissions of an agent", () => {
  it("are scopes, `read_weather` means `read:weather:*`, and adding one again changes nothing [AA-D07]", async () => {
    const agent = await register();
    expect((await allow(agent.id, "read_weather")).body["permissions"]).toEqual(["read:weather:*"]);
    expect((await allow(agent.id, "read:weather:*")).body["permissions"]).toEqual(["read:weather:*"]);
    expect((await allow(agent.id, "*:weather:*")).status).toBe(400);
    expect((await allow(agent.id, "read weather")).status).toBe(400);
    const reply = await login(agent.key);
    expect(reply.body["scope"]).toBe("read:weather:*");
    expect((await world.tokens.read(reply.body["access_token"])).audience).toContain(AUDIENCE.orderTools);
    expect(permissionScope("cancel:orders:42")).toBe("cancel:orders:42");
  });

  it("end with the tokens that hold them, and leave other agents' alone [AA-D03]", async () => {
    const agent = await register();
    const other = await register("StockBot");
    for (const { id } of [agent, other]) await allow(id, "read_weather");
    const token = (await login(agent.key)).body["access_token"];
    const others = (await login(other.key)).body["access_token"];
    const gone = await ada.send("DELETE", `/agents/${agent.id}/permissions/read_weather`);
    expect(gone.status).toBe(204);
    expect(await stands(token)).toBe(false);
    expect(await stands(others)).toBe(true);
    expect((await login(agent.key)).body["scope"]).toBe("");
    expect((await ada.send("DELETE", `/agents/${agent.id}/permissions/read_weather`)).status).toBe(404);
    expect(world.events.map((event) => event.action)).toContain("agent.permission_removed");
  });
});

describe("the life of an agent", () => {
  it("stops at once when suspended, and its old tokens stay dead afterwards [AA-D03] [SR-12]", async () => {
    const agent = await register();
    const token = (await login(agent.key)).body["access_token"];
    expect((await ada.send("PATCH", `/agents/${agent.id}`, { status: "suspended" })).body["status"]).toBe(
      "suspended",
    );
    expect(await stands(token)).toBe(false);
    await ada.send("PATCH", `/agents/${agent.id}`, { status: "active" });
    expect(await stands(token)).toBe(false);
    expect((await login(agent.key)).status).toBe(200);
  });

  it("rotates its key with an overlap that ends on time [AA-F05]", async () => {
    const agent = await register();
    const path = `/agents/${agent.id}/keys/${agent.keyId}/rotate`;
    const made = await ada.send("POST", path, { overlap_seconds: 60 });
    expect(made.status).toBe(201);
    expect((await login(agent.key)).status).toBe(200);
    expect((await login(made.body["api_key"])).status).toBe(200);
    expect((await ada.send("POST", path, { overlap_seconds: 60 })).status).toBe(404);
    world.clock.advance(60_000);
    expect((await login(agent.key)).status).toBe(401);
    expect((await login(made.body["api_key"])).status).toBe(200);
    const keys = (await ada.send("GET", `/agents/${agent.id}/keys`)).body["keys"] as Record<string, string>[];
    expect(keys).toHaveLength(2);
    expect(JSON.stringify(keys)).not.toContain(agent.key.split("_")[2]);
  });

  it("loses a key and every token that it made, and keeps those of its other key", async () => {
    const agent = await register();
    const second = await ada.send("POST", `/agents/${agent.id}/keys/${agent.keyId}/rotate`, {
      overlap_seconds: 600,
    });
    const first = (await login(agent.key)).body["access_token"];
    const other = (await login(second.body["api_key"])).body["access_token"];
    expect((await ada.send("DELETE", `/agents/${agent.id}/keys/${agent.keyId}`)).status).toBe(204);
    expect((await login(agent.key)).status).toBe(401);
    expect([await stands(first), await stands(other)]).toEqual([false, true]);
  });

  it("is managed by no agent, exchanged token or anonymous caller", async () => {
    const agent = await register();
    await allow(agent.id, "read_weather");
    const own = world.visitor();
    own.token = (await login(agent.key)).body["access_token"];
    expect(
      (await own.send("POST", `/agents/${agent.id}/permissions`, { permission: "read_stock" })).status,
    ).toBe(403);
    expect((await world.visitor().send("GET", `/agents/${agent.id}`)).status).toBe(401);
    const deputy = world.visitor();
    deputy.token = (await world.deputyOf(ada)).token;
    expect(
      (await deputy.send("POST", `/agents/${agent.id}/permissions`, { permission: "read_stock" })).status,
    ).toBe(401);
  });
});

describe("built-in agents", () => {
  it("get the key of the installation's secret, again and again, and a new one when the secret changes", async () => {
    const secret = randomHex(32);
    const made = await world.agents.ensureBuiltIn("order-management", secret);
    expect(made.agentId).toBe(stableId("agent:order-management"));
    expect(await world.agents.ensureBuiltIn("order-management", secret)).toEqual(made);
    expect(await world.agents.authenticate({ secret: made.apiKey, source: "x" })).toEqual({
      tenant: "default",
      principal: WHO.orders,
    });
    expect(
      await world.agents.authenticate({ clientId: "order-management", secret: made.apiKey, source: "x" }),
    ).toBeDefined();
    expect(
      await world.agents.authenticate({ clientId: "customer-support", secret: made.apiKey, source: "x" }),
    ).toBeUndefined();
    await world.agents.ensureBuiltIn("order-management", randomHex(32));
    expect(await world.agents.authenticate({ secret: made.apiKey, source: "x" })).toBeUndefined();
    await expect(world.agents.ensureBuiltIn("order-management", "change-me")).rejects.toMatchObject({
      code: "config_invalid",
    });
  });
});

describe("a person's permission for an agent", () => {
  it("is needed for each exchange, and taking it back ends what it carried [SR-10]", async () => {
    const alice = await world.signIn("alice", "api", source());
    const deputy = await world.deputyOf(alice);
    const by = idOf("ada");
    await world.permissions.revoke({ person: idOf("alice"), agent: WHO.orders, revokedBy: by });
    expect(await stands(deputy.token)).toBe(false);
    expect(await stands(alice.token ?? "")).toBe(true);
    await expect(world.deputyOf(alice)).rejects.toMatchObject({ code: "forbidden" });
    await expect(
      world.permissions.revoke({ person: idOf("alice"), agent: WHO.orders, revokedBy: by }),
    ).rejects.toMatchObject({ code: "not_found" });
    await world.permissions.grant({ person: idOf("alice"), agent: WHO.orders, grantedBy: by });
    expect(await stands((await world.deputyOf(alice)).token)).toBe(true);
  });

  it("ends with its time, and granting it again changes nothing", async () => {
    const ask = { person: idOf("bob"), agent: WHO.support };
    const grant = { ...ask, grantedBy: idOf("ada"), expiresAt: world.clock.nowMs() + 60_000 };
    await world.permissions.grant(grant);
    world.events.length = 0;
    await world.permissions.grant(grant);
    expect(world.events).toEqual([]);
    expect(await world.permissions.check(world.store.pool("authority"), ask)).toBe(true);
    const both = { tenant: "default", person: ask.person, agents: [ask.agent, ask.agent] };
    expect(await world.permissions.checkAll(world.store.pool("authority"), both)).toBe(true);
    for (const agents of [[], [ask.agent, WHO.orders]]) {
      const some = { ...both, agents };
      expect(await world.permissions.checkAll(world.store.pool("authority"), some)).toBe(false);
    }
    expect(await world.permissions.list(idOf("bob"))).toMatchObject([
      { agent: { name: "customer-support" }, level: "user" },
    ]);
    world.clock.advance(60_000);
    expect(await world.permissions.check(world.store.pool("authority"), ask)).toBe(false);
    expect(await world.permissions.list(idOf("bob"))).toEqual([]);
    await expect(world.permissions.grant({ ...grant, agent: WHO.orderTools })).rejects.toMatchObject({
      code: "not_found",
    });
  });
});
