/**
 * Sums over fixed windows of wall time, such as the UTC hour or day: for budgets, where a rate limit's counts are too small.
 * Counted in this process, or in Redis for all replicas.
 *
 * Guarantees: a reservation is granted or refused, and added, in one step, so of many at once none is granted on a sum that
 * another has used up. What is refused adds nothing. When Redis is away nothing is granted: a budget that cannot be read is no
 * budget.
 */
import { type Clock, DeputizeError } from "@deputize/core";
import type { ScriptRunner } from "./sliding-window.ts";

export interface WindowCounterOptions {
  /** Names the counter; keys of two counters do not meet. */
  readonly name: string;
  /** Windows begin at multiples of this since 1970, UTC: 3,600 are hours of the clock, 86,400 are days. */
  readonly windowSeconds: number;
}

export interface Reservation {
  readonly granted: boolean;
  /** The window's sum, with this reservation where it was granted. */
  readonly used: number;
  /** Which window; `settle` wants it. */
  readonly window: number;
  /** Epoch milliseconds. */
  readonly renewsAtMs: number;
}

export interface WindowCounter {
  /**
   * Adds `amount`, a whole number of 0 or more, to `key`'s sum unless that is `limit` or more already. Throws `unavailable` when
   * the sum cannot be read.
   */
  reserve(key: string, amount: number, limit: number): Promise<Reservation>;
  /**
   * Corrects a reservation of `window` by a whole number, below 0 to take back. In a window that is over it does nothing. Throws
   * `unavailable`.
   */
  settle(key: string, window: number, difference: number): Promise<void>;
}

/** Keeps what this process can be made to remember within bounds. */
const MAX_KEYS = 100_000;

function check({ windowSeconds }: WindowCounterOptions): void {
  if (!Number.isInteger(windowSeconds) || windowSeconds < 1)
    throw new DeputizeError("config_invalid", "a counter's window has 1 or more whole seconds");
}

function whole(amount: number): number {
  if (Number.isSafeInteger(amount)) return amount;
  throw new DeputizeError("internal", "a counter adds whole numbers");
}

/** Counts in this process. Past 100,000 keys the one unused for longest is forgotten. */
export function counterInProcess(options: WindowCounterOptions, clock: Clock): WindowCounter {
  check(options);
  const windowMs = options.windowSeconds * 1000;
  const sums = new Map<string, { readonly window: number; readonly sum: number }>();

  function put(key: string, window: number, sum: number): void {
    sums.delete(key);
    sums.set(key, { window, sum });
    const oldest = sums.size > MAX_KEYS ? sums.keys().next().value : undefined;
    if (oldest !== undefined) sums.delete(oldest);
  }

  return {
    async reserve(key, amount, limit) {
      const window = Math.floor(clock.nowMs() / windowMs);
      const kept = sums.get(key);
      const sum = kept?.window === window ? kept.sum : 0;
      const granted = sum < limit;
      const used = granted ? sum + whole(amount) : sum;
      if (granted) put(key, window, used);
      return { granted, used, window, renewsAtMs: (window + 1) * windowMs };
    },
    async settle(key, window, difference) {
      const kept = sums.get(key);
      if (kept?.window === window) put(key, window, kept.sum + whole(difference));
    },
  };
}

/** At Redis' own clock, so that replicas with other clocks agree. Answers whether it granted, the sum and the window. */
const RESERVE = `
local ms = tonumber(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window = math.floor(now / ms)
local key = KEYS[1] .. ':' .. string.format('%.0f', window)
local used = tonumber(redis.call('GET', key) or 0)
if used >= tonumber(ARGV[3]) then return { 0, used, window } end
used = redis.call('INCRBY', key, ARGV[2])
redis.call('PEXPIREAT', key, string.format('%.0f', (window + 2) * ms))
return { 1, used, window }`;

/** Nothing to correct where the window's sum is gone. */
const SETTLE = `
local key = KEYS[1] .. ':' .. ARGV[1]
if redis.call('EXISTS', key) == 1 then redis.call('INCRBY', key, ARGV[2]) end
return 0`;

/** Counts in Redis. */
export function counterOverRedis(
  options: WindowCounterOptions,
  redis: ScriptRunner,
  prefix: string,
): WindowCounter {
  check(options);
  const windowMs = options.windowSeconds * 1000;
  const address = (key: string): string => `${prefix}${options.name}:${key}`;
  async function run(script: string, key: string, ...args: (string | number)[]): Promise<unknown> {
    try {
      return await redis.eval(script, 1, address(key), ...args);
    } catch (error) {
      throw new DeputizeError("unavailable", "what is left of a budget cannot be read; try again shortly", {
        cause: error,
        retryAfterSeconds: 1,
      });
    }
  }
  return {
    async reserve(key, amount, limit) {
      const answer = (await run(RESERVE, key, windowMs, whole(amount), limit)) as unknown[];
      const [granted = 0, used = 0, window = 0] = answer.map(Number);
      return { granted: granted === 1, used, window, renewsAtMs: (window + 1) * windowMs };
    },
    async settle(key, window, difference) {
      await run(SETTLE, key, window, whole(difference));
    },
  };
}
