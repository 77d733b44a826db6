/**
 * Throttling of sign-in: before any hash is computed, alike for accounts that exist and that do not.
 *
 * Guarantees: from the sixth try in a row on one account from one source, and from the 31st of one source in a
 * minute, the answer is `rate_limited` with a time to wait. An account under attack from many sources is
 * closed to strangers after 100 failures an hour. A device that signed in before has its own allowance, so
 * that nobody can lock a person out of their own account by failing on purpose [SR-26].
 * Does not: survive the loss of the ephemeral store; counts start again then.
 * Attack answered: guessing, and lock-out as a weapon [SH-D06].
 */
import { DeputizeError } from "@deputize/core";
import type { Ephemeral, RateLimiter } from "@deputize/store";
import { mac } from "../credentials/derive-key.ts";

const MINUTE_SECONDS = 60;

const THROTTLE = {
  /** Failures in a row before an account answers 429 to one source. */
  accountSource: { points: 5, durationSeconds: 15 * MINUTE_SECONDS },
  /** Tries of any kind from one source. */
  source: { points: 30, durationSeconds: MINUTE_SECONDS },
  /** Failures of one account from all strangers together. */
  account: { points: 100, durationSeconds: 60 * MINUTE_SECONDS },
  /** Failures in a row of a device that the account knows. */
  device: { points: 10, durationSeconds: 15 * MINUTE_SECONDS },
  /** Sign-ups of one source. */
  signUp: { points: 10, durationSeconds: 60 * MINUTE_SECONDS },
} as const;

export interface SignInAttempt {
  /** Where the request comes from: the socket's address, or what a trusted proxy says. */
  readonly source: string;
  /** The account's name as typed, folded; never checked for existence. */
  readonly account: string;
  /** The id of a device that this account knows, already verified. */
  readonly knownDevice?: string;
}

export interface Throttle {
  /** Takes one try from the allowance. Throws `rate_limited`. */
  signIn(attempt: SignInAttempt): Promise<void>;
  /** Gives the allowance back after a success, so that only failures in a row count. */
  signedIn(attempt: SignInAttempt): Promise<void>;
  /** Takes one of a source's allowance of this kind. Throws `rate_limited`. */
  once(kind: "signUp", source: string): Promise<void>;
}

export function createThrottle(options: {
  readonly ephemeral: Ephemeral;
  /** Keys the digests under which is counted, so that the ephemeral store holds no address of any kind. */
  readonly key: Uint8Array;
}): Throttle {
  const { ephemeral, key } = options;
  const limiter = (name: keyof typeof THROTTLE): RateLimiter =>
    ephemeral.rateLimiter({ name: `auth-${name}`, ...THROTTLE[name] });
  const limiters = {
    accountSource: limiter("accountSource"),
    source: limiter("source"),
    account: limiter("account"),
    device: limiter("device"),
    signUp: limiter("signUp"),
  };

  const digest = (...parts: string[]) => mac(key, ...parts).toString("base64url");
  const sourceKey = (source: string) => digest("source", source);

  async function take(rule: keyof typeof THROTTLE, id: string): Promise<void> {
    const answer = await limiters[rule].consume(id);
    if (answer.allowed) return;
    throw new DeputizeError("rate_limited", "too many tries; wait before the next one", {
      retryAfterSeconds: Math.max(1, Math.ceil(answer.retryAfterSeconds)),
    });
  }

  function seriesOf(attempt: SignInAttempt): { rule: "device" | "accountSource"; id: string } {
    return attempt.knownDevice === undefined
      ? { rule: "accountSource", id: digest("account-source", attempt.account, attempt.source) }
      : { rule: "device", id: digest("device", attempt.account, attempt.knownDevice) };
  }

  return {
    async signIn(attempt) {
      const { rule, id } = seriesOf(attempt);
      // A known device answers to its own allowance only: its neighbors behind one address, and strangers who
      // attack the account, must not be able to use it up.
      if (attempt.knownDevice === undefined) {
        await take("source", sourceKey(attempt.source));
        await take(rule, id);
        await take("account", digest("account", attempt.account));
      } else {
        await take(rule, id);
      }
    },
    async signedIn(attempt) {
      const { rule, id } = seriesOf(attempt);
      await limiters[rule].reset(id);
    },
    once: (kind, source) => take(kind, sourceKey(source)),
  };
}
