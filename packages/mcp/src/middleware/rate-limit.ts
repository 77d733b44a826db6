/**
 * Rate limits of a server, a router, or one tool.
 *
 * Guarantees: a limit is one bucket for all replicas that share an ephemeral store (PR-D19); keys are length-prefixed
 * hashes, so no two callers share a bucket by the choice of their names; limits of a tool count only callers who may see it.
 * Callers without identity are limited by address, before all of this (server.ts).
 */
import { type Caller, DeputizeError, hashParts } from "@deputize/core";
import type { Ephemeral } from "@deputize/store";
import type { Definition } from "../definition.ts";
import type { Middleware } from "./middleware.ts";

export interface RateLimit {
  readonly points: number;
  readonly durationSeconds: number;
  /** How many at once after a pause. */
  readonly burst: number;
}

export interface RateLimitOptions {
  readonly perSecond?: number;
  readonly perMinute?: number;
  readonly perHour?: number;
  /** How many at once after a pause; as many as the rate names unless told. */
  readonly burst?: number;
  /** Whose budget: each caller's (subject through one client), a tenant's, or everybody's on one tool together. */
  readonly by?: "caller" | "tenant" | "tool";
  /** A budget for each tool instead of one for all that this covers. */
  readonly perTool?: boolean;
}

export interface RateLimitMiddleware {
  readonly kind: "rateLimit";
  readonly limit: RateLimit;
  readonly by: "caller" | "tenant" | "tool";
  readonly perTool: boolean;
}

/** At most this many calls. Throws `config_invalid` unless exactly one rate is given. */
export function rateLimit(options: RateLimitOptions): RateLimitMiddleware {
  const { perSecond, perMinute, perHour, burst, by = "caller", perTool = false } = options;
  const rates = [
    { points: perSecond, durationSeconds: 1 },
    { points: perMinute, durationSeconds: 60 },
    { points: perHour, durationSeconds: 3600 },
  ].flatMap(({ points, durationSeconds }) => (points === undefined ? [] : [{ points, durationSeconds }]));
  const [rate, ...more] = rates;
  if (!rate || more.length > 0)
    throw new DeputizeError(
      "config_invalid",
      "a rate limit names one of `perSecond`, `perMinute`, `perHour`",
    );
  return {
    kind: "rateLimit",
    limit: checkedLimit({ ...rate, burst: burst ?? rate.points }),
    by,
    perTool: perTool || by === "tool",
  };
}

const RATE = /^(\d{1,7})\/(s|sec|min|h)$/;
const RATE_SECONDS: Readonly<Record<string, number>> = { s: 1, sec: 1, min: 60, h: 3600 };

/** Reads `100/min`, `5/s` or `1000/h`. Throws `config_invalid`. */
export function parseRate(text: string): RateLimit {
  const match = RATE.exec(text);
  const durationSeconds = match?.[2] ? RATE_SECONDS[match[2]] : undefined;
  if (!match || durationSeconds === undefined) {
    throw new DeputizeError("config_invalid", "a rate is written like `100/min`, `5/s` or `1000/h`");
  }
  const points = Number(match[1]);
  return checkedLimit({ points, durationSeconds, burst: points });
}

function checkedLimit(limit: RateLimit): RateLimit {
  if (![limit.points, limit.burst].every((n) => Number.isInteger(n) && n >= 1)) {
    throw new DeputizeError("config_invalid", "a rate limit needs a whole number of calls, at least 1");
  }
  return limit;
}

/** A limit in words, for `explain()`. */
export function rateText({ points, durationSeconds, burst }: RateLimit): string {
  return `${points} in ${durationSeconds} s${burst === points ? "" : `, ${burst} at once`}`;
}

/** The buckets of one server. */
export class RateLimits {
  readonly #server: string;
  readonly #ephemeral: () => Promise<Ephemeral>;
  /** Everything declared, in order, so that a limit has one name on every replica. */
  readonly #declared: () => readonly Middleware[];
  readonly #names = new Map<Middleware, string>();

  constructor(options: {
    readonly server: string;
    readonly ephemeral: () => Promise<Ephemeral>;
    readonly declared: () => readonly Middleware[];
  }) {
    this.#server = options.server;
    this.#ephemeral = options.ephemeral;
    this.#declared = options.declared;
  }

  /** Takes one call from the budget that `parts` name. Throws `rate_limited`. */
  async take(name: string, limit: RateLimit, parts: readonly string[]): Promise<void> {
    const bucket = (await this.#ephemeral()).tokenBucket({
      name: `mcp:${this.#server}:${name}:${limit.points}/${limit.durationSeconds}`,
      ...limit,
    });
    const taken = await bucket.take(hashParts(parts));
    if (taken.allowed) return;
    throw new DeputizeError("rate_limited", `too many calls; try again in ${taken.retryAfterSeconds} s`, {
      retryAfterSeconds: taken.retryAfterSeconds,
      detail: { limit: "rate" },
    });
  }

  /** The server's limits that count whatever is asked for, lists included. */
  async takeForCaller(caller: Caller, server: readonly Middleware[]): Promise<void> {
    for (const one of server) {
      if (one.kind === "rateLimit" && !one.perTool)
        await this.take(this.#nameOf(one), one.limit, partsOf(one, caller));
    }
  }

  /** The limits on one definition. Only asked once the caller is known to see it. */
  async takeForTarget(caller: Caller, definition: Definition, server: readonly Middleware[]): Promise<void> {
    const { name } = definition;
    if (definition.rateLimit) await this.take(`own-${name}`, definition.rateLimit, callerParts(caller));
    const perTool = server.filter((one) => one.kind === "rateLimit" && one.perTool);
    for (const one of [...perTool, ...definition.middleware]) {
      if (one.kind !== "rateLimit") continue;
      const key = one.perTool ? `${this.#nameOf(one)}-${name}` : this.#nameOf(one);
      await this.take(key, one.limit, partsOf(one, caller));
    }
  }

  #nameOf(one: Middleware): string {
    if (!this.#names.has(one)) {
      for (const each of this.#declared()) {
        if (each.kind === "rateLimit" && !this.#names.has(each))
          this.#names.set(each, `limit-${this.#names.size}`);
      }
    }
    return this.#names.get(one) ?? "limit";
  }
}

function partsOf(one: RateLimitMiddleware, caller: Caller): readonly string[] {
  if (one.by === "tool") return [];
  return one.by === "tenant" ? [caller.tenant] : callerParts(caller);
}

function callerParts(caller: Caller): readonly string[] {
  return [caller.tenant, caller.subject, caller.clientId];
}
