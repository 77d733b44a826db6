/**
 * State that may be lost: rate limits, hot sessions, wake-ups. In this process, or in Redis for all
 * replicas. Nothing that grants authority lives only here.
 */
import { Redis } from "ioredis";
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import { type Clock, DeputizeError, systemClock } from "@deputize/core";
import {
  type SlidingWindow,
  type SlidingWindowOptions,
  windowInProcess,
  windowOverRedis,
} from "./sliding-window.ts";

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
  rateLimiter(options: { name: string; points: number; durationSeconds: number }): RateLimiter;
  /** A limit over a window that slides; in this process while Redis is away. One name is one count. */
  slidingWindow(options: SlidingWindowOptions): SlidingWindow;
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

/** One limiter a name, so that whoever asks for it twice gets one count. */
function windowsOf(make: (options: SlidingWindowOptions) => SlidingWindow): Ephemeral["slidingWindow"] {
  const made = new Map<string, SlidingWindow>();
  return (options) => {
    const key = JSON.stringify([options.name, options.points, options.windowSeconds]);
    const found = made.get(key) ?? make(options);
    made.set(key, found);
    return found;
  };
}

function inProcess(clock: Clock): Ephemeral {
  const entries = new Map<string, { value: string; expiresMs: number }>();
  const channels = new Map<string, Set<(message: string) => void>>();
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
    rateLimiter: ({ name, points, durationSeconds }) =>
      limiterFace(new RateLimiterMemory({ keyPrefix: PREFIX + name, points, duration: durationSeconds })),
    slidingWindow: windowsOf((options) => windowInProcess(options, clock)),
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
  const options = { maxRetriesPerRequest: 1, lazyConnect: true, connectTimeout: 3_000 } as const;
  const redis = new Redis(url, options);
  redis.on("error", () => {});
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
    rateLimiter: ({ name, points, durationSeconds }) =>
      limiterFace(
        new RateLimiterRedis({
          storeClient: redis,
          keyPrefix: PREFIX + name,
          points,
          duration: durationSeconds,
        }),
      ),
    slidingWindow: windowsOf((options) =>
      windowOverRedis(options, redis, `${PREFIX}window:`, windowInProcess(options, clock)),
    ),
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
