/**
 * The broker protocol as its unmodified clients meet it: every route, every field that they cannot do without, and the
 * statuses and codes that they branch on.
 */
import { type KeyObject, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ProofKey, createDpopProof } from "@deputize/client";
import { nowSeconds, randomHex, systemClock } from "@deputize/core";
import {
  type BrokerClient,
  type RunningAuthority,
  type TestApp,
  type TestWorker,
  brokerClient,
  rawPublicKey,
  runAuthority,
} from "./testing/run-authority.ts";

let authority: RunningAuthority;
let client: BrokerClient;
let admin: string;
let app: TestApp;
let worker: TestWorker;

const CEILING = ["read:data:*", "write:data:*"];
const HEX64 = /^[0-9a-f]{64}$/;
const SECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

function proofKey(privateKey: KeyObject): ProofKey {
  const x = Buffer.from(rawPublicKey(createPublicKey(privateKey)), "base64").toString("base64url");
  return {
    jwk: { kty: "OKP", crv: "Ed25519", x },
    sign: async (input) => sign(null, input, privateKey),
  };
}

beforeAll(async () => {
  authority = await runAuthority();
  client = brokerClient(authority);
  admin = await client.adminToken();
  app = await client.app(CEILING, "sdk-integration");
  worker = await client.worker(app, {
    scope: ["read:data:a", "write:data:b"],
    task: "t-1",
    orchestration: "o-1",
  });
});
afterAll(() => authority?.close());

