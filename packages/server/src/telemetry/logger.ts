/**
 * The server's log: one JSON line an event, on standard error.
 *
 * Guarantees: of an error only its class, code, message, stack and causes are written. Members such as a database's `detail`
 * and `where`, which quote values of rows, are not. Whatever is named like a secret is left out by its name, and whatever
 * looks like one by its shape, in messages and at any depth.
 */
import { pino } from "pino";
import type { Settings } from "../config/index.ts";

/** Where faults go. Nothing personal is ever handed to it. */
export interface Logger {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}

/** JWTs, keys and tokens of ours, client and admin secrets and launch tokens (64 hex digits), credentials of headers and URLs. */
const SECRETS = [
  /\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+/g,
  /\b(?:Bearer|Basic|DPoP)\s+[\w.~+/=-]{8,}/gi,
  /\bd(?:p|pk|rt|ss)_[\w-]{12,}/g,
  /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/gi,
  /(?<=:\/\/[^\s:/@]+:)[^\s@/]+(?=@)/g,
];

/** Members that hold a secret whatever it looks like. */
const SECRET_NAMES =
  /^(?:authorization|cookie|set-cookie|x-api-key|x-csrf-token|dpop|password|.*secret|.*token|api_?key|private_?key|signature|nonce)$/i;

const REDACTED = "[redacted]";
const DEPTH = 6;

export function withoutSecrets(text: string): string {
  return SECRETS.reduce((clean, pattern) => clean.replaceAll(pattern, REDACTED), text);
}

/** Fields as the log may keep them. Errors are left to `errorForLog`. */
function fieldsForLog(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return withoutSecrets(value);
  if (typeof value !== "object" || value === null || value instanceof Error) return value;
  if (depth === DEPTH) return "[too deep]";
  if (Array.isArray(value)) return value.map((item) => fieldsForLog(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      SECRET_NAMES.test(name) ? REDACTED : fieldsForLog(inner, depth + 1),
    ]),
  );
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

/** Writes to standard error unless told. `destination` gets one line a call. */
export function createLogger(
  level: Settings["logLevel"],
  destination: { write(line: string): void } = pino.destination({ dest: 2, sync: true }),
): Logger {
  return pino(
    {
      level,
      base: null,
      serializers: { err: (error: unknown) => errorForLog(error) },
      formatters: { log: (fields) => fieldsForLog(fields) as Record<string, unknown> },
      hooks: {
        logMethod(args, method) {
          const clean = args.map((arg) => (typeof arg === "string" ? withoutSecrets(arg) : arg));
          method.apply(this, clean as Parameters<typeof method>);
        },
      },
    },
    destination,
  );
}
