/**
 * A router: one domain's tools under a prefix, with guards and middleware that all of them share.
 *
 * Guarantees: guards add up from the outside in, so nesting only ever narrows. Wire names are `prefix_name`,
 * since model providers take only letters, digits, `_` and `-`.
 */
import { DeputizeError, type Effect } from "@deputize/core";
import type { z } from "zod";
import {
  type Definition,
  type PromptHandler,
  type PromptOptions,
  type ResourceHandler,
  type ResourceOptions,
  type ResourceTemplateOptions,
  type ToolHandler,
  type ToolOptions,
  checkedName,
  promptDefinition,
  resourceDefinition,
  toolDefinition,
} from "./definition.ts";
import { type Guard, type GuardLike, asGuard } from "./guards.ts";
import type { Middleware } from "./middleware.ts";

export interface RouterOptions {
  readonly prefix?: string;
  readonly guards?: readonly GuardLike[];
  readonly middleware?: readonly Middleware[];
}

export class MCPRouter {
  readonly #prefix: string;
  readonly #guards: readonly Guard[];
  readonly #middleware: Middleware[];
  readonly #definitions: Definition[] = [];
  #mounted = false;

  constructor(options: RouterOptions = {}) {
    this.#prefix = options.prefix === undefined ? "" : `${checkedName(options.prefix)}_`;
    this.#guards = (options.guards ?? []).map(asGuard);
    this.#middleware = [...(options.middleware ?? [])];
  }

  /** Declares a tool. Throws `config_invalid` when its options cannot be kept. */
  tool<S extends z.ZodRawShape = Record<never, never>, E extends Effect = Effect, R extends object = object>(
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
  prompt<S extends z.ZodRawShape = Record<never, never>>(
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
    this.#middleware.push(...middleware);
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

  protected add(definition: Definition): this {
    this.#refuseAfterMount();
    this.#definitions.push(definition);
    return this;
  }

  #refuseAfterMount(): void {
    if (this.#mounted)
      throw new DeputizeError("config_invalid", "declare everything before mounting the router");
  }
}
