import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { problemHandler } from "@deputize/client";
import { DeputizeError, isDeputizeError, telemetry } from "@deputize/core";
import { Hono } from "hono";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { observe } from "./observe.ts";
import { type Traces, startTraces } from "./traces.ts";

interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
  readonly status?: { readonly code?: number };
}
interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: SentSpan["attributes"] };
    readonly scopeSpans: readonly { readonly spans: readonly SentSpan[] }[];
  }[];
}

/** An OTLP/HTTP collector as far as traces go. */
const received: { path: string; body: Export }[] = [];
const collector = createServer((request, response) => {
  let text = "";
  request.on("data", (part) => (text += part));
  request.on("end", () => {
    received.push({ path: request.url ?? "", body: JSON.parse(text) as Export });
    response.setHeader("Content-Type", "application/json").end("{}");
  });
});
let endpoint: string;
let traces: Traces | undefined;

beforeAll(async () => {
  await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await traces?.close();
  traces = undefined;
  received.length = 0;
});
afterAll(() => {
  collector.closeAllConnections();
  collector.close();
});

async function start(env: Record<string, string> = {}): Promise<Traces> {
  traces = await startTraces({
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...env },
    service: "deputize-test",
    version: "1",
  });
  if (!traces) throw new Error("tracing did not start");
  return traces;
}
const spans = (): SentSpan[] =>
  received.flatMap(({ body }) =>
    body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((s) => s.spans)),
  );
const facts = (span: SentSpan | undefined): Record<string, unknown> =>
  Object.fromEntries((span?.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]]));

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

    expect(received[0]?.path).toBe("/v1/traces");
    expect(facts(received[0]?.body.resourceSpans[0]?.resource as never)).toMatchObject({
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
    expect(JSON.stringify(received)).not.toMatch(/bob@|secret/);
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
    expect(JSON.stringify(received)).not.toContain("bob@");
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

  it("keeps neither request nor end waiting for a collector that is away", async () => {
    const started = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" });
    expect((await server().request("/people/1")).status).toBe(200);
    const began = performance.now();
    await started.close();
    expect(performance.now() - began).toBeLessThan(4_000);
  });
});
