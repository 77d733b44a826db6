/**
 * The innermost part of a call: a place under the concurrency limits → circuit breakers → dependencies → middleware of
 * your own → the handler.
 *
 * Guarantees: nothing here starts for a call that any check refused. Places and dependencies are given back when the
 * handler has really come back, even if its call was answered long before.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { type Clock, DeputizeError } from "@deputize/core";
import type { ToolContext } from "./context.ts";
import type { Definition } from "./definition.ts";
import type { ErrorMap } from "./error-map.ts";
import { throughCircuits } from "./middleware/circuit-breaker.ts";
import { enter } from "./middleware/concurrency.ts";
import { type Middleware, ofKind } from "./middleware/middleware.ts";
import type { Dependencies } from "./provide.ts";

const present = new AsyncLocalStorage<ToolContext>();

/** The context of the call whose handler runs now. Throws `internal` outside of one. */
export function getContext(): ToolContext {
  const context = present.getStore();
  if (!context)
    throw new DeputizeError("internal", "there is no call here; `getContext` works inside of a handler");
  return context;
}

export interface HandlerCall {
  readonly definition: Definition;
  readonly args: Record<string, unknown>;
  readonly context: ToolContext;
  readonly layers: readonly Middleware[];
  readonly dependencies: Dependencies;
  readonly errors: ErrorMap;
  readonly clock: Clock;
  /** True when the client left, which says nothing about an upstream. */
  readonly cancelled: () => boolean;
  readonly disposalFailed: (error: unknown) => void;
}

/** What the handler answers. Throws only errors that may be shown. */
export async function runHandler(call: HandlerCall): Promise<unknown> {
  const { definition, args, context, layers, dependencies, errors, clock, cancelled } = call;
  const leave = enter(ofKind(layers, "concurrency"), definition.name);
  const info = { name: definition.name, effect: definition.effect, context };
  const innermost = async (): Promise<unknown> => definition.run(args, context);
  const chain = ofKind(layers, "handler").reduceRight<() => Promise<unknown>>(
    (next, layer) => () => layer.around(info, next),
    innermost,
  );
  const work = async (): Promise<unknown> => {
    try {
      await dependencies.make(definition.inject, context, context.signal);
      return await chain();
    } catch (error) {
      throw errors.safe(error);
    }
  };
  try {
    return await present.run(context, () =>
      throughCircuits(
        ofKind(layers, "circuitBreaker"),
        { tool: definition.name, clock, signal: context.signal, cancelled },
        work,
      ),
    );
  } finally {
    await dependencies.dispose(call.disposalFailed);
    leave();
  }
}
