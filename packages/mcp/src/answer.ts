/**
 * What a handler answered, made fit to leave: its declared shape, then redaction, then limits.
 *
 * Guarantees: what a tool did not declare in `output` is dropped, beside blocks of content too; a value that does not fit,
 * of a resource, a prompt or a suggestion as well, is a fault of its handler and shows nothing of itself.
 */
import { DeputizeError } from "@deputize/core";
import type { z } from "zod";
import type { Definition } from "./definition.ts";
import type { Middleware } from "./middleware/middleware.ts";
import { limitOutput } from "./middleware/output-limit.ts";
import { redact } from "./middleware/redaction.ts";
import { type ContentResult, contentResult, isContentResult } from "./results.ts";

/** Throws `internal` for another shape, `limit_exceeded` for too much. */
export function finishAnswer(
  definition: Definition,
  layers: readonly Middleware[],
  maxBytes: number,
  answer: unknown,
): unknown {
  const content = isContentResult(answer);
  const shaped = content ? shapedContent(definition, answer) : shapedValue(definition, answer);
  const finished = limitOutput(layers, maxBytes, redact(layers, shaped));
  return content ? contentResult(finished as ContentResult) : finished;
}

function shapedValue({ kind, output }: Definition, answer: unknown): unknown {
  const value = hasJsonForm(answer) ? answer.toJSON() : answer;
  if (kind === "tool" && (typeof value !== "object" || value === null || Array.isArray(value))) {
    throw new DeputizeError("internal", "a tool returns a JSON object");
  }
  return output ? declared(output, value) : value;
}

/** Blocks of content say for people what `structuredContent` says for programs, which is of the declared shape too. */
function shapedContent({ kind, output }: Definition, answer: ContentResult): ContentResult {
  if (kind !== "tool") throw new DeputizeError("internal", "only a tool answers in blocks of content");
  if (!output) return answer;
  const { structuredContent, ...rest } = answer;
  if (rest.isError) return rest;
  return { ...rest, structuredContent: declared(output, structuredContent) as Record<string, unknown> };
}

function declared(output: z.ZodType, value: unknown): unknown {
  const parsed = output.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new DeputizeError("internal", "something went wrong on our side", { cause: parsed.error });
}

function hasJsonForm(value: unknown): value is { toJSON(): unknown } {
  return (
    typeof value === "object" && value !== null && "toJSON" in value && typeof value.toJSON === "function"
  );
}
