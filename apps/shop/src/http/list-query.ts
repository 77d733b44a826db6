/**
 * Query strings of lists, parsed once.
 *
 * Guarantees: an unknown or repeated parameter, a limit outside 1 to 100 and a malformed number are 422 that name the
 * field; nothing reaches a query that was not parsed here (SH-D11).
 */
import { DeputizeError } from "@deputize/core";
import { z } from "zod";

/** A page size. */
export const limitParameter = z.coerce.number().int().min(1).max(100);
export const cursorParameter = z.string().min(1).max(300);
/** A price in cents. */
export const centsParameter = z.coerce.number().int().min(0).max(100_000_000);

/** Parses a request's query string. Throws `validation_failed`. */
export function parseQuery<T>(url: string, schema: z.ZodType<T>): T {
  const parameters = new URL(url).searchParams;
  const values: Record<string, string> = {};
  for (const [name, value] of parameters) {
    if (name in values) throw invalid({ [name]: "is given twice" });
    // An empty box of a form is no filter.
    if (value !== "") values[name] = value;
  }
  const parsed = schema.safeParse(values);
  if (parsed.success) return parsed.data;
  throw invalid(
    Object.fromEntries(parsed.error.issues.map((issue) => [issue.path.join(".") || "query", issue.message])),
  );
}

function invalid(fields: Record<string, string>): DeputizeError {
  return new DeputizeError(
    "validation_failed",
    "the query string is not as described at /docs; see `errors`",
    {
      detail: fields,
    },
  );
}
