/**
 * How an identity is refused: the codes, and the answer of each over HTTP (RFC 9110, RFC 6750, RFC 9470, RFC 9457).
 *
 * Guarantees: every 401 carries a challenge; without a credential it is a bare `Bearer`, as nothing was wrong yet. What is sent
 * is of this table only: no reason, no name, nothing of the credential (AF-D04).
 */
import { DeputizeError, type DeputizeErrorCode } from "@deputize/core";
import type { Rejection } from "./authenticator.ts";

interface Answer {
  readonly status: number;
  /** What everybody is told. */
  readonly says: string;
  readonly challenge?: string;
  /** The code by which the rest of Deputize knows it. */
  readonly error: DeputizeErrorCode;
  /** Status and code of the original. No code: it sends none. */
  readonly agentflow: readonly [status: number, code?: string];
}

const INVALID = 'Bearer error="invalid_token"';

const ANSWERS = {
  UNAUTHENTICATED: {
    status: 401,
    says: "send a credential, such as a token as `Authorization: Bearer`",
    challenge: "Bearer",
    error: "unauthenticated",
    agentflow: [403, "REVOKED_TOKEN"],
  },
  INVALID_TOKEN: {
    status: 401,
    says: "the credential is not valid here; get a new one",
    challenge: INVALID,
    error: "invalid_token",
    agentflow: [403, "INVALID_TOKEN"],
  },
  EXPIRED_TOKEN: {
    status: 401,
    says: "the credential has expired; get a new one",
    challenge: `${INVALID}, error_description="the token has expired"`,
    error: "invalid_token",
    agentflow: [403, "EXPIRED_TOKEN"],
  },
  REVOKED_TOKEN: {
    status: 401,
    says: "the credential was taken back; sign in again",
    challenge: INVALID,
    error: "invalid_token",
    agentflow: [403, "REVOKED_TOKEN"],
  },
  INSUFFICIENT_USER_AUTHENTICATION: {
    status: 401,
    says: "this needs a stronger or more recent sign-in",
    challenge: 'Bearer error="insufficient_user_authentication"',
    error: "invalid_token",
    agentflow: [403, "INVALID_TOKEN"],
  },
  INSUFFICIENT_SCOPE: {
    status: 403,
    says: "the credential does not reach that far",
    challenge: 'Bearer error="insufficient_scope"',
    error: "insufficient_scope",
    agentflow: [403],
  },
  FORBIDDEN: { status: 403, says: "not allowed", error: "forbidden", agentflow: [403, "HTTPException"] },
  RATE_LIMIT_EXCEEDED: {
    status: 429,
    says: "too many tries; wait before the next one",
    error: "rate_limited",
    agentflow: [429, "RATE_LIMIT_EXCEEDED"],
  },
  AUTH_UNAVAILABLE: {
    status: 503,
    says: "who you are cannot be checked now; try again shortly",
    error: "unavailable",
    agentflow: [500],
  },
} as const satisfies Record<string, Answer>;

export type AuthCode = keyof typeof ANSWERS;
export const AUTH_CODES = Object.keys(ANSWERS) as AuthCode[];

export interface AuthResponseOptions {
  readonly requestId: string;
  /** Status and codes of the original server, for its clients. */
  readonly compat?: "agentflow";
}

/** What is answered to a refusal, in parts: for servers with an error form of their own. */
export function authAnswer(refusal: Rejection): {
  readonly status: number;
  readonly code: AuthCode;
  readonly says: string;
  readonly headers: Readonly<Record<string, string>>;
} {
  const { status, says, challenge: usual }: Answer = ANSWERS[refusal.code];
  const challenge = refusal.challenge ?? usual;
  const retry = refusal.retryAfterSeconds ?? (status === 503 ? 1 : undefined);
  return {
    status,
    code: refusal.code,
    says,
    headers: {
      ...(challenge !== undefined && { "www-authenticate": challenge }),
      ...(retry !== undefined && { "retry-after": String(Math.max(1, Math.ceil(retry))) }),
    },
  };
}

/** The answer to a request that was refused: problem+json, or the original's envelope. */
export function authResponse(refusal: Rejection, { requestId, compat }: AuthResponseOptions): Response {
  const answer: Answer = ANSWERS[refusal.code];
  const headers = new Headers({ "cache-control": "no-store", "x-request-id": requestId });
  for (const [name, value] of Object.entries(authAnswer(refusal).headers)) headers.set(name, value);
  if (compat === "agentflow") {
    const [status, code] = answer.agentflow;
    const error = { ...(code !== undefined && { code }), message: answer.says, details: [] };
    const metadata = { request_id: requestId };
    return Response.json({ error, metadata }, { status, headers });
  }
  headers.set("content-type", "application/problem+json");
  const body = {
    type: `urn:deputize:error:${refusal.code.toLowerCase()}`,
    title: refusal.code.toLowerCase().replaceAll("_", " "),
    status: answer.status,
    detail: answer.says,
    code: refusal.code,
    request_id: requestId,
  };
  return new Response(JSON.stringify(body), { status: answer.status, headers });
}

/** A refusal as it is thrown where callers are asked for: by tool servers, and by what links callers to grants. */
export class AuthRefused extends DeputizeError {
  readonly refusal: Rejection;

  constructor(refusal: Rejection) {
    const { error, says } = ANSWERS[refusal.code];
    super(error, says, {
      ...(refusal.retryAfterSeconds !== undefined && { retryAfterSeconds: refusal.retryAfterSeconds }),
      ...(refusal.reason !== undefined && { cause: new DeputizeError(error, refusal.reason) }),
    });
    this.refusal = refusal;
  }
}
