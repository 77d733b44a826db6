import { problemHandler, requestContext } from "@deputize/client";
import {
  AGENT_NAMES,
  DeputizeError,
  MODEL_NAMES,
  TOOL_NAMES,
  installTelemetry,
  telemetry,
} from "@deputize/core";
import { Hono, type MiddlewareHandler } from "hono";
import { afterEach, describe, expect, it } from "vitest";
import { createLogger } from "./logger.ts";
import { type MetricSources, type Metrics, createMetrics } from "./metrics.ts";
import { metricsRoutes } from "./metrics-routes.ts";
import { observe } from "./observe.ts";

let metrics: Metrics | undefined;
afterEach(() => metrics?.close());

function start(sources?: MetricSources): Metrics {
  metrics = createMetrics(sources);
  return metrics;
}

/** Lines of a page by name and labels. */
async function page(of: Metrics): Promise<Map<string, number>> {
  const lines = (await of.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => [
      line.slice(0, line.lastIndexOf(" ")),
      Number(line.slice(line.lastIndexOf(" ") + 1)),
    ]),
  );
}

/** A small server: observed, with a route that refuses, one that breaks, and one behind middleware. */
function server(of: Metrics, lines: string[] = []): Hono {
  const app = new Hono();
  problemHandler(app);
  app.use(observe({ metrics: of, logger: createLogger("info", { write: (line) => void lines.push(line) }) }));
  app.use(requestContext({ allowedHosts: ["localhost"] }));
  const inner = new Hono();
  problemHandler(inner);
  inner.get("/v1/admin/apps/:id{[a-z-]+}", (c) => c.json({ id: c.req.param("id") }));
  inner.use("/closed/*", async () => {
    throw new DeputizeError("unauthenticated", "sign in first");
  });
  inner.get("/closed/:id", (c) => c.text("never"));
  inner.post("/v1/admin/auth", async (c) => {
    if ((await c.req.text()) !== "right") throw new DeputizeError("invalid_credentials", "no");
    return c.json({});
  });
  inner.get("/broken", () => {
    throw new Error("bob@example.com broke it");
  });
  return app.route("/", inner);
}

describe("observe", () => {
  it("counts by route template, method and class of status, and times each", async () => {
    const of = start();
    const app = server(of);
    await app.request("/v1/admin/apps/app-secret-customer?x=bob@example.com");
    await app.request("/v1/admin/apps/app-other");
    await app.request("/broken");
    await app.request("/nowhere/bob@example.com");
    await app.request("/closed/customer-42");
    await app.request("/v1/admin/apps/app-a", { method: "BREW" });
    const seen = await page(of);
    const count = (route: string, status: string, method = "GET") =>
      seen.get(`deputize_http_requests_total{route="${route}",method="${method}",status="${status}"}`);
    expect(count("/v1/admin/apps/{id}", "2xx")).toBe(2);
    expect(count("/broken", "5xx")).toBe(1);
    expect(count("/closed/{id}", "4xx")).toBe(1);
    expect(count("unknown", "4xx")).toBe(1);
    expect(count("unknown", "4xx", "other")).toBe(1);
    expect(seen.get(`deputize_http_request_duration_seconds_count{route="/broken",method="GET"}`)).toBe(1);
    expect(seen.get(`agentwrit_request_duration_seconds_count{endpoint="/v1/admin/apps/{id}"}`)).toBe(2);
  });

  it("counts refusals by reason", async () => {
    const of = start();
    const app = server(of);
    await app.request("/closed/1");
    await app.request("/broken");
    const seen = await page(of);
    expect(seen.get(`deputize_refusals_total{code="unauthenticated"}`)).toBe(1);
    expect(seen.get(`deputize_refusals_total{code="internal"}`)).toBe(1);
  });

  it("writes one line a request, of template, status, time and ids alone", async () => {
    const lines: string[] = [];
    await server(start(), lines).request("/v1/admin/apps/app-customer?who=bob@example.com", {
      headers: { authorization: "Bearer abcdefghijklmnop" },
    });
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] as string)).toMatchObject({
      msg: "request",
      method: "GET",
      route: "/v1/admin/apps/{id}",
      status: 200,
      ms: expect.any(Number),
      request_id: expect.any(String),
    });
    expect(lines[0]).not.toMatch(/app-customer|bob@|abcdefgh/);
  });
});

