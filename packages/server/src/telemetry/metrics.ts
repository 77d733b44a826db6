/**
 * Metrics of one process as Prometheus text (exposition format 0.0.4): what rooms count, what the server sees of requests,
 * and what the store and the log say when they are asked.
 *
 * Guarantees: labels are route templates, methods, status classes and values of closed lists, so that a scrape holds no
 * scope, id, e-mail or address, and its size is bounded [AW-D27]. Numbers of the database are read at a scrape, at most once
 * a second however often somebody asks, and a scrape answers while the database does not.
 */
import {
  COUNTERS,
  type Clock,
  type CounterName,
  DURATIONS,
  type DurationName,
  installTelemetry,
  systemClock,
  telemetry,
} from "@deputize/core";
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";

/** What is read at a scrape. Each part is optional; what is absent is left out of the page. */
export interface MetricSources {
  /** Entries in the log, and submissions that wait for it. */
  readonly auditCounts?: () => Promise<{ readonly entries: number; readonly pending: number }>;
  /** Workers whose grant lives now. */
  readonly activeWorkers?: () => Promise<number>;
  /** The revocation feed as far as this process can follow it. `ageMs` is Infinity before the first answer. */
  readonly feed?: () => Promise<{ readonly position: number; readonly ageMs: number }>;
  /** Connections by login role. */
  readonly pools?: () => readonly {
    readonly role: string;
    readonly total: number;
    readonly idle: number;
    readonly waiting: number;
  }[];
}

export interface RequestSeen {
  /** The template, such as `/v1/admin/apps/:id`; `unknown` for none. */
  readonly route: string;
  readonly method: string;
  readonly status: number;
  readonly seconds: number;
}

export interface Metrics {
  /** Counts one finished request. */
  request(seen: RequestSeen): void;
  /** The page. */
  text(): Promise<string>;
  readonly contentType: string;
  /** Stops listening to the rooms. */
  close(): void;
}

