/**
 * What the client of an agent server throws: `AgentServerError`, and below it a class for each kind of answer. Branch on the class,
 * on `statusCode`, or on `errorCode`, which is the server's own word, kept as it came [AF-D23].
 *
 * Guarantees: no credential is in a message. Whatever a server sends, the members have their types.
 */
import { DeputizeError } from "@deputize/core/portable";
import { readRetryAfter } from "../sdk/retry.ts";
import { codeOfStatus } from "../sdk/transport-error.ts";
import { isRecord, textOf } from "./guards.ts";

/** One fault of what was sent: where, and what. */
export interface ErrorDetail {
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly type: string;
}

export interface ServerProblem {
  readonly statusCode: number;
  readonly errorCode: string;
  readonly message: string;
  readonly requestId?: string | undefined;
  readonly details: readonly ErrorDetail[];
  readonly timestamp?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
  /** The challenge of a 401 (RFC 9110 §11.6.1), such as that a stronger sign-in is needed (RFC 9470). */
  readonly challenge?: string | undefined;
}

/** The server answered with an error, or a stream ended with one. */
export class AgentServerError extends DeputizeError {
  override readonly name: string = "AgentServerError";
  readonly statusCode: number;
  /** The server's code, such as `EXPIRED_TOKEN` or `STALE_STATE`; empty when it sent none. */
  readonly errorCode: string;
  /** Under which the server's log has it. */
  readonly requestId: string | undefined;
  readonly details: readonly ErrorDetail[];
  readonly timestamp: string | undefined;
  readonly challenge: string | undefined;

  constructor(problem: ServerProblem) {
    const { retryAfterSeconds } = problem;
    super(
      codeOfStatus(problem.statusCode),
      problem.message,
      retryAfterSeconds === undefined ? {} : { retryAfterSeconds },
    );
    this.statusCode = problem.statusCode;
    this.errorCode = problem.errorCode;
    this.requestId = problem.requestId;
    this.details = problem.details;
    this.timestamp = problem.timestamp;
    this.challenge = problem.challenge;
  }

  /** All of it, for a log. */
  toJSON(): Record<string, unknown> {
    const { name, message, statusCode, errorCode, requestId, timestamp, details } = this;
    return { name, message, statusCode, errorCode, requestId, timestamp, details };
  }
}

/** 400. */
export class BadRequestError extends AgentServerError {
  override readonly name = "BadRequestError";
}
/** 401, or what a server of the original says with 403: no, a wrong, an expired or a revoked credential. */
export class AuthenticationError extends AgentServerError {
  override readonly name = "AuthenticationError";
}
/** 403: known, but not allowed. */
export class PermissionError extends AgentServerError {
  override readonly name = "PermissionError";
}
/** 404: not there, or not yours. */
export class NotFoundError extends AgentServerError {
  override readonly name = "NotFoundError";
}
/** 409: something else was quicker, such as another writer of the same state. */
export class ConflictError extends AgentServerError {
  override readonly name = "ConflictError";
}
/** 413: more bytes than the server takes. */
export class RequestTooLargeError extends AgentServerError {
  override readonly name = "RequestTooLargeError";
}
/** 422: `details` says which fields. */
export class ValidationError extends AgentServerError {
  override readonly name = "ValidationError";
}
/** 429: `retryAfterSeconds` says when to come back. */
export class RateLimitError extends AgentServerError {
  override readonly name = "RateLimitError";
}
/** 5xx. */
export class ServerError extends AgentServerError {
  override readonly name: string = "ServerError";
}
/** The agent's run failed. */
export class GraphError extends ServerError {
  override readonly name = "GraphError";
}
/** A step of the run failed. */
export class NodeError extends ServerError {
  override readonly name = "NodeError";
}
/** Where threads or memories are kept is not reached. */
export class StorageError extends ServerError {
  override readonly name: string = "StorageError";
}
/** The same, for a moment. */
export class TransientStorageError extends StorageError {
  override readonly name = "TransientStorageError";
}

type ErrorClass = new (problem: ServerProblem) => AgentServerError;

