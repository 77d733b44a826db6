/**
 * The first middleware of every server: gives the request an id, checks `Host`, refuses mixed credentials.
 *
 * Guarantees: a request for another host is refused before any handler (DNS rebinding, SR-26); a request with
 * a session cookie and an `Authorization` header, or with two of the latter, is refused, so that nobody can
 * tell whose request it is twice (SR-26). A client's own request id is kept apart and bounded.
 */
import type { Context, MiddlewareHandler } from "hono";
import { DeputizeError, newId, withContext } from "@deputize/core";

export interface RequestContextOptions {
  /** Values of `Host` that this server answers to, such as `localhost:3000`. */
  readonly allowedHosts: readonly string[];
  /** Names of cookies that are credentials. */
  readonly credentialCookies?: readonly string[];
}

const CLIENT_REQUEST_ID = /^[\x21-\x7e]{1,128}$/;
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * Refuses a request with two credentials, so that nobody can tell whose it is twice [SR-26]. `credentialCookies` are names
 * of cookies that are credentials. Throws `invalid_request`.
 */
export function assertOneCredential(
  c: Context,
  credentialCookies: readonly string[] = ["deputize_session"],
): void {
  const cookies = cookieNames(c.req.header("cookie")).filter((name) => credentialCookies.includes(name));
  const authorization = c.req.header("authorization");
  // A fetch-style server joins repeated headers with a comma, which no bearer token holds.
  const headers = authorization === undefined ? 0 : authorization.split(",").length;
  const keys = c.req.header("x-api-key") === undefined ? 0 : 1;
  if (Math.min(cookies.length, 2) + headers + keys > 1) {
    throw new DeputizeError("invalid_request", "send one credential: a cookie or an `Authorization` header");
  }
}

/**
 * Refuses an address with an encoded NUL: no database column keeps one, and it would come back from there as a fault of ours.
 * Throws `invalid_request`.
 */
export function assertStorableAddress(c: Context): void {
  if (c.req.url.includes("%00"))
    throw new DeputizeError("invalid_request", "the address holds a NUL; leave it out");
}

function cookieNames(header: string | undefined): string[] {
  return header === undefined ? [] : header.split(";").map((pair) => pair.split("=", 1)[0]?.trim() ?? "");
}

/** Throws at wiring time when no host is allowed. */
export function requestContext(options: RequestContextOptions): MiddlewareHandler {
  const hosts = new Set(options.allowedHosts.map((host) => host.toLowerCase()));
  if (hosts.size === 0) throw new DeputizeError("config_invalid", "name at least one allowed host");
  return async function requestContext(c, next) {
    const requestId = newId();
    c.set("requestId", requestId);
    c.header("X-Request-Id", requestId);
    c.header("X-Content-Type-Options", "nosniff");
    const host = (c.req.header("host") ?? new URL(c.req.url).host).toLowerCase();
    if (!hosts.has(host)) throw new DeputizeError("forbidden", "this host is not served here");

    assertOneCredential(c, options.credentialCookies);
    assertStorableAddress(c);
    const clientRequestId = c.req.header("x-request-id");
    const traceparent = c.req.header("traceparent");
    await withContext(
      {
        requestId,
        ...(clientRequestId !== undefined && CLIENT_REQUEST_ID.test(clientRequestId) && { clientRequestId }),
        ...(traceparent !== undefined && TRACEPARENT.test(traceparent) && { traceparent }),
      },
      next,
    );
  };
}
