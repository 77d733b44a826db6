import { problemHandler } from "@deputize/client";
import { DeputizeError, isDeputizeError, telemetry } from "@deputize/core";
import { Hono } from "hono";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Collector, type SentSpan, facts, startCollector } from "./collector.fixture.ts";
import { observe } from "./observe.ts";
import { type Traces, startTraces } from "./traces.ts";

let collector: Collector;
let endpoint: string;
let traces: Traces | undefined;

beforeAll(async () => {
  collector = await startCollector();
  endpoint = collector.endpoint;
});
afterEach(async () => {
  await traces?.close();
  traces = undefined;
  collector.received.length = 0;
});
afterAll(() => collector.close());

async function start(env: Record<string, string> = {}): Promise<Traces> {
  traces = await startTraces({
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...env },
    service: "deputize-test",
    version: "1",
  });
  if (!traces) throw new Error("tracing did not start");
  return traces;
}
const spans = (): SentSpan[] => collector.spans();

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";

function server(): Hono {
  const app = new Hono();
  problemHandler(app);
  app.use(observe({}));
  app.get("/people/:id", async (c) => {
    await telemetry.span("broker.renew", {}, async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      await telemetry.span("audit.append", { entries: 2 }, async () => {});
    });
    return c.text(telemetry.traceparent() ?? "none");
  });
  app.get("/closed", () => {
    throw new DeputizeError("forbidden", "not for bob@example.com");
  });
  return app;
}

describe("startTraces", () => {
  it("does nothing without an endpoint, and refuses one that is no URL", async () => {
    await expect(startTraces({ env: {}, service: "s", version: "1" })).resolves.toBeUndefined();
    for (const env of [
      { OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" },
      { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_SAMPLER_ARG: "2" },
    ])
      await expect(startTraces({ env, service: "s", version: "1" })).rejects.toSatisfy((error) =>
        isDeputizeError(error, "config_invalid"),
      );
  });

  it("sends each request with what happened below it, in the asker's trace [AW-F19]", async () => {
    const started = await start();
    const answer = await server().request("/people/bob@example.com?token=secret", {
      headers: { traceparent: `00-${TRACE}-${PARENT}-01` },
    });
    const handedOn = await answer.text();
    await started.flush();

    expect(collector.received[0]?.path).toBe("/v1/traces");
    expect(facts(collector.received[0]?.body.resourceSpans[0]?.resource as never)).toMatchObject({
      "service.name": "deputize-test",
    });
    const [request, renew, append] = ["http.request", "broker.renew", "audit.append"].map((name) =>
      spans().find((span) => span.name === name),
    );
    expect(request).toMatchObject({ traceId: TRACE, parentSpanId: PARENT });
    expect(renew).toMatchObject({ traceId: TRACE, parentSpanId: request?.spanId });
    expect(append).toMatchObject({ traceId: TRACE, parentSpanId: renew?.spanId });
    expect(handedOn).toBe(`00-${TRACE}-${request?.spanId}-01`);
    expect(facts(request)).toEqual({
      "http.request.method": "GET",
      "http.route": "/people/{id}",
      "http.response.status_code": 200,
    });
    expect(JSON.stringify(collector.received)).not.toMatch(/bob@|secret/);
  });

  it("tells a refusal by its code alone", async () => {
    const started = await start();
    await server().request("/closed");
    await expect(
      telemetry.span("broker.revoke", {}, () => Promise.reject(new Error("row of bob@example.com"))),
    ).rejects.toThrow("row of");
    await started.flush();
    expect(facts(spans().find(({ name }) => name === "http.request"))).toMatchObject({
      "error.type": "forbidden",
      "http.response.status_code": 403,
    });
    const revoke = spans().find(({ name }) => name === "broker.revoke");
    expect(revoke?.status?.code).toBe(2);
    expect(facts(revoke)).toEqual({ "error.type": "internal" });
    expect(JSON.stringify(collector.received)).not.toContain("bob@");
  });

  it("keeps the asker's wish not to be sampled, and starts anew on a header that is out of order", async () => {
    const started = await start();
    const app = server();
    const unsampled = await app.request("/people/1", {
      headers: { traceparent: `00-${TRACE}-${PARENT}-00` },
    });
    expect(await unsampled.text()).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`));
    const forged = await app.request("/people/1", {
      headers: { traceparent: `00-${"0".repeat(32)}-${PARENT}-01` },
    });
    expect(await forged.text()).not.toContain("0".repeat(32));
    await started.flush();
    expect(spans().map(({ traceId }) => traceId)).not.toContain(TRACE);
    expect(spans().filter(({ name }) => name === "http.request")).toHaveLength(1);
  });

  it("tells a failure that was caught by its code, and which side of a call a span is", async () => {
    const started = await start();
    telemetry.span("chat m", { "gen_ai.operation.name": "chat" }, () => telemetry.fail("timeout"));
    telemetry.span("db.transaction", { "db.system.name": "postgresql" }, () => {});
    telemetry.span("execute_tool t", { "gen_ai.operation.name": "execute_tool" }, () => {});
    await server().request("/people/1");
    await started.flush();
    const byName = new Map(spans().map((span) => [span.name, span]));
    expect(byName.get("chat m")?.status?.code).toBe(2);
    expect(facts(byName.get("chat m"))).toMatchObject({ "error.type": "timeout" });
    // 1 internal, 2 server, 3 client.
    const kinds = ["http.request", "chat m", "db.transaction", "execute_tool t"].map(
      (name) => byName.get(name)?.kind,
    );
    expect(kinds).toEqual([2, 3, 3, 1]);
  });

  it("keeps neither request nor end waiting for a collector that is away", async () => {
    const started = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" });
    expect((await server().request("/people/1")).status).toBe(200);
    const began = performance.now();
    await started.close();
    expect(performance.now() - began).toBeLessThan(4_000);
  });
});
