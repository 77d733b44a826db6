/**
 * The outermost middleware of a server: times each request, traces it, counts refusals by reason, writes its line to the log.
 *
 * Guarantees: what it says of a request is its route template, method, status, duration, our own request id and the ids
 * of principals; never a path as it was sent, a query, a body, a header, an address.
 * Mount it before everything else, so that it sees every answer.
 */
import { documentedPath } from "@deputize/client";
import { type Clock, currentContext, isDeputizeError, systemClock, telemetry } from "@deputize/core";
import type { Context, MiddlewareHandler } from "hono";
import { matchedRoutes, routePath } from "hono/route";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";

export interface ObserveOptions {
  readonly metrics?: Pick<Metrics, "request">;
  /** One line a request, at level `info`. */
  readonly logger?: Pick<Logger, "info">;
  readonly clock?: Clock;
}

const names = (path: string): boolean => path !== "" && !path.endsWith("*");

/** The route that answered; where middleware refused before it, the one that it stood before. */
function templateOf(c: Context): string {
  const reached = routePath(c);
  const path = names(reached) ? reached : matchedRoutes(c).findLast((route) => names(route.path))?.path;
  return path === undefined ? "unknown" : documentedPath(path);
}

/** Who the request was for, by random ids. */
function principals(c: Context): Record<string, unknown> {
  const caller = c.get("caller") as { subject: string; actors: readonly string[] } | undefined;
  const broker = c.get("brokerCaller") as { principal: string } | undefined;
  if (caller)
    return { subject: caller.subject, ...(caller.actors[0] !== undefined && { actor: caller.actors[0] }) };
  return broker ? { actor: broker.principal } : {};
}

export function observe({ metrics, logger, clock = systemClock }: ObserveOptions): MiddlewareHandler {
  return async function observe(c, next) {
    const began = clock.monotonicMs();
    await telemetry.span(
      "http.request",
      { "http.request.method": c.req.method },
      async () => {
        await next();
        const route = templateOf(c);
        const { status } = c.res;
        const took = clock.monotonicMs() - began;
        metrics?.request({ route, method: c.req.method, status, seconds: took / 1000 });
        const code = c.error === undefined ? undefined : isDeputizeError(c.error) ? c.error.code : "internal";
        if (code !== undefined) telemetry.count("refusals", { code });
        telemetry.annotate({
          "http.route": route,
          "http.response.status_code": status,
          ...(code !== undefined && { "error.type": code }),
        });
        logger?.info(
          {
            request_id: c.get("requestId") ?? currentContext()?.requestId,
            method: c.req.method,
            route,
            status,
            ms: Math.round(took * 10) / 10,
            ...(code !== undefined && { code }),
            ...principals(c),
          },
          "request",
        );
      },
      c.req.header("traceparent"),
    );
  };
}
