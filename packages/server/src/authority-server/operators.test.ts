/** Operators with some of the scopes, over HTTP, as the protocol's programs sign in. */
import { randomHex } from "@deputize/core";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  type BrokerClient,
  type RunningAuthority,
  brokerClient,
  runAuthority,
} from "./testing/run-authority.ts";

let authority: RunningAuthority;
let client: BrokerClient;
let root: string;
beforeAll(async () => {
  authority = await runAuthority({ env: { DEPUTIZE_TRUSTED_PROXIES: "127.0.0.1,::1" } });
  client = brokerClient(authority);
  root = await client.adminToken();
});
afterAll(() => authority?.close());

const PATH = "/v1/admin/operators";
const add = (token: string, name: string, scopes: readonly string[]) =>
  client.send("POST", PATH, { token, body: { name, scopes } });
let sources = 0;
/** From a source of its own each time: what is tried here is not the limit. */
async function signIn(secret: string): Promise<string | undefined> {
  const headers = { "x-forwarded-for": `198.51.100.${(sources += 1)}` };
  const { status, body } = await client.send("POST", "/v1/admin/auth", { body: { secret }, headers });
  expect([200, 401]).toContain(status);
  return body.access_token;
}
/** A new operator, signed in. */
async function operator(name: string, scopes: readonly string[], by = root) {
  const { status, body } = await add(by, name, scopes);
  expect(status).toBe(201);
  const token = (await signIn(body.secret)) ?? "";
  return { secret: body.secret as string, token, body };
}

it("an operator holds the scopes that it was given, and signs in by the protocol's own body [AW-D42] [AW-F02]", async () => {
  const { token, body } = await operator("auditor", ["admin:audit:*"]);
  expect(body).toEqual({
    name: "auditor",
    id: expect.any(String),
    scopes: ["admin:audit:*"],
    status: "active",
    created_at: expect.stringMatching(/Z$/),
    secret: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect((await client.send("GET", "/v1/audit/events?limit=1", { token })).status).toBe(200);
  for (const [method, path] of [
    ["GET", "/v1/admin/apps"],
    ["GET", PATH],
    ["GET", "/v1/admin/keys"],
    ["POST", "/v1/revoke"],
    ["POST", "/v1/admin/launch-tokens"],
  ] as const) {
    const refused = await client.send(method, path, { token, ...(method === "POST" && { body: {} }) });
    expect(refused, path).toMatchObject({ status: 403, body: { error_code: "insufficient_scope" } });
  }
  expect((await client.send("POST", "/v1/token/renew", { token })).status).toBe(403);
});

it("gives no more than it holds, and touches nobody who holds more [AW-D42] [AW-F02]", async () => {
  const { token } = await operator("manager", ["admin:operators:*", "admin:apps:*"]);
  await operator("revoker", ["admin:revoke:*"]);
  for (const scopes of [["admin:revoke:*"], ["admin:apps:*", "admin:audit:*"]]) {
    expect((await add(token, "too-much", scopes)).body).toMatchObject({
      status: 403,
      error_code: "forbidden",
    });
  }
  for (const scopes of [["read:data:*"], ["admin:*:*"], ["admin:none:*"], ["app:launch-tokens:*"], []]) {
    expect((await add(root, "odd", scopes)).status, scopes.join()).toBe(400);
  }
  const victim = `${PATH}/revoker`;
  expect((await client.send("POST", `${victim}/secret`, { token, body: {} })).status).toBe(403);
  expect((await client.send("DELETE", victim, { token })).status).toBe(403);
  const child = await operator("helper", ["admin:apps:*"], token);
  expect((await client.send("GET", "/v1/admin/apps", { token: child.token })).status).toBe(200);
  expect((await client.send("DELETE", `${PATH}/helper`, { token })).status).toBe(200);
  expect((await add(root, "manager", ["admin:audit:*"])).status).toBe(409);
  expect((await client.send("DELETE", `${PATH}/nobody`, { token: root })).status).toBe(404);
});

it("ends with its tokens when it is removed, and its name is not used again [AW-D42]", async () => {
  const { token, secret } = await operator("leaver", ["admin:audit:*"]);
  const gone = await client.send("DELETE", `${PATH}/leaver`, { token: root });
  expect(gone).toMatchObject({ status: 200, body: { status: "inactive" } });
  expect((await client.send("GET", "/v1/audit/events", { token })).status).toBe(401);
  expect(await signIn(secret)).toBeUndefined();
  expect((await add(root, "leaver", ["admin:audit:*"])).status).toBe(409);
  const { body } = await client.send("GET", PATH, { token: root });
  expect(body.operators).toContainEqual(expect.objectContaining({ name: "leaver", status: "inactive" }));
  expect(JSON.stringify(body)).not.toContain(secret);
});

it("changes its secret with overlap, or at once with all its tokens [AW-F30]", async () => {
  const first = await operator("rotating", ["admin:audit:*"]);
  const rotate = (overlap_seconds: number) =>
    client.send("POST", `${PATH}/rotating/secret`, { token: root, body: { overlap_seconds } });
  const second = (await rotate(3_600)).body.secret;
  expect(await signIn(first.secret)).toBeDefined();
  expect(await signIn(second)).toBeDefined();
  const third = (await rotate(0)).body.secret;
  expect([await signIn(first.secret), await signIn(second)]).toEqual([undefined, undefined]);
  expect((await client.send("GET", "/v1/audit/events", { token: first.token })).status).toBe(401);
  expect(await signIn(third)).toBeDefined();
});

it("stands in the log with its name, and its secret nowhere but as a hash [AW-D23]", async () => {
  const { token, secret } = await operator("registrar", ["admin:apps:*"]);
  const made = await client.send("POST", "/v1/admin/apps", {
    token,
    body: { name: "by-registrar", scopes: ["read:data:*"] },
  });
  expect(made.status).toBe(201);
  const events = await client.send("GET", "/v1/audit/events?order=newest&limit=100", { token: root });
  const of = (type: string) =>
    events.body.events.find((one: { event_type: string }) => one.event_type === type);
  expect(of("app_registered")).toMatchObject({ agent_id: "admin:registrar" });
  expect(of("operator_added")).toMatchObject({ agent_id: "admin", resource: "operator:registrar" });
  expect(of("admin_auth")).toMatchObject({ agent_id: "admin:registrar" });
  expect(events.text).not.toContain(secret);
  const { rows } = await authority.store.ownerQuery<{ row: string }>(
    "SELECT s::text AS row FROM authority.operator_secrets s",
  );
  expect(rows.length).toBeGreaterThan(0);
  expect(rows.map(({ row }) => row).join()).not.toContain(secret);
});

it("asks the database the same for a right secret of the installation, a scoped one and a wrong one [AW-D16]", async () => {
  const { secret } = await operator("equal", ["admin:audit:*"]);
  const pool = authority.store.pool("authority");
  const lookups: number[] = [];
  const { query } = pool;
  try {
    for (const each of [authority.adminSecret, secret, randomHex(32)]) {
      let n = 0;
      pool.query = ((...args: unknown[]) => {
        if (String(args[0]).includes("authority.operator_secrets")) n += 1;
        return Reflect.apply(query, pool, args);
      }) as typeof query;
      await signIn(each);
      lookups.push(n);
    }
  } finally {
    pool.query = query;
  }
  expect(lookups).toEqual([1, 1, 1]);
});
