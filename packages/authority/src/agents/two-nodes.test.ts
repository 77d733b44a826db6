/** Two nodes over one database, and Redis where there is one; each with a verifier that has no database. */
import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { problemHandler, requestContext } from "@deputize/client";
import { type TokenVerifier, createVerifier } from "@deputize/client";
import { randomHex, systemClock } from "@deputize/core";
import type { Ephemeral, Store } from "@deputize/store";
import { openTestEphemeral } from "@deputize/store/testing";
import { type Authority, createAuthority } from "../authority.ts";
import { generateSigningKey } from "../keys/private-key.ts";
import {
  AGENT_ROLES,
  AUDIENCE,
  type AgentsWorld,
  ISSUER,
  fetchOf,
  openAgentsWorld,
} from "../testing/agents-world.ts";
import { TEST_POLICY } from "../testing/test-authority.ts";

const secrets = { signingKeys: [generateSigningKey()], rootSecret: Buffer.from(randomHex(32), "hex") };
const policy = { ...TEST_POLICY, agentRoles: AGENT_ROLES };

let one: AgentsWorld;
let other: { app: Hono; authority: Authority; store: Store; ephemeral: Ephemeral };
let verifiers: readonly TokenVerifier[] = [];

beforeAll(async () => {
  one = await openAgentsWorld({ secrets, policy, clock: systemClock, ephemeral: await openTestEphemeral() });
  const store = await one.world.store.sibling();
  const ephemeral = await openTestEphemeral();
  const authority = await createAuthority({
    store,
    audit: { record: async () => "", append: async () => "", announce: () => {} },
    ephemeral,
    issuer: ISSUER,
    secrets,
    policy,
    sourceOf: (c) => c.req.header("x-test-source") ?? "192.0.2.2",
  });
  const app = new Hono();
  problemHandler(app);
  app.use(requestContext({ allowedHosts: ["localhost:3000"] }));
  app.route("/", authority.routes);
  other = { app, authority, store, ephemeral };
  verifiers = await Promise.all(
    [one.world.app, app].map((node) =>
      createVerifier({ issuer: ISSUER, authorityUrl: ISSUER, fetch: fetchOf(node) }),
    ),
  );
});
afterAll(async () => {
  for (const verifier of verifiers) await verifier.close();
  await other?.authority.close();
  await other?.ephemeral.close();
  await one?.close();
});

async function atOther(path: string, body: unknown, token?: string) {
  const response = await other.app.request(`${ISSUER}${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-test-source": one.source(),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

const accepted = async (token: string): Promise<boolean[]> =>
  Promise.all(
    verifiers.map((verifier) =>
      verifier.verify(token, { audience: AUDIENCE.api }).then(
        () => true,
        () => false,
      ),
    ),
  );

/** Both verifiers refuse within two seconds. */
const refusedSoon = (token: string) =>
  expect.poll(() => accepted(token), { timeout: 2000, interval: 50 }).toEqual([false, false]);

describe("two nodes", () => {
  it("agree on keys, tokens and what they say [AA-F07]", async () => {
    const agent = await one.agent("read_weather");
    const signedIn = await atOther("/auth/login", { api_key: agent.key });
    expect(signedIn).toMatchObject({ status: 200, body: { scope: "read:weather:*" } });
    const token = signedIn.body["access_token"] ?? "";
    expect(await accepted(token)).toEqual([true, true]);
    const sets = await Promise.all(
      [one.world.app, other.app].map(async (app) =>
        (await app.request(`${ISSUER}/.well-known/jwks.json`)).json(),
      ),
    );
    expect(sets[1]).toEqual(sets[0]);
    const asOwner = one.ada.token ?? "";
    const said = await atOther("/auth/introspect", { token }, asOwner);
    expect((await one.ada.send("POST", "/auth/introspect", { token })).body).toEqual(said.body);
    expect(said.body).toMatchObject({ active: true, agent_id: agent.id });
  });

  it("know within two seconds what was revoked, suspended or permitted at the other [AA-F07] [AA-F08] [AA-D04]", async () => {
    const agent = await one.agent("read_weather", "read_stock");
    const enter = async () => (await atOther("/auth/login", { api_key: agent.key })).body;
    const revoked = (await enter())["access_token"] ?? "";
    expect(await accepted(revoked)).toEqual([true, true]);
    await one.world.visitor().send("POST", "/auth/revoke", { token: revoked });
    await refusedSoon(revoked);

    const first = await enter();
    expect(await accepted(first["access_token"] ?? "")).toEqual([true, true]);
    await one.ada.send("DELETE", `/agents/${agent.id}/permissions/read_stock`);
    await refusedSoon(first["access_token"] ?? "");
    const next = await atOther("/auth/refresh", { refresh_token: first["refresh_token"] });
    expect(next.body["scope"]).toBe("read:weather:*");
    expect(await accepted(next.body["access_token"] ?? "")).toEqual([true, true]);
    await one.ada.send("POST", `/agents/${agent.id}/suspend`);
    await refusedSoon(next.body["access_token"] ?? "");
    expect((await atOther("/auth/login", { api_key: agent.key })).status).toBe(401);
    expect((await atOther("/auth/refresh", { refresh_token: next.body["refresh_token"] })).status).toBe(401);
  });

  it("take a refresh token once between them [AA-F06] [AA-F07]", async () => {
    const agent = await one.agent();
    const { refresh_token } = (await one.login(agent.key)).body;
    const both = await Promise.all([one.refresh(refresh_token), atOther("/auth/refresh", { refresh_token })]);
    expect(both.map(({ status }) => status)).toEqual([200, 200]);
    const successors = both.map(({ body }) => body["refresh_token"]);
    expect(successors[1]).toBe(successors[0]);
    expect((await atOther("/auth/refresh", { refresh_token: successors[0] })).status).toBe(200);
    // The first once more, now that its successor was used: stolen.
    expect((await one.refresh(refresh_token)).status).toBe(401);
    expect((await atOther("/auth/refresh", { refresh_token: successors[0] })).status).toBe(401);
  });

  it("count one limit together where there is Redis [AA-F03]", async () => {
    const from = one.source();
    const wrong = () => `dpk_${randomHex(16)}_${randomHex(32)}`;
    for (let i = 0; i < 60; i += 1) expect((await one.login(wrong(), {}, from)).status).toBe(401);
    const response = await other.app.request(`${ISSUER}/auth/login`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-test-source": from },
      body: JSON.stringify({ api_key: wrong() }),
    });
    expect(response.status).toBe(other.ephemeral.kind === "redis" ? 429 : 401);
  });
});
