/**
 * One error answer for every server of the product: RFC 9457 problem+json with `code` and `request_id`, for
 * thrown errors, unknown paths (404) and known paths with another method (405 with `Allow`).
 *
 * Guarantees: nothing of an unknown error reaches the client; 401 always carries a challenge (RFC 9110
 * §11.6.1). `log` gets the error under the request id.
 */
import type { Context, Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { DeputizeError, type Problem, currentContext, isDeputizeError, toProblem } from "@deputize/core";

export interface ProblemOptions {
  /** Gets every error that is ours to look at (5xx), with its cause. */
  readonly log?: (error: unknown, requestId: string) => void;
  /** Extra members for one error, such as OAuth's `error`. */
  readonly extend?: (problem: Problem) => Record<string, unknown>;
}

declare module "hono" {
  interface ContextVariableMap {
    /** The `WWW-Authenticate` value for a 401 or 403 of this request. */
    challenge: string;
    requestId: string;
  }
}

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

function fromHttpException(error: HTTPException): DeputizeError {
  if (error.status === 413) return new DeputizeError("payload_too_large", "the request body is too large");
  if (error.status === 404) return new DeputizeError("not_found", "there is nothing here");
  return new DeputizeError("invalid_request", "the request cannot be read", { cause: error });
}

/** The problem response for any thrown value. */
export function problemResponse(c: Context, thrown: unknown, options: ProblemOptions = {}): Response {
  const error = thrown instanceof HTTPException ? fromHttpException(thrown) : thrown;
  const requestId = c.get("requestId") ?? currentContext()?.requestId ?? "none";
  const problem = toProblem(error, requestId);
  if (problem.status >= 500) options.log?.(error, requestId);
  const headers = new Headers({ "Content-Type": "application/problem+json", "Cache-Control": "no-store" });
  if (requestId !== "none") headers.set("X-Request-Id", requestId);
  headers.set("X-Content-Type-Options", "nosniff");
  const challenge = c.get("challenge");
  if (problem.status === 401) headers.set("WWW-Authenticate", challenge ?? "Bearer");
  else if (problem.code === "insufficient_scope" && challenge) headers.set("WWW-Authenticate", challenge);
  if (isDeputizeError(error) && error.retryAfterSeconds !== undefined) {
    headers.set("Retry-After", String(Math.ceil(error.retryAfterSeconds)));
  }
  if (problem.code === "method_not_allowed" && isDeputizeError(error)) {
    headers.set("Allow", String(error.detail?.["allow"] ?? ""));
  }
  return new Response(JSON.stringify({ ...problem, ...options.extend?.(problem) }), {
    status: problem.status,
    headers,
  });
}

/** Makes `app` answer every error, 404 and 405 as a problem. Call it on the outermost app. */
export function problemHandler(app: Hono, options: ProblemOptions = {}): void {
  app.onError((error, c) => problemResponse(c, error, options));
  app.notFound((c) => {
    const allow = METHODS.filter((method) =>
      app.router.match(method, c.req.path)[0].some(([[, route]]) => route.method === method),
    );
    const error =
      allow.length > 0 && !allow.some((method) => method === c.req.method)
        ? new DeputizeError("method_not_allowed", "this path knows other methods", {
            detail: { allow: allow.join(", ") },
          })
        : new DeputizeError("not_found", "there is nothing here");
    return problemResponse(c, error, options);
  });
}
