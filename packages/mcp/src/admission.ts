/**
 * Finding what a caller asks for, among what this caller may see.
 *
 * Guarantees: unknown and forbidden end in the same answer; only the log knows the difference. A tool that
 * lacks nothing but scopes which the caller could step up to, and no other, is named in a 403 (SR-26).
 */
import { type Caller, DeputizeError, scopeCovers } from "@deputize/core";
import type { Ephemeral, RateLimiter } from "@deputize/store";
import type { ClientContext } from "./client-context.ts";
import type { Definition } from "./definition.ts";
import { type GuardDecision, checkGuards } from "./guards.ts";
import type { Operation } from "./inbound.ts";
import type { Middleware, RateLimit } from "./middleware.ts";
import { hashParts } from "./session-state.ts";

export interface Asker {
  readonly caller: Caller;
  readonly client: ClientContext;
  readonly requestId: string;
}

/** Everything a server offers, found by name or URI. */
export class Catalogue {
  readonly #definitions: Definition[] = [];

  /** Throws `config_invalid` for a name or URI that is taken. */
  add(definition: Definition): void {
    const taken = this.#definitions.some(
      (d) =>
        d.kind === definition.kind &&
        (d.name === definition.name ||
          (d.resource !== undefined && d.resource.uri === definition.resource?.uri)),
    );
    if (taken)
      throw new DeputizeError(
        "config_invalid",
        `there are two ${definition.kind}s called \`${definition.name}\``,
      );
    this.#definitions.push(definition);
  }

  all(kind?: Definition["kind"]): readonly Definition[] {
    return kind ? this.#definitions.filter((d) => d.kind === kind) : this.#definitions;
  }

  find(operation: Operation): Definition | undefined {
    const { kind, target } = operation;
    if (kind === "tool") return this.all("tool").find((d) => d.name === target);
    if (kind === "prompt") return this.all("prompt").find((d) => d.name === target);
    if (kind === "resource") return this.#resource(target);
    return this.all().find((d) => (d.kind === "prompt" && d.name === target) || d.resource?.uri === target);
  }

  #resource(uri: string): Definition | undefined {
    const resources = this.all("resource");
    return (
      resources.find((d) => d.resource && !d.resource.template && d.resource.uri === uri) ??
      resources.find((d) => d.resource?.template?.match(uri))
    );
  }
}

/** What the guards of a definition say about a caller. */
export function decide(definition: Definition, asker: Asker): Promise<GuardDecision> {
  return checkGuards(definition.guards, {
    ...asker,
    target: { kind: definition.kind, name: definition.name, effect: definition.effect },
  });
}

/** Those that this caller may see, in order of declaration. */
export async function visible(definitions: readonly Definition[], asker: Asker): Promise<Definition[]> {
  const decisions = await Promise.all(definitions.map((definition) => decide(definition, asker)));
  return definitions.filter((_, index) => decisions[index]?.allowed === true);
}

/** The scopes to ask for in a 403, when these and nothing else would open the tool and are within reach. */
export function stepUpScopes(
  decision: GuardDecision,
  reach: readonly string[],
): readonly string[] | undefined {
  if (decision.allowed || !decision.missingScopes?.length) return undefined;
  const within = decision.missingScopes.every((scope) =>
    reach.some((r) => r === scope || scopeCovers(r, scope)),
  );
  return within ? decision.missingScopes : undefined;
}

/** The rate limiters of a server, each made once. */
export class RateLimits {
  readonly #limiters = new Map<string, RateLimiter>();
  readonly #server: string;
  readonly #ephemeral: () => Promise<Ephemeral>;

  constructor(server: string, ephemeral: () => Promise<Ephemeral>) {
    this.#server = server;
    this.#ephemeral = ephemeral;
  }

  /** Takes one call from the budget that `parts` name. Throws `rate_limited`. */
  async take(name: string, limit: RateLimit, parts: readonly string[]): Promise<void> {
    const key = `mcp:${this.#server}:${name}:${limit.points}/${limit.durationSeconds}`;
    let limiter = this.#limiters.get(key);
    if (!limiter) {
      limiter = (await this.#ephemeral()).rateLimiter({ name: key, ...limit });
      this.#limiters.set(key, limiter);
    }
    const taken = await limiter.consume(hashParts(parts));
    if (taken.allowed) return;
    throw new DeputizeError("rate_limited", `too many calls; try again in ${taken.retryAfterSeconds} s`, {
      retryAfterSeconds: taken.retryAfterSeconds,
    });
  }

  /** The limits of a caller as a whole. */
  async takeForCaller(caller: Caller, middleware: readonly Middleware[]): Promise<void> {
    for (const [index, one] of middleware.entries()) {
      if (one.kind === "rateLimit" && !one.perTool)
        await this.take(`caller-${index}`, one.limit, callerParts(caller));
    }
  }

  /** The limits of a caller on one definition. Only asked once the caller is known to see it. */
  async takeForTarget(caller: Caller, definition: Definition, server: readonly Middleware[]): Promise<void> {
    if (definition.rateLimit)
      await this.take(`own-${definition.name}`, definition.rateLimit, callerParts(caller));
    for (const [index, one] of server.entries()) {
      if (one.kind === "rateLimit" && one.perTool)
        await this.take(`tool-${index}-${definition.name}`, one.limit, callerParts(caller));
    }
    for (const [index, one] of definition.middleware.entries()) {
      if (one.kind === "rateLimit")
        await this.take(`router-${index}-${definition.name}`, one.limit, callerParts(caller));
    }
  }
}

function callerParts(caller: Caller): readonly string[] {
  return [caller.tenant, caller.subject, caller.clientId];
}
