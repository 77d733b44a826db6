/**
 * How often somebody may ask: by address, user, key, tenant, or all together.
 *
 * Guarantees: an address is what the server's `source` says, so a header that nobody trusts makes nobody another one; preflights are
 * not counted; a refusal carries CORS, request id, `Retry-After` and the `X-RateLimit-*` of the limit that refused [AF-D14]. In one process
 * and over Redis the same limit is held; while Redis is away each process holds it by itself.
 */
import { type Clock, DeputizeError, nowSeconds } from "@deputize/core";
import type { Ephemeral, SlidingWindow } from "@deputize/store";
import { z } from "zod";
import type { Limited, Limiter } from "../serve-route.ts";
import type { SignedIn } from "../sign-in.ts";

/** Whom a limit counts. `ip`, `user`, `key` (the credential), `tenant`, or `global` for everybody together. */
const LIMITED_BY = ["ip", "user", "key", "tenant", "global"] as const;
type LimitedBy = (typeof LIMITED_BY)[number];

/** `rate_limit` of a configuration: one limit, or `limits` for several. */
export const RateLimitSetting = z
  .strictObject({
    by: z.enum(LIMITED_BY).default("ip"),
    requests: z.int().min(1).max(1_000_000_000).default(100),
    window: z.int().min(1).max(86_400).default(60).describe("seconds"),
    limits: z
      .array(
        z.strictObject({
          by: z.enum(LIMITED_BY),
          requests: z.int().min(1).max(1_000_000_000),
          window: z.int().min(1).max(86_400).default(60),
        }),
      )
      .max(10)
      .optional(),
    exclude_paths: z.array(z.string().startsWith("/")).default(["/health", "/ready"]),
  })
  .transform(({ by, requests, window, limits, exclude_paths }) => ({
    limits: limits ?? [{ by, requests, window }],
    excludePaths: exclude_paths,
  }));

export type RateLimitInput = z.input<typeof RateLimitSetting>;

export interface RateLimiterOptions {
  readonly setting: RateLimitInput;
  /** `openEphemeral`: in this process, or over Redis for all replicas. */
  readonly ephemeral: Pick<Ephemeral, "slidingWindow">;
  readonly clock: Clock;
}

interface Limit {
  readonly by: LimitedBy;
  readonly requests: number;
  readonly window: number;
  readonly count: SlidingWindow;
}

/** Throws `config_invalid`. */
export function rateLimiter({ setting, ephemeral, clock }: RateLimiterOptions): Limiter {
  const read = RateLimitSetting.safeParse(setting);
  if (!read.success) {
    const wrong = read.error.issues.map(
      ({ path, message }) => `${path.join(".") || "rate_limit"}: ${message}`,
    );
    throw new DeputizeError("config_invalid", `this rate limit cannot work: ${wrong.join("; ")}`);
  }
  const excluded = new Set(read.data.excludePaths);
  const limits = read.data.limits.map(({ by, requests, window }): Limit => ({
    by,
    requests,
    window,
    count: ephemeral.slidingWindow({
      name: `agent-server:${by}:${requests}:${window}`,
      points: requests,
      windowSeconds: window,
    }),
  }));

  async function take(
    asked: Limited,
    some: readonly Limit[],
    keyOf: (by: LimitedBy) => string,
  ): Promise<void> {
    if (excluded.has(asked.path)) return;
    for (const { by, requests, window, count } of some) {
      const { allowed, remaining, retryAfterSeconds } = await count.take(keyOf(by));
      const reset = nowSeconds(clock) + (allowed ? window : retryAfterSeconds);
      if (!asked.left || !allowed || remaining < asked.left.remaining)
        asked.left = { limit: requests, remaining, reset };
      if (!allowed)
        throw new DeputizeError("rate_limited", "too many requests; wait before the next one", {
          retryAfterSeconds,
        });
    }
  }

  const anonymous = limits.filter(({ by }) => by === "ip" || by === "global");
  const known = limits.filter(({ by }) => by !== "ip" && by !== "global");
  return {
    before: (asked) => take(asked, anonymous, (by) => (by === "ip" ? asked.source : "everybody")),
    after: (asked, { caller, identity }: SignedIn) =>
      take(asked, known, (by) => {
        if (by === "tenant") return caller.tenant;
        const user = `${caller.tenant}:${caller.subject}`;
        return by === "key" ? `${user}:${identity?.tokenId ?? ""}` : user;
      }),
  };
}
