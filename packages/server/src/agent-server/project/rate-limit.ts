/**
 * The setting `rate_limit` of a project, made into the server's limiter: which counter counts, and what becomes of requests while it is
 * away.
 */
import { type Clock, DeputizeError } from "@deputize/core";
import { type Ephemeral, type SlidingWindowOptions, type WindowAnswer, openEphemeral } from "@deputize/store";
import { rateLimiter } from "../limits/rate-limiter.ts";
import type { Limiter } from "../serve-route.ts";
import { loadCode } from "./import-code.ts";
import type { Project } from "./read-project.ts";

/** One count of one's own. `take` answers whether one more is allowed, and when it will be. */
export interface RequestCounter {
  take(key: string): Promise<WindowAnswer>;
}

export interface RateLimitOptions {
  readonly ephemeral: Ephemeral;
  readonly clock: Clock;
  readonly undo: (() => Promise<unknown>)[];
}

/** The limiter of a project; undefined where there is none. Throws `config_invalid`. */
export async function projectLimiter(
  project: Project,
  options: RateLimitOptions,
): Promise<Limiter | undefined> {
  const setting = project.config.rate_limit;
  if (!setting || setting.enabled === false) return undefined;
  const { requests = 100, window = 60, exclude_paths: excluded } = setting;
  const by = [...new Set([setting.by ?? "ip"].flat().map((one) => (one === "address" ? "ip" : one)))];
  return rateLimiter({
    clock: options.clock,
    ephemeral: await countersOf(project, options),
    setting: {
      limits: by.map((one) => ({ by: one, requests, window })),
      ...(excluded && { exclude_paths: excluded }),
    },
  });
}

type Counters = Pick<Ephemeral, "slidingWindow">;

async function countersOf(project: Project, { ephemeral, undo, clock }: RateLimitOptions): Promise<Counters> {
  const { config, env } = project;
  const {
    backend = ephemeral.kind === "redis" ? "redis" : "memory",
    redis,
    fail_open: open,
  } = config.rate_limit ?? {};
  if (backend === "custom") return passing(await customCounters(project), open === true);
  const url = redis?.url ?? config.redis ?? (env["REDIS_URL"] || undefined);
  if (backend === "redis" && url === undefined)
    throw new DeputizeError("config_invalid", "rate_limit: `redis` needs `redis.url`, or REDIS_URL");
  const same = (backend === "redis") === (ephemeral.kind === "redis") && redis?.url === undefined;
  const own = same
    ? ephemeral
    : await openEphemeral({ clock, ...(backend === "redis" && url !== undefined && { redisUrl: url }) });
  if (!same) undo.push(() => own.close());
  const prefix = redis?.prefix;
  return passing(
    {
      slidingWindow: (window) =>
        own.slidingWindow(prefix === undefined ? window : { ...window, name: `${prefix}:${window.name}` }),
    },
    open === true,
  );
}

async function customCounters({ config, folder }: Project): Promise<Counters> {
  const value = await loadCode(folder, config.rate_limit?.path ?? "", "rate_limit.path");
  const make = (window: SlidingWindowOptions): RequestCounter => {
    const made: unknown =
      typeof value === "function" ? (value as (of: SlidingWindowOptions) => unknown)(window) : value;
    if (typeof (made as Partial<RequestCounter> | null)?.take === "function") return made as RequestCounter;
    throw new DeputizeError(
      "config_invalid",
      "rate_limit.path: export an object with `take(key)`, or what makes one of { name, points, windowSeconds }",
    );
  };
  return {
    slidingWindow: (window) => {
      const counter = make(window);
      return {
        take: (key) => counter.take(`${window.name}:${key}`),
        peek: (key) => counter.take(`${window.name}:${key}`),
      };
    },
  };
}

/** What becomes of a request that cannot be counted: refused, unless somebody wrote that it passes. */
function passing(counters: Counters, open: boolean): Counters {
  return {
    slidingWindow: (window) => {
      const counter = counters.slidingWindow(window);
      const judged = async (asked: Promise<WindowAnswer>): Promise<WindowAnswer> => {
        try {
          return await asked;
        } catch (cause) {
          if (open) return { allowed: true, retryAfterSeconds: 0, remaining: 0 };
          throw new DeputizeError("unavailable", "requests cannot be counted now", {
            retryAfterSeconds: 5,
            cause,
          });
        }
      };
      return { take: (key) => judged(counter.take(key)), peek: (key) => judged(counter.peek(key)) };
    },
  };
}
