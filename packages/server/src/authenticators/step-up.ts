/**
 * Two factors: whatever accepts the first one, with what strengthened the sign-in since.
 *
 * Guarantees: the second factor is proved once for a sign-in, over `SecondFactors.prove`, and never rides in a token or header of a call; how and when it was
 * proved stands in the identity (`amr`, `authTime`), from the database and not from the token. Where it is required, a sign-in without it
 * reaches only the paths on which it is proved.
 */
import { DeputizeError } from "@deputize/core";
import { type Authenticator, identityOf, rejected } from "./authenticator.ts";
import type { SecondFactors } from "./totp.ts";

export interface StepUpOptions {
  /** Accepts the first factor: a password session, such as `databaseAuthenticator`. Its tokens carry a `jti`. */
  readonly first: Authenticator;
  readonly factors: Pick<SecondFactors, "stepUpOf">;
  /** Every path but these needs the second factor. Absent: each route says what it needs (`staleSignIn`). */
  readonly required?: { readonly except: readonly string[] };
}

/** Ways of proof that only a step-up may say: a token of the first factor cannot claim them. */
const SECOND = new Set(["otp", "mfa", "hwk", "sms", "fpt", "face"]);

/** An authenticator of two factors. Throws `config_invalid` when no path is left on which the second could be proved. */
export function stepUpAuthenticator(options: StepUpOptions): Authenticator {
  const { first, factors, required } = options;
  if (required && !required.except.some((path) => path.startsWith("/")))
    throw new DeputizeError(
      "config_invalid",
      "`required.except` names the path on which the second factor is proved",
    );
  const flightKey = first.flightKey?.bind(first);
  return {
    name: `${first.name} + second factor`,
    ...(first.schemes && { schemes: first.schemes }),
    // The path counts, so that flights of two paths are two.
    ...(flightKey && {
      flightKey: (request) => {
        const key = flightKey(request);
        return key === undefined ? undefined : JSON.stringify([request.path, key]);
      },
    }),
    authenticate: async (request, signal) => {
      const outcome = await first.authenticate(request, signal);
      if (!outcome.ok) return outcome;
      const identity = identityOf(first.name, outcome.identity);
      const step = await factors.stepUpOf(identity);
      const own = identity.amr.filter((way) => !SECOND.has(way));
      if (!step && required && !required.except.includes(request.path))
        return rejected("INSUFFICIENT_USER_AUTHENTICATION", "the second factor was not proved");
      return {
        ok: true,
        identity: {
          ...identity,
          amr: [...new Set([...own, ...(step?.amr ?? [])])],
          ...(step && { authTime: step.authTime }),
        },
      };
    },
    close: async () => first.close?.(),
  };
}
