/**
 * Reading what a client sent: bounded by the bytes that really come, parsed once, faults named by place and kind.
 *
 * Guarantees: nothing of what was sent is in an error; bodies past their bound answer 413 however they are framed [AF-D13]; text that
 * no store can keep, and nesting that only costs, are refused.
 */
import { parseJsonText, readBoundedText } from "@deputize/client";
import { DeputizeError } from "@deputize/core";
import type { Context } from "hono";
import type { z } from "zod";
import { ApiError, type ErrorDetail } from "./errors.ts";

const MAX_DEPTH = 64;
const MAX_DETAILS = 50;

/** What each kind of fault means, in words that hold nothing of the value. */
const WORDS: Readonly<Record<string, string>> = {
  invalid_type: "missing, or of another type",
  too_big: "too long or too large",
  too_small: "too short or too small",
  invalid_format: "not of the right form",
  not_multiple_of: "not of the right step",
  unrecognized_keys: "holds fields that are not known here",
  invalid_union: "fits none of the forms",
  invalid_key: "has a field whose name cannot be used",
  invalid_element: "holds something that does not fit",
  invalid_value: "none of the values that may stand here",
  custom: "does not fit",
};

/** Parses `value`, which stood in `where`. Throws `validation_failed` with the faults as `details`. */
export function parsed(schema: z.ZodType, value: unknown, where: "path" | "query" | "body"): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const details: ErrorDetail[] = result.error.issues.slice(0, MAX_DETAILS).map(({ path, code }) => ({
    loc: [where, ...path.map((part) => (typeof part === "number" ? part : String(part)))],
    msg: WORDS[code] ?? "does not fit",
    type: code,
  }));
  throw new DeputizeError("validation_failed", "some of what was sent is missing, unknown or malformed", {
    detail: { details },
  });
}

/** The JSON body. Without one, what the schema makes of undefined. Throws `invalid_request`, `payload_too_large`, `validation_failed`. */
export async function readJsonBody(c: Context, schema: z.ZodType, maxBytes: number): Promise<unknown> {
  const text = await readBoundedText(c, maxBytes);
  if (text === "") return parsed(schema, undefined, "body");
  if (!/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(c.req.header("content-type") ?? ""))
    throw new ApiError("UNSUPPORTED_MEDIA_TYPE", "invalid_request", "send `Content-Type: application/json`");
  assertShallow(text);
  return parsed(schema, parseJsonText(text), "body");
}

/** The bytes of an upload. Throws `invalid_request` for another type, `payload_too_large`. */
export async function readUpload(
  c: Context,
  types: readonly string[],
  maxBytes: number,
): Promise<Uint8Array> {
  const type = (c.req.header("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (!types.includes(type))
    throw new ApiError("UNSUPPORTED_MEDIA_TYPE", "invalid_request", `send one of: ${types.join(", ")}`);
  return readBoundedBytes(c, maxBytes);
}

async function readBoundedBytes(c: Context, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = (): DeputizeError =>
    new DeputizeError("payload_too_large", `the body may hold ${maxBytes} bytes`);
  if (Number(c.req.header("content-length") ?? 0) > maxBytes) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of c.req.raw.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Before anything is made of it: brackets that nest deeper than any of our schemas do only cost. */
function assertShallow(text: string): void {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (quoted) {
      if (char === 0x5c) at += 1;
      else if (char === 0x22) quoted = false;
    } else if (char === 0x22) quoted = true;
    else if (char === 0x7b || char === 0x5b) {
      depth += 1;
      if (depth > MAX_DEPTH)
        throw new DeputizeError("invalid_request", `the body nests more than ${MAX_DEPTH} deep`);
    } else if (char === 0x7d || char === 0x5d) depth -= 1;
  }
}
