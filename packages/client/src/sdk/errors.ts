/**
 * What the SDK throws: `DeputizeError` of core, and below it one class for each kind of answer. Branch on the class, on
 * `code` (ours), or on `errorCode` (the broker's own word).
 *
 * Guarantees: no secret and no token is in a message; what the broker wrote for its caller is.
 */
import { DeputizeError, type DeputizeErrorCode, ERROR_STATUS } from "@deputize/core";
import { z } from "zod";
import { readRetryAfter } from "./retry.ts";
import { codeOfStatus } from "./transport-error.ts";

export { TransportError } from "./transport-error.ts";

/** RFC 9457 problem, as the broker answers. */
const Problem = z.looseObject({
  type: z.string().optional(),
  title: z.string().optional(),
  detail: z.string().min(1),
  instance: z.string().optional(),
  error_code: z.string().optional(),
  code: z.string().optional(),
  request_id: z.string().optional(),
  hint: z.string().optional(),
});

export interface ProblemDetail {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance?: string | undefined;
  readonly error_code?: string | undefined;
  readonly request_id?: string | undefined;
  readonly hint?: string | undefined;
}

/** The broker's words for what our codes name otherwise. */
const CODE_OF: Readonly<Record<string, DeputizeErrorCode>> = {
  unauthorized: "unauthenticated",
  scope_violation: "scope_exceeded",
  internal_error: "internal",
};

function codeOf(problem: ProblemDetail): DeputizeErrorCode {
  const named = problem.error_code ?? "";
  if (Object.hasOwn(CODE_OF, named)) return CODE_OF[named] ?? "internal";
  if (Object.hasOwn(ERROR_STATUS, named)) return named as DeputizeErrorCode;
  return codeOfStatus(problem.status);
}

/** The broker answered with an error. */
export class ProblemResponseError extends DeputizeError {
  override readonly name: string = "ProblemResponseError";
  readonly problem: ProblemDetail;
  /** HTTP status of the answer. */
  readonly statusCode: number;

  constructor(problem: ProblemDetail, retryAfterSeconds?: number) {
    super(codeOf(problem), problem.detail, retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
    this.problem = problem;
    this.statusCode = problem.status;
  }

  /** The broker's own code, such as `scope_violation`. */
  get errorCode(): string | undefined {
    return this.problem.error_code;
  }
}

/** 401: wrong credentials, or a token that is expired, released, revoked or none. */
export class AuthenticationError extends ProblemResponseError {
  override readonly name = "AuthenticationError";
}

/** 403: known, but not allowed. `agent.enforce` throws it too, without asking anybody. */
export class AuthorizationError extends ProblemResponseError {
  override readonly name = "AuthorizationError";
}

/** 429: too often; `retryAfterSeconds` says when to come back, where the broker said so. */
export class RateLimitError extends ProblemResponseError {
  override readonly name = "RateLimitError";
}

/** A key that cannot be used: not Ed25519, or no private key. */
export class CryptoError extends DeputizeError {
  override readonly name = "CryptoError";

  constructor(message: string, cause?: unknown) {
    super("config_invalid", message, { cause });
  }
}

/** The error for a problem, of the class of its status. */
function problemError(problem: ProblemDetail, retryAfterSeconds?: number): ProblemResponseError {
  switch (problem.status) {
    case 401:
      return new AuthenticationError(problem, retryAfterSeconds);
    case 403:
      return new AuthorizationError(problem, retryAfterSeconds);
    case 429:
      return new RateLimitError(problem, retryAfterSeconds);
    default:
      return new ProblemResponseError(problem, retryAfterSeconds);
  }
}

/** Reads an error answer; one that is no problem document still becomes an error with its status. */
export async function readProblem(response: Response): Promise<ProblemResponseError> {
  const parsed = Problem.safeParse(await response.json().catch(() => undefined));
  const known = parsed.success ? parsed.data : undefined;
  const errorCode = known?.error_code ?? known?.code;
  const problem: ProblemDetail = {
    type: known?.type ?? "about:blank",
    title: known?.title ?? response.statusText,
    status: response.status,
    detail: known?.detail ?? `the broker answered ${response.status} without saying why`,
    ...(known?.instance !== undefined && { instance: known.instance }),
    ...(errorCode !== undefined && { error_code: errorCode }),
    ...(known?.request_id !== undefined && { request_id: known.request_id }),
    ...(known?.hint !== undefined && { hint: known.hint }),
  };
  return problemError(problem, readRetryAfter(response.headers));
}
