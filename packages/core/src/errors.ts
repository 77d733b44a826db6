/**
 * The one error class of the product, with a closed set of codes.
 *
 * Guarantees: `code` is one of `ERROR_STATUS`'s keys; `message` and `detail` are safe to show to whoever
 * asked, so they never hold a secret, a token, a row of somebody else, or a database message. The cause
 * is wrapped and goes to the server's log only.
 */

/** Every code and the HTTP status it answers with (RFC 9110). */
export const ERROR_STATUS = {
  // who are you?
  unauthenticated: 401,
  invalid_token: 401,
  invalid_credentials: 401,
  // known, but not allowed
  forbidden: 403,
  insufficient_scope: 403,
  csrf_failed: 403,
  case_required: 403,
  flow_denied: 403,
  first_party_session_required: 403,
  // not there, or not yours
  not_found: 404,
  method_not_allowed: 405,
  // bad input
  invalid_request: 400,
  invalid_ttl: 400,
  validation_failed: 422,
  guardrail_violation: 422,
  payload_too_large: 413,
  // state
  conflict: 409,
  approval_required: 409,
  approval_changed: 409,
  approval_invalid: 409,
  // OAuth 2.0 (RFC 6749 §5.2, RFC 8693 §2.2.2)
  invalid_client: 401,
  invalid_grant: 400,
  invalid_scope: 400,
  invalid_target: 400,
  unsupported_grant_type: 400,
  // attenuation
  scope_exceeded: 403,
  outlives_parent: 403,
  depth_exceeded: 403,
  grant_revoked: 401,
  // limits
  rate_limited: 429,
  limit_exceeded: 422,
  timeout: 504,
  // us
  audit_unavailable: 503,
  unavailable: 503,
  config_invalid: 500,
  internal: 500,
} as const satisfies Record<string, number>;

export type DeputizeErrorCode = keyof typeof ERROR_STATUS;

export interface DeputizeErrorOptions {
  /** Facts that the client may see, such as `{ field: "email" }`. */
  readonly detail?: Readonly<Record<string, unknown>>;
  /** For `rate_limited`, `unavailable`: when trying again makes sense. */
  readonly retryAfterSeconds?: number;
  /** What went wrong underneath; logged, never sent. */
  readonly cause?: unknown;
}

export class DeputizeError extends Error {
  override readonly name: string = "DeputizeError";
  readonly code: DeputizeErrorCode;
  readonly detail: Readonly<Record<string, unknown>> | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: DeputizeErrorCode, message: string, options: DeputizeErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = options.detail;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  /** The HTTP status of this error's code. */
  get status(): number {
    return ERROR_STATUS[this.code];
  }
}

/** True for a `DeputizeError`, optionally with one given code. */
export function isDeputizeError(error: unknown, code?: DeputizeErrorCode): error is DeputizeError {
  return error instanceof DeputizeError && (code === undefined || error.code === code);
}

/** An RFC 9457 problem document; `code` and `request_id` are our extension members. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: DeputizeErrorCode;
  readonly request_id: string;
  readonly [extension: string]: unknown;
}

/**
 * Renders any thrown value as a problem document. Anything but a `DeputizeError` becomes `internal`, with
 * nothing of the original in it.
 */
export function toProblem(error: unknown, requestId: string): Problem {
  const known = isDeputizeError(error)
    ? error
    : new DeputizeError("internal", "something went wrong on our side; nothing was changed");
  return {
    type: `urn:deputize:error:${known.code}`,
    title: known.code.replaceAll("_", " "),
    status: known.status,
    detail: known.message,
    code: known.code,
    request_id: requestId,
    ...(known.detail && { errors: known.detail }),
  };
}
