/**
 * The setting `rate_limit`: how many requests an address, a user, a key, a tenant, or all together may send.
 *
 * Guarantees: addresses are counted before anybody is asked who they are, everybody else once it is known; what is over is answered 429
 * with `Retry-After` and the headers of a limit, and is not counted on; an address is the socket's, or what the proxy nearest to us
 * says, never what a client writes (AF-D14). While the counter is away requests are refused, unless `fail_open` says otherwise.
 */
import { isIP } from "node:net";
import { type Clock, DeputizeError, systemClock } from "@deputize/core";
import { type Ephemeral, openEphemeral } from "@deputize/store";
import type { Context } from "hono";
import type { SourceAddress } from "../../authority-server/source-address.ts";
import type { Limiter } from "../serve-route.ts";
import type { SignedIn } from "../sign-in.ts";
import { loadCode } from "./import-code.ts";
import type { Project } from "./read-project.ts";

type CountedBy = "ip" | "user" | "key" | "tenant" | "global";

/** One count. `take` answers whether one more is allowed, and when it will be. */
export interface RequestCounter {
  take(key: string): Promise<{
    readonly allowed: boolean;
    readonly retryAfterSeconds: number;
    readonly remaining: number;
  }>;
}

export interface RateLimitOptions {
  readonly ephemeral: Ephemeral;
  readonly clock?: Clock;
  readonly undo: (() => Promise<unknown>)[];
}

const DEFAULTS = { requests: 100, window: 60 } as const;

/** The limiter of a project; undefined where there is none. Throws `config_invalid`. */
export async function rateLimiter(project: Project, options: RateLimitOptions): Promise<Limiter | undefined> {
  const setting = project.config.rate_limit;
  if (!setting || setting.enabled === false) return undefined;
  const points = setting.requests ?? DEFAULTS.requests;
  const windowSeconds = setting.window ?? DEFAULTS.window;
  const by = [...new Set([setting.by ?? "ip"].flat().map((one) => (one === "address" ? "ip" : one)))];
  const counter = await counterOf(project, options, { points, windowSeconds });
  const excluded = new Set(setting.exclude_paths);

  async function count(c: Context, kind: CountedBy, key: string): Promise<void> {
    if (excluded.has(c.req.path)) return;
    const answer = await counter.take(`${kind}:${key}`).catch(() => undefined);
    if (!answer) {
      if (setting?.fail_open === true) return;
      throw new DeputizeError("unavailable", "requests cannot be counted now", { retryAfterSeconds: 5 });
    }
    const { headers } = c.res;
    const remaining = Math.min(answer.remaining, Number(headers.get("X-RateLimit-Remaining") ?? points));
    headers.set("X-RateLimit-Limit", String(points));
    headers.set("X-RateLimit-Remaining", String(Math.max(0, remaining)));
    headers.set("X-RateLimit-Reset", String(answer.allowed ? windowSeconds : answer.retryAfterSeconds));
    if (answer.allowed) return;
    throw new DeputizeError("rate_limited", "too many requests; try again later", {
      retryAfterSeconds: answer.retryAfterSeconds,
    });
  }

  return {
    before: async (c) => {
      if (by.includes("global")) await count(c, "global", "all");
      if (by.includes("ip")) await count(c, "ip", c.get("source"));
    },
    after: async (c, who) => {
      for (const [kind, key] of keysOf(who)) if (by.includes(kind)) await count(c, kind, key);
    },
  };
}

/** Whom somebody who is known counts as. Nobody is counted who is not known. */
function keysOf({ caller, identity }: SignedIn): readonly (readonly [CountedBy, string])[] {
  if (!identity) return [];
  const key = identity.tokenId ?? caller.clientId;
  return [
    ["user", `${caller.tenant}:${caller.subject}`],
    ["key", `${identity.issuer}:${key}`],
    ["tenant", caller.tenant],
  ];
}

async function counterOf(
  { config, env, folder }: Project,
  { ephemeral, undo, clock = systemClock }: RateLimitOptions,
  window: { readonly points: number; readonly windowSeconds: number },
): Promise<RequestCounter> {
  const { backend = ephemeral.kind === "redis" ? "redis" : "memory", path, redis } = config.rate_limit ?? {};
  const name = redis?.prefix ?? "agent-server";
  if (backend === "custom") {
    const value = await loadCode(folder, path ?? "", "rate_limit.path");
    const made: unknown =
      typeof value === "function" ? await (value as (of: object) => unknown)(window) : value;
    if (typeof (made as Partial<RequestCounter> | null)?.take === "function") return made as RequestCounter;
    throw new DeputizeError(
      "config_invalid",
      "rate_limit.path: export an object with `take(key)`, or what makes one",
    );
  }
  const url = redis?.url ?? config.redis ?? (env["REDIS_URL"] || undefined);
  if (backend === "redis" && url === undefined)
    throw new DeputizeError("config_invalid", "rate_limit: `redis` needs `redis.url`, or REDIS_URL");
  if ((backend === "redis") === (ephemeral.kind === "redis") && redis?.url === undefined)
    return ephemeral.slidingWindow({ name, ...window });
  const own = await openEphemeral({
    clock,
    ...(backend === "redis" && url !== undefined && { redisUrl: url }),
  });
  undo.push(() => own.close());
  return own.slidingWindow({ name, ...window });
}

/**
 * Where requests come from: the socket's address, or, behind `hops` proxies of ours, what the outermost of those wrote. A request
 * that brings fewer addresses did not come through them: the socket's counts.
 */
export function sourceByHops(hops: number): SourceAddress {
  return (remote, forwarded) => {
    const socket = remote?.replace(/^::ffff:(?=\d+\.)/, "") ?? "this process";
    const said = (forwarded ?? "")
      .slice(-4096)
      .split(",")
      .map((one) => one.trim())
      .filter((one) => one !== "");
    const from = said.at(-hops);
    return from !== undefined && isIP(from) !== 0 ? from : socket;
  };
}
