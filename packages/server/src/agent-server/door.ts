/**
 * What every request passes first, whatever it asks for: an id, the headers of every answer, CORS, and the Host that is served.
 *
 * Guarantees: each answer, refusals and preflights included, carries `X-Request-ID` and the security headers; only listed origins
 * may read an answer from a page, and never all of them with credentials [AF-D18]; a request for another host is refused, and so is one
 * of a foreign page that would change something (SR-26).
 */
import { DeputizeError, newId, withContext } from "@deputize/core";
import type { Context, MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import type { SourceAddress } from "../authority-server/source-address.ts";
import { METHODS } from "./route.ts";

export interface CorsOptions {
  /** Origins whose pages may read answers, such as `https://app.example`; `["*"]` is every page, without credentials. */
  readonly origins: readonly string[];
  /** Cookies and client certificates may come along. Not with `*`. */
  readonly credentials?: boolean;
}

export interface DoorOptions {
  /** Values of `Host` to answer to; all when absent, which only a server on loopback may. */
  readonly allowedHosts: readonly string[];
  readonly cors?: CorsOptions;
  readonly source: SourceAddress;
  /** The public address is https. */
  readonly secure: boolean;
}

export interface RateLeft {
  readonly limit: number;
  readonly remaining: number;
  readonly reset: number;
}

declare module "hono" {
  interface ContextVariableMap {
    source: string;
    /** The tightest limit of this request. */
    rateLimit: RateLeft | undefined;
  }
}

const EXPOSED = [
  "X-Request-ID",
  "Retry-After",
  "WWW-Authenticate",
  "X-RateLimit-Limit",
  "X-RateLimit-Remaining",
  "X-RateLimit-Reset",
];
const SENT = [
  "Authorization",
  "Content-Type",
  "X-API-Key",
  "Last-Event-ID",
  "X-Request-ID",
  "traceparent",
  "Accept",
];

/** Of answers that are no page: nothing in them is run, framed or loaded. */
const HEADERS: Readonly<Record<string, string>> = {
  "Content-Security-Policy":
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
};

const CLIENT_REQUEST_ID = /^[\x21-\x7e]{1,128}$/;
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Throws `config_invalid` for origins that are none, and for `*` with credentials. */
export function corsRules({ origins, credentials = false }: CorsOptions): MiddlewareHandler {
  const all = origins.includes("*");
  if (all && credentials)
    throw new DeputizeError(
      "config_invalid",
      "CORS cannot allow every origin (`*`) with credentials; list the origins that may read your users' data",
    );
  for (const origin of origins) {
    if (origin !== "*" && !isOrigin(origin))
      throw new DeputizeError(
        "config_invalid",
        `the CORS origin ${JSON.stringify(origin)} is none; write https://host`,
      );
  }
  return cors({
    origin: all ? "*" : (asking) => (origins.includes(asking) ? asking : null),
    credentials,
    allowMethods: [...METHODS],
    allowHeaders: SENT,
    exposeHeaders: EXPOSED,
    maxAge: 600,
  });
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text && /^https?:/.test(text);
}

/** The outermost middleware. */
export function door({ allowedHosts, source, secure }: DoorOptions): MiddlewareHandler {
  const hosts = new Set(allowedHosts.map((host) => host.toLowerCase()));
  if (hosts.size === 0) throw new DeputizeError("config_invalid", "name at least one allowed host");
  return async function door(c, next) {
    const requestId = newId();
    const from = source(socketOf(c), c.req.header("x-forwarded-for"));
    c.set("requestId", requestId);
    c.set("source", from);
    const clientRequestId = c.req.header("x-request-id");
    const traceparent = c.req.header("traceparent");
    await withContext(
      {
        requestId,
        source: from,
        ...(clientRequestId !== undefined && CLIENT_REQUEST_ID.test(clientRequestId) && { clientRequestId }),
        ...(traceparent !== undefined && TRACEPARENT.test(traceparent) && { traceparent }),
      },
      next,
    );
    const { headers } = c.res;
    for (const [name, value] of Object.entries(HEADERS)) if (!headers.has(name)) headers.set(name, value);
    if (secure) headers.set("Strict-Transport-Security", "max-age=31536000");
    headers.set("X-Request-ID", requestId);
    const limited = c.get("rateLimit");
    if (!limited) return;
    headers.set("X-RateLimit-Limit", String(limited.limit));
    headers.set("X-RateLimit-Remaining", String(limited.remaining));
    headers.set("X-RateLimit-Reset", String(limited.reset));
  };

  function socketOf(c: Context): string | undefined {
    const env = c.env as { incoming?: { socket: { remoteAddress?: string } } } | undefined;
    return env?.incoming?.socket.remoteAddress;
  }
}

/** Throws `forbidden` for a host that is not served here, `invalid_request` for an address that no store could keep. */
export function assertHost(allowedHosts: readonly string[]): MiddlewareHandler {
  const hosts = new Set(allowedHosts.map((host) => host.toLowerCase()));
  return async function assertHost(c, next) {
    const host = (c.req.header("host") ?? new URL(c.req.url).host).toLowerCase();
    if (!hosts.has(host)) throw new DeputizeError("forbidden", "this host is not served here");
    await next();
  };
}

/**
 * Throws `forbidden` for what a page of another origin sends to change something. A browser sends forms and empty bodies without asking
 * first, with the cookie of whoever looks at the page, or into a server that asks nobody who they are.
 */
export function assertOrigin(allowedHosts: readonly string[], origins: readonly string[]): MiddlewareHandler {
  const hosts = new Set(allowedHosts.map((host) => host.toLowerCase()));
  const isListed = (origin: string): boolean =>
    origins.includes("*") ||
    origins.includes(origin) ||
    (isOrigin(origin) && hosts.has(new URL(origin).host));
  return async function assertOrigin(c, next) {
    const origin = c.req.header("origin");
    const reads = ["GET", "HEAD", "OPTIONS"].includes(c.req.method);
    if (!reads && origin !== undefined && !isListed(origin))
      throw new DeputizeError("forbidden", "pages of this origin may change nothing here; list it in `cors`");
    await next();
  };
}
