import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type TokenVerifier,
  DeputizeClient,
  bearerAuth,
  createVerifier,
  problemHandler,
  requestContext,
} from "@deputize/client";
import type { PrincipalId } from "@deputize/core";
import {
  AUDIENCE,
  ISSUER,
  TENANT,
  type TestCore,
  WHO,
  openTestCore,
  testSecret,
} from "../testing/test-core.ts";
import type { Revocation } from "../revocation/revocation.ts";
import { revocationRoutes } from "./revocation-routes.ts";

let core: TestCore;
let app: Hono;
let verifier: TokenVerifier;
const dispatch: typeof fetch = async (input, init) => app.fetch(new Request(input as string, init));

beforeAll(async () => {
  core = await openTestCore();
  app = new Hono();
  problemHandler(app);
  app.use(requestContext({ allowedHosts: ["localhost:3000"] }));
  app.route("/", core.routes);
  verifier = await createVerifier({ issuer: ISSUER, authorityUrl: ISSUER, fetch: dispatch });
  app.get("/mcp/orders", bearerAuth({ verifier, audience: AUDIENCE.orderTools }), (c) => c.text("rows"));
});
afterAll(async () => {
  await verifier.close();
  await core.close();
});

const client = (id: PrincipalId, secret = testSecret(id)): DeputizeClient =>
  new DeputizeClient({ authorityUrl: ISSUER, fetch: dispatch, credential: { clientId: id, secret } });

async function post(
  path: string,
  form: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return dispatch(`${ISSUER}${path}`, { method: "POST", body: new URLSearchParams(form), headers });
}

const exchangeForm = (token: string, audience: string): Record<string, string> => ({
  grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
  subject_token: token,
  subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
  audience,
});

async function atOrders(): Promise<string> {
  const child = await core.child(await core.root());
  return (await core.issue(child, "oauth")).token;
}

