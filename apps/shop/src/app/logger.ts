/**
 * The server's log: one JSON line an event, on standard error.
 *
 * Guarantees: of an error only its class, code, message, stack and causes are written. Members such as a database's `detail`
 * and `where`, which quote values of rows, are not, and neither is anything that looks like a token or a key.
 */
import { pino } from "pino";
import type { Settings } from "@deputize/server/config";

/** Where faults go. Nothing personal is ever handed to it. */
export interface Logger {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}

/** JWTs, API keys, bearer headers and URLs with a password. */
const SECRETS = [
  /\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+/g,
  /\b(?:Bearer|Basic)\s+[\w.~+/=-]{8,}/gi,
  /\bd(?:p|rt|ss)_[\w-]{12,}/g,
  /(?<=:\/\/[^\s:/@]+:)[^\s@/]+(?=@)/g,
];

export function withoutSecrets(text: string): string {
  return SECRETS.reduce((clean, pattern) => clean.replaceAll(pattern, "[redacted]"), text);
}

interface LoggedError {
  readonly type: string;
  readonly code?: string;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: LoggedError;
}

const CAUSES = 5;

/** An error as the log may keep it. */
export function errorForLog(error: unknown, depth = 0): LoggedError {
  if (!(error instanceof Error))
    return { type: typeof error, message: "something that is no error was thrown" };
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    ...(typeof code === "string" && { code }),
    message: withoutSecrets(error.message),
    ...(depth === 0 && error.stack !== undefined && { stack: withoutSecrets(error.stack) }),
    ...(error.cause !== undefined && depth < CAUSES && { cause: errorForLog(error.cause, depth + 1) }),
  };
}

export function createLogger(level: Settings["logLevel"]): Logger {
  return pino(
    { level, base: null, serializers: { err: (error: unknown) => errorForLog(error) } },
    pino.destination({ dest: 2, sync: true }),
  );
}
