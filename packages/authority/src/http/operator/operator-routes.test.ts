import { Hono } from "hono";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  DeputizeError,
  type GrantId,
  type ManualClock,
  type PrincipalId,
  manualClock,
  newId,
  randomHex,
  stableId,
} from "@deputize/core";
import { documentedPath } from "@deputize/client";
import { createAuditLog, refusalCounter } from "@deputize/audit";
import { type TestStore, openTestEphemeral } from "@deputize/store/testing";
import { generateKeyPairSync } from "node:crypto";
import type { BrokerCaller } from "../../broker/broker.ts";
import { createKeys } from "../../keys/keys.ts";
import type { PrivateJwk } from "../../keys/private-key.ts";
import { createPeopleRooms } from "../../people-rooms.ts";
import {
  AUDIENCE,
  POLICY,
  TENANT,
  type TestCore,
  WHO,
  openCoreStore,
  openTestCore,
} from "../../testing/test-core.ts";
import { brokerGuard } from "../broker/guard.ts";
import { brokerProblems } from "../broker/problem.ts";
import { brokerRequest } from "../broker/request.ts";
import { createRefusalLog } from "../broker/refusal-log.ts";
import { operatorRoutes } from "./operator-routes.ts";
import { OPERATOR_ROUTES } from "./route-table.ts";

const OPERATOR = stableId("service:broker-operator") as PrincipalId;
const ADMIN_SCOPES = [
  "admin:revoke:*",
  "admin:grants:*",
  "admin:keys:*",
  "admin:agents:*",
  "admin:metrics:*",
  "admin:audit:*",
];

let clock: ManualClock;
let core: TestCore;
let store: TestStore;
let back: () => Promise<void>;
let app: Hono;
let routes: Hono;
let files: PrivateJwk[];
let ended: GrantId[];
let closing: (() => Promise<void> | void)[];

/** A token of the tests says which scopes it holds. */
function verify(token: string): Promise<BrokerCaller> {
  if (!token.startsWith("admin.")) return Promise.reject(new DeputizeError("invalid_token", "unknown"));
  const grant = newId() as GrantId;
  return Promise.resolve({
    kind: "admin",
    tenant: TENANT,
    sub: "admin",
    principal: OPERATOR,
    scopes: token === "admin.all" ? ADMIN_SCOPES : [token.slice("admin.".length)],
    grants: [grant],
    epochs: {},
    jti: "0".repeat(32),
    taskId: "",
    orchId: "",
    issuedAt: 0,
    expiresAt: 300,
    claims: {},
  });
}

beforeAll(async () => {
  store = await openCoreStore();
  back = await store.mark();
});
afterAll(() => store.close());
beforeEach(async () => {
  await back();
  clock = manualClock(Date.UTC(2026, 10, 22));
  core = await openTestCore({ clock, store });
  const audit = createAuditLog({
    store: core.store,
    clock,
    origin: "test/audit",
    signingKey: generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  });
  files = [core.signingKey];
  ended = [];
  const keys = createKeys({
    store: core.store,
    clock,
    audit,
    privateKeys: files,
    tenant: TENANT,
    overlapSeconds: 3720,
    keyStore: { load: () => files, add: (key) => void files.push(key) },
  });
  await keys.start();
  const refusals = refusalCounter({ log: audit, clock, tenant: TENANT });
  const guard = brokerGuard({
    broker: { verify },
    checkProof: () => Promise.reject(new DeputizeError("invalid_token", "no proofs here")),
    refusalLog: createRefusalLog({ refusals, tenant: TENANT }),
    sourceOf: () => "192.0.2.1",
    publicUrl: "http://127.0.0.1:8080",
  });
  const ephemeral = await openTestEphemeral();
  const rooms = createPeopleRooms(core, {
    store: core.store,
    audit,
    refusals,
    policy: POLICY,
    ephemeral,
    rootSecret: Buffer.from(randomHex(32), "hex"),
  });
  await core.tx((tx) =>
    core.principals.ensure(tx, { tenant: TENANT, id: OPERATOR, kind: "service", name: "operator" }),
  );
  routes = operatorRoutes({
    guard,
    store: core.store,
    clock,
    audit,
    grants: core.grants,
    keys,
    revocation: core.revocation,
    agents: rooms.agents,
    onEnded: (grants) => void ended.push(...grants),
    sourceOf: () => "192.0.2.1",
    version: "1.2.3",
  });
  app = new Hono();
  brokerProblems(app);
  app.use(brokerRequest({ allowedHosts: ["127.0.0.1:8080"], secure: false }));
  app.route("/", routes);
  closing = [
    () => refusals.close(),
    () => keys.close(),
    () => audit.close(),
    () => ephemeral.close(),
    () => core.close(),
  ];
});
afterEach(async () => {
  for (const close of closing) await close();
});

interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read any member; what is missing fails them
  readonly body: any;
}