/** From a tenth of a millisecond, where validation is, to the longest that anybody waits. */
const BUCKETS = [0.0002, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** Names of the broker protocol; whatever else the rooms count is ours. */
const PROTOCOL = new Set<string>([
  "tokens_issued",
  "tokens_revoked",
  "registrations",
  "admin_auth",
  "launch_tokens_created",
  "clock_skew",
  "audit_events",
  "audit_write",
  "db_errors",
]);
const prefixOf = (name: string): string => (PROTOCOL.has(name) ? "agentwrit_" : "deputize_");

interface Tally {
  readonly counter: Counter;
  readonly labels: Readonly<Record<string, string>>;
  /** Since the last scrape. */
  by: number;
}

const READ_EVERY_MS = 1_000;

/** Starts counting; rooms report by `telemetry`. Close it before another is made in the same process. */
export function createMetrics(sources: MetricSources = {}, clock: Clock = systemClock): Metrics {
  const registry = new Registry();
  const registers = [registry];

  const counters = new Map<string, Counter>();
  for (const [name, { help, labels }] of Object.entries(COUNTERS)) {
    const labelNames = Object.keys(labels);
    const counter = new Counter({ name: `${prefixOf(name)}${name}_total`, help, labelNames, registers });
    // A counter without labels is there from the start; one with labels has a line when it moved.
    counters.set(name, counter);
  }
  const durations = new Map<string, Histogram>();
  for (const [name, duration] of Object.entries(DURATIONS)) {
    const { help, labels } = duration;
    const labelNames = Object.keys(labels);
    durations.set(
      name,
      new Histogram({
        name: `${prefixOf(name)}${name}_duration_seconds`,
        help,
        labelNames,
        buckets: "buckets" in duration ? [...duration.buckets] : BUCKETS,
        registers,
      }),
    );
  }
  const requests = new Counter({
    name: "deputize_http_requests_total",
    help: "Requests answered, by route template and class of status",
    labelNames: ["route", "method", "status"] as const,
    registers,
  });
  const requestSeconds = new Histogram({
    name: "deputize_http_request_duration_seconds",
    help: "Time to answer a request, by route template",
    labelNames: ["route", "method"] as const,
    buckets: BUCKETS,
    registers,
  });
  const endpointSeconds = new Histogram({
    name: "agentwrit_request_duration_seconds",
    help: "Time to answer a request of the broker protocol",
    labelNames: ["endpoint"] as const,
    buckets: BUCKETS,
    registers,
  });
  collectDefaultMetrics({ register: registry, prefix: "deputize_" });
  const read = registerSources(sources, registers, clock);

  // Counts wait as plain numbers for the next scrape, and lines by label values are kept: both are few, and every request
  // pays for what happens here.
  const tallies = new Map<string, Tally>();
  function tally(key: string, counter: Counter, labels: () => Readonly<Record<string, string>>): Tally {
    let found = tallies.get(key);
    if (!found) tallies.set(key, (found = { counter, labels: labels(), by: 0 }));
    return found;
  }

  const lines = new Map<string, (status: number, seconds: number) => void>();
  function lineOf(route: string, method: string): (status: number, seconds: number) => void {
    const seconds = requestSeconds.labels({ route, method });
    const endpoint = route.startsWith("/v1/") ? endpointSeconds.labels({ endpoint: route }) : undefined;
    const classes = new Map<number, Tally>();
    return (status, took) => {
      const kind = Math.floor(status / 100);
      let counted = classes.get(kind);
      if (!counted) {
        const labels = { route, method, status: `${kind}xx` };
        classes.set(kind, (counted = tally(JSON.stringify(labels), requests, () => labels)));
      }
      counted.by += 1;
      seconds.observe(took);
      endpoint?.observe(took);
    };
  }

  const stop = installTelemetry({
    count(name: CounterName, labels, by) {
      let key: string = name;
      for (const label in labels) key += ` ${labels[label]}`;
      const counter = counters.get(name);
      if (counter) tally(key, counter, () => labels).by += by;
    },
    observe: (name: DurationName, seconds, labels) => durations.get(name)?.observe(labels, seconds),
  });

  return {
    request({ route, method, status, seconds }) {
      const known = METHODS.has(method) ? method : "other";
      const key = `${known} ${route}`;
      let line = lines.get(key);
      if (!line) lines.set(key, (line = lineOf(route, known)));
      line(status, seconds);
      // The protocol's own count of operators that sign in is what this route answers.
      if (route === "/v1/admin/auth" && known === "POST")
        telemetry.count("admin_auth", { status: status < 300 ? "success" : "failure" });
    },
    async text() {
      await read();
      for (const each of tallies.values()) {
        each.counter.inc(each.labels, each.by);
        each.by = 0;
      }
      return registry.metrics();
    },
    contentType: registry.contentType,
    close: stop,
  };
}

/** Gauges of what is asked at a scrape; answers what asks. */
function registerSources(sources: MetricSources, registers: Registry[], clock: Clock): () => Promise<void> {
  const { auditCounts, activeWorkers, feed, pools } = sources;
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers });
  const asked: (() => Promise<void>)[] = [];
  const told: (() => void)[] = [];

  if (auditCounts) {
    const loaded = gauge("agentwrit_audit_events_loaded", "Entries in the audit log");
    const pending = gauge("deputize_audit_pending", "Audit entries that wait to be signed");
    asked.push(async () => {
      const counts = await auditCounts();
      loaded.set(counts.entries);
      pending.set(counts.pending);
    });
  }
  if (activeWorkers) {
    const active = gauge("agentwrit_active_agents", "Workers whose grant lives now");
    asked.push(async () => active.set(await activeWorkers()));
  }
  const up = gauge("deputize_database_up", "1 when the database answered at the last scrape");
  if (feed) {
    const position = gauge("deputize_feed_position", "Position in the revocation feed");
    const age = gauge(
      "deputize_feed_age_seconds",
      "Since the feed was known to be complete; -1 before it was",
    );
    asked.push(async () => {
      const now = await feed();
      position.set(now.position);
      age.set(Number.isFinite(now.ageMs) ? now.ageMs / 1000 : -1);
    });
  }
  if (pools) {
    const used = new Gauge({
      name: "deputize_db_connections",
      help: "Connections to the database by login role",
      labelNames: ["role", "state"],
      registers,
    });
    told.push(() => {
      for (const { role, total, idle, waiting } of pools()) {
        used.set({ role, state: "in_use" }, total - idle);
        used.set({ role, state: "idle" }, idle);
        used.set({ role, state: "waiting" }, waiting);
      }
    });
  }

  let reading: Promise<void> | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  async function ask(): Promise<void> {
    const answers = await Promise.allSettled(asked.map((one) => one()));
    // What the database did not say stays as it was; this line says so.
    if (asked.length > 0) up.set(answers.every(({ status }) => status === "fulfilled") ? 1 : 0);
    readAt = clock.monotonicMs();
  }
  return async () => {
    if (clock.monotonicMs() - readAt >= READ_EVERY_MS) {
      reading ??= ask().finally(() => {
        reading = undefined;
      });
      await reading;
    }
    for (const tell of told) tell();
  };
}
