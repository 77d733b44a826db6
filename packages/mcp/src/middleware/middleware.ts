/**
 * Middleware: limits and hooks of a server or a router.
 *
 * Guarantees: the order of a call is fixed (call.ts); middleware fills named places in it and cannot jump over a check.
 * What a server declares stands outside of what a router declares. Audit is not middleware: it is always on and outermost.
 */
import { DeputizeError } from "@deputize/core";
import type { AroundMiddleware } from "./around-handler.ts";
import type { CircuitBreakerMiddleware } from "./circuit-breaker.ts";
import type { ConcurrencyMiddleware } from "./concurrency.ts";
import type { LoggingMiddleware } from "./logging.ts";
import type { OutputLimitMiddleware } from "./output-limit.ts";
import type { RateLimitMiddleware } from "./rate-limit.ts";
import type { RedactionMiddleware } from "./redaction.ts";
import type { TimeoutMiddleware } from "./timeout.ts";

export type Middleware =
  | AroundMiddleware
  | CircuitBreakerMiddleware
  | ConcurrencyMiddleware
  | LoggingMiddleware
  | OutputLimitMiddleware
  | RateLimitMiddleware
  | RedactionMiddleware
  | TimeoutMiddleware;

const KINDS: Readonly<Record<Middleware["kind"], true>> = {
  circuitBreaker: true,
  concurrency: true,
  handler: true,
  logging: true,
  outputLimit: true,
  rateLimit: true,
  redaction: true,
  timeout: true,
};

/** Middleware as declared. Throws `config_invalid` for what is none, which would protect nothing. */
export function checkedMiddleware(declared: readonly Middleware[]): readonly Middleware[] {
  const fits = (one: unknown): boolean =>
    typeof one === "object" && one !== null && "kind" in one && Object.hasOwn(KINDS, String(one.kind));
  if (Array.isArray(declared) && declared.every(fits)) return declared;
  throw new DeputizeError(
    "config_invalid",
    "middleware is what `logging(…)`, `timeout(…)`, `rateLimit(…)` and the like return, one by one",
  );
}

/** Those of one kind, in order. */
export function ofKind<K extends Middleware["kind"]>(
  all: readonly Middleware[],
  kind: K,
): Extract<Middleware, { readonly kind: K }>[] {
  return all.filter((one): one is Extract<Middleware, { readonly kind: K }> => one.kind === kind);
}
