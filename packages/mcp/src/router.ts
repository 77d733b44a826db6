/**
 * A router: one domain's tools under a prefix, with guards and middleware that all of them share.
 *
 * Guarantees: guards add up from the outside in, so nesting only ever narrows. Wire names are `prefix_name`,
 * since model providers take only letters, digits, `_` and `-`.
 */
import { DeputizeError, type Effect } from "@deputize/core";
import { type OwnedArguments, withOwnership } from "./argument-guards.ts";
import {
  type Definition,
  checkedName,
  promptDefinition,
  resourceDefinition,
  toolDefinition,
} from "./definition.ts";
import { type Guard, type GuardLike, asGuard } from "./guards.ts";
import { type Middleware, checkedMiddleware } from "./middleware/middleware.ts";
import {
  type PromptHandler,
  type PromptOptions,
  type ResourceHandler,
  type ResourceOptions,
  type ResourceTemplateOptions,
  type ToolHandler,
  type ToolOptions,
  assertOptions,
} from "./options.ts";
import type { InputSchema } from "./schema.ts";

export interface RouterOptions {
  readonly prefix?: string;
  readonly guards?: readonly GuardLike[];
  readonly middleware?: readonly Middleware[];
  /**
   * Argument name → whose the thing is that it names: every tool, prompt and resource template with that argument is
   * guarded by it, and one with another argument `id`, `…_id` or `…Id` that has no guard does not register.
   */
  readonly owned?: OwnedArguments;
}

const ROUTER_OPTIONS: Readonly<Record<keyof RouterOptions, true>> = {
  prefix: true,
  guards: true,
  middleware: true,
  owned: true,
};

export class MCPRouter {
  readonly #prefix: string;
  readonly #guards: readonly Guard[];
  readonly #middleware: Middleware[];
  readonly #owned: OwnedArguments | undefined;
  readonly #definitions: Definition[] = [];
  #mounted = false;

  constructor(options: RouterOptions = {}) {
    assertOptions("MCPRouter", options, ROUTER_OPTIONS);
    this.#prefix = options.prefix === undefined ? "" : `${checkedName(options.prefix)}_`;
    this.#guards = (options.guards ?? []).map(asGuard);
    this.#middleware = [...checkedMiddleware(options.middleware ?? [])];
    this.#owned = options.owned;
  }

  /** Declares a tool. Throws `config_invalid` when its options cannot be kept. */
  tool<S extends InputSchema = Record<never, never>, E extends Effect = Effect, R extends object = object>(
    name: string,
    options: ToolOptions<S, E, R>,
    handler: ToolHandler<S, E, NoInfer<R>>,
  ): this {
    return this.add(toolDefinition(name, options, handler as ToolHandler<S, E, R>));
  }

  /** Declares a resource with a fixed URI. */
  resource(name: string, options: ResourceOptions, handler: ResourceHandler): this {
    return this.add(resourceDefinition(name, options, handler));
  }

  /** Declares resources whose URI has variables (RFC 6570). */
  resourceTemplate(name: string, options: ResourceTemplateOptions, handler: ResourceHandler): this {
    return this.add(resourceDefinition(name, options, handler));
  }

  /** Declares a prompt. */
  prompt<S extends InputSchema = Record<never, never>>(
    name: string,
    options: PromptOptions<S>,
    handler: PromptHandler<S>,
  ): this {
    return this.add(promptDefinition(name, options, handler));
  }

  /** Mounts another router inside of this one. */
  mount(router: MCPRouter): this {
    for (const definition of router.release()) this.add(definition);
    return this;
  }

  /** Adds middleware to everything declared here. */
  use(...middleware: readonly Middleware[]): this {
    this.#refuseAfterMount();
    this.#middleware.push(...checkedMiddleware(middleware));
    return this;
  }

  /** Hands the definitions over, named and guarded; afterwards nothing can be added unseen. */
  release(): readonly Definition[] {
    this.#mounted = true;
    return this.#definitions.map((definition) => ({
      ...definition,
      name: checkedName(this.#prefix + definition.name),
      guards: [...this.#guards, ...definition.guards],
      middleware: [...this.#middleware, ...definition.middleware],
    }));
  }

  /** Guards that everything declared here shares. */
  protected get guards(): readonly Guard[] {
    return this.#guards;
  }

  /** A definition with the guards of its arguments. */
  protected ownership(definition: Definition): Definition {
    return withOwnership(definition, this.#owned);
  }

  protected add(definition: Definition): this {
    this.#refuseAfterMount();
    this.#definitions.push(this.ownership(definition));
    return this;
  }

  #refuseAfterMount(): void {
    if (this.#mounted)
      throw new DeputizeError("config_invalid", "declare everything before mounting the router");
  }
}