async function send(method: string, path: string, body?: unknown, token = "admin.all"): Promise<Answer> {
  const response = await app.request(`http://127.0.0.1:8080${path}`, {
    method,
    headers: {
      "content-type": "application/json",
      ...(token !== "" && { authorization: `Bearer ${token}` }),
    },
    ...(body !== undefined && method !== "GET" && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.endsWith("json");
  return { status: response.status, body: isJson ? JSON.parse(text) : text };
}

async function planted() {
  const root = await core.root();
  clock.advance(1);
  const support = await core.child(root);
  clock.advance(1);
  const orders = await core.child(support, {
    actor: WHO.orders,
    clientId: WHO.orders,
    audiences: [AUDIENCE.orderTools],
  });
  return { root, support, orders };
}

describe("every operator route", () => {
  it("is in the table, and the table has no other", () => {
    const there = routes.routes
      .filter(({ method }) => method !== "ALL")
      .map(({ method, path }) => `${method} ${documentedPath(path)}`);
    expect([...new Set(there)].toSorted()).toEqual(
      OPERATOR_ROUTES.map(({ method, path }) => `${method} ${path}`).toSorted(),
    );
  });

  it("needs a token, and of that token just the scope that the table names [AW-D42]", async () => {
    for (const { method, path, scope } of OPERATOR_ROUTES) {
      const at = path.replaceAll(/\{\w+\}/g, newId());
      expect((await send(method, at, {}, "")).status, path).toBe(401);
      expect((await send(method, at, {}, "none")).status, path).toBe(401);
      const others = ADMIN_SCOPES.filter((one) => one !== scope);
      for (const other of others) {
        const refused = await send(method, at, {}, `admin.${other}`);
        expect(refused.body, `${method} ${path} with ${other}`).toMatchObject({
          status: 403,
          error_code: "insufficient_scope",
          detail: expect.stringContaining(scope ?? "nothing"),
        });
      }
      expect([401, 403], path).not.toContain((await send(method, at, {}, `admin.${scope}`)).status);
    }
  });
});

describe("grants", () => {
  it("are listed by who acts for whom, and shown as a tree", async () => {
    const { root, support, orders } = await planted();
    const list = await send("GET", `/v1/admin/grants?actor=${WHO.support}`);
    expect(list.body.grants).toMatchObject([
      { id: support.id, state: "active", subject: { id: WHO.alice }, actor: { id: WHO.support } },
    ]);
    const { body } = await send("GET", `/v1/admin/grants/${orders.id}`);
    expect(body.grant.id).toBe(orders.id);
    expect(body.tree.map((one: { id: string }) => one.id)).toEqual([root.id, support.id, orders.id]);
    expect(body.tree[2].expires_at).toBe(new Date(orders.expiresAt).toISOString());
  });

  it("come in pages by cursor [AW-D42]", async () => {
    await planted();
    const seen: string[] = [];
    for (let next: string | undefined = ""; next !== undefined;) {
      const page: Answer = await send("GET", `/v1/admin/grants?limit=2${next && `&cursor=${next}`}`);
      seen.push(...page.body.grants.map((one: { id: string }) => one.id));
      next = page.body.next;
    }
    expect(seen).toHaveLength(3);
    expect(new Set(seen).size).toBe(3);
  });

  it("end with what is below them, after a dry run that says so and ends nothing", async () => {
    const { root, support, orders } = await planted();
    const dry = await send("DELETE", `/v1/admin/grants/${support.id}?dry_run=true`);
    expect(dry.body).toMatchObject({
      dry_run: true,
      count: 2,
      grants: [{ id: support.id }, { id: orders.id }],
    });
    expect((await send("GET", `/v1/admin/grants/${orders.id}`)).body.grant.state).toBe("active");

    for (const unclear of [
      "dry_run=",
      "dry_run=yes",
      "dry_run=false&dry_run=true",
      "dryrun=true",
      "reason=a b",
    ]) {
      expect((await send("DELETE", `/v1/admin/grants/${support.id}?${unclear}`)).status, unclear).toBe(400);
    }
    expect((await send("GET", `/v1/admin/grants/${orders.id}`)).body.grant.state).toBe("active");

    expect((await send("DELETE", `/v1/admin/grants/${support.id}?reason=incident`)).body).toEqual({
      id: support.id,
      count: 2,
    });
    expect(ended.toSorted()).toEqual([support.id, orders.id].toSorted());
    const { body } = await send("GET", `/v1/admin/grants/${root.id}`);
    expect(body.tree.map((one: { state: string }) => one.state)).toEqual(["active", "revoked", "revoked"]);
    expect(body.tree[2].reason).toBe("incident");
    expect((await send("DELETE", `/v1/admin/grants/${support.id}`)).body.count).toBe(0);
  });

  it("refuse parameters that are wrong", async () => {
    for (const path of [
      "/v1/admin/grants?limit=0",
      "/v1/admin/grants?limit=1001",
      "/v1/admin/grants?limit=ten",
      "/v1/admin/grants?state=dead",
      "/v1/admin/grants?cursor=1",
      "/v1/admin/grants?subjects=x",
      "/v1/admin/grants?limit=1&limit=2",
      "/v1/admin/grants?state=",
      "/v1/admin/revocations?cursor=-1",
    ]) {
      const answer = await send("GET", path);
      expect(answer, path).toMatchObject({ status: 400, body: { error_code: "invalid_request" } });
    }
  });

  it("of nobody are not found", async () => {
    for (const [method, path] of [
      ["GET", newId()],
      ["DELETE", newId()],
      ["DELETE", "x"],
    ]) {
      expect((await send(method ?? "", `/v1/admin/grants/${path}`)).status).toBe(404);
    }
  });
});

describe("keys", () => {
  it("rotate on request: kept first, published, then signing [AW-D37] [AW-F30]", async () => {
    const before = (await send("GET", "/v1/admin/keys")).body.keys;
    expect(before).toMatchObject([{ state: "active" }]);
    clock.advance(1);
    const next = await send("POST", "/v1/admin/keys/rotate", {});
    expect(next.body).toMatchObject({
      state: "next",
      activates_at: new Date(clock.nowMs() + 75_000).toISOString(),
    });
    expect(files).toHaveLength(2);
    const now = await send("POST", "/v1/admin/keys/rotate", { after_seconds: 0 });
    expect(now.body).toMatchObject({ kid: next.body.kid, state: "active" });
    const after = (await send("GET", "/v1/admin/keys")).body.keys;
    expect(after).toMatchObject([
      { kid: before[0].kid, state: "retired", published_until: expect.any(String) },
      { kid: next.body.kid, state: "active" },
    ]);
    expect(JSON.stringify(after)).not.toContain(files[1]?.d);
  });

  it("refuse a delay that is wrong, and keep nothing", async () => {
    for (const body of [
      { after_seconds: -1 },
      { after_seconds: 86_401 },
      { after: 1 },
      { after_seconds: "1" },
    ]) {
      expect((await send("POST", "/v1/admin/keys/rotate", body)).status, JSON.stringify(body)).toBe(400);
      expect(files).toHaveLength(1);
    }
  });
});

describe("revocations", () => {
  it("are listed with who and why, until no token can be about any more [AW-D41]", async () => {
    const { support, orders } = await planted();
    await send("DELETE", `/v1/admin/grants/${orders.id}?reason=first`);
    await send("DELETE", `/v1/admin/grants/${support.id}?reason=second`);
    const { body } = await send("GET", "/v1/admin/revocations?limit=1");
    expect(body.revocations).toMatchObject([
      { kind: "grant", target: support.id, reason: "second", actor: "support" },
    ]);
    const rest = await send("GET", `/v1/admin/revocations?cursor=${body.next}`);
    expect(rest.body).toMatchObject({ revocations: [{ target: orders.id, reason: "first" }] });
    expect(rest.body.next).toBeUndefined();
    clock.advance(2 * 3_600_000);
    expect((await send("GET", "/v1/admin/revocations")).body.revocations).toEqual([]);
  });
});

describe("status", () => {
  it("says what runs and how much of it, naming nobody", async () => {
    await planted();
    const { body } = await send("GET", "/v1/admin/status");
    expect(body).toMatchObject({
      version: "1.2.3",
      counts: { apps: 0, grants: 3, workers: 0, revocations: 0 },
      keys: [{ state: "active" }],
      feed: { position: 0 },
    });
    expect(JSON.stringify(body)).not.toContain(WHO.alice);
  });
});

describe("agents", () => {
  it("are registered, permitted, given new keys, stopped and ended by operators [AA-D03]", async () => {
    const made = await send("POST", "/v1/admin/agents", {
      agent_name: "WeatherBot",
      owner_email: "owner@example.com",
    });
    expect(made.status).toBe(201);
    const at = `/v1/admin/agents/${made.body.agent_id}`;
    expect((await send("GET", at)).body).toMatchObject({
      agent_name: "WeatherBot",
      confirmed: true,
      permissions: [],
    });
    await send("POST", `${at}/permissions`, { permission: "read_weather" });
    expect((await send("GET", "/v1/admin/agents")).body.agents).toContainEqual(
      expect.objectContaining({
        agent_id: made.body.agent_id,
        permissions: ["read:weather:*"],
        status: "active",
      }),
    );
    const rotated = await send("POST", `${at}/keys/${made.body.key_id}/rotate`, { forced: true });
    expect(rotated.body.api_key).not.toBe(made.body.api_key);
    expect((await send("POST", `${at}/suspend`, {})).body.status).toBe("suspended");
    expect((await send("DELETE", at)).status).toBe(204);
    expect((await send("GET", at)).status).toBe(404);
  });

  it("of nobody, and bodies that are wrong, are refused in the broker's form", async () => {
    expect((await send("GET", `/v1/admin/agents/${newId()}`)).body.error_code).toBe("not_found");
    expect(await send("POST", "/v1/admin/agents", { agent_name: "x" })).toMatchObject({
      status: 400,
      body: { error_code: "invalid_request" },
    });
  });
});

describe("receipts", () => {
  it("of an entry that does not exist are not found", async () => {
    for (const id of [newId(), "x"]) {
      expect((await send("GET", `/v1/admin/audit/receipts/${id}`)).status).toBe(404);
    }
  });
});
