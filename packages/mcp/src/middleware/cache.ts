/**
 * Results kept for callers who ask the same thing again.
 *
 * Guarantees: looked up only after authentication, guards and argument policy said yes (PR-D08); a key holds everything
 * that the answer may rest on: server, version, tool and its shape, tenant, subject, actors, roles, scopes, grants,
 * constraints, claims, enrichment, arguments. One role or grant more or less is another key. A write on the same server
 * forgets all results of its tenant. An entry keeps the label of its value, and carries a MAC, so that whoever can write
 * to the shared store cannot answer for a tool. A store that fails is a miss.
 * Does not: hide values from who can read the shared store; know of writes made elsewhere (`server.forgetResults()`),
 * nor of what a handler takes from the address or user agent, which are in no key.
 * Answers that rest on an open case, on session state or on the client's input are never kept.
 */
import { type Clock, DeputizeError, newId, telemetry } from "@deputize/core";
import type { Ephemeral } from "@deputize/store";
import { digestOf } from "../approval.ts";
import type { Definition } from "../definition.ts";
import type { ResultLabel } from "../labels.ts";
import type { ResultBasis } from "../result-basis.ts";
import type { Visit } from "../visit.ts";
import { boundedMemory } from "./bounded-memory.ts";

export interface CacheOptions {
  /** At most an hour. */
  readonly ttlMs: number;
  /** `public`: one entry for all callers of a tenant; only for tools that declare `reads: "public-untrusted"`. */
  readonly scope?: "caller" | "public";
}

export interface CachedResult {
  readonly value: unknown;
  /** Whether the value is made of content blocks. */
  readonly content: boolean;
  readonly label: ResultLabel;
  /** Of when it was made. */
  readonly basis: ResultBasis;
}

const MAX_TTL_MS = 3_600_000;
/** For results in this process; those in Redis are bounded by its own setting. */
const MAX_MEMORY_BYTES = 32 * 1024 * 1024;

/** Throws `config_invalid` for what may not be cached. */
export function checkedCache(
  name: string,
  effect: Definition["effect"],
  reads: Definition["reads"],
  options: CacheOptions | undefined,
): Required<CacheOptions> | undefined {
  if (!options) return undefined;
  const refuse = (why: string): never => {
    throw new DeputizeError("config_invalid", `\`${name}\` ${why}`);
  };
  const { ttlMs, scope = "caller" } = options;
  if (effect !== "read") refuse("has an effect, so its result cannot come from a cache");
  if (!Number.isInteger(ttlMs) || ttlMs < 1 || ttlMs > MAX_TTL_MS) refuse("keeps results for up to an hour");
  if (scope === "public" && reads !== "public-untrusted")
    refuse('shares results between callers, so it must declare `reads: "public-untrusted"`');
  return { ttlMs, scope };
}

/** One look at the cache: what was there, and where to put what was not. */
export interface CacheLook {
  readonly hit: CachedResult | undefined;
  keep(result: CachedResult): Promise<void>;
}

export interface ResultCacheOptions {
  readonly server: string;
  readonly version: string;
  readonly ephemeral: () => Promise<Ephemeral>;
  readonly clock: Clock;
  /** Keyed digest, as hex. */
  readonly mac: (purpose: string, text: string) => string;
  /** Whether anything on this server is cached at all. */
  readonly inUse: () => boolean;
}

/** The claims of a token that differ from token to token and say nothing about its bearer. */
const VOLATILE_CLAIMS = new Set(["jti", "iat", "nbf", "exp", "auth_time"]);

export class ResultCache {
  readonly #options: ResultCacheOptions;
  readonly #shapes = new WeakMap<Definition, string>();
  readonly #memory: ReturnType<typeof boundedMemory>;

  constructor(options: ResultCacheOptions) {
    this.#options = options;
    this.#memory = boundedMemory(MAX_MEMORY_BYTES, options.clock);
  }

  /** Looks for the result of this call. Never throws. */
  async look(
    definition: Definition,
    cache: Required<CacheOptions>,
    visit: Visit,
    argsDigest: string,
  ): Promise<CacheLook> {
    const none: CacheLook = { hit: undefined, keep: async () => {} };
    try {
      const { tenant } = visit.caller;
      // Read before the work begins: what is stored under it dies with a write that comes in between.
      const generation = await this.#generation(tenant);
      const key = `mcp-result:${digestOf([generation, this.#shapeOf(definition), keyOf(cache, visit), argsDigest])}`;
      const hit = this.#read(key, await this.#get(key));
      telemetry.count("mcp_cache", { result: hit ? "hit" : "miss" });
      return { hit, keep: (result) => this.#keep(key, result, cache.ttlMs) };
    } catch {
      return none;
    }
  }

  /** Forgets every result of a tenant, on all replicas. A store that fails leaves them to their time. */
  async forget(tenant: string): Promise<void> {
    if (!this.#options.inUse()) return;
    try {
      await (await this.#options.ephemeral()).set(this.#generationKey(tenant), newId(), 2 * MAX_TTL_MS);
    } catch {
      // Bounded by the time that results are kept.
    }
  }

  async #generation(tenant: string): Promise<string> {
    return (await (await this.#options.ephemeral()).get(this.#generationKey(tenant))) ?? "first";
  }

  #generationKey(tenant: string): string {
    return `mcp-results:${digestOf([this.#options.server, tenant])}`;
  }

  #shapeOf(definition: Definition): string {
    const known = this.#shapes.get(definition);
    if (known) return known;
    const { kind, name, description, inputJsonSchema, outputJsonSchema = null, reads = null } = definition;
    const { server, version } = this.#options;
    const shape = digestOf([
      server,
      version,
      { kind, name, description, inputJsonSchema, outputJsonSchema, reads },
    ]);
    this.#shapes.set(definition, shape);
    return shape;
  }

  async #get(key: string): Promise<string | undefined> {
    const ephemeral = await this.#options.ephemeral();
    return ephemeral.kind === "redis" ? ephemeral.get(key) : this.#memory.get(key);
  }

  async #keep(key: string, result: CachedResult, ttlMs: number): Promise<void> {
    try {
      const text = JSON.stringify(result);
      const sealed = `${this.#seal(key, text)}.${text}`;
      const ephemeral = await this.#options.ephemeral();
      if (ephemeral.kind === "redis") await ephemeral.set(key, sealed, ttlMs);
      else this.#memory.set(key, sealed, ttlMs);
    } catch {
      // The next call asks the tool again.
    }
  }

  #read(key: string, sealed: string | undefined): CachedResult | undefined {
    if (sealed === undefined) return undefined;
    const text = sealed.slice(65);
    return sealed === `${this.#seal(key, text)}.${text}` ? (JSON.parse(text) as CachedResult) : undefined;
  }

  #seal(key: string, text: string): string {
    return this.#options.mac("result cache", `${key}.${text}`);
  }
}

/** Everything about the caller that an answer may rest on; for public results, the tenant. */
function keyOf({ scope }: Required<CacheOptions>, { caller, client }: Visit): unknown {
  if (scope === "public") return ["public", caller.tenant];
  const { tenant, subject, actors, grants, clientId, constraints = {} } = caller;
  return [
    "caller",
    { tenant, subject, actors, grants, clientId, constraints },
    [...caller.roles].sort(),
    [...caller.scopes].sort(),
    [caller.task ?? null, caller.orchestration ?? null],
    Object.fromEntries(Object.entries(client.claims).filter(([name]) => !VOLATILE_CLAIMS.has(name))),
    client.extra,
  ];
}
