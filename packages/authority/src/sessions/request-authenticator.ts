/**
 * Who is behind a request to the authority's own installation: a cookie session or a bearer token, never both.
 *
 * Guarantees: two credentials are refused [SR-26]; a token is checked against the database and not against a
 * feed, so that these routes see a revocation at once; a token for another audience is refused.
 */
import { type RefusalCounter, auditEvent } from "@deputize/audit";
import { type Caller, DeputizeError } from "@deputize/core";
import type { Tokens } from "../tokens/tokens.ts";
import { SESSION_COOKIE, readCookie } from "./cookies.ts";
import type { Sessions } from "./sessions.ts";

/** Throws `unauthenticated`, `invalid_token`, `csrf_failed`, `invalid_request`. */
export type AuthenticateRequest = (request: Request) => Promise<Caller>;

const BEARER = /^Bearer ([A-Za-z0-9._-]+)$/;

export function createRequestAuthenticator(options: {
  readonly sessions: Pick<Sessions, "authenticate">;
  readonly tokens: Pick<Tokens, "stands">;
  readonly refusals: Pick<RefusalCounter, "refused">;
  readonly apiAudience: string;
  /**
   * Answers `first_party_session_required` for a good token of another audience: it is known, it is not a
   * person at their own session, and the try is logged. For the routes where only that counts.
   */
  readonly forDecisions?: boolean;
}): AuthenticateRequest {
  const { sessions, tokens, refusals, apiAudience } = options;
  return async function authenticateRequest(request) {
    const authorization = request.headers.get("authorization");
    const hasCookie = readCookie(request, SESSION_COOKIE) !== undefined;
    if (authorization !== null && hasCookie) {
      throw new DeputizeError(
        "invalid_request",
        "send one credential: a cookie or an `Authorization` header",
      );
    }
    if (authorization === null) {
      const caller = await sessions.authenticate(request);
      if (!caller) throw new DeputizeError("unauthenticated", "sign in first");
      return caller;
    }
    const token = BEARER.exec(authorization)?.[1];
    const verified = token === undefined ? undefined : await tokens.stands(token);
    if (!verified) throw new DeputizeError("invalid_token", "the token is not valid any more; sign in again");
    if (verified.audience.includes(apiAudience)) return verified.caller;
    if (!options.forDecisions) throw new DeputizeError("invalid_token", "the token is for another audience");
    await refusals.refused(
      auditEvent(verified.caller, {
        action: "decision.attempted",
        outcome: "refused",
        reason: "first_party_session_required",
        resource: new URL(request.url).pathname.slice(0, 200),
      }),
    );
    throw new DeputizeError(
      "first_party_session_required",
      "only the person can do this, at a session of their own",
    );
  };
}
