/**
 * Rate limits over a sliding window, counted in this process or in Redis for all replicas.
 *
 * Guarantees: a key never gets more than `points` in a window that ends now, but for the estimate below; one read and one
 * write a call, whatever the traffic; what is refused is not counted, so whoever waits gets in. When Redis is away the same
 * limit is counted in each process, and sign-in goes on.
 * How: the count of the window before, weighed by how much of it the sliding one still covers, and the present one. A burst
 * at the seam of two fixed windows, which would pass twice, is refused. The estimate takes the earlier traffic as even.
 */
import { type Clock, DeputizeError } from "@deputize/core";

export interface SlidingWindowOptions {
  /** Names the limit; keys of two limits do not meet. */
  readonly name: string;
  /** How many in a window. */
  readonly points: number;
  readonly windowSeconds: number;
}

export interface WindowAnswer {
  readonly allowed: boolean;
  /** Seconds until one more would be allowed; 0 when it was allowed. */
  readonly retryAfterSeconds: number;
  readonly remaining: number;
}

export interface SlidingWindow {
  /** Takes one from `key`'s allowance, or refuses and takes nothing. */
  take(key: string): Promise<WindowAnswer>;
  /** What `take` would answer, taking nothing. */
  peek(key: string): Promise<WindowAnswer>;
}

/** Keeps what strangers can make this process remember within bounds. */
const MAX_KEYS = 100_000;

/** Two neighbouring fixed windows: the present one by number, its count, and the count of the one before. */
interface Counts {
  readonly window: number;
  readonly count: number;
  readonly before: number;
}

function at(counts: Counts | undefined, window: number): Counts {
  if (counts?.window === window) return counts;
  return { window, count: 0, before: counts?.window === window - 1 ? counts.count : 0 };
}

/** Judges one more on top of `counts`, `intoMs` after their window began. */
function judge(counts: Counts, intoMs: number, options: SlidingWindowOptions): WindowAnswer {
  const windowMs = options.windowSeconds * 1000;
  const used = counts.before * (1 - intoMs / windowMs) + counts.count;
  if (used + 1 <= options.points) {
    return { allowed: true, retryAfterSeconds: 0, remaining: Math.floor(options.points - used - 1) };
  }
  // In this window the weight of the one before falls; in the next, that of this one does.
  const free = options.points - 1;
  const waitMs =
    counts.count <= free && counts.before > 0
      ? windowMs * (1 - (free - counts.count) / counts.before) - intoMs
      : windowMs - intoMs + windowMs * (1 - free / Math.max(counts.count, 1));
  return { allowed: false, retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)), remaining: 0 };
}

/** Throws `config_invalid` for a limit that allows nothing, or is measured in no time. */
function check(options: SlidingWindowOptions): void {
  const whole = [options.points, options.windowSeconds].every((n) => Number.isInteger(n) && n >= 1);
  if (!whole)
    throw new DeputizeError("config_invalid", "a rate limit allows 1 or more in 1 or more whole seconds");
}

/** Counts in this process. Past 100,000 keys the one unused for longest is forgotten. */
export function windowInProcess(options: SlidingWindowOptions, clock: Clock): SlidingWindow {
  check(options);
  const windowMs = options.windowSeconds * 1000;
  const kept = new Map<string, Counts>();

  function look(key: string): { counts: Counts; answer: WindowAnswer } {
    const nowMs = clock.nowMs();
    const counts = at(kept.get(key), Math.floor(nowMs / windowMs));
    return { counts, answer: judge(counts, nowMs % windowMs, options) };
  }

  return {
    peek: async (key) => look(key).answer,
    async take(key) {
      const { counts, answer } = look(key);
      if (!answer.allowed) return answer;
      kept.delete(key);
      kept.set(key, { ...counts, count: counts.count + 1 });
      const oldest = kept.size > MAX_KEYS ? kept.keys().next().value : undefined;
      if (oldest !== undefined) kept.delete(oldest);
      return answer;
    },
  };
}

/** The part of a Redis client that is needed. */
export interface ScriptRunner {
  eval(script: string, keys: number, ...args: (string | number)[]): Promise<unknown>;
}

/**
 * Reads the counts at Redis' own clock, so that replicas with other clocks agree; judges and counts in one step.
 * Answers window number, count, count before, milliseconds into the window, and whether it counted.
 */
const SCRIPT = `
local ms = tonumber(ARGV[1])
local points = tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window = math.floor(now / ms)
local into = now % ms
local kept = redis.call('HMGET', KEYS[1], 'w', 'c', 'b')
local w, c, b = tonumber(kept[1] or -2), tonumber(kept[2] or 0), tonumber(kept[3] or 0)
if w == window - 1 then b = c c = 0 elseif w ~= window then b = 0 c = 0 end
local counted = 0
if ARGV[3] == 'take' and b * (1 - into / ms) + c + 1 <= points then
  redis.call('HSET', KEYS[1], 'w', window, 'c', c + 1, 'b', b)
  redis.call('PEXPIRE', KEYS[1], 2 * ms)
  counted = 1
end
return { window, c, b, into, counted }`;

/** Counts in Redis; while it is away, in `fallback`. */
export function windowOverRedis(
  options: SlidingWindowOptions,
  redis: ScriptRunner,
  prefix: string,
  fallback: SlidingWindow,
): SlidingWindow {
  check(options);
  async function ask(key: string, mode: "take" | "peek"): Promise<WindowAnswer> {
    let counts: number[];
    try {
      const answer = await redis.eval(
        SCRIPT,
        1,
        `${prefix}${options.name}:${key}`,
        options.windowSeconds * 1000,
        options.points,
        mode,
      );
      counts = (answer as unknown[]).map(Number);
    } catch {
      return fallback[mode](key);
    }
    const [window = 0, count = 0, before = 0, intoMs = 0, counted = 0] = counts;
    const answer = judge({ window, count, before }, intoMs, options);
    // The script has the last word: it counted, or it did not.
    return mode === "peek" || answer.allowed === (counted === 1)
      ? answer
      : { allowed: counted === 1, retryAfterSeconds: counted === 1 ? 0 : 1, remaining: 0 };
  }
  return { take: (key) => ask(key, "take"), peek: (key) => ask(key, "peek") };
}
