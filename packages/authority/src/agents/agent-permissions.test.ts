import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createVerifier } from "@deputize/client";
import {
  AUDIENCE,
  type AgentsWorld,
  ISSUER,
  fetchOf,
  openAgentsWorld,
  queriesDuring,
} from "../testing/agents-world.ts";
import { openTestAuthority, TEST_POLICY } from "../testing/test-authority.ts";

let the: AgentsWorld;
beforeAll(async () => {
  the = await openAgentsWorld();
});
afterAll(() => the.close());

const allow = (id: string, permission: string, more: object = {}) =>
  the.ada.send("POST", `/agents/${id}/permissions`, { permission, ...more });
const heldBy = async (id: string) => (await the.ada.send("GET", `/agents/${id}/permissions`)).body;

describe("permissions of an agent", () => {
  it("are scopes, `read_weather` means `read:weather:*`, and adding one again changes nothing [AA-D07]", async () => {
    const agent = await the.agent();
    expect((await allow(agent.id, "read_weather")).body["permissions"]).toEqual(["read:weather:*"]);
    const token = (await the.login(agent.key)).body.access_token;
    expect((await allow(agent.id, "read:weather:*")).body["permissions"]).toEqual(["read:weather:*"]);
    expect(await the.stands(token)).toBe(true);
    const { rows } = await the.world.store.ownerQuery(
      "SELECT 1 FROM authority.agent_scopes WHERE agent_id = $1",
      [agent.id],
    );
    expect(rows).toHaveLength(1);
    await expect(
      the.world.store.ownerQuery(
        `INSERT INTO authority.agent_scopes SELECT gen_random_uuid(), tenant, agent_id, scope, granted_by, granted_at
         FROM authority.agent_scopes WHERE agent_id = $1`,
        [agent.id],
      ),
    ).rejects.toThrow(/agent_scopes_live/);
    for (const bad of ["*:weather:*", "read weather", "admin:keys:*", "app_agents"]) {
      expect(await allow(agent.id, bad)).toMatchObject({ status: 400, body: { code: "invalid_scope" } });
    }
    await expect(
      the.world.store.ownerQuery(
        "UPDATE authority.agent_scopes SET scope = 'admin:keys:*' WHERE agent_id = $1",
        [agent.id],
      ),
    ).rejects.toThrow(/agent_scopes_not_reserved/);
  });

  it("end with the tokens that hold them, and leave other agents' alone [AA-D03] [AA-F08]", async () => {
    const [agent, other] = [await the.agent("read_weather"), await the.agent("read_weather")];
    const { access_token: token, refresh_token } = (await the.login(agent.key)).body;
    const others = (await the.login(other.key)).body.access_token;
    const path = `/agents/${agent.id}/permissions/read_weather`;
    expect((await the.ada.send("DELETE", path)).status).toBe(204);
    expect([await the.stands(token), await the.stands(others)]).toEqual([false, true]);
    expect((await the.refresh(refresh_token)).body["scope"]).toBe("");
    expect((await the.login(agent.key)).body["scope"]).toBe("");
    expect((await the.ada.send("DELETE", path)).status).toBe(404);
  });

  it("of the token endpoint's tokens end too [AA-F08]", async () => {
    const agent = await the.agent("read_weather");
    const response = await the.world.app.request(`${ISSUER}/oauth/token`, {
      method: "POST",
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        authorization: `Basic ${Buffer.from(`${agent.id}:${agent.key}`).toString("base64")}`,
      },
      body: new URLSearchParams({ grant_type: "client_credentials", audience: AUDIENCE.api }),
    });
    const { access_token } = (await response.json()) as { access_token: string };
    expect(await the.stands(access_token)).toBe(true);
    await the.ada.send("DELETE", `/agents/${agent.id}/permissions`);
    expect(await the.stands(access_token)).toBe(false);
  });

  it("are set all at once, seen with who gave them, and taken back all at once", async () => {
    const agent = await the.agent("read_weather", "read_stock");
    const path = `/agents/${agent.id}/permissions`;
    const set = await the.ada.send("PUT", path, {
      permissions: ["read_news", { permission: "read_stock" }],
      roles: ["trader"],
    });
    expect(set.body).toMatchObject({
      permissions: [
        { permission: "read:news:*" },
        { permission: "read:stock:*", granted_by: expect.any(String) },
      ],
      roles: ["trader"],
      effective: ["read:news:*", "read:stock:*", "write:orders:own"],
    });
    const token = (await the.login(agent.key)).body.access_token;
    expect((await the.ada.send("DELETE", path)).status).toBe(204);
    expect(await heldBy(agent.id)).toEqual({ permissions: [], roles: [], effective: [] });
    expect(await the.stands(token)).toBe(false);
    const many = Array.from({ length: 51 }, (_, i) => `read:thing${i}:*`);
    expect((await the.ada.send("PUT", path, { permissions: many })).status).toBe(422);
    expect((await the.alice.send("PUT", path, { permissions: [] })).status).toBe(404);
  });

  it("may end by themselves, and no token outlives them", async () => {
    const agent = await the.agent("read_stock");
    const inFiveMinutes = new Date(the.world.clock.nowMs() + 300_000).toISOString();
    await allow(agent.id, "read_weather", { expires_at: inFiveMinutes });
    const { body } = await the.login(agent.key);
    expect(body).toMatchObject({ scope: "read:stock:* read:weather:*" });
    expect(body["expires_in"]).toBeLessThanOrEqual(300);
    the.world.clock.advance(300_000);
    expect(await the.stands(body.access_token)).toBe(false);
    expect((await the.refresh(body.refresh_token)).body["scope"]).toBe("read:stock:*");
    const past = { expires_at: new Date(the.world.clock.nowMs() - 1000).toISOString() };
    expect((await allow(agent.id, "read_news", past)).status).toBe(400);
  });
});

