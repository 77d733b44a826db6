/**
 * Database errors that callers may see. Our functions raise SQLSTATE class `DP`; everything else stays what
 * it is and becomes `internal` at the edge, so that no constraint name or row value leaks [SR-23].
 */
import { DeputizeError, type DeputizeErrorCode } from "@deputize/core";

const OWN_STATES: Readonly<Record<string, DeputizeErrorCode>> = {
  DP401: "grant_revoked",
  DP403: "forbidden",
  DP404: "not_found",
  DP409: "approval_invalid",
  DP410: "conflict",
};

/** The SQLSTATE of a driver error, or undefined. */
export function sqlState(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const own = "code" in error && typeof error.code === "string" ? error.code : undefined;
  // Drizzle wraps the driver's error.
  return own && /^[0-9A-Z]{5}$/.test(own) ? own : "cause" in error ? sqlState(error.cause) : undefined;
}

/** Turns our own SQLSTATEs and the database's faults into `DeputizeError`s; returns others unchanged. */
export function mapDatabaseError(error: unknown): unknown {
  if (error instanceof DeputizeError) return error;
  const state = sqlState(error);
  const code = state === undefined ? undefined : OWN_STATES[state];
  if (code) {
    const message =
      error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : code;
    return new DeputizeError(code, message, { cause: error });
  }
  if (state === "57014" || state === "25P03" || state === "57P05") {
    return new DeputizeError("timeout", "the database took too long; nothing was changed", { cause: error });
  }
  if (
    state?.startsWith("08") ||
    state === "57P01" ||
    state === "57P03" ||
    state === "53300" ||
    isNetworkError(error)
  ) {
    return new DeputizeError("unavailable", "the database cannot be reached; try again shortly", {
      cause: error,
      retryAfterSeconds: 2,
    });
  }
  if (state === "53100") {
    return new DeputizeError("unavailable", "the disk is full; nothing was changed", { cause: error });
  }
  return error;
}

function isNetworkError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? error.code : undefined;
  return (
    code === "ECONNREFUSED" ||
    code === "ECONNRESET" ||
    code === "ETIMEDOUT" ||
    code === "ENOTFOUND" ||
    /Connection terminated|timeout exceeded when trying to connect/.test(error.message)
  );
}
