/**
 * What went wrong with a model, in words that may be shown.
 *
 * Guarantees: nothing of a provider's answer is kept but its status, its error's code and when to come back: a body may repeat
 * the key or what a person wrote, and so may the SDK's own error, which holds the whole request.
 */
import { DeputizeError, type DeputizeErrorCode, systemClock } from "@deputize/core";

export type ModelFaultKind =
  /** The request is bad, wherever it is sent: 400, 413, 422. */
  | "bad_request"
  /** The key or the model is not taken: 401, 403, 404. */
  | "refused"
  | "rate_limited"
  /** Nothing left to pay with; waiting does not help. */
  | "no_quota"
  /** The provider or the way to it is down: 5xx, 529, no connection. */
  | "down"
  /** An answer that broke off, or that no one can read. */
  | "broken"
  | "timeout";

interface Meaning {
  readonly code: DeputizeErrorCode;
  /** After the name of the model, or "the model". */
  readonly said: string;
  readonly fix: string;
  readonly retryable: boolean;
}

const AGAIN = "nothing was lost, try again";

const MEANING: Readonly<Record<ModelFaultKind, Meaning>> = {
  bad_request: {
    code: "invalid_request",
    said: "does not take this request",
    fix: "begin a new conversation, or ask for less at once",
    retryable: false,
  },
  refused: {
    code: "unavailable",
    said: "refused its key, or is not known by its name",
    fix: "whoever runs this checks both",
    retryable: false,
  },
  rate_limited: {
    code: "rate_limited",
    said: "takes no more requests for now",
    fix: "nothing was lost, try again a little later",
    retryable: true,
  },
  no_quota: {
    code: "unavailable",
    said: "has no quota left",
    fix: "whoever runs this checks the account",
    retryable: false,
  },
  down: { code: "unavailable", said: "could not be reached", fix: AGAIN, retryable: true },
  broken: { code: "unavailable", said: "broke off its answer", fix: AGAIN, retryable: true },
  timeout: { code: "timeout", said: "did not answer in time", fix: AGAIN, retryable: false },
};

/** A model's failure. `code` is `invalid_request`, `payload_too_large`, `rate_limited`, `timeout` or `unavailable`. */
export class ModelFault extends DeputizeError {
  override readonly name = "ModelFault";
  readonly kind: ModelFaultKind;
  /** The failure, after the name of a model. */
  readonly said: string;
  /** The same request may do better a moment later. */
  readonly retryable: boolean;

  constructor(kind: ModelFaultKind, model: string, facts: ModelFacts = {}) {
    const { code, said, fix, retryable } = MEANING[kind];
    const { status, providerCode, retryAfterSeconds } = facts;
    const underneath = [status, providerCode].filter((fact) => fact !== undefined).join(" ");
    super(status === 413 ? "payload_too_large" : code, `the model ${said}; ${fix}`, {
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
      cause: new Error(`${model} ${said}${underneath && ` (${underneath})`}`),
    });
    this.kind = kind;
    this.said = said;
    this.retryable = retryable;
  }
}

interface ModelFacts {
  readonly status?: number | undefined;
  readonly providerCode?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
}

/** No provider means hours by this header, and a stranger's number must not stop a model for ever. */
const RETRY_AFTER_MAX_SECONDS = 3_600;

/** Codes are words: no digits, so that none can be a key. */
const PROVIDER_CODE = /^[A-Za-z][A-Za-z_]{0,47}$/;

/** Reads what the SDK, or the network, threw while `model` was asked. */
export function modelFault(thrown: unknown, model: string): ModelFault {
  if (thrown instanceof ModelFault) return thrown;
  const error = membersOf(thrown);
  const data = membersOf(membersOf(error["data"])["error"]);
  const providerCode = [data["code"], data["type"], data["status"], error["code"], error["type"]].find(
    (code): code is string => typeof code === "string" && PROVIDER_CODE.test(code),
  );
  const status = [error["statusCode"], error["status"]].find((code) => typeof code === "number");
  const retryAfterSeconds = retryAfter(membersOf(error["responseHeaders"]));
  const facts = { status, providerCode, retryAfterSeconds };
  return new ModelFault(kindOf(status, providerCode, error["name"]), model, facts);
}

function kindOf(status: number | undefined, code: string | undefined, name: unknown): ModelFaultKind {
  if (code === "insufficient_quota") return "no_quota";
  if (status === undefined) {
    if (code === "rate_limit_exceeded") return "rate_limited";
    // The SDK's errors for an answer that is no JSON, or not of the provider's shape.
    return name === "AI_JSONParseError" || name === "AI_TypeValidationError" ? "broken" : "down";
  }
  if (status === 400 || status === 413 || status === 422) return "bad_request";
  if (status === 401 || status === 403 || status === 404) return "refused";
  if (status === 429) return "rate_limited";
  // An answer with status 200 that cannot be read.
  return status < 400 ? "broken" : "down";
}

/** `retry-after-ms`, then `retry-after` in seconds or as a date (RFC 9110 §10.2.3), within bounds. */
function retryAfter(headers: Readonly<Record<string, unknown>>): number | undefined {
  const [ms, plain] = [headers["retry-after-ms"], headers["retry-after"]];
  const seconds =
    typeof ms === "string" && ms.trim() !== ""
      ? Number(ms) / 1000
      : typeof plain === "string" && plain.trim() !== ""
        ? Number.isNaN(Number(plain))
          ? (Date.parse(plain) - systemClock.nowMs()) / 1000
          : Number(plain)
        : Number.NaN;
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), RETRY_AFTER_MAX_SECONDS) : undefined;
}

const membersOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
