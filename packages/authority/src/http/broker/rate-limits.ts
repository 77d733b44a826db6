/**
 * How often the protocol's two sign-ins may be tried.
 *
 * Guarantees: operators 5 a second with bursts of 10 from one source; an app 10 a minute with bursts of 3 from one source;
 * whoever changes the client id each time meets the limit of its source, and many sources together meet one for all. An
 * app that somebody else attacks still signs in from its own source. All replicas count together where Redis is shared.
 * Attack answered: guessing past a limit, and lock-out as a weapon [AW-D17].
 */
import { DeputizeError } from "@deputize/core";
import type { Ephemeral } from "@deputize/store";
import { isIPv6 } from "node:net";
import { mac } from "../../credentials/derive-key.ts";

/** Fixed windows: `points` is the burst, and points by duration the rate. */
const BROKER_LIMITS = {
  adminSource: { points: 10, durationSeconds: 2 },
  app: { points: 3, durationSeconds: 18 },
  appSource: { points: 60, durationSeconds: 60 },
  /** All sign-ins of everybody: bounds the work, far above what apps need. */
  everybody: { points: 2_000, durationSeconds: 10 },
} as const;

/** What the protocol tells its clients to wait. */
const RETRY_AFTER_SECONDS = { admin: 1, app: 60 } as const;

export interface BrokerRateLimits {
  /** Throws `rate_limited`. */
  admin(source: string): Promise<void>;
  /** The part of an app's sign-in that needs no body. Throws `rate_limited`. */
  appSource(source: string): Promise<void>;
  /** Throws `rate_limited`. */
  app(clientId: string, source: string): Promise<void>;
}

/** Addresses of one household of IPv6 count as one: whoever holds one of them holds all. */
function household(source: string): string {
  if (!isIPv6(source) || source.toLowerCase().startsWith("::ffff:")) return source;
  const [head = "", tail] = source.toLowerCase().split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array.from({ length: zeros }, () => "0"), ...right]
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":");
}

export function createBrokerRateLimits(options: {
  readonly ephemeral: Ephemeral;
  /** Keys the digests under which is counted, so that the ephemeral store holds no address. */
  readonly key: Uint8Array;
}): BrokerRateLimits {
  const { ephemeral, key } = options;
  const limiter = (name: keyof typeof BROKER_LIMITS) =>
    ephemeral.rateLimiter({ name: `broker-${name}`, ...BROKER_LIMITS[name] });
  const limiters = {
    adminSource: limiter("adminSource"),
    app: limiter("app"),
    appSource: limiter("appSource"),
    everybody: limiter("everybody"),
  };

  async function take(
    name: keyof typeof BROKER_LIMITS,
    id: readonly string[],
    retryAfterSeconds: number,
  ): Promise<void> {
    const { allowed } = await limiters[name].consume(mac(key, name, ...id).toString("base64url"));
    if (allowed) return;
    throw new DeputizeError("rate_limited", "too many tries; wait before the next one", {
      retryAfterSeconds,
    });
  }

  return {
    async admin(source) {
      await take("adminSource", [household(source)], RETRY_AFTER_SECONDS.admin);
      await take("everybody", [], RETRY_AFTER_SECONDS.admin);
    },
    async appSource(source) {
      // First, so that a source that is refused neither uses up what all share nor makes us remember client ids.
      await take("appSource", [household(source)], RETRY_AFTER_SECONDS.app);
      await take("everybody", [], RETRY_AFTER_SECONDS.app);
    },
    app: (clientId, source) => take("app", [clientId, household(source)], RETRY_AFTER_SECONDS.app),
  };
}
