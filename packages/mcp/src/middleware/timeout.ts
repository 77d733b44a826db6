/**
 * How long a handler may take. Its `ctx.signal` aborts then, and its database is closed (database.ts), so a handler that
 * wakes up late changes nothing (SR-16).
 * Does not: stop code that ignores its signal; what it does outside of `ctx` is its author's affair.
 */
import { DeputizeError } from "@deputize/core";

export interface TimeoutMiddleware {
  readonly kind: "timeout";
  readonly defaultMs: number;
}

export const DEFAULT_TIMEOUT_MS = 30_000;

/** How long a handler may take unless its tool says otherwise (`timeoutMs`); the innermost one counts. */
export function timeout(options: { readonly defaultMs: number }): TimeoutMiddleware {
  return { kind: "timeout", defaultMs: checkedTimeout(options.defaultMs) };
}

/** Throws `config_invalid` unless it is between 1 ms and 10 minutes. */
export function checkedTimeout(ms: number): number {
  if (!Number.isInteger(ms) || ms < 1 || ms > 600_000) {
    throw new DeputizeError("config_invalid", "a timeout is between 1 ms and 10 minutes");
  }
  return ms;
}