describe("a permission that is taken back while the agent signs in", () => {
  it("is in no token that lives afterwards, whoever was first [SR-13] [AA-F08]", async () => {
    for (let round = 0; round < 8; round += 1) {
      const agent = await the.agent("read_weather");
      const from = the.source();
      const { refresh_token } = (await the.login(agent.key, {}, from)).body;
      const signIns = Array.from({ length: 6 }, () => the.login(agent.key, {}, from));
      const removal = the.ada.send("DELETE", `/agents/${agent.id}/permissions/read_weather`);
      const replies = await Promise.all([...signIns, the.refresh(refresh_token, from)]);
      expect((await removal).status).toBe(204);
      for (const { status, body } of replies) {
        expect(status).toBe(200);
        if (body["scope"] !== "") expect(await the.stands(body.access_token)).toBe(false);
      }
    }
  });
});

describe("roles of agents", () => {
  it("combine with permissions, and a change of either ends the tokens before it [AA-F09] [AA-D07]", async () => {
    const agent = await the.agent("read_news");
    const role = (method: string, name: string) => the.ada.send(method, `/agents/${agent.id}/roles/${name}`);
    expect((await role("PUT", "reporter")).status).toBe(204);
    const { access_token, refresh_token, ...rest } = (await the.login(agent.key)).body;
    expect(rest["scope"]).toBe("read:news:* read:weather:* read:stock:*");
    expect((await role("PUT", "reporter")).status).toBe(204);
    expect(await the.stands(access_token)).toBe(true);
    expect(await role("PUT", "admin")).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    expect((await the.alice.send("PUT", `/agents/${agent.id}/roles/trader`)).status).toBe(404);
    expect((await role("DELETE", "reporter")).status).toBe(204);
    expect(await the.stands(access_token)).toBe(false);
    expect((await the.refresh(refresh_token)).body["scope"]).toBe("read:news:*");
    expect((await role("DELETE", "reporter")).status).toBe(404);
    // The name of a role never reaches a token: roles of people decide elsewhere.
    const roles = (await the.world.tokens.read((await the.login(agent.key)).body.access_token)).caller.roles;
    expect(roles).toEqual([]);
  });

  it("that the policy names wrongly stop the start", async () => {
    for (const agentRoles of [
      { Reporter: ["read_weather"] },
      { reporter: ["everything"] },
      { boss: ["admin:keys:*"] },
    ]) {
      await expect(openTestAuthority({ policy: { ...TEST_POLICY, agentRoles } })).rejects.toThrow();
    }
    await expect(
      openTestAuthority({ policy: { ...TEST_POLICY, agentAudiences: ["https://elsewhere.example"] } }),
    ).rejects.toMatchObject({ code: "config_invalid" });
  });
});

describe("a resource server", () => {
  it("asks no database and nobody else about a token it knows, and still refuses it once it was revoked [AA-D06] [AA-F08]", async () => {
    const agent = await the.agent("read_weather");
    const requests: string[] = [];
    const send = fetchOf(the.world.app);
    const verifier = await createVerifier({
      issuer: ISSUER,
      authorityUrl: ISSUER,
      fetch: (input, init) => {
        requests.push(String(input));
        return send(input, init);
      },
      clock: the.world.clock,
    });
    const token = (await the.login(agent.key)).body.access_token;
    const ask = () => verifier.verify(token, { audience: AUDIENCE.api });
    expect((await ask()).scopes).toEqual(["read:weather:*"]);
    // The clock stands still: not even the feed is due.
    requests.length = 0;
    const queries = await queriesDuring(the.world, async () => {
      for (let i = 0; i < 500; i += 1) await ask();
    });
    expect({ queries, requests }).toEqual({ queries: [], requests: [] });
    await the.ada.send("DELETE", `/agents/${agent.id}/permissions/read_weather`);
    the.world.clock.advance(1_000);
    await expect(ask()).rejects.toMatchObject({ code: "invalid_token" });
    await verifier.close();
  });
});
