/**
 * Finding what a caller asks for, among what this caller may see.
 *
 * Guarantees: unknown and forbidden end in the same answer; only the log knows the difference. A tool that
 * lacks nothing but scopes which the caller could step up to, and no other, is named in a 403 (SR-26).
 */
import { type Caller, DeputizeError, scopeCovers } from "@deputize/core";
import type { ClientContext } from "./client-context.ts";
import type { Definition } from "./definition.ts";
import { type GuardDecision, checkGuards } from "./guards.ts";
import type { Operation } from "./inbound.ts";

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
