/**
 * How many handlers run at once, in this process: for upstreams that take only so many, and for memory.
 *
 * Guarantees: a call over the limit is refused at once and holds nothing; a place is free again when the handler has
 * really come back. One that ran into its timeout and ignores its signal keeps its place: the limit is on work, not on
 * answers. Does not: queue, which would hide the overload, nor count over replicas.
 */
import { DeputizeError } from "@deputize/core";

export interface ConcurrencyMiddleware {
  readonly kind: "concurrency";
  readonly max: number | undefined;
  readonly perTool: number | undefined;
  /** How many run now: under the empty name in total, then by tool. */
  readonly running: Map<string, number>;
}

/**
 * At most `max` handlers at once over everything that this covers, and at most `perTool` for each tool.
 * Throws `config_invalid`.
 */
export function concurrency(options: {
  readonly max?: number;
  readonly perTool?: number;
}): ConcurrencyMiddleware {
  const { max, perTool } = options;
  const given = [max, perTool].filter((n) => n !== undefined);
  if (given.length === 0 || !given.every((n) => Number.isInteger(n) && n >= 1))
    throw new DeputizeError("config_invalid", "a concurrency limit is a whole number, at least 1");
  return { kind: "concurrency", max, perTool, running: new Map() };
}

const RETRY_AFTER_SECONDS = 1;

/** Takes a place under every limit, or none at all. Answers what gives them back. Throws `rate_limited`. */
export function enter(limits: readonly ConcurrencyMiddleware[], tool: string): () => void {
  const places = limits.flatMap(({ max, perTool, running }) => [
    ...(max === undefined ? [] : [{ running, key: "", limit: max }]),
    ...(perTool === undefined ? [] : [{ running, key: tool, limit: perTool }]),
  ]);
  if (places.some(({ running, key, limit }) => (running.get(key) ?? 0) >= limit)) {
    throw new DeputizeError("rate_limited", "too many calls at once; try again in a moment", {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
      detail: { limit: "concurrency" },
    });
  }
  for (const { running, key } of places) running.set(key, (running.get(key) ?? 0) + 1);
  return () => {
    for (const { running, key } of places) running.set(key, (running.get(key) ?? 1) - 1);
  };
}