describe("POST /oauth/token", () => {
  it("exchanges a token for the tool server, which takes it (RFC 8693)", async () => {
    const issued = await client(WHO.orders).exchange({
      subjectToken: await atOrders(),
      audience: AUDIENCE.orderTools,
    });
    const answer = await dispatch(AUDIENCE.orderTools, {
      headers: { Authorization: `Bearer ${issued.accessToken}` },
    });
    expect(answer.status).toBe(200);
    expect(issued.scopes).toEqual(["read:orders:*", "cancel:orders:*"]);
  });

  it("adds limits on arguments of tools to those that are held, and takes none away [PR-D18]", async () => {
    const small = { tool: "orders/refund_order", argument: "amount", max: 5000 };
    const mine = { tool: "get_order", argument: "order_id", oneOf: ["o-17"] };
    const child = await core.child(await core.root({ constraints: { small } }));
    const subjectToken = (await core.issue(child, "oauth")).token;
    const ask = (constraints: Record<string, typeof small | typeof mine>) =>
      client(WHO.orders).exchange({ subjectToken, audience: AUDIENCE.orderTools, constraints });
    const { accessToken } = await ask({ mine });
    expect((await core.tokens.read(accessToken)).caller.constraints).toEqual({ small, mine });
    await expect(ask({ small: { ...small, max: 9_999_999 } })).rejects.toMatchObject({
      code: "scope_exceeded",
    });
    const form = exchangeForm(subjectToken, AUDIENCE.orderTools);
    const basic = `Basic ${btoa(`${WHO.orders}:${testSecret(WHO.orders)}`)}`;
    for (const constraints of ["small", "[]", '{"small":{"tool":"t","argument":"a"}}']) {
      const response = await post("/oauth/token", { ...form, constraints }, { Authorization: basic });
      expect(response.status, constraints).toBe(422);
    }
  });

  it("takes the agent's own token as the actor's proof", async () => {
    const own = await core.root({ kind: "api_key", subject: WHO.orders, actor: WHO.orders });
    const form = exchangeForm(await atOrders(), AUDIENCE.orderTools);
    const actor = (await core.issue(own, "oauth")).token;
    const response = await post("/oauth/token", { ...form, actor_token: actor });
    expect(response.status).toBe(200);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.json()).toMatchObject({
      issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
      token_type: "Bearer",
      expires_in: expect.any(Number),
    });
  });

  it("refuses as actor a token that was meant for a tool, a person's, or one with an actor [SR-10]", async () => {
    const form = exchangeForm(await atOrders(), AUDIENCE.orderTools);
    const forTool = await core.root({
      kind: "api_key",
      subject: WHO.orders,
      actor: WHO.orders,
      audiences: [AUDIENCE.orderTools],
    });
    const person = await core.root();
    const mandate = await core.root({ kind: "mandate", actor: WHO.orders });
    for (const grant of [forTool, person, mandate]) {
      const response = await post("/oauth/token", {
        ...form,
        actor_token: (await core.issue(grant, "oauth")).token,
      });
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ code: "invalid_client", error: "invalid_client" });
    }
  });

  it("refuses a stranger, a wrong secret, and two methods at once [SR-26]", async () => {
    const form = exchangeForm(await atOrders(), AUDIENCE.orderTools);
    const stranger = await post("/oauth/token", form);
    expect(stranger.status).toBe(401);
    expect(stranger.headers.get("www-authenticate")).toMatch(/^Basic/);
    await expect(
      client(WHO.orders, "wrong").exchange({
        subjectToken: form["subject_token"] ?? "",
        audience: AUDIENCE.orderTools,
      }),
    ).rejects.toMatchObject({ code: "invalid_client" });
    const both = await post(
      "/oauth/token",
      { ...form, client_id: WHO.orders, client_secret: testSecret(WHO.orders) },
      { Authorization: `Basic ${btoa(`${WHO.orders}:${testSecret(WHO.orders)}`)}` },
    );
    expect(both.status).toBe(400);
  });

  it.each([
    ["an unknown grant type", { grant_type: "password", username: "a", password: "b" }, 422],
    ["an unknown field", { grant_type: "client_credentials", resource: ISSUER, sub: "bob" }, 422],
    ["no audience", { grant_type: "client_credentials" }, 400],
  ])("refuses %s as a problem with OAuth's `error`", async (_what, form, status) => {
    const response = await post("/oauth/token", {
      ...form,
      client_id: WHO.orders,
      client_secret: testSecret(WHO.orders),
    } as Record<string, string>);
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({
      error: expect.any(String),
      code: expect.any(String),
      request_id: expect.any(String),
    });
  });

  it("gives a program only what it holds itself (RFC 6749 §4.4)", async () => {
    await expect(client(WHO.orders).clientCredentials({ audience: ISSUER })).rejects.toMatchObject({
      code: "invalid_scope",
    });
    const ref = { tenant: TENANT, id: WHO.productTools };
    await core.tx((tx) => core.principals.setCeiling(tx, ref, ["read:products:*"], "test"));
    const issued = await client(WHO.productTools).clientCredentials({ audience: ISSUER });
    expect(issued.scopes).toEqual(["read:products:*"]);
    await expect(
      client(WHO.productTools).clientCredentials({ audience: AUDIENCE.orderTools }),
    ).rejects.toMatchObject({ code: "invalid_target" });
    await expect(client(WHO.alice).clientCredentials({ audience: ISSUER })).rejects.toMatchObject({
      code: "forbidden",
    });
  });

  it("never answers a token of another profile's `typ` [SR-09]", async () => {
    const child = await core.child(await core.root());
    const { token } = await core.issue(child, "agentwrit", {
      sub: "spiffe://agentwrit.local/agent/o1/t1/00",
    });
    await expect(verifier.verify(token, { audience: AUDIENCE.orders })).rejects.toMatchObject({
      code: "invalid_token",
    });
    expect(await core.tokens.stands(token)).toBeUndefined();
    await expect(
      client(WHO.orders).exchange({ subjectToken: token, audience: AUDIENCE.orderTools }),
    ).rejects.toMatchObject({ code: "invalid_grant" });
  });

  it("refuses to sign a key-bound token's plain use [SR-25]", async () => {
    const child = await core.child(await core.root());
    const { token } = await core.issue(child, "oauth", { cnf: { jkt: "thumb" } });
    await expect(verifier.verify(token, { audience: AUDIENCE.orders })).rejects.toMatchObject({
      code: "invalid_token",
    });
  });
});

describe("introspection (RFC 7662)", () => {
  it("tells a client what a living token says, and nothing of any other", async () => {
    const token = await atOrders();
    const asker = client(WHO.orders);
    expect(await asker.introspect(token)).toMatchObject({
      active: true,
      sub: WHO.alice,
      act: { sub: WHO.support },
    });
    await asker.revoke(token);
    expect(await asker.introspect(token)).toEqual({ active: false });
    expect(await asker.introspect("x.y.z")).toEqual({ active: false });
  });

  it("tells a stranger nothing", async () => {
    expect((await post("/oauth/introspect", { token: await atOrders() })).status).toBe(401);
  });
});

describe("revocation (RFC 7009)", () => {
  it("of a token is seen by a verifier within a second, and by what was made from it [SR-11] [AW-D03]", async () => {
    const parent = await atOrders();
    const issued = await client(WHO.orders).exchange({ subjectToken: parent, audience: AUDIENCE.orderTools });
    const call = (): Promise<Response> =>
      dispatch(AUDIENCE.orderTools, { headers: { Authorization: `Bearer ${issued.accessToken}` } });
    expect((await call()).status).toBe(200);

    await client(WHO.orders).revoke(parent);

    await expect.poll(async () => (await call()).status, { timeout: 1000, interval: 50 }).toBe(401);
  });

  it("answers 200 for what it does not know", async () => {
    expect((await post("/oauth/revoke", { token: "not-a-token" })).status).toBe(200);
  });
});

