/**
 * `GET /metrics` and `GET /v1/metrics`: the page, for whoever may see it.
 *
 * Guarantees: open to this machine itself only, unless a token with `admin:metrics:*` is sent; a request that a proxy on
 * this machine passes on does not count as this machine's own [AW-D27].
 */
import type { RouteDoc } from "@deputize/client";
import { DeputizeError } from "@deputize/core";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import type { Metrics } from "./metrics.ts";

export const METRICS_SCOPE = "admin:metrics:*";

export const METRICS_ROUTES: readonly RouteDoc[] = ["/metrics", "/v1/metrics"].map((path) => ({
  method: "GET",
  path,
  group: "This server",
  summary: "Prometheus text. From this machine itself, or with the scope.",
  access: "operator",
  scope: METRICS_SCOPE,
  type: "text/plain",
}));

export interface MetricsRoutesOptions {
  readonly metrics: Metrics;
  /** The address at the other end of the socket. */
  readonly addressOf: (c: Context) => string;
  /** Lets requests pass whose token holds `METRICS_SCOPE`. Without it nobody from elsewhere may see the page. */
  readonly guard?: MiddlewareHandler;
}

const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|::1|::ffff:127(?:\.\d{1,3}){3})$/;
const PASSED_ON = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"] as const;

function isOwnMachine(c: Context, address: string): boolean {
  return LOOPBACK.test(address) && !PASSED_ON.some((name) => c.req.header(name) !== undefined);
}

/** Routes to mount at the root. */
export function metricsRoutes({ metrics, addressOf, guard = nobody }: MetricsRoutesOptions): Hono {
  const app = new Hono();
  for (const path of ["/metrics", "/v1/metrics"]) {
    app.get(
      path,
      async (c, next) => {
        const open = c.req.header("authorization") === undefined && isOwnMachine(c, addressOf(c));
        return open ? next() : guard(c, next);
      },
      async (c) =>
        c.body(await metrics.text(), 200, {
          "Content-Type": metrics.contentType,
          "Cache-Control": "no-store",
        }),
    );
  }
  return app;
}

const nobody: MiddlewareHandler = async () => {
  throw new DeputizeError("unauthenticated", "metrics are for this machine only");
};
