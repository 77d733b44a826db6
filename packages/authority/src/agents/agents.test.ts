import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { randomHex, stableId } from "@deputize/core";
import { AUDIENCE, WHO } from "../testing/test-core.ts";
import {
  PEOPLE,
  type TestAuthority,
  type Visitor,
  idOf,
  openTestAuthority,
} from "../testing/test-authority.ts";

/** Registration open to strangers, so that both ways can be tried. */
let world: TestAuthority;
let ada: Visitor;
let alice: Visitor;
let sources = 0;
const source = () => `198.51.104.${(sources += 1)}`;
let names = 0;

beforeAll(async () => {
  world = await openTestAuthority({ agentRegistration: "open" });
  ada = await world.signIn("ada", "api", source());
  alice = await world.signIn("alice", "api", source());
});
afterAll(() => world.close());
beforeEach(() => {
  world.events.length = 0;
});

async function register(who: Visitor = ada, owner_email: string = PEOPLE.ada.email) {
  const reply = await who.send("POST", "/agents/register", { agent_name: `Bot${(names += 1)}`, owner_email });
  expect(reply.status).toBe(201);
  return { id: reply.body.agent_id, key: reply.body.api_key, keyId: reply.body.key_id };
}
const login = (api_key: string, more: object = {}) =>
  world.visitor({ source: source() }).send("POST", "/auth/login", { api_key, ...more });
const allow = (id: string, permission: string) =>
  ada.send("POST", `/agents/${id}/permissions`, { permission });
const stands = async (token: string) => (await world.tokens.stands(token)) !== undefined;

