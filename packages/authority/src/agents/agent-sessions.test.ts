import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { randomHex } from "@deputize/core";
import { createVerifier } from "@deputize/client";
import {
  AGENT_AUDIENCE,
  AUDIENCE,
  type AgentsWorld,
  ISSUER,
  PEOPLE,
  WHO,
  fetchOf,
  openAgentsWorld,
  queriesDuring,
} from "../testing/agents-world.ts";
import { idOf } from "../testing/test-authority.ts";

let the: AgentsWorld;
beforeAll(async () => {
  the = await openAgentsWorld();
});
afterAll(() => the.close());
beforeEach(() => {
  the.world.events.length = 0;
});

describe("signing in with a key", () => {
  it("answers wrong, unknown, malformed, ended and suspended keys alike [AA-D01]", async () => {
    const agent = await the.agent();
    const suspended = await the.agent();
    await the.ada.send("POST", `/agents/${suspended.id}/suspend`);
    const revoked = await the.agent();
    await the.ada.send("DELETE", `/agents/${revoked.id}/keys/${revoked.keyId}`);
    const wrong = agent.key.slice(0, -1) + (agent.key.endsWith("0") ? "1" : "0");
    const unknown = `dpk_${randomHex(16)}_${randomHex(32)}`;
    const replies = [];
    for (const key of [wrong, unknown, "dpk_x", suspended.key, revoked.key, `${agent.key} `]) {
      const reply = await the.login(key);
      replies.push({ status: reply.status, body: { ...reply.body, request_id: "" } });
    }
    for (const reply of replies) expect(reply).toEqual(replies[0]);
    expect(replies[0]).toMatchObject({ status: 401, body: { code: "invalid_credentials" } });
    expect((await the.login(agent.key)).status).toBe(200);
  });

  it("reads the database once for a wrong secret and once for an unknown id, by the key's index [AA-F02] [AA-D01]", async () => {
    const agent = await the.agent();
    const work: string[][] = [];
    for (const key of [`${agent.key.slice(0, -4)}0000`, `dpk_${randomHex(16)}_${randomHex(32)}`]) {
      const asked = await queriesDuring(the.world, async () => {
        expect((await the.login(key)).status).toBe(401);
      });
      work.push(asked);
    }
    expect(work[0]).toHaveLength(1);
    expect(work[1]).toEqual(work[0]);
    const sql = (work[0]?.[0] ?? "").replaceAll("$1", `'${agent.keyId}'`).replaceAll("$2", "now()");
    const plan = await the.world.store.asOwner(async (owner) => {
      await owner.query("SET enable_seqscan = off");
      const { rows } = await owner.query<{ "QUERY PLAN": string }>(`EXPLAIN ${sql}`);
      await owner.query("RESET enable_seqscan");
      return rows.map((row) => row["QUERY PLAN"]).join("\n");
    });
    expect(plan).toContain("api_keys_pkey");
  });

  it("gives a token for one audience: the API, or one that the policy has for agents [AA-D05] [SR-10]", async () => {
    const agent = await the.agent("read_weather");
    const audienceOf = async (token: string) => (await the.world.tokens.read(token)).audience;
    const api = (await the.login(agent.key)).body.access_token;
    expect(await audienceOf(api)).toEqual([AUDIENCE.api]);
    const tools = (await the.login(agent.key, { audience: AGENT_AUDIENCE })).body.access_token;
    expect(await audienceOf(tools)).toEqual([AGENT_AUDIENCE]);
    const refused = await the.login(agent.key, { audience: AUDIENCE.orderTools });
    expect(refused).toMatchObject({ status: 400, body: { code: "invalid_target" } });
    const verifier = await createVerifier({
      issuer: ISSUER,
      authorityUrl: ISSUER,
      fetch: fetchOf(the.world.app),
      clock: the.world.clock,
    });
    expect((await verifier.verify(tools, { audience: AGENT_AUDIENCE })).subject).toBe(agent.id);
    for (const [token, audience] of [
      [tools, AUDIENCE.api],
      [api, AGENT_AUDIENCE],
    ] as const) {
      await expect(verifier.verify(token, { audience })).rejects.toMatchObject({
        code: "invalid_token",
        status: 401,
      });
    }
    await verifier.close();
  });

  it("gives what was asked for and no more", async () => {
    const agent = await the.agent("read_weather", "read_stock");
    expect((await the.login(agent.key)).body["scope"]).toBe("read:stock:* read:weather:*");
    const some = await the.login(agent.key, { scope: "read:weather:paris" });
    expect(some.body["scope"]).toBe("read:weather:paris");
    expect((await the.refresh(some.body.refresh_token)).body["scope"]).toBe("read:weather:paris");
    for (const scope of ["read_news", "read:weather:* read:news:*"]) {
      expect(await the.login(agent.key, { scope })).toMatchObject({
        status: 400,
        body: { code: "invalid_scope" },
      });
    }
    expect((await the.login(agent.key, { scope: "admin:keys:*" })).status).toBe(400);
    expect((await the.login(agent.key, { role: "admin" })).status).toBe(422);
  });

  it("leaves an entry for each sign-in and each refusal of somebody known: who, what, decision, reason [AA-F04]", async () => {
    const agent = await the.agent("read_weather");
    await the.ada.send("DELETE", `/agents/${agent.id}/keys/${agent.keyId}`);
    const other = await the.agent("read_weather");
    the.world.events.length = 0;
    await the.login(agent.key);
    await the.login(other.key, { scope: "read_stock" });
    const { refresh_token } = (await the.login(other.key)).body;
    await the.refresh(refresh_token);
    await the.login(`dpk_${randomHex(16)}_${randomHex(32)}`); // a stranger: counted, no entry [SR-19]
    const entries = the.world.events.filter(({ action }) => action.startsWith("agent."));
    expect(entries.map(({ subject, action, outcome, reason }) => [subject, action, outcome, reason])).toEqual(
      [
        [agent.id, "agent.signed_in", "refused", "key_ended"],
        [other.id, "agent.signed_in", "refused", "invalid_scope"],
        [other.id, "agent.signed_in", "allowed", undefined],
        [other.id, "agent.refreshed", "allowed", undefined],
      ],
    );
    expect(entries[2]?.detail).toMatchObject({
      key: other.keyId,
      audience: AUDIENCE.api,
      scopes: ["read:weather:*"],
    });
    const text = JSON.stringify(the.world.events);
    for (const secret of [agent.key, other.key, refresh_token, PEOPLE.ada.email])
      expect(text).not.toContain(secret);
  });
});

