import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DeputizeClient } from "@deputize/client";
import { assertWithinConstraints, newId, randomHex } from "@deputize/core";
import { AUDIENCE, TENANT, WHO } from "../testing/test-core.ts";
import {
  type Reply,
  type TestAuthority,
  type Visitor,
  idOf,
  openTestAuthority,
} from "../testing/test-authority.ts";
import type { MandateView } from "./mandate.ts";

let world: TestAuthority;
let sources = 0;
const source = () => `198.51.104.${(sources += 1)}`;
let alice: Visitor;
const keys: Record<string, string> = {};

beforeAll(async () => {
  world = await openTestAuthority();
  for (const name of ["order-management", "customer-support"]) {
    keys[name] = (await world.agents.ensureBuiltIn(name, randomHex(32))).apiKey;
  }
});
afterAll(() => world.close());
beforeEach(async () => {
  await world.store.ownerQuery(
    "UPDATE authority.grants SET state = 'revoked', revoked_at = now(), reason = 'test' WHERE kind = 'mandate' AND state = 'active'",
  );
  alice = await world.signIn("alice", "browser", source());
  world.events.length = 0;
});

const DAY = 86_400_000;
const inMs = (ms: number) => new Date(world.clock.nowMs() + ms).toISOString();
const body = (change: Record<string, unknown> = {}) => ({
  agent: WHO.orders,
  purpose: "Cancel what has not left after two days",
  tools: ["orders/cancel_order", "orders/get_order"],
  audiences: [AUDIENCE.orderTools],
  scopes: ["read:orders:*", "cancel:orders:*"],
  constraints: { small: { tool: "orders/cancel_order", argument: "amount", max: 5000 } },
  expires: inMs(10 * DAY),
  ...change,
});
const make = (who: Visitor = alice, change: Record<string, unknown> = {}) =>
  who.send("POST", "/api/mandates", body(change));
const made = async (change: Record<string, unknown> = {}): Promise<MandateView> => {
  const reply = await make(alice, change);
  expect(reply.status, JSON.stringify(reply.body)).toBe(201);
  return reply.body as unknown as MandateView;
};

/** What an agent gets at the token endpoint with its own key. */
async function ask(
  mandateId: string,
  more: Record<string, string> = {},
  agent = "order-management",
): Promise<Reply> {
  const response = await world.app.request(`${AUDIENCE.api}/oauth/token`, {
    method: "POST",
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      authorization: `Basic ${Buffer.from(`:${keys[agent]}`).toString("base64")}`,
      "x-test-source": source(),
    },
    body: new URLSearchParams({ grant_type: "client_credentials", mandate_id: mandateId, ...more }),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Reply["body"],
  };
}

const works = async (mandate: MandateView) => (await ask(mandate.id)).status === 200;