describe("the 19 routes [AW-F01]", () => {
  it("give a nonce", async () => {
    const { status, body } = await client.send("GET", "/v1/challenge");
    expect(status).toBe(200);
    expect(body).toEqual({ nonce: expect.stringMatching(HEX64), expires_in: 30 });
  });

  it("say that the broker is well", async () => {
    const { status, body } = await client.send("GET", "/v1/health");
    expect(status).toBe(200);
    expect(body).toEqual({
      status: "ok",
      version: expect.any(String),
      uptime: expect.any(Number),
      db_connected: true,
      audit_events_count: expect.any(Number),
    });
    expect(body.uptime).toBeGreaterThan(0);
    expect(Number.isInteger(body.uptime)).toBe(true);
  });

  it("count what happened", async () => {
    const { status, headers, text } = await client.send("GET", "/v1/metrics");
    expect(status).toBe(200);
    expect(headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(text).toContain("agentwrit_registrations_total");
  });

  it("sign an operator in [AW-F04]", async () => {
    const { status, body } = await client.send("POST", "/v1/admin/auth", {
      body: { secret: authority.adminSecret },
    });
    expect(status).toBe(200);
    expect(body).toEqual({ access_token: expect.stringMatching(JWT), expires_in: 300, token_type: "Bearer" });
  });

  it("sign an app in, and say what its token is for [AW-F04]", async () => {
    const { status, body } = await client.send("POST", "/v1/app/auth", {
      body: { client_id: app.clientId, client_secret: app.clientSecret },
    });
    expect(status).toBe(200);
    expect(body).toEqual({
      access_token: expect.stringMatching(JWT),
      expires_in: 1800,
      token_type: "Bearer",
      scopes: ["app:launch-tokens:*", "app:agents:*", "app:audit:read"],
    });
  });

  it("make launch tokens, with the protocol's defaults [AW-F05]", async () => {
    const { status, body } = await client.send("POST", "/v1/app/launch-tokens", {
      token: app.token,
      body: { agent_name: "o-1/t-1", allowed_scope: ["read:data:a"] },
    });
    expect(status).toBe(201);
    expect(body).toEqual({
      launch_token: expect.stringMatching(HEX64),
      expires_at: expect.stringMatching(SECONDS),
      policy: { allowed_scope: ["read:data:a"], max_ttl: 300 },
    });
    const wait = Date.parse(body.expires_at) / 1000 - nowSeconds(systemClock);
    expect(wait).toBeGreaterThan(25);
    expect(wait).toBeLessThanOrEqual(31);
  });

  it("are all there, by their methods and paths", () => {
    const served = authority.started.routes.map(({ method, path }) => `${method} ${path}`);
    const protocol = [
      "GET /v1/challenge",
      "GET /v1/health",
      "GET /v1/metrics",
      "POST /v1/token/validate",
      "POST /v1/admin/auth",
      "POST /v1/app/auth",
      "POST /v1/admin/launch-tokens",
      "POST /v1/app/launch-tokens",
      "POST /v1/register",
      "POST /v1/token/renew",
      "POST /v1/token/release",
      "POST /v1/delegate",
      "POST /v1/revoke",
      "GET /v1/audit/events",
      "POST /v1/admin/apps",
      "GET /v1/admin/apps",
      "GET /v1/admin/apps/:id",
      "PUT /v1/admin/apps/:id",
      "DELETE /v1/admin/apps/:id",
    ];
    expect(protocol).toHaveLength(19);
    expect(protocol.filter((route) => !served.includes(route))).toEqual([]);
  });

  it("make an operator's launch tokens too, and answer a registration with just its three members [AW-F05] [AW-F06]", async () => {
    const made = await client.send("POST", "/v1/admin/launch-tokens", {
      token: admin,
      body: {
        agent_name: "by-operator",
        allowed_scope: ["read:data:a"],
        max_ttl: 120,
        single_use: true,
        ttl: 60,
        app_id: app.appId,
      },
    });
    expect(made.status).toBe(201);
    expect(made.body).toEqual({
      launch_token: expect.stringMatching(HEX64),
      expires_at: expect.stringMatching(SECONDS),
      policy: { allowed_scope: ["read:data:a"], max_ttl: 120 },
    });
    const { nonce } = (await client.send("GET", "/v1/challenge")).body;
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const registered = await client.send("POST", "/v1/register", {
      body: {
        launch_token: made.body.launch_token,
        nonce,
        public_key: rawPublicKey(publicKey),
        signature: sign(null, Buffer.from(nonce, "hex"), privateKey).toString("base64"),
        orch_id: "o",
        task_id: "t",
        requested_scope: ["read:data:a"],
      },
    });
    expect(registered.status).toBe(200);
    expect(registered.body).toEqual({
      agent_id: expect.stringMatching(/^spiffe:/),
      access_token: expect.stringMatching(JWT),
      expires_in: 120,
    });
  });

  it("register a worker that proves its key [AW-F06]", () => {
    expect(worker.agentId).toMatch(/^spiffe:\/\/agentwrit\.local\/agent\/o-1\/t-1\/[0-9a-f]{16}$/);
    expect(worker.token).toMatch(JWT);
    expect(worker.expiresIn).toBe(300);
  });

  it("validate a token and show its claims [AW-F12]", async () => {
    const { status, body } = await client.send("POST", "/v1/token/validate", {
      body: { token: worker.token },
    });
    expect(status).toBe(200);
    expect(body.valid).toBe(true);
    expect(body.claims).toMatchObject({
      iss: "agentwrit",
      sub: worker.agentId,
      exp: expect.any(Number),
      nbf: expect.any(Number),
      iat: expect.any(Number),
      jti: expect.stringMatching(/^[0-9a-f]{32}$/),
      scope: ["read:data:a", "write:data:b"],
      task_id: "t-1",
      orch_id: "o-1",
    });
    expect(body.claims.nbf).toBe(body.claims.iat);
    expect(body.claims.exp - body.claims.iat).toBe(300);
  });

  it("validate tokens of apps and operators, whose task and orchestration are empty [AW-D40]", async () => {
    for (const [token, sub] of [
      [app.token, `app:${app.appId}`],
      [admin, "admin"],
    ] as const) {
      const { body } = await client.send("POST", "/v1/token/validate", { body: { token } });
      expect(body).toMatchObject({ valid: true, claims: { sub, task_id: "", orch_id: "" } });
    }
  });

  it("renew without a body or content type: another token, the same agent, and the old one is dead", async () => {
    const own = await client.worker(app, { scope: ["read:data:r"] });
    const { status, body } = await client.send("POST", "/v1/token/renew", { token: own.token });
    expect(status).toBe(200);
    expect(body).toEqual({ access_token: expect.stringMatching(JWT), expires_in: 300 });
    expect(body.access_token).not.toBe(own.token);
    const [before, after] = await Promise.all(
      [own.token, body.access_token].map((token) =>
        client.send("POST", "/v1/token/validate", { body: { token } }),
      ),
    );
    expect(before?.body.valid).toBe(false);
    expect(after?.body.claims.sub).toBe(own.agentId);
    // Dead is dead: a token that was renewed neither ends nor renews what came after it [AW-F11].
    for (const path of ["/v1/token/release", "/v1/token/renew"]) {
      expect((await client.send("POST", path, { token: own.token })).status).toBe(401);
    }
    const still = await client.send("POST", "/v1/token/validate", { body: { token: body.access_token } });
    expect(still.body.valid).toBe(true);
  });

  it("release without a body: 204, and 401 when it is done again", async () => {
    const own = await client.worker(app, { scope: ["read:data:r"] });
    const first = await client.send("POST", "/v1/token/release", { token: own.token });
    expect([first.status, first.text]).toEqual([204, ""]);
    const again = await client.send("POST", "/v1/token/release", { token: own.token });
    expect([again.status, again.body.error_code]).toEqual([401, "unauthorized"]);
  });

  it("hand on a part of a worker's authority", async () => {
    const other = await client.worker(app, { scope: ["read:data:a"], task: "t-2" });
    const { status, body } = await client.send("POST", "/v1/delegate", {
      token: worker.token,
      body: { delegate_to: other.agentId, scope: ["read:data:a"] },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ access_token: expect.stringMatching(JWT), expires_in: 60 });
    expect(body.delegation_chain).toHaveLength(1);
    expect(body.delegation_chain[0]).toMatchObject({
      agent: worker.agentId,
      scope: ["read:data:a", "write:data:b"],
      delegated_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      signature: expect.stringMatching(/^[0-9a-f]+$/),
    });
    const seen = await client.send("POST", "/v1/token/validate", { body: { token: body.access_token } });
    expect(seen.body.claims).toMatchObject({
      sub: other.agentId,
      scope: ["read:data:a"],
      task_id: "t-1",
      orch_id: "o-1",
      chain_hash: expect.stringMatching(HEX64),
    });
  });

  it("revoke, and say how much ended: nothing for what nobody knows", async () => {
    const own = await client.worker(app, { scope: ["read:data:r"] });
    const revoke = (target: string) =>
      client.send("POST", "/v1/revoke", { token: admin, body: { level: "agent", target } });
    expect((await revoke(own.agentId)).body).toEqual({
      revoked: true,
      level: "agent",
      target: own.agentId,
      count: 1,
    });
    const seen = await client.send("POST", "/v1/token/validate", { body: { token: own.token } });
    expect(seen.body).toEqual({ valid: false, error: "token is invalid or expired" });
    expect((await revoke(`${own.agentId.slice(0, -1)}z`)).body.count).toBe(0);
  });

  it("keep apps: register, show, list, change, remove", async () => {
    const made = await client.send("POST", "/v1/admin/apps", {
      token: admin,
      body: { name: "kept-app", scopes: ["read:data:*"] },
    });
    expect(made.status).toBe(201);
    expect(made.body).toEqual({
      app_id: expect.stringMatching(/^app-kept-app-[0-9a-f]{6}$/),
      client_id: expect.stringMatching(/^ka-[0-9a-f]{12}$/),
      client_secret: expect.stringMatching(HEX64),
      scopes: ["read:data:*"],
      token_ttl: 1800,
      name: "",
      status: "",
    });
    const path = `/v1/admin/apps/${made.body.app_id}`;
    const shown = (await client.send("GET", path, { token: admin })).body;
    expect(shown).toEqual({
      app_id: made.body.app_id,
      name: "kept-app",
      client_id: made.body.client_id,
      scopes: ["read:data:*"],
      token_ttl: 1800,
      status: "active",
      created_at: expect.stringMatching(SECONDS),
      updated_at: expect.stringMatching(SECONDS),
    });
    const list = (await client.send("GET", "/v1/admin/apps", { token: admin })).body;
    expect(list.total).toBe(list.apps.length);
    expect(list.apps).toContainEqual(shown);
    const changed = await client.send("PUT", path, { token: admin, body: { token_ttl: 600 } });
    expect([changed.status, changed.body.token_ttl]).toEqual([200, 600]);
    const ended = await client.send("DELETE", path, { token: admin });
    expect([ended.status, ended.body]).toEqual([
      200,
      expect.objectContaining({
        app_id: made.body.app_id,
        status: "inactive",
        deregistered_at: expect.stringMatching(SECONDS),
      }),
    ]);
    expect((await client.send("DELETE", path, { token: admin })).status).toBe(200);
    expect((await client.send("GET", path, { token: admin })).body.status).toBe("inactive");
  });

  it("show the log as one chain, oldest first", async () => {
    const { status, body } = await client.send("GET", "/v1/audit/events", { token: admin });
    expect(status).toBe(200);
    expect(body).toMatchObject({ total: expect.any(Number), offset: 0, limit: 100 });
    const [first, second] = body.events;
    expect(first).toMatchObject({
      id: "evt-000001",
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      event_type: expect.any(String),
      detail: expect.stringMatching(/./),
      hash: expect.stringMatching(HEX64),
      prev_hash: "0".repeat(64),
    });
    expect(second.prev_hash).toBe(first.hash);
    const types = body.events.map((event: { event_type: string }) => event.event_type);
    expect(types).toEqual(expect.arrayContaining(["admin_auth", "app_registered", "agent_registered"]));
  });

  it("answer HEAD wherever they answer GET", async () => {
    for (const path of ["/v1/challenge", "/v1/health", "/v1/metrics"]) {
      const { status, text } = await client.send("HEAD", path);
      expect([path, status, text]).toEqual([path, 200, ""]);
    }
    expect((await client.send("HEAD", "/v1/admin/apps", { token: admin })).status).toBe(200);
    expect((await client.send("HEAD", "/v1/admin/apps")).status).toBe(401);
  });
});

describe("registration, in the protocol's order of checks", () => {
  async function launch(): Promise<string> {
    const made = await client.send("POST", "/v1/app/launch-tokens", {
      token: app.token,
      body: { agent_name: "w", allowed_scope: ["read:data:a"] },
    });
    return made.body.launch_token;
  }

  async function registration(change: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const { nonce } = (await client.send("GET", "/v1/challenge")).body;
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    return {
      launch_token: await launch(),
      nonce,
      public_key: rawPublicKey(publicKey),
      signature: sign(null, Buffer.from(nonce, "hex"), privateKey).toString("base64"),
      orch_id: "o",
      task_id: "t",
      requested_scope: ["read:data:a"],
      ...change,
    };
  }

  it.each([
    ["an unknown launch token", { launch_token: "a".repeat(64) }, 401, "unauthorized"],
    ["a wider scope", { requested_scope: ["read:data:*"] }, 403, "scope_violation"],
    ["a nonce of somebody else's making", { nonce: "b".repeat(64) }, 401, "unauthorized"],
    ["a key that is none", { public_key: "AAAA" }, 401, "unauthorized"],
    ["a foreign signature", { signature: Buffer.alloc(64, 7).toString("base64") }, 401, "unauthorized"],
    ["no orchestration", { orch_id: "" }, 400, "invalid_request"],
    ["a task that is no path segment [AW-D28]", { task_id: "a/b" }, 400, "invalid_request"],
    ["a field that nobody knows [AW-D29]", { admin: true }, 400, "invalid_request"],
  ])("refuses %s", async (_what, change, status, code) => {
    const answer = await client.send("POST", "/v1/register", { body: await registration(change) });
    expect([answer.status, answer.body.error_code]).toEqual([status, code]);
  });

  it("keeps the launch token for another try after a bad path segment or scope [AW-D28]", async () => {
    const good = await registration();
    for (const change of [{ task_id: ".." }, { requested_scope: ["write:data:a"] }]) {
      expect((await client.send("POST", "/v1/register", { body: { ...good, ...change } })).status).not.toBe(
        200,
      );
    }
    expect((await client.send("POST", "/v1/register", { body: good })).status).toBe(200);
  });

  it("takes a nonce and a launch token once", async () => {
    const good = await registration();
    expect((await client.send("POST", "/v1/register", { body: good })).status).toBe(200);
    expect((await client.send("POST", "/v1/register", { body: good })).status).toBe(401);
    const fresh = await registration({
      nonce: good["nonce"],
      signature: good["signature"],
      public_key: good["public_key"],
    });
    expect((await client.send("POST", "/v1/register", { body: fresh })).status).toBe(401);
  });
});

describe("tokens", () => {
  it.each([
    ["garbage", "completely-fake-not-a-jwt"],
    ["the shape of a token", "eyJ.fake.token"],
    ["too many parts", "aaa.bbb.ccc.ddd.eee"],
    ["what is no text of a token", "\u0000 ü"],
  ])("that are %s are not valid, with the one text [AW-F12]", async (_what, token) => {
    const { status, body } = await client.send("POST", "/v1/token/validate", { body: { token } });
    expect(status).toBe(200);
    expect(body).toEqual({ valid: false, error: "token is invalid or expired" });
  });

  it.each([
    [{}],
    [{ token: "" }],
    [{ token: 7 }],
    [{ token: null }],
    ["nonsense"],
    ["[]"],
    [{ token: "x", more: 1 }],
  ])("are asked about with a body that holds one: %j is 400", async (body) => {
    const answer = await client.send("POST", "/v1/token/validate", { body });
    expect([answer.status, answer.body.error_code]).toEqual([400, "invalid_request"]);
  });

  it("bound to a key count only with a proof of the key, once [AW-D15] [AW-F36]", async () => {
    const bound = await client.worker(app, { scope: ["read:data:k"], bind: true });
    const renew = (headers: Record<string, string>) => client.send("POST", "/v1/token/renew", { headers });
    const asBearer = await renew({ authorization: `Bearer ${bound.token}` });
    expect([asBearer.status, asBearer.headers.get("www-authenticate")]).toEqual([
      401,
      expect.stringMatching(/^DPoP /),
    ]);
    expect((await renew({ authorization: `DPoP ${bound.token}` })).status).toBe(401);
    const proofFor = (key: KeyObject, path: string): Promise<string> =>
      createDpopProof({
        key: proofKey(key),
        method: "POST",
        url: `${authority.url}${path}`,
        accessToken: bound.token,
      });
    const stranger = generateKeyPairSync("ed25519").privateKey;
    const own = bound.privateKey;
    const dpop = (proof: string) => renew({ authorization: `DPoP ${bound.token}`, dpop: proof });
    expect((await dpop(await proofFor(stranger, "/v1/token/renew"))).status).toBe(401);
    expect((await dpop(await proofFor(own, "/v1/token/release"))).status).toBe(401);
    const proof = await proofFor(own, "/v1/token/renew");
    const renewed = await dpop(proof);
    expect([renewed.status, renewed.body.token_type]).toEqual([200, "DPoP"]);
    const replayed = await client.send("POST", "/v1/token/renew", {
      headers: { authorization: `DPoP ${renewed.body.access_token}`, dpop: proof },
    });
    expect(replayed.status).toBe(401);
    // The address that was asked counts too, where it is one of this machine's.
    const here = authority.url.replace("localhost", "127.0.0.1");
    const token: string = renewed.body.access_token;
    const path = "/v1/token/release";
    const released = await fetch(`${here}${path}`, {
      method: "POST",
      headers: {
        authorization: `DPoP ${token}`,
        dpop: await createDpopProof({
          key: proofKey(own),
          method: "POST",
          url: `${here}${path}`,
          accessToken: token,
        }),
      },
    });
    expect(released.status).toBe(204);
  });
});

describe("names", () => {
  it("of apps are taken once: the second one is told so [AW-D28]", async () => {
    const name = `twice-${randomHex(3)}`;
    const make = () =>
      client.send("POST", "/v1/admin/apps", { token: admin, body: { name, scopes: ["read:data:*"] } });
    expect((await make()).status).toBe(201);
    const second = await make();
    expect([second.status, second.body.error_code]).toEqual([409, "conflict"]);
  });

  it("of delegates must be there: 400 without one, 404 for nobody's [AW-D28]", async () => {
    const send = (body: object) => client.send("POST", "/v1/delegate", { token: worker.token, body });
    expect((await send({ scope: ["read:data:a"] })).body.error_code).toBe("invalid_request");
    const unknown = await send({
      delegate_to: "spiffe://agentwrit.local/agent/o/t/0123456789abcdef",
      scope: ["read:data:a"],
    });
    expect([unknown.status, unknown.body.error_code]).toEqual([404, "not_found"]);
  });

  it("change with everything or with nothing [AW-D31]", async () => {
    const own = await client.app(["read:data:*"]);
    const path = `/v1/admin/apps/${own.appId}`;
    const bad = await client.send("PUT", path, {
      token: admin,
      body: { scopes: ["read:x:*"], token_ttl: 1 },
    });
    expect([bad.status, bad.body.error_code]).toEqual([400, "invalid_ttl"]);
    expect((await client.send("GET", path, { token: admin })).body.scopes).toEqual(["read:data:*"]);
    expect((await client.send("PUT", path, { token: admin, body: {} })).status).toBe(400);
  });
});
