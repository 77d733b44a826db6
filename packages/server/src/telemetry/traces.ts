/**
 * Traces: what rooms call spans becomes OpenTelemetry's, and leaves by OTLP over HTTP when `OTEL_EXPORTER_OTLP_ENDPOINT` (or
 * `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`) is set. Nothing is loaded, and nothing costs, without it.
 *
 * Guarantees: the trace of whoever asked goes on (`traceparent` in) and is handed on (`traceparent` out, W3C Trace Context);
 * attributes are those that rooms give: codes, templates, counts; a collector that is away costs no request anything.
 * The asker's decision to sample is kept; `OTEL_TRACES_SAMPLER_ARG` (0 to 1, all unless told) decides for new traces.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { DeputizeError, type SpanAttributes, installTelemetry, isDeputizeError } from "@deputize/core";
import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  context,
  trace,
} from "@opentelemetry/api";

export interface TraceOptions {
  /** Only `OTEL_…` variables are read. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `service.name`, unless `OTEL_SERVICE_NAME` says otherwise. */
  readonly service: string;
  readonly version: string;
}

export interface Traces {
  /** Sends what is waiting. */
  flush(): Promise<void>;
  /** Sends what is waiting, and stops. */
  close(): Promise<void>;
}

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
/** How long the last spans may take to leave. */
const CLOSE_MS = 2_000;
const NOTHING = /^0+$/;

/** Starts tracing when an endpoint is set; undefined otherwise. Throws `config_invalid`. */
export async function startTraces(options: TraceOptions): Promise<Traces | undefined> {
  const { env } = options;
  const url = endpointOf(env);
  if (url === undefined) return undefined;
  const ratio = ratioOf(env["OTEL_TRACES_SAMPLER_ARG"]);
  const [{ AsyncLocalStorageContextManager }, { OTLPTraceExporter }, { resourceFromAttributes }, sdk] =
    await Promise.all([
      import("@opentelemetry/context-async-hooks"),
      import("@opentelemetry/exporter-trace-otlp-http"),
      import("@opentelemetry/resources"),
      import("@opentelemetry/sdk-trace"),
    ]);
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({
      "service.name": env["OTEL_SERVICE_NAME"] ?? options.service,
      "service.version": options.version,
    }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(ratio) }),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url }) })],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const stop = installTelemetry(sinkOf(provider.getTracer("deputize", options.version)));
  let closing: Promise<void> | undefined;

  async function end(): Promise<void> {
    stop();
    // A collector that is away does not keep a server from going down: the exporter would try again for long.
    const patience = new AbortController();
    const sent = provider.shutdown().catch(() => {});
    await Promise.race([sent, sleep(CLOSE_MS, undefined, { signal: patience.signal }).catch(() => {})]);
    patience.abort();
    context.disable();
  }
  return { flush: () => provider.forceFlush(), close: () => (closing ??= end()) };
}

function sinkOf(tracer: Tracer) {
  return {
    span<T>(name: string, attributes: SpanAttributes, work: () => T, from?: string): T {
      const parent = from === undefined ? context.active() : (contextOf(from) ?? ROOT_CONTEXT);
      const span = tracer.startSpan(name, { attributes, kind: kindOf(attributes) }, parent);
      return context.with(trace.setSpan(parent, span), () => ending(span, work));
    },
    annotate(attributes: SpanAttributes): void {
      trace.getActiveSpan()?.setAttributes(attributes);
    },
    fail(code: string): void {
      const span = trace.getActiveSpan();
      span?.setAttribute("error.type", code);
      span?.setStatus({ code: SpanStatusCode.ERROR });
    },
    traceparent(): string | undefined {
      const at = trace.getActiveSpan()?.spanContext();
      return at && `00-${at.traceId}-${at.spanId}-${at.traceFlags.toString(16).padStart(2, "0")}`;
    },
  };
}

/** Which side of a call the span is, as the semantic conventions say: models and databases are called, requests are answered. */
function kindOf(attributes: SpanAttributes): SpanKind {
  if ("http.request.method" in attributes) return SpanKind.SERVER;
  const calls = attributes["gen_ai.operation.name"] === "chat" || "db.system.name" in attributes;
  return calls ? SpanKind.CLIENT : SpanKind.INTERNAL;
}

/** Runs the work and ends the span with it, at once or when its promise settles. */
function ending<T>(span: Span, work: () => T): T {
  try {
    const result = work();
    if (!(result instanceof Promise)) {
      span.end();
      return result;
    }
    return result.then(
      (value: unknown) => {
        span.end();
        return value;
      },
      (error: unknown) => {
        failed(span, error);
        throw error;
      },
    ) as T;
  } catch (error) {
    failed(span, error);
    throw error;
  }
}

/** Only the code: messages of errors that are not ours may quote values. */
function failed(span: Span, error: unknown): void {
  span.setAttribute("error.type", isDeputizeError(error) ? error.code : "internal");
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/** The context of a `traceparent` that is in order; undefined for any other, which starts a trace anew. */
function contextOf(traceparent: string): Context | undefined {
  const [, traceId = "", spanId = "", flags = ""] = TRACEPARENT.exec(traceparent) ?? [];
  if (traceId === "" || NOTHING.test(traceId) || NOTHING.test(spanId)) return undefined;
  const traceFlags = Number.parseInt(flags, 16) & 1;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

function endpointOf(env: TraceOptions["env"]): string | undefined {
  const own = env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
  const shared = env["OTEL_EXPORTER_OTLP_ENDPOINT"];
  const text = own ?? (shared && `${shared.replace(/\/$/, "")}/v1/traces`);
  if (text === undefined || text === "") return undefined;
  if (!/^https?:\/\//.test(text) || !URL.canParse(text))
    throw new DeputizeError(
      "config_invalid",
      "OTEL_EXPORTER_OTLP_ENDPOINT is no URL; write http://collector:4318",
    );
  return text;
}

function ratioOf(text: string | undefined): number {
  const ratio = text === undefined || text === "" ? 1 : Number(text);
  if (!(ratio >= 0 && ratio <= 1))
    throw new DeputizeError("config_invalid", "OTEL_TRACES_SAMPLER_ARG is a number from 0 to 1");
  return ratio;
}
