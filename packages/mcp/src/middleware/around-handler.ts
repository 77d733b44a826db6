/**
 * Code of your own around a handler, such as a measurement.
 *
 * Guarantees: runs after every check, under the call's timeout; throwing fails the call like a handler that throws.
 */
import type { Effect } from "@deputize/core";
import type { ToolContext } from "../context.ts";

export interface CallInfo {
  readonly name: string;
  readonly effect: Effect;
  readonly context: ToolContext;
}

type Around = (call: CallInfo, next: () => Promise<unknown>) => Promise<unknown>;

export interface AroundMiddleware {
  readonly kind: "handler";
  readonly name: string;
  readonly around: Around;
}

/** Wraps handlers; the first declared is the outermost. `next` runs the rest and answers its result. */
export function aroundHandler(name: string, around: Around): AroundMiddleware {
  return { kind: "handler", name, around };
}
