/**
 * Opaque positions in a list.
 *
 * Guarantees: a cursor is data to be parsed, never SQL; one that was not made here, or was made for another list, is
 * refused. It holds no secret and no authority: the rows behind it are chosen anew as the caller.
 */
import { DeputizeError } from "@deputize/core";
import type { z } from "zod";

/** Renders a position. */
export function encodeCursor(position: Readonly<Record<string, unknown>>): string {
  return Buffer.from(JSON.stringify(position), "utf8").toString("base64url");
}

/** Reads a position back. Throws `validation_failed`. */
export function decodeCursor<T>(text: string, schema: z.ZodType<T>): T {
  if (text.length <= 300) {
    try {
      const parsed = schema.safeParse(JSON.parse(Buffer.from(text, "base64url").toString("utf8")));
      if (parsed.success) return parsed.data;
    } catch {
      // Not JSON: refused below, like any other stranger's text.
    }
  }
  throw new DeputizeError("validation_failed", "the cursor is not one of this list; start again without it", {
    detail: { field: "cursor" },
  });
}
