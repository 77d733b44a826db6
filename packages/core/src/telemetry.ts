/**
 * Where rooms say what they do, for whoever measures: counters, durations, spans. Does nothing until a server installs a
 * sink, so that rooms know no exporter.
 *
 * Guarantees: the instruments are this closed list, and a value of a label that is not in its list is counted as `other`, so
 * that no scope, id, address or name of a customer becomes a label, whoever calls [AW-D27]. A sink that throws breaks nothing.
 * Process-wide, as `currentContext` is: one process has one page of metrics.
 */
import { currentContext } from "./context.ts";
import { ERROR_STATUS, type DeputizeErrorCode } from "./errors.ts";
import { AGENT_NAMES, MODEL_NAMES, TOOL_NAMES } from "./name-list.ts";

/** Each label with its values: words, or names that the process was configured with. */
type LabelValues = Readonly<Record<string, { includes(value: string): boolean }>>;

const OUTCOME = ["success", "failure"] as const;

/** The broker protocol's event types; entries of other rooms are counted together. */
const BROKER_EVENTS = [
  "admin_auth",
  "admin_auth_failed",
  "launch_token_issued",
  "launch_token_denied",
  "agent_registered",
  "registration_policy_violation",
  "token_issued",
  "token_revoked",
  "token_renewed",
  "token_released",
  "token_renewal_failed",
  "delegation_created",
  "token_auth_failed",
  "scope_violation",
  "scope_ceiling_exceeded",
  "delegation_attenuation_violation",
  "app_registered",
  "app_authenticated",
  "app_auth_failed",
  "app_updated",
  "app_deregistered",
  "resource_accessed",
  "scopes_ceiling_updated",
  "app_rate_limited",
  "token_revoked_access",
] as const;

/** Things that are counted: what they mean, and every value that their labels may have. */
export const COUNTERS = {
  tokens_issued: {
    help: "Tokens made for broker callers",
    labels: { kind: ["admin", "app", "agent", "renewed", "delegated"] },
  },
  tokens_revoked: {
    help: "Grants that ended by revocation or release",
    labels: { level: ["token", "agent", "task", "chain", "app", "tenant", "user", "release"] },
  },
  registrations: { help: "Workers that asked to register", labels: { status: OUTCOME } },
  admin_auth: { help: "Operators that signed in", labels: { status: OUTCOME } },
  launch_tokens_created: { help: "Launch tokens made", labels: {} },
  clock_skew: { help: "Tokens refused because they begin in the future", labels: {} },
  validations: { help: "Tokens that were verified", labels: { outcome: ["valid", "invalid"] } },
  exchanges: { help: "Tokens made by exchange, or refused", labels: { outcome: OUTCOME } },
  refusals: {
    help: "Requests refused, by reason",
    labels: { code: Object.keys(ERROR_STATUS) as readonly DeputizeErrorCode[] },
  },
  audit_events: { help: "Entries appended to the audit log", labels: { event_type: BROKER_EVENTS } },
  mcp_calls: {
    help: "Calls of tools, resources and prompts, by outcome",
    labels: {
      kind: ["tool", "resource", "prompt"],
      outcome: ["allowed", "refused", "failed", "waiting"],
    },
  },
  mcp_cache: { help: "Looks into the cache of tool results", labels: { result: ["hit", "miss"] } },
  mcp_circuits_opened: { help: "Times that a tool's upstream was found to be down", labels: {} },
  agent_turns: {
    help: "Turns of agents, by how they ended",
    labels: { agent: AGENT_NAMES, status: ["done", "waiting", "stopped", "failed"] },
  },
  agent_model_calls: {
    help: "Calls of models",
    labels: { agent: AGENT_NAMES, model: MODEL_NAMES, outcome: ["answered", "failed"] },
  },
  agent_tokens: {
    help: "Tokens that models read and wrote",
    labels: { agent: AGENT_NAMES, model: MODEL_NAMES, direction: ["input", "output"] },
  },
  agent_cost_usd: {
    help: "Cost of model calls in US dollars, where their price is known",
    labels: { agent: AGENT_NAMES, model: MODEL_NAMES },
  },
  agent_tool_calls: {
    help: "Calls of tools by agents",
    labels: {
      agent: AGENT_NAMES,
      tool: TOOL_NAMES,
      status: ["done", "refused", "waiting", "failed"],
    },
  },
  agent_cache: {
    help: "Looks into the cache of answers",
    labels: { agent: AGENT_NAMES, result: ["hit", "miss", "passed_by"] },
  },
  agent_guards: {
    help: "What guards of texts did",
    labels: {
      agent: AGENT_NAMES,
      direction: ["input", "output", "tool_result"],
      action: ["warned", "redacted", "blocked"],
    },
  },
  agent_layer_failures: {
    help: "Layers that a turn went on without",
    labels: { agent: AGENT_NAMES, layer: ["cache", "memory"] },
  },
  agent_events_lost: {
    help: "Records of turns that did not get where they should: no room to wait, or the way failed",
    labels: {
      transporter: ["console", "json_log", "prometheus", "html_report", "webhook", "callback"],
      reason: ["full", "failed"],
    },
  },
  db_errors: { help: "Faults of the database", labels: { operation: ["connect", "transaction"] } },
} as const satisfies Record<string, { readonly help: string; readonly labels: LabelValues }>;