describe("the feed", () => {
  it("is a snapshot, then a delta from a place in it, and a snapshot again for another history [SR-11]", async () => {
    const ask = async (query = ""): Promise<Record<string, unknown>> =>
      (await dispatch(`${ISSUER}/authority/revocations${query}`)).json() as Promise<Record<string, unknown>>;
    const whole = await ask();
    expect(whole["from"]).toBeNull();
    const place = `?after=${String(whole["position"])}&epoch=${String(whole["epoch"])}`;
    expect(await ask(place)).toEqual({
      epoch: whole["epoch"],
      position: whole["position"],
      from: whole["position"],
      entries: [],
    });

    const root = await core.root();
    await core.tx((tx) => core.grants.revoke(tx, root, "test"));
    expect(await ask(place)).toMatchObject({
      from: whole["position"],
      position: Number(whole["position"]) + 1,
      entries: [{ kind: "grant", value: root.id }],
    });
    expect(await ask("?after=0&epoch=another")).toMatchObject({ from: null });
    expect(await ask(`?after=999999&epoch=${String(whole["epoch"])}`)).toMatchObject({ from: null });
  });

  it("answers a ping with the verifier's own nonce and the database's place", async () => {
    const response = await dispatch(`${ISSUER}/authority/revocations/ping?nonce=n1`);
    expect(await response.json()).toEqual({ nonce: "n1", ...(await core.revocation.ping()) });
  });

  it("streams a snapshot and then what is revoked", async () => {
    const aborted = new AbortController();
    const response = await dispatch(`${ISSUER}/authority/revocations`, {
      headers: { Accept: "text/event-stream" },
      signal: aborted.signal,
    });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const until = async (word: string): Promise<void> => {
      while (!text.includes(word)) text += (await reader?.read())?.value ?? "";
    };
    await until("event: snapshot");
    const root = await core.root();
    await core.tx((tx) => core.grants.revoke(tx, root, "test"));
    await until(root.id);
    expect(text).toContain("event: delta");
    await reader?.cancel();
    aborted.abort();
  });

  it("gives one source a part of its streams, and takes closed ones back", async () => {
    const revocation = {
      read: async () => ({ epoch: "e", position: 1, from: null, entries: [] }),
      follow: () => () => undefined,
    } as unknown as Revocation;
    const app = new Hono();
    problemHandler(app);
    app.route(
      "/",
      revocationRoutes({
        revocation,
        tokens: core.tokens,
        sourceOf: (c) => c.req.header("x-source") ?? "",
      }),
    );
    const open = async (source: string): Promise<Response> =>
      app.request("/authority/revocations", {
        headers: { Accept: "text/event-stream", "X-Source": source },
      });
    const streams = await Promise.all(Array.from({ length: 100 }, () => open("stranger")));
    expect(streams.every((stream) => stream.status === 200)).toBe(true);
    expect((await open("stranger")).status).toBe(503);
    const verifier = await open("verifier");
    expect(verifier.status).toBe(200);
    for (const stream of [...streams, verifier]) await stream.body?.cancel();
    await expect.poll(async () => (await open("stranger")).status).toBe(200);
  });

  it("answers for one token by itself", async () => {
    const token = await atOrders();
    const check = async (): Promise<unknown> =>
      (
        await dispatch(`${ISSUER}/authority/check`, {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ token }),
        })
      ).json();
    expect(await check()).toEqual({ active: true });
    await core.tx((tx) => core.principals.bumpEpoch(tx, { tenant: TENANT, id: WHO.alice }, "test"));
    expect(await check()).toEqual({ active: false });
  });
});

it("suspending each hop's principal ends the last token [SR-12]", async () => {
  for (const id of [WHO.alice, WHO.support, WHO.orders]) {
    const issued = await client(WHO.orders).exchange({
      subjectToken: await atOrders(),
      audience: AUDIENCE.orderTools,
    });
    await verifier.verify(issued.accessToken, { audience: AUDIENCE.orderTools });
    await core.tx((tx) => core.principals.suspend(tx, { tenant: TENANT, id }, "test"));
    await verifier.refresh();
    await expect(
      verifier.verify(issued.accessToken, { audience: AUDIENCE.orderTools }),
    ).rejects.toMatchObject({ code: "invalid_token" });
    await core.tx((tx) => core.principals.reactivate(tx, { tenant: TENANT, id }));
  }
});

describe("well-known documents", () => {
  it("name the endpoints (RFC 8414) and hold public keys only (RFC 7517)", async () => {
    const metadata = (await (
      await dispatch(`${ISSUER}/.well-known/oauth-authorization-server`)
    ).json()) as Record<string, unknown>;
    expect(metadata).toMatchObject({
      issuer: ISSUER,
      token_endpoint: `${ISSUER}/oauth/token`,
      jwks_uri: `${ISSUER}/.well-known/jwks.json`,
    });
    const text = await (await dispatch(`${ISSUER}/.well-known/jwks.json`)).text();
    expect(text).not.toContain('"d"');
    expect(JSON.parse(text)).toMatchObject({
      keys: [{ kty: "OKP", crv: "Ed25519", alg: "EdDSA", use: "sig" }],
    });
  });

  it("answer other methods with 405 as a problem", async () => {
    const response = await dispatch(`${ISSUER}/oauth/token`);
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("POST");
  });
});
