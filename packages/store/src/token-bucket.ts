/**
 * Token buckets: a steady rate, and a burst on top of quiet. Kept in this process, or in Redis for all replicas.
 *
 * Guarantees: a key gets at most `burst` at once and `points` in each `durationSeconds` in the long run; what is refused
 * takes nothing, so whoever waits gets in; one read and one write a call. When Redis is away the same bucket is kept in
 * each process, so a limit never becomes an outage.
 * How: the generic cell rate algorithm (ITU-T I.371). One number a key: when its bucket would be full again.
 */
import { type Clock, DeputizeError } from "@deputize/core";
import type { ScriptRunner } from "./sliding-window.ts";

export interface TokenBucketOptions {
  /** Names the limit; keys of two limits do not meet. */
  readonly name: string;
  readonly points: number;
  readonly durationSeconds: number;
  /** How many at once; `points` unless told. */
  readonly burst?: number;
}

export interface BucketAnswer {
  readonly allowed: boolean;
  /** Whole seconds until one more would be allowed; 0 when it was allowed. */
  readonly retryAfterSeconds: number;
  readonly remaining: number;
}

export interface TokenBucket {
  /** Takes one from `key`'s bucket, or refuses and takes nothing. */
  take(key: string): Promise<BucketAnswer>;
}

/** Keeps what strangers can make this process remember within bounds. */
const MAX_KEYS = 100_000;

interface Shape {
  /** Milliseconds until one token comes back. */
  readonly everyMs: number;
  readonly depthMs: number;
}

/** Throws `config_invalid` for a bucket that allows nothing, or is measured in no time. */
function shapeOf(options: TokenBucketOptions): Shape {
  const { points, durationSeconds, burst = points } = options;
  if (![points, durationSeconds, burst].every((n) => Number.isInteger(n) && n >= 1))
    throw new DeputizeError("config_invalid", "a rate limit allows 1 or more in 1 or more whole seconds");
  const everyMs = (durationSeconds * 1000) / points;
  return { everyMs, depthMs: burst * everyMs };
}

/** `leftMs`: how much of the bucket is left after this one; negative when there was none to take. */
function answerOf(leftMs: number, { everyMs }: Shape): BucketAnswer {
  if (leftMs < 0)
    return { allowed: false, retryAfterSeconds: Math.max(1, Math.ceil(-leftMs / 1000)), remaining: 0 };
  return { allowed: true, retryAfterSeconds: 0, remaining: Math.floor(leftMs / everyMs + 1e-6) };
}

/** Keeps buckets in this process. Past 100,000 keys the one unused for longest is forgotten. */
export function bucketInProcess(options: TokenBucketOptions, clock: Clock): TokenBucket {
  const shape = shapeOf(options);
  const fullAt = new Map<string, number>();
  return {
    async take(key) {
      const nowMs = clock.monotonicMs();
      const next = Math.max(fullAt.get(key) ?? 0, nowMs) + shape.everyMs;
      // A millionth of a millisecond forgives the rounding of sums.
      const left = nowMs + shape.depthMs - next;
      const answer = answerOf(Math.abs(left) < 1e-6 ? 0 : left, shape);
      if (!answer.allowed) return answer;
      fullAt.delete(key);
      fullAt.set(key, next);
      const oldest = fullAt.size > MAX_KEYS ? fullAt.keys().next().value : undefined;
      if (oldest !== undefined) fullAt.delete(oldest);
      return answer;
    },
  };
}

/** At Redis' own clock, so that replicas with other clocks agree. Answers what is left, in milliseconds. */
const SCRIPT = `
local every, depth = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local next = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + every
local left = now + depth - next
if left > -0.01 then
  redis.call('SET', KEYS[1], string.format('%.3f', next), 'PX', math.ceil(next - now) + 1000)
  if left < 0 then left = 0 end
end
return string.format('%.3f', left)`;

/** Keeps buckets in Redis; while it is away, in `fallback`. */
export function bucketOverRedis(
  options: TokenBucketOptions,
  redis: ScriptRunner,
  prefix: string,
  fallback: TokenBucket,
): TokenBucket {
  const shape = shapeOf(options);
  return {
    async take(key) {
      let left: unknown;
      try {
        left = await redis.eval(SCRIPT, 1, `${prefix}${options.name}:${key}`, shape.everyMs, shape.depthMs);
      } catch {
        return fallback.take(key);
      }
      return answerOf(Number(left), shape);
    },
  };
}