describe("metrics", () => {
  it("hold no scope, id or address whatever rooms say, and every counter moves [AW-D27]", async () => {
    const of = start();
    const hostile = "read:customers:42 bob@example.com";
    telemetry.count("tokens_issued", { kind: "agent" });
    telemetry.count("tokens_issued", { kind: hostile });
    telemetry.count("tokens_revoked", { level: "task" }, 3);
    telemetry.count("registrations", { status: "success" });
    telemetry.count("registrations", { status: "failure" });
    telemetry.count("launch_tokens_created", {});
    telemetry.count("clock_skew", {});
    telemetry.count("validations", { outcome: "valid" });
    telemetry.count("exchanges", { outcome: "success" });
    telemetry.count("audit_events", { event_type: "token_issued" });
    telemetry.count("audit_events", { event_type: hostile });
    telemetry.count("db_errors", { operation: "transaction" });
    telemetry.count("mcp_calls", { kind: "tool", outcome: "refused" });
    telemetry.count("mcp_calls", { kind: "tool", outcome: hostile });
    telemetry.count("mcp_cache", { result: "hit" });
    telemetry.count("mcp_circuits_opened", {});
    telemetry.observe("mcp_call", 0.004, { kind: "tool" });
    telemetry.observe("audit_write", 0.004, {});
    telemetry.observe("audit_record", 0.004, {});
    const app = server(of);
    await app.request("/v1/admin/auth", { method: "POST", body: "right" });
    await app.request("/v1/admin/auth", { method: "POST", body: "wrong" });
    const text = await of.text();
    expect(text).not.toMatch(/customers|bob@|spiffe/);
    const seen = await page(of);
    expect(
      Object.fromEntries([...seen].filter(([name]) => /^(?:agentwrit|deputize)_[a-z_]+_total/.test(name))),
    ).toMatchObject({
      'agentwrit_tokens_issued_total{kind="agent"}': 1,
      'agentwrit_tokens_issued_total{kind="other"}': 1,
      'agentwrit_tokens_revoked_total{level="task"}': 3,
      'agentwrit_registrations_total{status="success"}': 1,
      'agentwrit_registrations_total{status="failure"}': 1,
      agentwrit_launch_tokens_created_total: 1,
      agentwrit_clock_skew_total: 1,
      'agentwrit_admin_auth_total{status="success"}': 1,
      'agentwrit_admin_auth_total{status="failure"}': 1,
      'agentwrit_audit_events_total{event_type="token_issued"}': 1,
      'agentwrit_audit_events_total{event_type="other"}': 1,
      'agentwrit_db_errors_total{operation="transaction"}': 1,
      'deputize_mcp_calls_total{kind="tool",outcome="refused"}': 1,
      'deputize_mcp_calls_total{kind="tool",outcome="other"}': 1,
      'deputize_mcp_cache_total{result="hit"}': 1,
      deputize_mcp_circuits_opened_total: 1,
      'deputize_validations_total{outcome="valid"}': 1,
      'deputize_exchanges_total{outcome="success"}': 1,
    });
    expect(seen.get("agentwrit_audit_write_duration_seconds_sum")).toBeCloseTo(0.004);
    expect(seen.get("deputize_audit_record_duration_seconds_count")).toBe(1);
    expect(seen.get('deputize_mcp_call_duration_seconds_count{kind="tool"}')).toBe(1);
    expect(seen.has("deputize_nodejs_eventloop_lag_seconds")).toBe(true);
  });

  it("show what agents do, under names that were configured, and any other name as one [PR-F47] [AW-D27]", async () => {
    const of = start();
    AGENT_NAMES.add("front");
    MODEL_NAMES.add("openai:gpt-5-mini");
    TOOL_NAMES.add("find_orders");
    const at = { agent: "front", model: "openai:gpt-5-mini" };
    telemetry.count("agent_turns", { agent: "front", status: "done" });
    telemetry.count("agent_turns", { agent: "bob@example.com", status: "0190aaaa" });
    telemetry.count("agent_model_calls", { ...at, outcome: "answered" });
    telemetry.count("agent_tokens", { ...at, direction: "input" }, 120);
    telemetry.count("agent_cost_usd", at, 0.0012);
    telemetry.count("agent_tool_calls", { agent: "front", tool: "find_orders", status: "done" });
    telemetry.count("agent_tool_calls", { agent: "front", tool: "find_bob", status: "done" });
    telemetry.count("agent_cache", { agent: "front", result: "hit" });
    telemetry.count("agent_guards", { agent: "front", direction: "input", action: "blocked" });
    telemetry.count("agent_layer_failures", { agent: "front", layer: "memory" });
    telemetry.count("agent_events_lost", { transporter: "webhook", reason: "full" }, 2);
    telemetry.observe("agent_turn", 42, { agent: "front" });
    telemetry.observe("agent_model_call", 12, at);
    telemetry.observe("agent_tool_call", 0.2, { agent: "front", tool: "find_orders" });
    const text = await of.text();
    expect(text).not.toMatch(/bob|0190aaaa/);
    const seen = await page(of);
    expect(Object.fromEntries([...seen].filter(([name]) => /^deputize_agent_\w+_total/.test(name)))).toEqual({
      'deputize_agent_turns_total{agent="front",status="done"}': 1,
      'deputize_agent_turns_total{agent="other",status="other"}': 1,
      'deputize_agent_model_calls_total{agent="front",model="openai:gpt-5-mini",outcome="answered"}': 1,
      'deputize_agent_tokens_total{agent="front",model="openai:gpt-5-mini",direction="input"}': 120,
      'deputize_agent_cost_usd_total{agent="front",model="openai:gpt-5-mini"}': 0.0012,
      'deputize_agent_tool_calls_total{agent="front",tool="find_orders",status="done"}': 1,
      'deputize_agent_tool_calls_total{agent="front",tool="other",status="done"}': 1,
      'deputize_agent_cache_total{agent="front",result="hit"}': 1,
      'deputize_agent_guards_total{agent="front",direction="input",action="blocked"}': 1,
      'deputize_agent_layer_failures_total{agent="front",layer="memory"}': 1,
      'deputize_agent_events_lost_total{transporter="webhook",reason="full"}': 2,
    });
    // A turn may take longer than any request of the protocol: its buckets go on.
    expect(seen.get('deputize_agent_turn_duration_seconds_bucket{le="80",agent="front"}')).toBe(1);
    expect(
      seen.get(
        'deputize_agent_model_call_duration_seconds_bucket{le="10",agent="front",model="openai:gpt-5-mini"}',
      ),
    ).toBe(0);
    expect(
      seen.get('deputize_agent_tool_call_duration_seconds_count{agent="front",tool="find_orders"}'),
    ).toBe(1);
  });

  it("reads the database at a scrape, once a second at most, and answers while it does not", async () => {
    let asked = 0;
    const of = start({
      auditCounts: async () => ({ entries: 7, pending: 2 }),
      activeWorkers: async () => {
        asked += 1;
        if (asked > 1) throw new Error("away");
        return 3;
      },
      feed: async () => ({ position: 9, ageMs: 250 }),
      pools: () => [{ role: "authority", total: 5, idle: 2, waiting: 1 }],
    });
    const [first] = await Promise.all([page(of), page(of)]);
    await page(of);
    expect(asked).toBe(1);
    expect(first.get("agentwrit_active_agents")).toBe(3);
    expect(first.get("agentwrit_audit_events_loaded")).toBe(7);
    expect(first.get("deputize_audit_pending")).toBe(2);
    expect(first.get("deputize_feed_position")).toBe(9);
    expect(first.get("deputize_feed_age_seconds")).toBe(0.25);
    expect(first.get('deputize_db_connections{role="authority",state="in_use"}')).toBe(3);
    expect(first.get("deputize_database_up")).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    const later = await page(of);
    expect(later.get("deputize_database_up")).toBe(0);
    expect(later.get("agentwrit_active_agents")).toBe(3);
  });

  it("stop with their server, and leave other listeners alone", () => {
    const seen: string[] = [];
    const stop = installTelemetry({ count: (name) => seen.push(name) });
    createMetrics().close();
    telemetry.count("clock_skew", {});
    stop();
    expect(seen).toEqual(["clock_skew"]);
  });
});