describe("registering", () => {
  it("gives an id and a key once, and a token that says who it is and can reach nothing [AA-D02] [AA-D05]", async () => {
    const reply = await ada.send("POST", "/agents/register", {
      agent_name: "WeatherBot",
      owner_email: PEOPLE.ada.email,
    });
    expect(reply.status).toBe(201);
    expect(reply.body).toEqual({
      agent_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      api_key: expect.stringMatching(/^dpk_[0-9a-f]{32}_[0-9a-f]{64}$/),
      key_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      expires_at: expect.stringMatching(/^\d{4}-/),
    });
    const token = await login(reply.body.api_key);
    expect(token.body).toEqual({
      access_token: expect.stringMatching(/^ey/),
      token_type: "bearer",
      expires_in: 900,
      refresh_token: expect.stringMatching(/^dar_/),
      scope: "",
    });
    const { caller } = await world.tokens.read(token.body.access_token);
    expect(caller).toMatchObject({
      subject: reply.body.agent_id,
      subjectKind: "agent",
      actors: [],
      scopes: [],
    });
    expect(caller.session).toBeUndefined();
    const [header, payload] = token.body.access_token
      .split(".")
      .slice(0, 2)
      .map((part) => JSON.parse(Buffer.from(part, "base64url").toString()));
    expect(header).toMatchObject({ alg: "EdDSA", typ: "at+jwt", kid: expect.any(String) });
    expect(payload).toMatchObject({
      iss: AUDIENCE.api,
      sub: reply.body.agent_id,
      agent_id: reply.body.agent_id,
      aud: AUDIENCE.api,
      owner: idOf("ada"),
      key_id: reply.body.key_id,
      jti: expect.any(String),
      scope: "",
    });
    expect(payload.exp - payload.iat).toBe(900);
    expect(payload.nbf).toBe(payload.iat);
    expect(JSON.stringify(payload)).not.toContain(PEOPLE.ada.email);
    const dump = await world.store.ownerQuery(
      "SELECT encode(hash, 'hex') AS h, k.* FROM authority.api_keys k",
    );
    expect(JSON.stringify(dump.rows)).not.toContain(reply.body.api_key.split("_")[2]);
  });

  it("refuses strangers unless it is opened to them [AA-D02]", async () => {
    const strict = await openTestAuthority();
    const body = { agent_name: "WeatherBot", owner_email: PEOPLE.alice.email };
    const refused = await strict.visitor().send("POST", "/agents/register", body);
    expect(refused).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
    expect((await strict.store.ownerQuery("SELECT 1 FROM authority.agents WHERE NOT built_in")).rows).toEqual(
      [],
    );
    const owner = await strict.signIn("alice", "api");
    expect((await owner.send("POST", "/agents/register", body)).status).toBe(201);
    await strict.close();
  });

  it("by a stranger, where open, makes an agent that may do nothing until its owner confirms it [AA-D02]", async () => {
    const agent = await register(world.visitor({ source: source() }), PEOPLE.alice.email);
    await allow(agent.id, "read_weather");
    const powerless = await login(agent.key);
    expect(powerless).toMatchObject({ status: 200, body: { scope: "" } });
    const bob = await world.signIn("bob", "api", source());
    expect((await bob.send("POST", `/agents/${agent.id}/confirm`)).status).toBe(404);
    expect((await world.visitor().send("POST", `/agents/${agent.id}/confirm`)).status).toBe(401);
    const own = world.visitor();
    own.token = powerless.body.access_token;
    expect((await own.send("POST", `/agents/${agent.id}/confirm`)).status).toBe(403);

    const mine = (await alice.send("GET", "/agents")).body["agents"] as { agent_id: string }[];
    expect(mine).toContainEqual(expect.objectContaining({ agent_id: agent.id, confirmed: false }));
    const confirmed = await alice.send("POST", `/agents/${agent.id}/confirm`);
    expect(confirmed).toMatchObject({
      status: 200,
      body: { confirmed: true, owner_email: PEOPLE.alice.email },
    });
    expect(await stands(powerless.body.access_token)).toBe(false);
    expect((await login(agent.key)).body["scope"]).toBe("read:weather:*");
  });

  it("takes an owner's name once, and a stranger's claim keeps no name from the owner [SR-23]", async () => {
    const send = (who: Visitor, agent_name: string) =>
      who.send("POST", "/agents/register", { agent_name, owner_email: PEOPLE.alice.email });
    const guest = world.visitor({ source: source() });
    const claimed = await send(guest, "Squatted");
    expect(claimed.status).toBe(201);
    expect((await send(guest, "Squatted")).status).toBe(409);
    expect((await send(alice, "Squatted")).status).toBe(201);
    expect((await send(alice, "Squatted")).status).toBe(409);
    expect((await alice.send("POST", `/agents/${claimed.body.agent_id}/confirm`)).status).toBe(409);
    const renamed = await alice.send("PATCH", `/agents/${claimed.body.agent_id}`, { agent_name: "Other" });
    expect(renamed.body["agent_name"]).toBe("Other");
    expect((await alice.send("POST", `/agents/${claimed.body.agent_id}/confirm`)).status).toBe(200);
    expect(
      (await alice.send("PATCH", `/agents/${claimed.body.agent_id}`, { agent_name: "Squatted" })).status,
    ).toBe(409);
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

  it("belongs to a signed-in person under their own address only; an administrator vouches for any", async () => {
    const body = { agent_name: "Mine", owner_email: PEOPLE.bob.email };
    expect((await alice.send("POST", "/agents/register", body)).status).toBe(403);
    const made = await ada.send("POST", "/agents/register", body);
    expect(made.status).toBe(201);
    const path = `/agents/${made.body.agent_id}`;
    const bob = await world.signIn("bob", "api", source());
    expect((await bob.send("GET", path)).body).toMatchObject({ confirmed: true, permissions: [], roles: [] });
    expect((await alice.send("GET", path)).status).toBe(404);
    expect((await alice.send("PATCH", path, { status: "suspended" })).status).toBe(404);
    expect((await bob.send("POST", `${path}/permissions`, { permission: "read_weather" })).status).toBe(403);
    const refused = world.events.filter((event) => event.outcome === "refused");
    expect(refused.map(({ action, reason, subject }) => [action, reason, subject])).toEqual([
      ["agent.suspended", "not_found", idOf("alice")],
      ["agent.permission_added", "forbidden", idOf("bob")],
    ]);
  });

  it("forgets after a week what nobody confirmed", async () => {
    const agent = await register(world.visitor({ source: source() }), "nobody@example.com");
    const kept = await register();
    await world.store.ownerQuery(
      "UPDATE authority.agents SET created_at = created_at - interval '8 days' WHERE principal_id = ANY ($1::uuid[])",
      [[agent.id, kept.id]],
    );
    expect(await world.agents.prune()).toBe(1);
    expect((await ada.send("GET", `/agents/${agent.id}`)).status).toBe(404);
    expect((await login(agent.key)).status).toBe(401);
    expect((await login(kept.key)).status).toBe(200);
  });
});

describe("the life of an agent", () => {
  it("is listed, permitted, suspended, resumed, renamed and removed [AA-D03]", async () => {
    const agent = await register();
    const path = `/agents/${agent.id}`;
    await allow(agent.id, "read_weather");
    const token = (await login(agent.key)).body.access_token;
    expect((await ada.send("POST", `${path}/suspend`)).body["status"]).toBe("suspended");
    expect(await stands(token)).toBe(false);
    expect((await login(agent.key)).status).toBe(401);
    expect((await ada.send("POST", `${path}/resume`)).body["status"]).toBe("active");
    const again = (await login(agent.key)).body.access_token;
    expect(await stands(again)).toBe(true);
    expect((await ada.send("PATCH", path, {})).status).toBe(422);
    const renamed = await ada.send("PATCH", path, { agent_name: "Renamed" });
    expect(renamed.body["agent_name"]).toBe("Renamed");
    expect((await ada.send("DELETE", path)).status).toBe(204);
    expect(await stands(again)).toBe(false);
    expect((await login(agent.key)).status).toBe(401);
    expect((await ada.send("GET", path)).status).toBe(404);
    expect((await ada.send("DELETE", path)).status).toBe(404);
    const taken = await ada.send("POST", "/agents/register", {
      agent_name: "Renamed",
      owner_email: PEOPLE.ada.email,
    });
    expect(taken.status).toBe(201);
    expect((await ada.send("DELETE", `/agents/${WHO.support}`)).status).toBe(403);
  });

  it("stops at once when suspended, and its old tokens and families stay dead afterwards [AA-D03] [SR-12]", async () => {
    const agent = await register();
    const { body } = await login(agent.key);
    await ada.send("PATCH", `/agents/${agent.id}`, { status: "suspended" });
    expect(await stands(body.access_token)).toBe(false);
    await ada.send("PATCH", `/agents/${agent.id}`, { status: "active" });
    expect(await stands(body.access_token)).toBe(false);
    const refresh = await world
      .visitor({ source: source() })
      .send("POST", "/auth/refresh", { refresh_token: body.refresh_token });
    expect(refresh.status).toBe(401);
    expect((await login(agent.key)).status).toBe(200);
  });

  it("is in nobody's hands who only typed its owner's address at sign-up, before or after it was registered [AA-D02]", async () => {
    const password = "kj3h-Zebra-quartz-91";
    const signUp = async (email: string): Promise<Visitor> => {
      const stranger = world.visitor({ source: source() });
      await stranger.send("POST", "/api/auth/signup", { email, name: "Mallory", password });
      const signedIn = await stranger.send("POST", "/api/auth/login", { email, password });
      expect(signedIn.status).toBe(200);
      stranger.token = signedIn.body.access_token;
      return stranger;
    };
    const first = await signUp("taken.before@example.com");
    const vouched = await register(ada, "taken.before@example.com");
    const later = await register(ada, "taken.after@example.com");
    const open = await register(world.visitor({ source: source() }), "taken.after@example.com");
    const second = await signUp("taken.after@example.com");
    for (const [who, { id }] of [
      [first, vouched],
      [second, later],
      [second, open],
    ] as const) {
      expect((await who.send("GET", "/agents")).body["agents"]).toEqual([]);
      expect((await who.send("POST", `/agents/${id}/keys`, {})).status).toBe(404);
      expect((await who.send("POST", `/agents/${id}/confirm`)).status).toBe(404);
    }
    expect((await ada.send("POST", `/agents/${open.id}/confirm`)).status).toBe(200);
    expect((await second.send("GET", `/agents/${open.id}`)).status).toBe(404);
    await register(second, "taken.after@example.com");
    expect((await second.send("GET", "/agents")).body["agents"]).toHaveLength(1);
  });

  it("is resumed by its owner unless an administrator suspended it", async () => {
    const made = await alice.send("POST", "/agents/register", {
      agent_name: "Paused",
      owner_email: PEOPLE.alice.email,
    });
    const path = `/agents/${made.body.agent_id}`;
    await alice.send("POST", `${path}/suspend`);
    expect((await alice.send("POST", `${path}/resume`)).status).toBe(200);
    await ada.send("POST", `${path}/suspend`);
    await alice.send("POST", `${path}/suspend`);
    expect((await alice.send("POST", `${path}/resume`)).status).toBe(403);
    expect((await ada.send("POST", `${path}/resume`)).status).toBe(200);
  });

  it("may do nothing while its owner is deactivated", async () => {
    const sue = await world.signIn("sue", "api", source());
    const made = await sue.send("POST", "/agents/register", {
      agent_name: "Orphan",
      owner_email: PEOPLE.sue.email,
    });
    await allow(made.body.agent_id, "read_weather");
    const { body } = await login(made.body.api_key);
    expect(body["scope"]).toBe("read:weather:*");
    const by = { actor: idOf("ada"), tenant: "default" };
    await world.people.deactivate(idOf("sue"), by);
    expect(await stands(body.access_token)).toBe(false);
    const { refresh_token } = body;
    const refreshed = await world
      .visitor({ source: source() })
      .send("POST", "/auth/refresh", { refresh_token });
    expect(refreshed.body["scope"]).toBe("");
    expect((await login(made.body.api_key)).body["scope"]).toBe("");
    await world.people.reactivate(idOf("sue"), by);
    expect((await login(made.body.api_key)).body["scope"]).toBe("read:weather:*");
  });

  it("is managed by no agent, exchanged token or anonymous caller", async () => {
    const agent = await register();
    await allow(agent.id, "read_weather");
    const own = world.visitor();
    own.token = (await login(agent.key)).body.access_token;
    const deputy = world.visitor();
    deputy.token = (await world.deputyOf(ada)).token;
    const tries = [
      ["POST", "permissions", { permission: "read_stock" }],
      ["PUT", "permissions", { permissions: ["read_stock"] }],
      ["DELETE", "permissions", undefined],
      ["PUT", "roles/reader", undefined],
      ["POST", "keys", {}],
      ["POST", `keys/${agent.keyId}/rotate`, {}],
      ["POST", "confirm", undefined],
      ["POST", "resume", undefined],
    ] as const;
    for (const [method, rest, body] of tries) {
      const path = `/agents/${agent.id}/${rest}`;
      expect((await own.send(method, path, body)).status).toBe(403);
      expect((await deputy.send(method, path, body)).status).toBe(401);
      expect((await world.visitor().send(method, path, body)).status).toBe(401);
    }
    expect((await ada.send("GET", `/agents/${agent.id}/permissions`)).body["effective"]).toEqual([
      "read:weather:*",
    ]);
  });

  it("is listed in pages, newest first", async () => {
    const made = [await register(), await register(), await register()].map(({ id }) => id);
    const first = (await ada.send("GET", "/agents?limit=2")).body;
    expect((first["agents"] as { agent_id: string }[]).length).toBe(2);
    const seen: string[] = [];
    for (let next: unknown = ""; next !== undefined;) {
      const page = (await ada.send("GET", `/agents?limit=2${next === "" ? "" : `&cursor=${String(next)}`}`))
        .body;
      seen.push(...(page["agents"] as { agent_id: string }[]).map(({ agent_id }) => agent_id));
      next = page["next"];
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual(expect.arrayContaining(made));
    expect((await ada.send("GET", "/agents?limit=0")).status).toBe(422);
  });
});

describe("built-in agents", () => {
  it("get the key of the installation's secret, again and again, and a new one when the secret changes", async () => {
    const secret = randomHex(32);
    const made = await world.agents.ensureBuiltIn("order-management", secret);
    expect(made.agentId).toBe(stableId("agent:order-management"));
    expect(await world.agents.ensureBuiltIn("order-management", secret)).toEqual(made);
    const known = { tenant: "default", principal: WHO.orders };
    const ask = { secret: made.apiKey, source: "x" };
    expect(await world.agents.authenticate(ask)).toMatchObject(known);
    expect(await world.agents.authenticate({ ...ask, clientId: "order-management" })).toMatchObject(known);
    expect(await world.agents.authenticate({ ...ask, clientId: "customer-support" })).toBeUndefined();
    await world.agents.ensureBuiltIn("order-management", randomHex(32));
    expect(await world.agents.authenticate(ask)).toBeUndefined();
    await expect(world.agents.ensureBuiltIn("order-management", "change-me")).rejects.toMatchObject({
      code: "config_invalid",
    });
  });
});
