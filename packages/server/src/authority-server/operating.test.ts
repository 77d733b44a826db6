/** The authority's server as those who run it see it: its documentation, its metrics, its registry. */
import { documentedPath } from "@deputize/client";
import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type BrokerClient,
  type RunningAuthority,
  type TestApp,
  brokerClient,
  runAuthority,
} from "./testing/run-authority.ts";

let authority: RunningAuthority;
let client: BrokerClient;
let app: TestApp;
beforeAll(async () => {
  authority = await runAuthority();
  client = brokerClient(authority);
  app = await client.app(["read:data:*"], "operating");
});
afterAll(() => authority?.close());

/** Sums a metric over lines whose labels hold `wanted`. */
async function metric(name: string, wanted = ""): Promise<number> {
  const { text } = await client.send("GET", "/metrics");
  return text
    .split("\n")
    .filter((line) => line.startsWith(`${name} `) || (line.startsWith(`${name}{`) && line.includes(wanted)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

describe("the documentation", () => {
  it("names every route that is served, and none that is not, and is valid OpenAPI 3.1", async () => {
    const { body: document } = await client.send("GET", "/openapi.json");
    const named = Object.entries(document.paths as Record<string, object>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const served = new Set(
      authority.started.routes
        .filter(({ method }) => method !== "ALL")
        .map(({ method, path }) => `${method} ${documentedPath(path)}`),
    );
    expect({
      undocumented: [...served].filter((route) => !named.includes(route)),
      missing: named.filter((route) => !served.has(route)),
    }).toEqual({ undocumented: [], missing: [] });
    const { valid, errors } = await new Validator().validate(document);
    expect(errors ?? []).toEqual([]);
    expect(valid).toBe(true);
  });

  it("is served with a policy that lets nothing in from elsewhere", async () => {
    const { headers, text } = await client.send("GET", "/docs");
    expect(headers.get("content-security-policy")).toContain("connect-src 'self'");
    expect(headers.get("content-security-policy")).not.toContain("unsafe");
    expect(text).toContain("/v1/delegate");
  });
});

describe("metrics", () => {
  it("move with what happens, and name nobody [AW-D27] [AW-F19]", async () => {
    const before = {
      agents: await metric("agentwrit_active_agents"),
      registered: await metric("agentwrit_registrations_total", 'status="success"'),
      signedIn: await metric("agentwrit_admin_auth_total", 'status="success"'),
      launched: await metric("agentwrit_launch_tokens_created_total"),
      validated: await metric("deputize_http_requests_total", 'route="/v1/token/validate"'),
      logged: await metric("agentwrit_audit_events_total", 'event_type="agent_registered"'),
    };
    const secretive = {
      scope: ["read:data:customer-4711"],
      task: "task-of-bob",
      orchestration: "orch-of-bob",
    };
    const worker = await client.worker(app, secretive);
    const gone = await client.worker(app, secretive);
    await client.send("POST", "/v1/token/validate", { body: { token: worker.token } });
    await client.send("POST", "/v1/token/validate", { body: { token: "no.token.here" } });
    await client.send("POST", "/v1/token/validate", { body: {} });
    await client.send("POST", "/v1/admin/auth", { body: { secret: "x".repeat(40) } });
    await client.send("POST", "/v1/token/release", { token: gone.token });
    const admin = await client.adminToken();
    await client.send("POST", "/v1/revoke", { token: admin, body: { level: "task", target: "none-such" } });
    // The database is read once a second at most.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await metric("agentwrit_active_agents")).toBe(before.agents + 1);
    expect(await metric("agentwrit_registrations_total", 'status="success"')).toBe(before.registered + 2);
    expect(await metric("agentwrit_admin_auth_total", 'status="success"')).toBe(before.signedIn + 1);
    expect(await metric("agentwrit_admin_auth_total", 'status="failure"')).toBeGreaterThan(0);
    expect(await metric("agentwrit_launch_tokens_created_total")).toBe(before.launched + 2);
    expect(await metric("deputize_http_requests_total", 'route="/v1/token/validate"')).toBe(
      before.validated + 3,
    );
    expect(await metric("agentwrit_audit_events_total", 'event_type="agent_registered"')).toBe(
      before.logged + 2,
    );
    expect(await metric("agentwrit_tokens_revoked_total", 'level="release"')).toBeGreaterThan(0);
    expect(await metric("agentwrit_tokens_issued_total", 'kind="agent"')).toBeGreaterThan(1);
    expect(await metric("agentwrit_audit_write_duration_seconds_count")).toBeGreaterThan(0);
    expect(await metric("agentwrit_audit_events_loaded")).toBeGreaterThan(0);
    expect(await metric("deputize_refusals_total", 'code="invalid_credentials"')).toBeGreaterThan(0);
    expect(await metric("deputize_refusals_total", 'code="invalid_request"')).toBeGreaterThan(0);
    expect(await metric("deputize_feed_position")).toBeGreaterThan(0);
    expect(await metric("deputize_database_up")).toBe(1);
    if (authority.store.kind === "postgres")
      expect(await metric("deputize_db_connections")).toBeGreaterThan(0);
    const { text } = await client.send("GET", "/v1/metrics");
    // Without the values, whose digits may be any.
    const named = text.replaceAll(/ \S+$/gm, "");
    expect(named).toContain('route="/v1/token/validate"');
    expect(named).not.toMatch(/4711|bob|spiffe|127\.0\.0\.1|app-operating/);
  });

  it("are this machine's, or an operator's through a proxy [AW-D27]", async () => {
    const headers = { "X-Forwarded-For": "203.0.113.9" };
    expect((await client.send("GET", "/v1/metrics", { headers })).status).toBe(401);
    const { token } = await client.worker(app, { scope: ["read:data:1"] });
    expect((await client.send("GET", "/v1/metrics", { headers, token })).status).toBe(403);
    const operator = await client.adminToken();
    expect((await client.send("GET", "/v1/metrics", { headers, token: operator })).status).toBe(200);
  });
});

describe("the registry", () => {
  it("answers living workers of one's own app over HTTP, and takes heartbeats [AW-F33]", async () => {
    const asker = await client.worker(app, { scope: ["read:data:1"], task: "asks" });
    const found = await client.worker(app, { scope: ["read:data:1"], task: "found" });
    const path = `/v1/agents/${encodeURIComponent(found.agentId)}`;
    const one = await client.send("GET", path, { token: asker.token });
    expect(one).toMatchObject({
      status: 200,
      body: { agent_id: found.agentId, app_id: app.appId, task_id: "found" },
    });
    const many = await client.send("GET", "/v1/agents?task_id=found", { token: asker.token });
    expect(many.body).toEqual({ agents: [one.body] });
    const stranger = await client.worker(await client.app(["read:data:*"], "stranger"), {
      scope: ["read:data:1"],
    });
    expect((await client.send("GET", path, { token: stranger.token })).status).toBe(404);
    expect((await client.send("GET", path)).status).toBe(401);
    const refused = await client.send("GET", "/v1/agents?limit=0", { token: asker.token });
    expect(refused).toMatchObject({ status: 400, body: { error_code: "invalid_request" } });
    const beat = await client.send("POST", "/v1/agents/heartbeat", { token: found.token });
    expect(beat).toMatchObject({ status: 200, body: { every_seconds: 30, misses: 3 } });
    expect((await client.send("GET", path, { token: asker.token })).body.last_heartbeat).toMatch(/Z$/);
  });
});