const BY_STATUS: Readonly<Record<number, ErrorClass>> = {
  400: BadRequestError,
  401: AuthenticationError,
  403: PermissionError,
  404: NotFoundError,
  409: ConflictError,
  413: RequestTooLargeError,
  422: ValidationError,
  429: RateLimitError,
};
const BY_FAMILY: readonly (readonly [RegExp, ErrorClass])[] = [
  [/^STORAGE_TRANSIENT/, TransientStorageError],
  [/^STORAGE/, StorageError],
  [/^NODE/, NodeError],
  [/^(GRAPH|RECURSION)/, GraphError],
];
/** Servers of the original answer 403 where no credential held. */
const NO_CREDENTIAL = /^(EXPIRED|INVALID|REVOKED)_TOKEN$/;

/** The error for a problem, of its class. */
export function serverError(problem: ServerProblem): AgentServerError {
  const { statusCode, errorCode } = problem;
  const Class =
    statusCode === 403 && NO_CREDENTIAL.test(errorCode)
      ? AuthenticationError
      : (BY_STATUS[statusCode] ??
        (statusCode >= 500
          ? (BY_FAMILY.find(([family]) => family.test(errorCode))?.[1] ?? ServerError)
          : AgentServerError));
  return new Class(problem);
}

const STATUS_OF_CODE: readonly (readonly [RegExp, number])[] = [
  [/^(UNAUTHENTICATED|SIGN_IN_ENDED|\w+_TOKEN)$/, 401],
  [/^(FORBIDDEN|INSUFFICIENT_SCOPE|FIRST_PARTY_SESSION_REQUIRED)$/, 403],
  [/^RESOURCE_NOT_FOUND$/, 404],
  [/^(CONFLICT|STALE_STATE|APPROVAL_\w+)$/, 409],
  [/^(VALIDATION_ERROR|GUARDRAIL_VIOLATION|LIMIT_EXCEEDED)$/, 422],
  [/^RATE_LIMIT_EXCEEDED$/, 429],
  [/^(SERVER_BUSY|AUTH_UNAVAILABLE|AUDIT_UNAVAILABLE|STORAGE_TRANSIENT\w*)$/, 503],
];

/** The status that a code has, where a stream tells it alone; 500 for one that is not known. */
export function statusOfCode(code: string): number {
  return STATUS_OF_CODE.find(([codes]) => codes.test(code))?.[1] ?? 500;
}

function detailsOf(value: unknown): readonly ErrorDetail[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, 100).flatMap((item) => {
    if (!isRecord(item)) return [];
    const loc = Array.isArray(item["loc"]) ? item["loc"] : [];
    return [
      {
        loc: loc.filter((part) => typeof part === "string" || typeof part === "number"),
        msg: textOf(item["msg"]) ?? "",
        type: textOf(item["type"]) ?? "",
      },
    ];
  });
}

/** Reads the body of an error, in any of the forms: with `error`, as a problem (RFC 9457), or with `detail` alone. */
export function problemOf(body: unknown, statusCode: number, headers?: Headers): ServerProblem {
  const whole = isRecord(body) ? body : {};
  const error = isRecord(whole["error"]) ? whole["error"] : whole;
  const metadata = isRecord(whole["metadata"]) ? whole["metadata"] : {};
  const message = textOf(error["message"]) ?? textOf(whole["detail"]) ?? textOf(whole["title"]);
  return {
    statusCode,
    errorCode: textOf(error["code"]) ?? textOf(whole["error_code"]) ?? "",
    message: (message ?? `the server answered ${statusCode} without saying why`).slice(0, 2000),
    requestId:
      textOf(metadata["request_id"]) ??
      textOf(whole["request_id"]) ??
      headers?.get("x-request-id") ??
      undefined,
    details: detailsOf(error["details"] ?? whole["detail"]),
    timestamp: textOf(metadata["timestamp"]),
    ...(headers && {
      retryAfterSeconds: readRetryAfter(headers),
      challenge: headers.get("www-authenticate") ?? undefined,
    }),
  };
}
