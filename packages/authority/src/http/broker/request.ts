/**
 * The first middleware of the broker protocol: request id, headers, `Host`, one credential, a bound on the body.
 *
 * Guarantees: every answer carries the same headers, refusals included. A client's own request id is echoed when it is
 * printable and at most 128 characters long; otherwise 16 hex digits of ours.
 */
import { randomUUID } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import { DeputizeError, type RequestContext, withContext } from "@deputize/core";
import { assertOneCredential, assertStorableAddress } from "@deputize/client";
import { MAX_BODY_BYTES } from "./read-body.ts";

const REQUEST_ID = /^[\x20-\x7e]{1,128}$/;
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

export interface BrokerRequestOptions {
  /** Values of `Host` that are served, such as `127.0.0.1:8080` [SR-26]. */
  readonly allowedHosts: readonly string[];
  /** The public address is https: tell browsers to stay there. */
  readonly secure: boolean;
  /** Where a request comes from, for what it does to be recorded with it. */
  readonly sourceOf?: (c: Context) => string;
}

/** Headers that every answer of the protocol carries, besides its request id. */
export function brokerHeaders(secure: boolean): Readonly<Record<string, string>> {
  return {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
    ...(secure && { "Strict-Transport-Security": "max-age=63072000; includeSubDomains" }),
  };
}

/** The id of a request: the client's, or one of ours. */
export function requestIdOf(given: string | undefined): string {
  if (given !== undefined && REQUEST_ID.test(given)) return given;
  // A UUID's first and last eight digits are all random, and Node draws UUIDs from a stock, which is ten times as fast.
  const uuid = randomUUID();
  return uuid.slice(0, 8) + uuid.slice(28);
}

/** What is known of a request from here on. */
export function requestContextOf(request: {
  readonly requestId: string;
  readonly traceparent: string | undefined;
  readonly source: string | undefined;
}): RequestContext {
  const { requestId, traceparent, source } = request;
  return {
    requestId,
    ...(traceparent !== undefined && TRACEPARENT.test(traceparent) && { traceparent }),
    ...(source !== undefined && { source }),
  };
}

/** Throws at wiring time when no host is allowed. */
export function brokerRequest(options: BrokerRequestOptions): MiddlewareHandler {
  const hosts = new Set(options.allowedHosts.map((host) => host.toLowerCase()));
  if (hosts.size === 0) throw new DeputizeError("config_invalid", "name at least one allowed host");
  const headers = Object.entries(brokerHeaders(options.secure));
  return async function brokerRequest(c, next) {
    const requestId = requestIdOf(c.req.header("x-request-id"));
    c.set("requestId", requestId);
    for (const [name, value] of headers) c.header(name, value);
    c.header("X-Request-ID", requestId);
    const host = (c.req.header("host") ?? new URL(c.req.url).host).toLowerCase();
    if (!hosts.has(host)) throw new DeputizeError("forbidden", "this host is not served here");
    assertOneCredential(c);
    assertStorableAddress(c);
    if (Number(c.req.header("content-length") ?? 0) > MAX_BODY_BYTES) {
      throw new DeputizeError("payload_too_large", `the body may hold ${MAX_BODY_BYTES} bytes`);
    }
    const traceparent = c.req.header("traceparent");
    await withContext(requestContextOf({ requestId, traceparent, source: options.sourceOf?.(c) }), next);
    // Answers that a room made whole do not know what was prepared above.
    if (c.res.headers.has("X-Frame-Options")) return;
    for (const [name, value] of headers) if (!c.res.headers.has(name)) c.res.headers.set(name, value);
    c.res.headers.set("X-Request-ID", requestId);
  };
}
