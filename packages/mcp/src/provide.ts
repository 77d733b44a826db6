/**
 * What a handler needs made for each call, such as a client of another service that speaks as this caller.
 *
 * Guarantees: made after authentication, guards, validation, argument policy and approval, never for a call that is
 * refused or answered from the cache (PR-D06); once for each call; disposed in the reverse order when the handler came
 * back, even if that is after its timeout. A factory that throws fails the call like its handler.
 */
import { DeputizeError } from "@deputize/core";
import type { ToolContext } from "./context.ts";

export interface Provided<T> {
  /** Shown by `explain()`. */
  readonly name: string;
  create(context: ToolContext): T | Promise<T>;
  dispose?(value: T): void | Promise<void>;
}

/** Declares a dependency. Name it in a tool's `inject`, and get it in the handler by `ctx.get(it)`. */
export function provide<T>(
  name: string,
  create: (context: ToolContext) => T | Promise<T>,
  options: { readonly dispose?: (value: T) => void | Promise<void> } = {},
): Provided<T> {
  if (!name) throw new DeputizeError("config_invalid", "give the dependency a name; `explain()` shows it");
  return { name, create, ...(options.dispose && { dispose: options.dispose }) };
}

/** The dependencies of one call. */
export class Dependencies {
  readonly #made = new Map<Provided<unknown>, unknown>();

  /** Makes them in order, so that a later one may `get` an earlier one. */
  async make(wanted: readonly Provided<unknown>[], context: ToolContext, signal: AbortSignal): Promise<void> {
    for (const one of wanted) {
      signal.throwIfAborted();
      this.#made.set(one, await one.create(context));
    }
  }

  /** Throws `internal` for what the tool did not name in `inject`. */
  get<T>(wanted: Provided<T>): T {
    const key = wanted as Provided<unknown>;
    if (this.#made.has(key)) return this.#made.get(key) as T;
    throw new DeputizeError("internal", `\`${wanted.name}\` is not among what this tool injects`);
  }

  /** Disposes of all that were made, the last one first. What fails is told and the rest is still disposed of. */
  async dispose(failed: (error: unknown) => void): Promise<void> {
    for (const [one, value] of [...this.#made].toReversed()) {
      this.#made.delete(one);
      try {
        await one.dispose?.(value);
      } catch (error) {
        failed(error);
      }
    }
  }
}
