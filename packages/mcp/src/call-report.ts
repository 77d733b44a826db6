/**
 * What is told of a call once its audit entry stands: the log's line, counts, facts of its span.
 *
 * Guarantees: codes, names of tools and times only; nothing here can fail a call.
 */
import { telemetry } from "@deputize/core";
import type { CallOutcome } from "./call.ts";
import type { Definition } from "./definition.ts";
import { type CallLogLine, writeLine } from "./middleware/logging.ts";
import type { Middleware } from "./middleware/middleware.ts";

/** Which call is told of. */
export type CallNames = Pick<CallLogLine, "server" | "name" | "requestId" | "correlationId"> &
  Pick<Definition, "kind">;

/** Tells of a finished call. */
export function reportCall(
  layers: readonly Middleware[],
  names: CallNames,
  outcome: CallOutcome,
  rest: { readonly durationMs: number; readonly cached: boolean },
): void {
  const code = outcome.kind === "error" ? outcome.error.code : undefined;
  const line: CallLogLine = {
    ...names,
    outcome: wordOf(outcome),
    durationMs: rest.durationMs,
    ...(rest.cached && { cached: true }),
    ...(outcome.entryId && { entryId: outcome.entryId }),
    ...(outcome.kind === "error" && { code: outcome.error.code, cause: outcome.error.cause }),
  };
  writeLine(layers, line);
  telemetry.count("mcp_calls", { kind: names.kind, outcome: line.outcome });
  telemetry.observe("mcp_call", line.durationMs / 1000, { kind: names.kind });
  telemetry.annotate({
    "mcp.outcome": line.outcome,
    ...(code && { "error.type": code }),
    ...(line.correlationId && { "deputize.correlation.id": line.correlationId }),
  });
}

function wordOf(outcome: CallOutcome): CallLogLine["outcome"] {
  if (outcome.kind === "error") return outcome.error.status < 500 ? "refused" : "failed";
  return outcome.kind === "done" ? "allowed" : "waiting";
}
