/**
 * How the agent server says no: one form for every route, with a stable code, and the form of the original where a client of it
 * is served.
 *
 * Guarantees: a body is a problem (RFC 9457) that also holds `error` and `metadata`, so that clients of both habits read it; what
 * is not a `DeputizeError` says nothing of itself [AF-D16]; each status has codes of its own, times are UTC [AF-D27].
 */
import {
  type Clock,
  DeputizeError,
  type DeputizeErrorCode,
  type Problem,
  isDeputizeError,
} from "@deputize/core";
import { AuthRefused, authAnswer, authResponse } from "../authenticators/auth-code.ts";

/** The public code of each of ours, where the thrown error names none itself. */
const CODES = {
  unauthenticated: "UNAUTHENTICATED",
  invalid_token: "INVALID_TOKEN",
  invalid_credentials: "INVALID_TOKEN",
  invalid_client: "INVALID_TOKEN",
  grant_revoked: "REVOKED_TOKEN",
  forbidden: "FORBIDDEN",
  csrf_failed: "FORBIDDEN",
  case_required: "FORBIDDEN",
  flow_denied: "FORBIDDEN",
  first_party_session_required: "FIRST_PARTY_SESSION_REQUIRED",
  scope_exceeded: "FORBIDDEN",
  outlives_parent: "FORBIDDEN",
  depth_exceeded: "FORBIDDEN",
  insufficient_scope: "INSUFFICIENT_SCOPE",
  not_found: "RESOURCE_NOT_FOUND",
  method_not_allowed: "METHOD_NOT_ALLOWED",
  invalid_request: "BAD_REQUEST",
  invalid_ttl: "BAD_REQUEST",
  invalid_grant: "BAD_REQUEST",
  invalid_scope: "BAD_REQUEST",
  invalid_target: "BAD_REQUEST",
  unsupported_grant_type: "BAD_REQUEST",
  validation_failed: "VALIDATION_ERROR",
  guardrail_violation: "GUARDRAIL_VIOLATION",
  payload_too_large: "REQUEST_TOO_LARGE",
  conflict: "CONFLICT",
  approval_required: "APPROVAL_REQUIRED",
  approval_changed: "APPROVAL_CHANGED",
  approval_invalid: "APPROVAL_INVALID",
  rate_limited: "RATE_LIMIT_EXCEEDED",
  limit_exceeded: "LIMIT_EXCEEDED",
  timeout: "NODE_TIMEOUT_000",
  audit_unavailable: "AUDIT_UNAVAILABLE",
  unavailable: "STORAGE_TRANSIENT_000",
  config_invalid: "GRAPH_000",
  internal: "GRAPH_000",
} as const satisfies Record<DeputizeErrorCode, string>;

/** Codes that stand for one case of a wider one. */
type OwnCode =
  | "STALE_STATE"
  | "STORAGE_000"
  | "SERVER_BUSY"
  | "UNSUPPORTED_MEDIA_TYPE"
  | "RECURSION_000"
  | "RUN_INTERRUPTED"
  | "SIGN_IN_ENDED"
  | "NODE_000"
  | "SERIALIZATION_000";

export type ApiCode = (typeof CODES)[DeputizeErrorCode] | OwnCode;

/** An error with a public code of its own. */
export class ApiError extends DeputizeError {
  readonly apiCode: ApiCode;

  constructor(
    apiCode: OwnCode,
    code: DeputizeErrorCode,
    message: string,
    options: ConstructorParameters<typeof DeputizeError>[2] = {},
  ) {
    super(code, message, options);
    this.apiCode = apiCode;
  }
}

/** The public code of a code of ours. */
export const apiCodeOf = (code: DeputizeErrorCode): ApiCode => CODES[code];

/** What ended a turn of an agent, as the server says it: by the families of runtime failures. */
export function turnFailure({ code, detail }: Pick<Problem, "code" | "detail">): DeputizeError {
  if (code === "unavailable") return new ApiError("NODE_000", code, detail, { retryAfterSeconds: 1 });
  if (code === "limit_exceeded") return new ApiError("RECURSION_000", code, detail);
  return new DeputizeError(code, detail);
}