describe("making a mandate", () => {
  it("names agent, purpose, tools, audiences, scopes, limits and an end, and is logged [SR-14]", async () => {
    const mandate = await made();
    expect(mandate).toEqual({
      ...body(),
      agent: { id: WHO.orders, name: "order-management" },
      id: expect.any(String),
      status: "active",
      made: inMs(0),
      expires: inMs(10 * DAY),
    });
    expect((await alice.send("GET", "/api/mandates")).body["mandates"]).toContainEqual(mandate);
    expect((await alice.send("GET", `/api/mandates/${mandate.id}`)).body).toEqual(mandate);
    expect(world.events.map(({ action }) => action)).toEqual(["grant.created", "mandate.made"]);
    const { rows } = await world.store.ownerQuery(
      "SELECT kind, depth, subject, actor, renew_until = expires_at AS ends FROM authority.grants WHERE id = $1",
      [mandate.id],
    );
    expect(rows).toEqual([
      { kind: "mandate", depth: 0, subject: idOf("alice"), actor: WHO.orders, ends: true },
    ]);
  });

  it("is a person's own act: 403 to agents and exchanged tokens, with a fresh proof and a recent sign-in [SR-14]", async () => {
    const deputy = await world.deputyOf(alice);
    const agent = world.visitor();
    agent.token = deputy.token;
    expect((await make(agent)).status).toBe(403);
    const ofApi = await world.exchange.caller(await world.callerOf(alice), {
      exchanger: WHO.shopApi,
      actor: WHO.support,
      audiences: [AUDIENCE.orders],
    });
    agent.token = ofApi.token;
    expect((await make(agent)).status).toBe(403);
    await expect(
      world.mandates.make(deputy.caller, { ...body(), expiresAt: world.clock.nowMs() + DAY }),
    ).rejects.toMatchObject({ code: "first_party_session_required" });
    const signedIn = await world.agents.signIn({ apiKey: keys["order-management"] ?? "", source: source() });
    agent.token = signedIn.token;
    expect((await make(agent)).status).toBe(403);
    const noProof = await alice.send("POST", "/api/mandates", body(), { "x-csrf-token": "" });
    expect(noProof.body["code"]).toBe("csrf_failed");
    world.clock.advance(13 * 3_600_000);
    const late = await make();
    expect([late.status, late.body["code"]]).toEqual([403, "first_party_session_required"]);
    expect((await alice.send("GET", "/api/mandates")).body).not.toMatchObject({
      mandates: expect.arrayContaining([expect.objectContaining({ status: "active" })]),
    });
  });

  it.each<[string, Record<string, unknown>, number, string]>([
    ["more than the person may do", { scopes: ["read:usage:*"] }, 403, "insufficient_scope"],
    ["a wider scope", { scopes: ["write:orders:*"] }, 403, "insufficient_scope"],
    ["an agent that is none", { agent: newId() }, 403, "forbidden"],
    [
      "an audience that the agent has no edge to",
      { audiences: [AUDIENCE.productTools] },
      400,
      "invalid_target",
    ],
    ["the API of people", { audiences: [AUDIENCE.api] }, 400, "invalid_target"],
    ["an end after 90 days", { expires: "2099-01-01T00:00:00Z" }, 400, "invalid_request"],
    ["an end that has passed", { expires: "2020-01-01T00:00:00Z" }, 400, "invalid_request"],
    [
      "a limit in the place of its tools",
      { constraints: { tools: { onlyTools: ["x"] } } },
      400,
      "invalid_request",
    ],
    ["a limit of no known kind", { constraints: { x: { most: 1 } } }, 422, "validation_failed"],
    ["no tools", { tools: [] }, 422, "validation_failed"],
    ["a tool of any server", { tools: ["cancel_order"] }, 422, "validation_failed"],
    ["no purpose", { purpose: " ok " }, 422, "validation_failed"],
    ["a member of its own", { subject: newId() }, 422, "validation_failed"],
  ])("is refused with %s", async (_what, change, status, code) => {
    const reply = await make(alice, change);
    expect([reply.status, reply.body["code"]]).toEqual([status, code]);
  });

  it("is refused for an agent that the person has not permitted", async () => {
    const bob = await world.signIn("bob", "browser", source());
    const reply = await make(bob);
    expect([reply.status, reply.body["code"]]).toEqual([403, "forbidden"]);
  });

  it("stops at fifty that stand at once", async () => {
    for (let n = 0; n < 50; n += 1) await made();
    expect((await make()).body["code"]).toBe("limit_exceeded");
  });
});

describe("a token under a mandate", () => {
  it("is the agent's, with its own credential, for the person, within tools, scopes and limits [SR-14]", async () => {
    const mandate = await made();
    const reply = await ask(mandate.id);
    expect(reply.status).toBe(200);
    expect(reply.headers.get("cache-control")).toBe("no-store");
    const { caller, audience } = await world.tokens.read(reply.body.access_token);
    expect(audience).toEqual([AUDIENCE.orderTools]);
    expect(caller).toMatchObject({
      subject: idOf("alice"),
      actors: [WHO.orders],
      scopes: mandate.scopes,
      grants: [mandate.id, expect.any(String)],
    });
    const call = (tool: string, amount: number) => () =>
      assertWithinConstraints(caller, { server: "orders", tool, args: { amount } });
    expect(call("cancel_order", 5000)).not.toThrow();
    expect(call("cancel_order", 5001)).toThrow(/5000 or less/);
    expect(call("refund_order", 1)).toThrow(/not for/);
    expect(world.events.at(-1)).toMatchObject({
      action: "mandate.used",
      subject: idOf("alice"),
      actors: [WHO.orders],
      resource: `mandate:${mandate.id}`,
    });
  });

  it("comes by the client of programs", async () => {
    const { id } = await made();
    const client = new DeputizeClient({
      authorityUrl: AUDIENCE.api,
      credential: { clientId: "", secret: keys["order-management"] ?? "" },
      clock: world.clock,
      fetch: async (input, init) => world.app.request(input instanceof Request ? input : String(input), init),
    });
    const { accessToken } = await client.underMandate({ mandateId: id, audience: AUDIENCE.orderTools });
    expect((await world.tokens.read(accessToken)).caller.grants[0]).toBe(id);
    await alice.send("POST", `/api/mandates/${id}/stop`);
    await expect(client.underMandate({ mandateId: id })).rejects.toMatchObject({ code: "invalid_grant" });
  });

  it("narrows when asked to, and goes nowhere else", async () => {
    const { id } = await made();
    const narrow = await ask(id, { scope: "read:orders:1", audience: AUDIENCE.orderTools });
    expect(narrow.body["scope"]).toBe("read:orders:1");
    const elsewhere = await ask(id, { audience: AUDIENCE.productTools });
    expect([elsewhere.status, elsewhere.body["error"]]).toEqual([400, "invalid_target"]);
    // A tool that it was sent to cannot trade it for another [SR-10].
    const { access_token: token } = (await ask(id)).body;
    await expect(
      world.exchange.token(await world.tokens.read(token), {
        exchanger: WHO.orderTools,
        audiences: [AUDIENCE.productTools],
      }),
    ).rejects.toMatchObject({ code: "forbidden" });
  });

  it("is not found by another agent, as if there were none, and not given to a person [SR-14]", async () => {
    const { id } = await made();
    const strip = ({ status, body: { request_id: _id, ...rest } }: Reply) => ({ status, ...rest });
    const foreign = strip(await ask(id, {}, "customer-support"));
    expect(foreign).toMatchObject({ status: 404, code: "not_found", error: "invalid_grant" });
    expect(foreign).toEqual(strip(await ask(newId(), {}, "customer-support")));
    expect(world.events.at(-1)).toMatchObject({
      action: "mandate.used",
      outcome: "refused",
      reason: "not_found",
    });
    await expect(
      world.mandates.token({ tenant: TENANT, principal: idOf("alice") }, { mandateId: id }),
    ).rejects.toMatchObject({ code: "not_found" });
    const bob = await world.signIn("bob", "browser", source());
    expect((await bob.send("GET", `/api/mandates/${id}`)).status).toBe(404);
    expect((await bob.send("POST", `/api/mandates/${id}/stop`)).status).toBe(404);
    expect((await ask(id)).status).toBe(200);
  });
});

