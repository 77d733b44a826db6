/** telemetry: the log, metrics and traces of a server. */
export { type Logger, createLogger } from "./logger.ts";
export { type MetricSources, type Metrics, createMetrics } from "./metrics.ts";
export { METRICS_ROUTES, METRICS_SCOPE, metricsRoutes } from "./metrics-routes.ts";
export { type MetricParts, metricSources } from "./sources.ts";
export { type ObserveOptions, observe } from "./observe.ts";
export { type TraceOptions, type Traces, startTraces } from "./traces.ts";
