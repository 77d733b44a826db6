/**
 * The one error answer of the broker protocol: `application/problem+json` with the protocol's own codes, on every
 * route, thrown errors, unknown paths and other methods included.
 *
 * Guarantees: each code of ours has exactly one code there (`BROKER_CODE`, checked by the compiler); nothing of an
 * unknown error reaches the client; 401 always carries a challenge (RFC 9110 §11.6.1).
 */
import type { Context, Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { DeputizeError, type DeputizeErrorCode, isDeputizeError } from "@deputize/core";

/** The protocol's codes and the status that each answers with. */
export const BROKER_STATUS = {
  invalid_request: 400,
  invalid_ttl: 400,
  unauthorized: 401,
  insufficient_scope: 403,
  scope_violation: 403,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  payload_too_large: 413,
  rate_limited: 429,
  internal_error: 500,
  unavailable: 503,
} as const;

export type BrokerCode = keyof typeof BROKER_STATUS;

/** What each of our codes is called in the protocol. */
export const BROKER_CODE = {
  unauthenticated: "unauthorized",
  invalid_token: "unauthorized",
  invalid_credentials: "unauthorized",
  invalid_client: "unauthorized",
  grant_revoked: "unauthorized",
  insufficient_scope: "insufficient_scope",
  scope_exceeded: "scope_violation",
  depth_exceeded: "scope_violation",
  outlives_parent: "scope_violation",
  forbidden: "forbidden",
  csrf_failed: "forbidden",
  case_required: "forbidden",
  flow_denied: "forbidden",
  first_party_session_required: "forbidden",
  not_found: "not_found",
  method_not_allowed: "method_not_allowed",
  invalid_request: "invalid_request",
  validation_failed: "invalid_request",
  guardrail_violation: "invalid_request",
  invalid_scope: "invalid_request",
  invalid_target: "invalid_request",
  invalid_grant: "invalid_request",
  unsupported_grant_type: "invalid_request",
  limit_exceeded: "invalid_request",
  invalid_ttl: "invalid_ttl",
  payload_too_large: "payload_too_large",
  conflict: "conflict",
  approval_required: "conflict",
  approval_changed: "conflict",
  approval_invalid: "conflict",
  rate_limited: "rate_limited",
  timeout: "unavailable",
  audit_unavailable: "unavailable",
  unavailable: "unavailable",
  config_invalid: "internal_error",
  internal: "internal_error",
} as const satisfies Record<DeputizeErrorCode, BrokerCode>;

/** What to do about it, where that is the same each time. */
const HINT: Partial<Record<BrokerCode, string>> = {
  unauthorized: "authenticate again: POST /v1/app/auth, POST /v1/admin/auth, or register the worker anew",
  insufficient_scope: "use a token that holds the scope named in `detail`",
  scope_violation: "ask for less: no wider scope and no longer chain than the giver has",
  rate_limited: "wait as many seconds as `Retry-After` says",
  unavailable: "nothing was changed; try again in a moment",
};

const TITLE: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  413: "Payload Too Large",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** A problem document of the protocol (RFC 9457). */
export interface BrokerProblem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** Never empty, and safe to show. */
  readonly detail: string;
  /** The path that was asked for. */
  readonly instance: string;
  readonly error_code: BrokerCode;
  readonly request_id: string;
  readonly hint?: string;
}

/** The problem of any thrown value; of anything but a `DeputizeError` nothing is told. */
export function toBrokerProblem(thrown: unknown, at: { instance: string; requestId: string }): BrokerProblem {
  const error = isDeputizeError(thrown)
    ? thrown
    : new DeputizeError("internal", "something went wrong on our side; nothing was changed");
  const code = BROKER_CODE[error.code];
  const status = BROKER_STATUS[code];
  const hint = HINT[code];
  return {
    type: `urn:agentwrit:error:${code}`,
    title: TITLE[status] ?? "Error",
    status,
    detail: error.message || "the request was refused",
    instance: at.instance,
    error_code: code,
    request_id: at.requestId,
    ...(hint !== undefined && { hint }),
  };
}

export interface BrokerProblemOptions {
  /** Gets every error that is ours to look at (5xx), with its cause. */
  readonly log?: (error: unknown, requestId: string) => void;
  /** Hears of every refusal, to count it (SR-19). */
  readonly onRefused?: (code: BrokerCode, c: Context) => void;
}

function fromHttpException(error: HTTPException): DeputizeError {
  return error.status === 413
    ? new DeputizeError("payload_too_large", "the request body is too large")
    : new DeputizeError("invalid_request", "the request cannot be read", { cause: error });
}

/** The problem response for any thrown value; keeps the headers that middleware prepared. */
export function brokerProblemResponse(
  c: Context,
  thrown: unknown,
  options: BrokerProblemOptions = {},
): Response {
  const error = thrown instanceof HTTPException ? fromHttpException(thrown) : thrown;
  const requestId = c.get("requestId") ?? "none";
  const problem = toBrokerProblem(error, { instance: c.req.path, requestId });
  if (problem.status >= 500) options.log?.(error, requestId);
  options.onRefused?.(problem.error_code, c);
  const challenge = c.get("challenge");
  if (problem.status === 401) c.header("WWW-Authenticate", challenge ?? 'Bearer realm="broker"');
  else if (problem.error_code === "insufficient_scope" && challenge) c.header("WWW-Authenticate", challenge);
  if (isDeputizeError(error) && error.retryAfterSeconds !== undefined) {
    c.header("Retry-After", String(Math.ceil(error.retryAfterSeconds)));
  }
  if (isDeputizeError(error, "method_not_allowed")) c.header("Allow", String(error.detail?.["allow"] ?? ""));
  c.header("Content-Type", "application/problem+json");
  return c.body(JSON.stringify(problem), problem.status as 400);
}

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

/** 405 with `Allow` where the path knows other methods, 404 where nobody knows it. */
export function unknownRoute(app: Hono, c: Context): DeputizeError {
  const known = METHODS.filter((method) =>
    app.router.match(method, c.req.path)[0].some(([[, route]]) => route.method === method),
  );
  const allow = known.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  return allow.length > 0 && !allow.includes(c.req.method)
    ? new DeputizeError("method_not_allowed", `this path knows only ${allow.join(", ")}`, {
        detail: { allow: allow.join(", ") },
      })
    : new DeputizeError("not_found", "there is no such route");
}

/** Makes `app` answer every error, 404 and 405 in the protocol's form. */
export function brokerProblems(app: Hono, options: BrokerProblemOptions = {}): void {
  app.onError((error, c) => brokerProblemResponse(c, error, options));
  app.notFound((c) => brokerProblemResponse(c, unknownRoute(app, c), options));
}