/** Codes of faults that are kept with a run, and how each is answered where somebody waits for it. */
const OF_FAULT: Readonly<Record<string, DeputizeErrorCode>> = {
  ...Object.fromEntries(
    (Object.keys(CODES) as DeputizeErrorCode[]).toReversed().map((code) => [CODES[code], code]),
  ),
  NODE_000: "unavailable",
  RECURSION_000: "limit_exceeded",
  RUN_INTERRUPTED: "unavailable",
  SERVER_BUSY: "unavailable",
  SIGN_IN_ENDED: "invalid_token",
};

/** The fault that is kept with a run, as an error. */
export function faultError({
  code,
  message,
}: {
  readonly code: string;
  readonly message: string;
}): DeputizeError {
  const known = Object.hasOwn(OF_FAULT, code) ? OF_FAULT[code] : undefined;
  if (known === undefined) return new DeputizeError("internal", "the run failed");
  return CODES[known] === code
    ? new DeputizeError(known, message)
    : new ApiError(code as OwnCode, known, message);
}

/** One fault of what was sent. Names where, never what stood there. */
export interface ErrorDetail {
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly type: string;
}

export interface ErrorOptions {
  readonly requestId: string;
  readonly clock: Clock;
  readonly compat?: "agentflow" | undefined;
  /** Gets every error that is ours to look at (5xx), with its cause. */
  readonly log?: ((error: unknown, requestId: string) => void) | undefined;
}

function detailsOf(error: DeputizeError): readonly ErrorDetail[] {
  const said = error.detail?.["details"];
  if (Array.isArray(said)) return said as ErrorDetail[];
  const fields = error.detail?.["fields"];
  if (!Array.isArray(fields)) return [];
  return fields.map((field) => ({
    loc: ["body", ...String(field).split(".")],
    msg: error.message,
    type: error.code,
  }));
}

/** The metadata of an answer. */
export function metadataOf(requestId: string, clock: Clock, message?: string): Record<string, unknown> {
  const timestamp = new Date(clock.nowMs()).toISOString();
  return { request_id: requestId, timestamp, ...(message !== undefined && { message }) };
}

/** What a client is told of anything thrown, for answers and for `error` events of streams. */
export function errorBody(
  thrown: unknown,
  { requestId, clock }: ErrorOptions,
): Record<string, unknown> & {
  readonly status: number;
} {
  const error = isDeputizeError(thrown)
    ? thrown
    : new DeputizeError("internal", "something went wrong on our side; nothing was changed");
  const refused = error instanceof AuthRefused ? authAnswer(error.refusal) : undefined;
  const code = refused?.code ?? (error instanceof ApiError ? error.apiCode : CODES[error.code]);
  const status = refused?.status ?? error.status;
  const message = refused?.says ?? error.message;
  const more = error.detail && !("details" in error.detail) ? error.detail : undefined;
  return {
    type: `urn:deputize:error:${code.toLowerCase()}`,
    title: code.toLowerCase().replaceAll("_", " "),
    status,
    detail: message,
    code,
    request_id: requestId,
    ...(more && { errors: more }),
    error: { code, message, details: detailsOf(error) },
    metadata: metadataOf(requestId, clock, message),
  };
}

/** The answer to anything thrown. */
export function errorResponse(thrown: unknown, options: ErrorOptions): Response {
  const { requestId, compat, log } = options;
  if (thrown instanceof AuthRefused && compat !== undefined)
    return authResponse(thrown.refusal, { requestId, compat });
  const { status, ...rest } = errorBody(thrown, options);
  if (status >= 500) log?.(thrown, requestId);
  const headers = new Headers({ "Cache-Control": "no-store" });
  if (thrown instanceof AuthRefused) {
    for (const [name, value] of Object.entries(authAnswer(thrown.refusal).headers)) headers.set(name, value);
  } else if (isDeputizeError(thrown)) {
    if (status === 401) headers.set("WWW-Authenticate", "Bearer");
    const retry = thrown.retryAfterSeconds ?? (status === 503 ? 1 : undefined);
    if (retry !== undefined) headers.set("Retry-After", String(Math.max(1, Math.ceil(retry))));
    if (thrown.code === "method_not_allowed") headers.set("Allow", String(thrown.detail?.["allow"] ?? ""));
  }
  if (compat === "agentflow") {
    const { error, metadata } = rest;
    return Response.json({ error, metadata }, { status, headers });
  }
  headers.set("Content-Type", "application/problem+json");
  return new Response(JSON.stringify({ ...rest, status }), { status, headers });
}
