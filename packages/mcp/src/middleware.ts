/**
 * Middleware: limits and hooks of a server or a router.
 *
 * Guarantees: the order of a call is fixed (call.ts); middleware fills named places in it and cannot jump
 * over a check. A handler middleware runs after every check and inside the timeout. Audit is not middleware:
 * it is always on and outermost.
 */
import type { DeputizeErrorCode, Effect } from "@deputize/core";
import { DeputizeError } from "@deputize/core";
import type { ToolContext } from "./context.ts";

export interface RateLimit {
  readonly points: number;
  readonly durationSeconds: number;
}

/** One line about a finished call, without arguments or personal data. */
export interface CallLogLine {
  readonly server: string;
  readonly kind: "tool" | "resource" | "prompt";
  readonly name: string;
  readonly requestId: string;
  readonly outcome: "allowed" | "refused" | "failed" | "waiting";
  readonly code?: DeputizeErrorCode;
  readonly durationMs: number;
  readonly entryId?: string;
  /** Underlying error, for the server's own log only. */
  readonly cause?: unknown;
}

export interface CallInfo {
  readonly name: string;
  readonly effect: Effect;
  readonly context: ToolContext;
}

export type Middleware =
  | { readonly kind: "rateLimit"; readonly limit: RateLimit; readonly perTool: boolean }
  | { readonly kind: "timeout"; readonly defaultMs: number }
  | { readonly kind: "logging"; readonly write: (line: CallLogLine) => void }
  | {
      readonly kind: "handler";
      readonly name: string;
      readonly around: (call: CallInfo, next: () => Promise<unknown>) => Promise<unknown>;
    };

/** At most this many calls for each caller, or for each caller and tool. Shared by replicas over Redis. */
export function rateLimit(options: {
  readonly perSecond?: number;
  readonly perMinute?: number;
  readonly perTool?: boolean;
}): Middleware {
  const { perSecond, perMinute, perTool = false } = options;
  const limit = perSecond
    ? { points: perSecond, durationSeconds: 1 }
    : { points: perMinute ?? 0, durationSeconds: 60 };
  return { kind: "rateLimit", limit: checkedLimit(limit), perTool };
}

/** How long a handler may take unless its tool says otherwise. */
export function timeout(options: { readonly defaultMs: number }): Middleware {
  return { kind: "timeout", defaultMs: checkedTimeout(options.defaultMs) };
}

/** Hands a line about every finished call to `write`. A writer that throws changes nothing. */
export function logging(write: (line: CallLogLine) => void): Middleware {
  return { kind: "logging", write };
}

/** Code around a handler, such as tracing. Runs after all checks; throwing fails the call. */
export function aroundHandler(
  name: string,
  around: (call: CallInfo, next: () => Promise<unknown>) => Promise<unknown>,
): Middleware {
  return { kind: "handler", name, around };
}

const RATE = /^(\d{1,7})\/(s|sec|min|h)$/;
const RATE_SECONDS: Readonly<Record<string, number>> = { s: 1, sec: 1, min: 60, h: 3600 };

/** Reads `100/min`, `5/s` or `1000/h`. Throws `config_invalid`. */
export function parseRate(text: string): RateLimit {
  const match = RATE.exec(text);
  const durationSeconds = match?.[2] ? RATE_SECONDS[match[2]] : undefined;
  if (!match || durationSeconds === undefined) {
    throw new DeputizeError("config_invalid", "a rate is written like `100/min`, `5/s` or `1000/h`");
  }
  return checkedLimit({ points: Number(match[1]), durationSeconds });
}

export function checkedTimeout(ms: number): number {
  if (!Number.isInteger(ms) || ms < 1 || ms > 600_000) {
    throw new DeputizeError("config_invalid", "a timeout is between 1 ms and 10 minutes");
  }
  return ms;
}

function checkedLimit(limit: RateLimit): RateLimit {
  if (!Number.isInteger(limit.points) || limit.points < 1) {
    throw new DeputizeError("config_invalid", "a rate limit needs a whole number of calls, at least 1");
  }
  return limit;
}