/** Models think longer than servers answer. */
const LONG = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160];

/** Things that take time, in seconds. */
export const DURATIONS = {
  agent_turn: { help: "Time of a turn", labels: { agent: AGENT_NAMES }, buckets: LONG },
  agent_model_call: {
    help: "Time of a model call",
    labels: { agent: AGENT_NAMES, model: MODEL_NAMES },
    buckets: LONG,
  },
  agent_tool_call: {
    help: "Time of a tool call, as its agent sees it",
    labels: { agent: AGENT_NAMES, tool: TOOL_NAMES },
    buckets: LONG,
  },
  audit_write: { help: "Time to append and sign one batch of audit entries", labels: {} },
  mcp_call: {
    help: "Time of a call on a tool server, from its validation to its audit entry",
    labels: { kind: ["tool", "resource", "prompt"] },
  },
  audit_record: { help: "Time to commit a group of audit entries in a transaction of their own", labels: {} },
} as const satisfies Record<
  string,
  { readonly help: string; readonly labels: LabelValues; readonly buckets?: readonly number[] }
>;

type Labels<T extends { readonly labels: LabelValues }> = { readonly [K in keyof T["labels"]]: string };
export type CounterName = keyof typeof COUNTERS;
export type DurationName = keyof typeof DURATIONS;

/** Facts of a span. Codes, route templates, counts and random ids of ours; nothing personal, no scope, no token. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** Whoever measures. Each part is optional. */
export interface TelemetrySink {
  count?(name: CounterName, labels: Readonly<Record<string, string>>, by: number): void;
  /** `seconds` is a duration. */
  observe?(name: DurationName, seconds: number, labels: Readonly<Record<string, string>>): void;
  /** Runs `work` inside a span that ends with it. What `work` throws passes through. `from` is the asker's `traceparent`. */
  span?<T>(name: string, attributes: SpanAttributes, work: () => T, from?: string): T;
  /** Adds facts to the present span. */
  annotate?(attributes: SpanAttributes): void;
  /** Marks the present span as failed, by an error's code. */
  fail?(code: string): void;
  /** W3C trace context of the present span, for requests that go out. */
  traceparent?(): string | undefined;
}

let sinks: readonly TelemetrySink[] = [];

/** Adds a sink; answers what takes it away again. */
export function installTelemetry(sink: TelemetrySink): () => void {
  sinks = [...sinks, sink];
  return () => {
    sinks = sinks.filter((each) => each !== sink);
  };
}

function bounded(allowed: LabelValues, labels: Readonly<Record<string, string>>): Record<string, string> {
  const clean: Record<string, string> = {};
  for (const name in allowed) {
    const value = labels[name];
    clean[name] = value !== undefined && allowed[name]?.includes(value) ? value : "other";
  }
  return clean;
}

export const telemetry = {
  /** Counts `by` more. Never throws. */
  count<N extends CounterName>(name: N, labels: Labels<(typeof COUNTERS)[N]>, by = 1): void {
    if (sinks.length === 0) return;
    const clean = bounded(COUNTERS[name].labels, labels);
    for (const sink of sinks) quietly(() => sink.count?.(name, clean, by));
  },
  /** Records a duration in seconds. Never throws. */
  observe<N extends DurationName>(name: N, seconds: number, labels: Labels<(typeof DURATIONS)[N]>): void {
    if (sinks.length === 0) return;
    const clean = bounded(DURATIONS[name].labels, labels);
    for (const sink of sinks) quietly(() => sink.observe?.(name, seconds, clean));
  },
  /**
   * Runs `work` in a span, when somebody traces; answers or throws what `work` does. `from` is the W3C `traceparent` of
   * whoever asked from outside; without it the span hangs below the present one.
   */
  span<T>(name: string, attributes: SpanAttributes, work: () => T, from?: string): T {
    const tracer = sinks.find((sink) => sink.span);
    return tracer?.span ? tracer.span(name, attributes, work, from) : work();
  },
  /** Adds facts to the present span, when somebody traces. Never throws. */
  annotate(attributes: SpanAttributes): void {
    for (const sink of sinks) quietly(() => sink.annotate?.(attributes));
  },
  /** Marks the present span as failed though its work throws nothing, by an error's code. Never throws. */
  fail(code: string): void {
    for (const sink of sinks) quietly(() => sink.fail?.(code));
  },
  /** What to hand to `span` as `from`: the `traceparent` that the request came with, where no span of ours goes on with it. */
  inbound(): string | undefined {
    return telemetry.traceparent() === undefined ? currentContext()?.traceparent : undefined;
  },
  /** The `traceparent` header of a request that leaves now; undefined when nobody traces. */
  traceparent(): string | undefined {
    return sinks.find((sink) => sink.traceparent)?.traceparent?.();
  },
};

function quietly(report: () => void): void {
  try {
    report();
  } catch {
    // Measuring is never a reason to fail what is measured.
  }
}
