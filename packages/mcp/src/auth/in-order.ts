/**
 * Several authenticators on one server, asked in the order in which they stand.
 *
 * Guarantees: a request carries one credential, whichever headers the authenticators read (SR-26); the first that accepts it
 * says who it is, and is not mixed with another; one that refuses, or cannot tell, hands on to the next. When none
 * accepts and one could not tell, the answer is 503 and not a wrong "invalid".
 */
import { type Caller, DeputizeError, isDeputizeError } from "@deputize/core";
import { type Authenticator, CREDENTIAL_HEADERS, TWO_CREDENTIALS } from "./authenticator.ts";
import { CredentialRefusal, REFUSED, reasonsOf } from "./refusal.ts";

/** One authenticator of several. Throws `config_invalid` when there is none. */
export function inOrder(authenticators: readonly Authenticator[]): Authenticator {
  const [first, ...others] = authenticators;
  if (!first)
    throw new DeputizeError("config_invalid", "`auth` names no authenticator; there is no anonymous access");
  if (others.length === 0) return first;
  const headers = [
    ...new Set([...CREDENTIAL_HEADERS, ...authenticators.flatMap((one) => one.credentialHeaders ?? [])]),
  ];
  return {
    name: authenticators.map((one) => one.name).join(", then "),
    authorizationServers: [...new Set(authenticators.flatMap((one) => one.authorizationServers ?? []))],
    credentialHeaders: headers,
    claimsOf: (caller) => {
      for (const one of authenticators) {
        const claims = one.claimsOf?.(caller);
        if (claims) return claims;
      }
      return undefined;
    },
    authenticate: async (request): Promise<Caller> => {
      if (headers.filter((name) => request.headers.has(name)).length > 1)
        throw new DeputizeError("invalid_token", TWO_CREDENTIALS);
      const refusals: unknown[] = [];
      const reasons: CredentialRefusal[] = [];
      for (const one of authenticators) {
        try {
          return await one.authenticate(request);
        } catch (refusal) {
          refusals.push(refusal);
          reasons.push(new CredentialRefusal(`${one.name}: ${reasonsOf(refusal).join(", ") || "refused"}`));
        }
      }
      throw withReasons(mostTelling(refusals), reasons);
    },
  };
}

/** The same refusal, with everybody's reasons for the log. */
function withReasons(refusal: unknown, reasons: readonly CredentialRefusal[]): unknown {
  const cause = new AggregateError(reasons);
  if (!isDeputizeError(refusal)) return new DeputizeError("invalid_token", REFUSED, { cause });
  const { code, message, retryAfterSeconds } = refusal;
  return new DeputizeError(code, message, {
    cause,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
}

/** Not being able to tell comes before "wrong", and "wrong" before "nothing was sent". */
function mostTelling(refusals: readonly unknown[]): unknown {
  return (
    refusals.find((refusal) => isDeputizeError(refusal) && refusal.status === 503) ??
    refusals.find((refusal) => !isDeputizeError(refusal, "unauthenticated")) ??
    refusals[0]
  );
}
