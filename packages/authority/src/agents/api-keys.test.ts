import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createVerifier } from "@deputize/client";
import { AUDIENCE, type AgentsWorld, ISSUER, fetchOf, openAgentsWorld } from "../testing/agents-world.ts";

let the: AgentsWorld;
beforeAll(async () => {
  the = await openAgentsWorld();
});
afterAll(() => the.close());

type Agent = Awaited<ReturnType<AgentsWorld["agent"]>>;
const rotate = (agent: Agent, body: object, keyId = agent.keyId) =>
  the.ada.send("POST", `/agents/${agent.id}/keys/${keyId}/rotate`, body);
const keysOf = async (agent: Agent) =>
  (await the.ada.send("GET", `/agents/${agent.id}/keys`)).body["keys"] as Record<string, string>[];
/** A token of the agent from the token endpoint, with a key as its client secret. */
async function clientToken(agent: Agent, client_secret: string) {
  const fields = {
    grant_type: "client_credentials",
    client_id: agent.id,
    client_secret,
    audience: AUDIENCE.api,
  };
  const answer = await the.world.app.request(`${ISSUER}/oauth/token`, {
    method: "POST",
    body: new URLSearchParams(fields),
    headers: { "x-test-source": the.source() },
  });
  expect(answer.status).toBe(200);
  return (await answer.json()) as { access_token: string; expires_in: number };
}
const works = async (key: string) => (await the.login(key)).status === 200;

describe("rotating a key", () => {
  it("lets both work for the overlap, and not a moment longer [AA-F05]", async () => {
    const agent = await the.agent();
    const made = await rotate(agent, { overlap_seconds: 60 });
    expect(made.status).toBe(201);
    expect(made.body).toEqual({
      api_key: expect.stringMatching(/^dpk_/),
      key_id: expect.any(String),
      expires_at: expect.any(String),
    });
    expect([await works(agent.key), await works(made.body.api_key)]).toEqual([true, true]);
    expect((await rotate(agent, { overlap_seconds: 60 })).status).toBe(404);
    the.world.clock.advance(59_999);
    expect(await works(agent.key)).toBe(true);
    the.world.clock.advance(1);
    expect([await works(agent.key), await works(made.body.api_key)]).toEqual([false, true]);
    const keys = await keysOf(agent);
    expect(keys).toHaveLength(2);
    expect(keys).toContainEqual(
      expect.objectContaining({ key_id: agent.keyId, replaced_by: made.body.key_id }),
    );
    expect(JSON.stringify(keys)).not.toContain(agent.key.split("_")[2]);
  });

  it("begins at the time that was set [AA-F05]", async () => {
    const agent = await the.agent();
    const at = new Date(the.world.clock.nowMs() + 3600_000).toISOString();
    const made = await rotate(agent, { at, overlap_seconds: 60 });
    expect([await works(agent.key), await works(made.body.api_key)]).toEqual([true, false]);
    await the.pass(3600_000);
    expect([await works(agent.key), await works(made.body.api_key)]).toEqual([true, true]);
    the.world.clock.advance(60_000);
    expect([await works(agent.key), await works(made.body.api_key)]).toEqual([false, true]);
  });

  it("when forced, ends the old key with every token that it made [AA-F05]", async () => {
    const agent = await the.agent("read_weather");
    const { access_token, refresh_token } = (await the.login(agent.key)).body;
    const made = await rotate(agent, { forced: true });
    expect([await works(agent.key), await works(made.body.api_key)]).toEqual([false, true]);
    expect(await the.stands(access_token)).toBe(false);
    expect((await the.refresh(refresh_token)).status).toBe(401);
  });

  it("brings the end of all that the old key made forward with the key's own, offline too [AA-F05]", async () => {
    const agent = await the.agent("read_weather");
    const verifier = await createVerifier({
      issuer: ISSUER,
      authorityUrl: ISSUER,
      fetch: fetchOf(the.world.app),
      clock: the.world.clock,
    });
    const accepts = (token: string) =>
      verifier.verify(token, { audience: AUDIENCE.api }).then(
        () => true,
        () => false,
      );
    const { access_token: early, refresh_token } = (await the.login(agent.key)).body;
    const ofClient = await clientToken(agent, agent.key);
    const old = [early, ofClient.access_token];
    const made = await rotate(agent, { overlap_seconds: 60 });
    const late = (await the.login(agent.key)).body;
    expect(late.expires_in).toBeLessThanOrEqual(60);
    const fresh = (await the.login(made.body.api_key)).body.access_token;
    the.world.clock.advance(59_000);
    const refreshed = (await the.refresh(refresh_token)).body;
    expect(refreshed.expires_in).toBeLessThanOrEqual(1);
    for (const token of [ofClient.access_token, fresh, refreshed.access_token]) {
      expect([await the.stands(token), await accepts(token)]).toEqual([true, true]);
    }
    the.world.clock.advance(1_000);
    for (const token of [...old, late.access_token, refreshed.access_token]) {
      expect([await the.stands(token), await accepts(token)]).toEqual([false, false]);
    }
    expect([await the.stands(fresh), await accepts(fresh)]).toEqual([true, true]);
    expect((await the.refresh(refreshed.refresh_token)).status).toBe(401);
    await verifier.close();
  });

  it("lets no token of the token endpoint outlive the key that it came of [AA-F05]", async () => {
    const agent = await the.agent("read_weather");
    const { body: key } = await the.ada.send("POST", `/agents/${agent.id}/keys`, {
      expires_at: new Date(the.world.clock.nowMs() + 20_000).toISOString(),
    });
    const answer = await clientToken(agent, key.api_key);
    expect(answer.expires_in).toBeLessThanOrEqual(20);
  });

  it("refuses what makes no sense", async () => {
    const agent = await the.agent();
    const later = new Date(the.world.clock.nowMs() + 100 * 24 * 3600_000).toISOString();
    expect((await rotate(agent, { overlap_seconds: 8 * 24 * 3600 })).status).toBe(422);
    expect((await rotate(agent, { forced: true, overlap_seconds: 60 })).status).toBe(422);
    expect((await rotate(agent, { at: later })).status).toBe(400);
    expect((await rotate(agent, {}, "not-a-key")).status).toBe(404);
    expect((await rotate(agent, {}, (await the.agent()).keyId)).status).toBe(404);
    expect(await works(agent.key)).toBe(true);
  });
});

