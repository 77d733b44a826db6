/**
 * Routes that need a recent or a stronger sign-in (RFC 9470).
 *
 * Guarantees: an identity that does not say when it signed in, or how, is not fresh; a time in the future is none.
 */
import { type Clock, DeputizeError, nowSeconds, systemClock } from "@deputize/core";
import { type Identity, type Rejection, rejected } from "./authenticator.ts";

export interface FreshSignIn {
  /** How long ago the person may have proved who they are, at most. */
  readonly maxAgeSeconds?: number;
  /** Ways of proof that must all be among the identity's (RFC 8176), such as `otp`. */
  readonly amr?: readonly string[];
  readonly clock?: Clock;
}

const NOT_NOW_SECONDS = 5;

/** The refusal of an identity that is not fresh enough, or undefined. Throws `config_invalid` for a rule that asks for nothing. */
export function staleSignIn(identity: Identity, rule: FreshSignIn): Rejection | undefined {
  const { maxAgeSeconds, amr = [], clock = systemClock } = rule;
  if ((maxAgeSeconds === undefined && amr.length === 0) || !((maxAgeSeconds ?? 1) > 0))
    throw new DeputizeError("config_invalid", "a fresh sign-in needs `maxAgeSeconds` above 0, or `amr`");
  const age = nowSeconds(clock) - (identity.authTime ?? Number.NEGATIVE_INFINITY);
  const recent = maxAgeSeconds === undefined || (age <= maxAgeSeconds && age >= -NOT_NOW_SECONDS);
  if (recent && amr.every((way) => identity.amr.includes(way))) return undefined;
  const limit = maxAgeSeconds === undefined ? "" : `, max_age="${maxAgeSeconds}"`;
  return rejected("INSUFFICIENT_USER_AUTHENTICATION", "the sign-in is too old or too weak for this route", {
    challenge: `Bearer error="insufficient_user_authentication"${limit}`,
  });
}
