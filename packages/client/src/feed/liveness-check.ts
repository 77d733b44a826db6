/**
 * Asks the authority whether one token still stands, when the feed is too old to say.
 *
 * Guarantees: the same token is asked about once at a time, and only so many at once, so that a feed outage
 * does not become a flood (SR-11). No answer is never a yes: it throws `unavailable`.
 */
import { DeputizeError } from "@deputize/core/portable";
import { z } from "zod";

/** `/authority/check` says `active`, the broker protocol's `/v1/token/validate` says `valid`. */
const Answer = z.union([
  z.object({ active: z.boolean() }).transform(({ active }) => active),
  z.object({ valid: z.boolean() }).transform(({ valid }) => valid),
]);

export interface LivenessCheck {
  /** True when the authority says the token stands. Throws `unavailable`. */
  check(token: string): Promise<boolean>;
}

const MAX_IN_FLIGHT = 64;

export function createLivenessCheck(options: {
  readonly url: string;
  readonly fetch: typeof fetch;
  readonly timeoutMs: number;
}): LivenessCheck {
  const inFlight = new Map<string, Promise<boolean>>();

  function unavailable(cause?: unknown): DeputizeError {
    return new DeputizeError("unavailable", "whether the token was revoked cannot be known; try again", {
      cause,
      retryAfterSeconds: 1,
    });
  }

  async function ask(token: string): Promise<boolean> {
    try {
      const response = await options.fetch(options.url, {
        method: "POST",
        headers: { "Content-Type": "application/json", Accept: "application/json" },
        body: JSON.stringify({ token }),
        // Followed nowhere: a redirect is no `ok` answer. Edge runtimes do not know `error`.
        redirect: "manual",
        signal: AbortSignal.timeout(options.timeoutMs),
      });
      if (!response.ok) throw new Error(`the check answered ${response.status}`);
      return Answer.parse(await response.json());
    } catch (cause) {
      throw unavailable(cause);
    }
  }

  return {
    async check(token) {
      const known = inFlight.get(token);
      if (known) return known;
      if (inFlight.size >= MAX_IN_FLIGHT) throw unavailable();
      const asked = ask(token).finally(() => inFlight.delete(token));
      inFlight.set(token, asked);
      return asked;
    },
  };
}