describe("further keys", () => {
  const create = (agent: Agent, body: object) => the.ada.send("POST", `/agents/${agent.id}/keys`, body);

  it("may hold less than their agent, and never more", async () => {
    const agent = await the.agent("read:weather:paris", "read_stock");
    const made = await create(agent, { scopes: ["read_weather", "read_news"] });
    expect((await the.login(made.body.api_key)).body["scope"]).toBe("read:weather:paris");
    expect((await the.login(agent.key)).body["scope"]).toBe("read:stock:* read:weather:paris");
    const asked = await the.login(made.body.api_key, { scope: "read_stock" });
    expect(asked).toMatchObject({ status: 400, body: { code: "invalid_scope" } });
    const next = await rotate(agent, {}, made.body.key_id);
    expect((await the.login(next.body.api_key)).body["scope"]).toBe("read:weather:paris");
    expect((await create(agent, { scopes: ["admin:keys:*"] })).status).toBe(400);
  });

  it("end when they were told to, and no token outlives them", async () => {
    const agent = await the.agent();
    const ends = new Date(the.world.clock.nowMs() + 120_000).toISOString();
    const made = await create(agent, { expires_at: ends });
    expect(made.body["expires_at"]).toBe(ends);
    const { body } = await the.login(made.body.api_key);
    expect(body["expires_in"]).toBeLessThanOrEqual(120);
    the.world.clock.advance(120_000);
    expect(await works(made.body.api_key)).toBe(false);
    expect((await the.refresh(body.refresh_token)).status).toBe(401);
    expect((await create(agent, { expires_at: ends })).status).toBe(400);
  });

  it("end one by one with the tokens that they made, and remember when they were used", async () => {
    const agent = await the.agent();
    const second = (await create(agent, {})).body;
    const first = (await the.login(agent.key)).body.access_token;
    const other = (await the.login(second.api_key)).body.access_token;
    expect((await keysOf(agent)).every((key) => key["last_used"] !== undefined)).toBe(true);
    expect((await the.ada.send("DELETE", `/agents/${agent.id}/keys/${agent.keyId}`)).status).toBe(204);
    expect([await works(agent.key), await works(second.api_key)]).toEqual([false, true]);
    expect([await the.stands(first), await the.stands(other)]).toEqual([false, true]);
    expect((await keysOf(agent)).find((key) => key["key_id"] === agent.keyId)).toHaveProperty("revoked");
  });

  it("are twenty at most", async () => {
    const agent = await the.agent();
    for (let i = 0; i < 19; i += 1) expect((await create(agent, {})).status).toBe(201);
    const full = {
      status: 422,
      body: { code: "limit_exceeded", detail: expect.stringContaining("end one first") },
    };
    expect(await create(agent, {})).toMatchObject(full);
    // Both keys of an overlap work: that is one more.
    expect(await rotate(agent, {})).toMatchObject(full);
    expect(await works(agent.key)).toBe(true);
    expect((await rotate(agent, { forced: true })).status).toBe(201);
    const living = (await keysOf(agent)).filter((key) => key["revoked"] === undefined);
    expect(living).toHaveLength(20);
    await the.ada.send("DELETE", `/agents/${agent.id}/keys/${living[3]?.["key_id"]}`);
    expect((await rotate(agent, {}, living[0]?.["key_id"])).status).toBe(201);
  });
});