describe("refresh tokens", () => {
  it("work once, and give the next pair [AA-F06]", async () => {
    const agent = await the.agent("read_weather");
    const first = (await the.login(agent.key)).body;
    the.world.clock.advance(20 * 60_000); // the access token has ended
    expect(await the.stands(first.access_token)).toBe(false);
    const second = await the.refresh(first.refresh_token);
    expect(second.body).toEqual({
      access_token: expect.stringMatching(/^ey/),
      token_type: "bearer",
      expires_in: 900,
      refresh_token: expect.stringMatching(/^dar_/),
      scope: "read:weather:*",
    });
    expect(second.body.refresh_token).not.toBe(first.refresh_token);
    expect(await the.stands(second.body.access_token)).toBe(true);
    expect((await the.refresh(second.body.refresh_token)).status).toBe(200);
  });

  it("end with a key that was rotated without overlap, as do its tokens [AA-F05]", async () => {
    const agent = await the.agent("read_weather");
    const { body } = await the.login(agent.key);
    const path = `/agents/${agent.id}/keys/${agent.keyId}/rotate`;
    expect((await the.ada.send("POST", path, { overlap_seconds: 0 })).status).toBe(201);
    expect(await the.stands(body.access_token)).toBe(false);
    expect((await the.refresh(body.refresh_token)).status).toBe(401);
  });

  it("spend nobody's allowance once their family has ended [AA-F03] [AA-F06]", async () => {
    const agent = await the.agent();
    const { body } = await the.login(agent.key);
    await the.world
      .visitor({ source: the.source() })
      .send("POST", "/auth/revoke", { token: body.refresh_token });
    for (let i = 0; i < 61; i += 1) expect((await the.refresh(body.refresh_token)).status).toBe(401);
    expect((await the.login(agent.key)).status).toBe(200);
  });

  it("answer a retry within ten seconds with the same successor, and end the family at any other second use [AA-F06] [SR-25]", async () => {
    const agent = await the.agent();
    const first = (await the.login(agent.key)).body;
    const second = (await the.refresh(first.refresh_token)).body;
    the.world.clock.advance(9_000);
    const retried = await the.refresh(first.refresh_token);
    expect(retried).toMatchObject({ status: 200, body: { refresh_token: second.refresh_token } });
    the.world.clock.advance(2_000);
    the.world.events.length = 0;
    expect(await the.refresh(first.refresh_token)).toMatchObject({
      status: 401,
      body: { code: "invalid_token" },
    });
    expect(await the.stands(retried.body.access_token)).toBe(false);
    expect((await the.refresh(second.refresh_token)).status).toBe(401);
    expect(the.world.events.map(({ action, reason }) => [action, reason])).toContainEqual([
      "agent.refreshed",
      "refresh_reused",
    ]);
    expect((await the.login(agent.key)).status).toBe(200);
  });

  it("used by twenty at once give one successor [AA-F06] [SR-25]", async () => {
    const agent = await the.agent();
    const { refresh_token } = (await the.login(agent.key)).body;
    const from = the.source();
    const replies = await Promise.all(Array.from({ length: 20 }, () => the.refresh(refresh_token, from)));
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(replies.map(({ body }) => body.refresh_token)).size).toBe(1);
  });

  it("end with their key, with their seven days, and are of no use to people's routes", async () => {
    const agent = await the.agent();
    const { refresh_token } = (await the.login(agent.key)).body;
    const guest = the.world.visitor({ source: the.source() });
    expect((await guest.send("POST", "/api/auth/refresh", { refresh_token })).status).toBe(401);
    expect((await the.refresh(the.alice.refreshToken ?? "")).status).toBe(401);
    await the.ada.send("DELETE", `/agents/${agent.id}/keys/${agent.keyId}`);
    expect((await the.refresh(refresh_token)).status).toBe(401);
    const old = (await the.login((await the.agent()).key)).body.refresh_token;
    await the.pass(7 * 24 * 3600_000);
    expect((await the.refresh(old)).status).toBe(401);
  });

  it("are taken at the standard token endpoint too", async () => {
    const { refresh_token } = (await the.login((await the.agent("read_weather")).key)).body;
    const response = await the.world.app.request(`${ISSUER}/oauth/token`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ grant_type: "refresh_token", refresh_token }),
    });
    expect(await response.json()).toMatchObject({
      scope: "read:weather:*",
      refresh_token: expect.stringMatching(/^dar_/),
    });
  });
});

