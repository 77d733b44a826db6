/**
 * `GET /metrics` and `GET /v1/metrics`: the page, for whoever may see it.
 *
 * Guarantees: open to this machine itself only, unless a token with `admin:metrics:*` is sent; a request that a proxy on
 * this machine passes on does not count as this machine's own [AW-D27].
 */
import { type RouteDoc, problemHandler } from "@deputize/client";
import { DeputizeError, scopeIsSubset } from "@deputize/core";
import { type Context, Hono } from "hono";
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
  /** Scopes of the request's bearer token. Throws when there is none that stands. */
  readonly scopesOf: (c: Context) => Promise<readonly string[]>;
}

const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|::1|::ffff:127(?:\.\d{1,3}){3})$/;
const PASSED_ON = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"] as const;

function isOwnMachine(c: Context, address: string): boolean {
  return LOOPBACK.test(address) && !PASSED_ON.some((name) => c.req.header(name) !== undefined);
}

/** Routes to mount at the root. */
export function metricsRoutes({ metrics, addressOf, scopesOf }: MetricsRoutesOptions): Hono {
  const app = new Hono();
  problemHandler(app);
  for (const path of ["/metrics", "/v1/metrics"]) {
    app.get(path, async (c) => {
      const sent = c.req.header("authorization") !== undefined;
      if (sent || !isOwnMachine(c, addressOf(c))) {
        if (!sent)
          throw new DeputizeError("unauthenticated", `send a token with the scope \`${METRICS_SCOPE}\``);
        if (!scopeIsSubset([METRICS_SCOPE], await scopesOf(c)))
          throw new DeputizeError("insufficient_scope", `this needs the scope \`${METRICS_SCOPE}\``);
      }
      return c.body(await metrics.text(), 200, {
        "Content-Type": metrics.contentType,
        "Cache-Control": "no-store",
      });
    });
  }
  return app;
}