describe("the end of a mandate", () => {
  it("is not the end of the session it was made in [SR-14]", async () => {
    const mandate = await made();
    const { access_token: token } = (await ask(mandate.id)).body;
    expect((await alice.send("POST", "/api/auth/logout-all")).status).toBe(204);
    expect(await world.tokens.stands(token)).toBeDefined();
    expect(await works(mandate)).toBe(true);
  });

  it("comes at once when the person says stop, with all that was made of it [SR-14]", async () => {
    const mandate = await made();
    const { access_token: token } = (await ask(mandate.id)).body;
    const deputy = await world.deputyOf(alice);
    const agent = world.visitor();
    agent.token = deputy.token;
    expect((await agent.send("POST", `/api/mandates/${mandate.id}/stop`)).status).toBe(403);
    const stopped = await alice.send("POST", `/api/mandates/${mandate.id}/stop`);
    expect(stopped.body).toMatchObject({ status: "ended", reason: "stopped", ended: expect.any(String) });
    expect(await world.tokens.stands(token)).toBeUndefined();
    const refused = await ask(mandate.id);
    expect([refused.status, refused.body["error"]]).toEqual([400, "invalid_grant"]);
    expect(world.events.map(({ action }) => action)).toContain("mandate.stopped");
    const again = await alice.send("POST", `/api/mandates/${mandate.id}/stop`);
    expect([again.status, again.body]).toEqual([200, stopped.body]);
    expect((await alice.send("GET", "/api/mandates")).body["mandates"]).toContainEqual(stopped.body);
  });

  it("comes with its day", async () => {
    const mandate = await made({ expires: inMs(3_600_000) });
    world.clock.advance(3_600_001);
    expect(await works(mandate)).toBe(false);
    expect((await alice.send("GET", `/api/mandates/${mandate.id}`)).body["status"]).toBe("expired");
  });

  const by = { tenant: TENANT, actor: idOf("ada") };
  it.each<[string, () => Promise<unknown>, () => Promise<unknown>]>([
    [
      "a permission that is taken back",
      () => world.permissions.revoke({ person: idOf("alice"), agent: WHO.orders, revokedBy: idOf("alice") }),
      () => world.permissions.grant({ person: idOf("alice"), agent: WHO.orders, grantedBy: idOf("ada") }),
    ],
    [
      "the agent's suspension",
      () =>
        world.store.transaction("authority", (tx) =>
          world.principals.suspend(tx, { tenant: TENANT, id: WHO.orders }, "x"),
        ),
      () =>
        world.store.transaction("authority", (tx) =>
          world.principals.reactivate(tx, { tenant: TENANT, id: WHO.orders }),
        ),
    ],
    [
      "the person's deactivation",
      () => world.people.deactivate(idOf("alice"), by),
      () => world.people.reactivate(idOf("alice"), by),
    ],
    [
      "another role of the person",
      () => world.people.changeRole(idOf("alice"), "seller", by),
      () => world.people.changeRole(idOf("alice"), "customer", by),
    ],
  ])(
    "comes with %s, and what comes back later does not bring it back [SR-14]",
    async (_what, end, restore) => {
      const mandate = await made();
      const { access_token: token } = (await ask(mandate.id)).body;
      try {
        await end();
        expect(await world.tokens.stands(token)).toBeUndefined();
      } finally {
        await restore();
      }
      expect(await works(mandate)).toBe(false);
    },
  );

  it("is not awaited by a permission that has run out", async () => {
    const mandate = await made();
    const permission = { person: idOf("alice"), agent: WHO.orders, grantedBy: idOf("ada") };
    await world.permissions.grant({ ...permission, expiresAt: world.clock.nowMs() + 1_000 });
    world.clock.advance(2_000);
    const refused = await ask(mandate.id);
    expect([refused.status, refused.body["code"]]).toEqual([403, "forbidden"]);
    await world.permissions.grant(permission);
    expect(await works(mandate)).toBe(true);
  });
});