describe("ending and asking about tokens", () => {
  const guest = () => the.world.visitor({ source: the.source() });

  it("a revoked token is dead and the others live; a revoked refresh token ends its sign-in [AA-D04]", async () => {
    const agent = await the.agent("read_weather");
    const [one, other] = [(await the.login(agent.key)).body, (await the.login(agent.key)).body];
    expect((await guest().send("POST", "/auth/revoke", { token: one.access_token })).status).toBe(200);
    expect([await the.stands(one.access_token), await the.stands(other.access_token)]).toEqual([false, true]);
    await guest().send("POST", "/auth/revoke", { token: other.refresh_token });
    expect(await the.stands(other.access_token)).toBe(false);
    expect((await the.refresh(other.refresh_token)).status).toBe(401);
    expect((await guest().send("POST", "/auth/revoke", { token: "nothing" })).status).toBe(200);
  });

  it("says what a token holds to the agent, its owner and services, and to nobody else [AA-F07]", async () => {
    const agent = await the.agent("read_weather");
    const other = await the.agent();
    const { access_token: token } = (await the.login(agent.key)).body;
    const ask = async (bearer: string | undefined) => {
      const visitor = guest();
      visitor.token = bearer;
      return (await visitor.send("POST", "/auth/introspect", { token })).body;
    };
    const active = {
      active: true,
      agent_id: agent.id,
      scope: "read:weather:*",
      token_type: "bearer",
      owner: idOf("ada"),
    };
    expect(await ask(token)).toMatchObject(active);
    expect(await ask(the.ada.token)).toMatchObject(active);
    expect(await ask((await the.login(other.key)).body.access_token)).toEqual({ active: false });
    expect(await ask(the.alice.token)).toEqual({ active: false });
    expect((await guest().send("POST", "/auth/introspect", { token })).status).toBe(401);

    const service = await the.world.agents.ensureBuiltIn("mcp-products", randomHex(32), "service");
    const basic = (secret: string) => ({
      authorization: `Basic ${Buffer.from(`${WHO.productTools}:${secret}`).toString("base64")}`,
    });
    const send = (headers: Record<string, string>) =>
      guest().send("POST", "/auth/introspect", { token }, headers);
    expect((await send(basic(service.apiKey))).body).toMatchObject(active);
    expect((await send(basic("wrong"))).status).toBe(401);
    await the.ada.send("POST", `/agents/${agent.id}/suspend`);
    expect((await send(basic(service.apiKey))).body).toEqual({ active: false });
  });
});
