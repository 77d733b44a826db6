/**
 * State that may be lost: rate limits, hot sessions, wake-ups. In this process, or in Redis for all
 * replicas. Nothing that grants authority lives only here.
 */
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import { type Clock, DeputizeError, systemClock } from "@deputize/core";
import { redisClient } from "./redis-client.ts";
import {
  type SlidingWindow,
  type SlidingWindowOptions,
  windowInProcess,
  windowOverRedis,
} from "./sliding-window.ts";
import {
  type TokenBucket,
  type TokenBucketOptions,
  bucketInProcess,
  bucketOverRedis,
} from "./token-bucket.ts";
import {
  type WindowCounter,
  type WindowCounterOptions,
  counterInProcess,
  counterOverRedis,
} from "./window-counter.ts";

export interface RateLimiter {
  /** Takes `points` (1) from `key`'s budget. Refuses when the budget or its keeper is gone. */
  consume(
    key: string,
    points?: number,
  ): Promise<{ allowed: boolean; retryAfterSeconds: number; remaining: number }>;
  /** Gives `key` its whole budget back. */
  reset(key: string): Promise<void>;
}

export interface Ephemeral {
  readonly kind: "in-process" | "redis";
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string, ttlMs: number): Promise<void>;
  /** True when `key` was absent and now holds `value`. */
  setIfAbsent(key: string, value: string, ttlMs: number): Promise<boolean>;
  delete(key: string): Promise<void>;
  /** As `set`, and `deleteGroup` finds it: for what somebody owns, who may ask for all of it to go. */
  setInGroup(group: string, key: string, value: string, ttlMs: number): Promise<void>;
  /** Deletes what was set in the group, and answers how many keys were there. */
  deleteGroup(group: string): Promise<number>;
  rateLimiter(options: { name: string; points: number; durationSeconds: number }): RateLimiter;
  /** A limit over a window that slides; in this process while Redis is away. One name is one count. */
  slidingWindow(options: SlidingWindowOptions): SlidingWindow;
  /** A steady rate with a burst; in this process while Redis is away. One name is one bucket for each key. */
  tokenBucket(options: TokenBucketOptions): TokenBucket;
  /** Sums over fixed windows, for budgets; grants nothing while Redis is away. One name is one sum for each key. */
  windowCounter(options: WindowCounterOptions): WindowCounter;
  /** Wakes subscribers of all replicas; a message may be lost. */
  publish(channel: string, message: string): Promise<void>;
  subscribe(channel: string, onMessage: (message: string) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

const PREFIX = "deputize:";
/** Bounds what strangers can make us remember in this process. */
const MAX_KEYS = 100_000;

function limiterFace(limiter: RateLimiterMemory | RateLimiterRedis): RateLimiter {
  const answer = (r: RateLimiterRes, allowed: boolean) => ({
    allowed,
    retryAfterSeconds: allowed ? 0 : Math.max(1, Math.ceil(r.msBeforeNext / 1000)),
    remaining: Math.max(0, r.remainingPoints),
  });
  return {
    consume: async (key, points = 1) => {
      try {
        return answer(await limiter.consume(key, points), true);
      } catch (refused) {
        if (refused instanceof RateLimiterRes) return answer(refused, false);
        throw new DeputizeError("unavailable", "the rate limiter cannot be reached", {
          cause: refused,
          retryAfterSeconds: 1,
        });
      }
    },
    reset: async (key) => {
      await limiter.delete(key);
    },
  };
}

/** One limiter for the same options, so that whoever asks for it twice gets one count. */
function once<Options extends object, Limiter>(
  make: (options: Options) => Limiter,
): (options: Options) => Limiter {
  const made = new Map<string, Limiter>();
  return (options) => {
    const key = JSON.stringify(Object.entries(options).sort());
    const found = made.get(key) ?? make(options);
    made.set(key, found);
    return found;
  };
}

function inProcess(clock: Clock): Ephemeral {
  const entries = new Map<string, { value: string; expiresMs: number }>();
  const channels = new Map<string, Set<(message: string) => void>>();
  const groups = new Map<string, Set<string>>();
  const live = (key: string): string | undefined => {
    const entry = entries.get(key);
    if (!entry) return undefined;
    if (entry.expiresMs > clock.nowMs()) return entry.value;
    entries.delete(key);
    return undefined;
  };
  const put = (key: string, value: string, ttlMs: number): void => {
    entries.delete(key);
    entries.set(key, { value, expiresMs: clock.nowMs() + ttlMs });
    const oldest = entries.size > MAX_KEYS ? entries.keys().next().value : undefined;
    if (oldest !== undefined) entries.delete(oldest);
  };
  return {
    kind: "in-process",
    get: async (key) => live(key),
    set: async (key, value, ttlMs) => put(key, value, ttlMs),
    setIfAbsent: async (key, value, ttlMs) => {
      if (live(key) !== undefined) return false;
      put(key, value, ttlMs);
      return true;
    },
    delete: async (key) => {
      entries.delete(key);
    },
    setInGroup: async (group, key, value, ttlMs) => {
      put(key, value, ttlMs);
      const keys = groups.get(group) ?? new Set();
      for (const one of keys) if (live(one) === undefined) keys.delete(one);
      groups.delete(group);
      groups.set(group, keys.add(key));
      // One whose keys are all gone goes when its turn comes.
      const [oldest, old] = groups.entries().next().value ?? [];
      if (oldest !== undefined && ![...(old ?? [])].some((one) => live(one) !== undefined))
        groups.delete(oldest);
    },
    deleteGroup: async (group) => {
      const keys = [...(groups.get(group) ?? [])].filter((key) => live(key) !== undefined);
      for (const key of keys) entries.delete(key);
      groups.delete(group);
      return keys.length;
    },
    rateLimiter: ({ name, points, durationSeconds }) =>
      limiterFace(new RateLimiterMemory({ keyPrefix: PREFIX + name, points, duration: durationSeconds })),
    slidingWindow: once((options) => windowInProcess(options, clock)),
    tokenBucket: once((options) => bucketInProcess(options, clock)),
    windowCounter: once((options) => counterInProcess(options, clock)),
    publish: async (channel, message) => {
      for (const listener of channels.get(channel) ?? []) listener(message);
    },
    subscribe: async (channel, onMessage) => {
      const listeners = channels.get(channel) ?? new Set();
      channels.set(channel, listeners.add(onMessage));
      return async () => {
        listeners.delete(onMessage);
      };
    },
    close: async () => {},
  };
}

async function overRedis(url: string, clock: Clock): Promise<Ephemeral> {
  const redis = redisClient(url);
  try {
    await redis.connect();
  } catch (error) {
    redis.disconnect();
    throw new DeputizeError("unavailable", "no Redis answers at REDIS_URL; start it or unset REDIS_URL", {
      cause: error,
    });
  }
  const subscriber = redis.duplicate({ maxRetriesPerRequest: null });
  subscriber.on("error", () => {});
  const channels = new Map<string, Set<(message: string) => void>>();
  subscriber.on("message", (channel: string, message: string) => {
    for (const listener of channels.get(channel) ?? []) listener(message);
  });
  return {
    kind: "redis",
    get: async (key) => (await redis.get(PREFIX + key)) ?? undefined,
    set: async (key, value, ttlMs) => {
      await redis.set(PREFIX + key, value, "PX", Math.ceil(ttlMs));
    },
    setIfAbsent: async (key, value, ttlMs) =>
      (await redis.set(PREFIX + key, value, "PX", Math.ceil(ttlMs), "NX")) === "OK",
    delete: async (key) => {
      await redis.del(PREFIX + key);
    },
    setInGroup: async (group, key, value, ttlMs) => {
      const [index, now] = [`${PREFIX}group:${group}`, clock.nowMs()];
      const lives = await redis.pttl(index);
      // One step, so that nothing is there that the index does not say. The index lives as long as what it names.
      const done = await redis
        .multi()
        .zremrangebyscore(index, "-inf", now)
        .zadd(index, now + ttlMs, PREFIX + key)
        .pexpire(index, Math.ceil(Math.max(ttlMs, lives)))
        .set(PREFIX + key, value, "PX", Math.ceil(ttlMs))
        .exec();
      for (const [error] of done ?? []) if (error) throw error;
    },
    deleteGroup: async (group) => {
      const index = `${PREFIX}group:${group}`;
      const keys = await redis.zrange(index, 0, -1);
      if (keys.length === 0) return 0;
      const [deleted] =
        (await redis
          .multi()
          .del(...keys)
          .zrem(index, ...keys)
          .exec()) ?? [];
      if (deleted?.[0]) throw deleted[0];
      return Number(deleted?.[1] ?? 0);
    },
    rateLimiter: ({ name, points, durationSeconds }) =>
      limiterFace(
        new RateLimiterRedis({
          storeClient: redis,
          keyPrefix: PREFIX + name,
          points,
          duration: durationSeconds,
        }),
      ),
    slidingWindow: once((options) =>
      windowOverRedis(options, redis, `${PREFIX}window:`, windowInProcess(options, clock)),
    ),
    tokenBucket: once((options) =>
      bucketOverRedis(options, redis, `${PREFIX}bucket:`, bucketInProcess(options, clock)),
    ),
    windowCounter: once((options) => counterOverRedis(options, redis, `${PREFIX}counter:`)),
    publish: async (channel, message) => {
      await redis.publish(PREFIX + channel, message);
    },
    subscribe: async (channel, onMessage) => {
      const name = PREFIX + channel;
      const listeners = channels.get(name) ?? new Set();
      if (!channels.has(name)) {
        channels.set(name, listeners);
        await subscriber.subscribe(name);
      }
      listeners.add(onMessage);
      return async () => {
        listeners.delete(onMessage);
      };
    },
    close: async () => {
      redis.disconnect();
      subscriber.disconnect();
    },
  };
}

/** Opens the ephemeral store: Redis when a URL is given, this process otherwise. Throws `unavailable`. */
export async function openEphemeral(options: { redisUrl?: string; clock?: Clock } = {}): Promise<Ephemeral> {
  const clock = options.clock ?? systemClock;
  return options.redisUrl === undefined ? inProcess(clock) : overRedis(options.redisUrl, clock);
}