describe("/metrics", () => {
  function routes(address: string, guarded = true): Hono {
    const app = new Hono();
    problemHandler(app);
    const guard: MiddlewareHandler = async (c, next) => {
      const token = c.req.header("authorization");
      if (token === undefined) throw new DeputizeError("unauthenticated", "send a token");
      if (token === "Bearer worker") throw new DeputizeError("insufficient_scope", "no");
      if (token !== "Bearer operator") throw new DeputizeError("invalid_token", "no");
      await next();
    };
    metrics?.close();
    const options = { metrics: start(), addressOf: () => address };
    return app.route("/", metricsRoutes(guarded ? { ...options, guard } : options));
  }
  const status = async (app: Hono, headers: Record<string, string> = {}, path = "/metrics") =>
    (await app.request(path, { headers })).status;

  it("is open to this machine, and to others with the scope only [AW-D27] [AW-F19]", async () => {
    for (const path of ["/metrics", "/v1/metrics"]) {
      expect(await status(routes("127.0.0.1"), {}, path)).toBe(200);
      expect(await status(routes("::ffff:127.0.0.1"), {}, path)).toBe(200);
      const far = routes("10.0.0.9");
      expect(await status(far, {}, path)).toBe(401);
      expect(await status(far, { authorization: "Bearer worker" }, path)).toBe(403);
      expect(await status(far, { authorization: "Bearer forged" }, path)).toBe(401);
      expect(await status(far, { authorization: "Bearer operator" }, path)).toBe(200);
    }
  });

  it("is not opened by a proxy on this machine, nor by an address that only begins like ours", async () => {
    expect(await status(routes("127.0.0.1"), { "x-forwarded-for": "127.0.0.1" })).toBe(401);
    expect(await status(routes("127.0.0.1"), { forwarded: "for=1.2.3.4" })).toBe(401);
    expect(await status(routes("127.0.0.1.example.com"))).toBe(401);
    expect(await status(routes(""))).toBe(401);
  });

  it("is this machine's alone where no token can open it", async () => {
    expect(await status(routes("127.0.0.1", false))).toBe(200);
    expect(await status(routes("127.0.0.1", false), { authorization: "Bearer operator" })).toBe(401);
    expect(await status(routes("10.0.0.9", false), { authorization: "Bearer operator" })).toBe(401);
  });
});
