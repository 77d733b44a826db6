/**
 * One structured line about each finished call, and about each refused sign-in, for a server's own log.
 *
 * Guarantees: a line holds names, codes, times and random ids; never an argument, a result or a person. A writer that
 * throws changes nothing. Does not: replace the audit log, which a call waits for.
 */
import type { DeputizeErrorCode } from "@deputize/core";
import { type Middleware, ofKind } from "./middleware.ts";

export interface CallLogLine {
  readonly server: string;
  readonly kind: "tool" | "resource" | "prompt" | "sign-in";
  /** What was called; of a sign-in, the authenticators that were asked. */
  readonly name: string;
  readonly requestId: string;
  /** The id of the request that all began with, where the caller sent one that is a UUID (`X-Request-Id`). */
  readonly correlationId?: string;
  readonly outcome: "allowed" | "refused" | "failed" | "waiting";
  /** Set when the line is not about the call itself but about what follows it. */
  readonly stage?: "after" | "dispose";
  readonly code?: DeputizeErrorCode;
  readonly durationMs: number;
  readonly entryId?: string;
  /** The answer came from the result cache. */
  readonly cached?: boolean;
  /** Why a sign-in was refused, in fixed sentences; its sender hears none of them. */
  readonly reasons?: readonly string[];
  /** Underlying error, for the server's own log only. */
  readonly cause?: unknown;
}

export interface LoggingMiddleware {
  readonly kind: "logging";
  readonly write: (line: CallLogLine) => void;
}

/** Hands a line about every finished call to `write`; on a server, about refused sign-ins too, up to their rate limit. */
export function logging(write: (line: CallLogLine) => void): LoggingMiddleware {
  return { kind: "logging", write };
}

/** Writes a line to every log of `layers`. Never throws. */
export function writeLine(layers: readonly Middleware[], line: CallLogLine): void {
  for (const { write } of ofKind(layers, "logging")) {
    try {
      write(line);
    } catch {
      // A log that fails is no reason to fail a call.
    }
  }
}
