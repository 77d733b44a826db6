/**
 * Reading a body, or a query, of the broker protocol. Its clients name no content type, or a wrong one, so none is asked for; a body
 * is JSON, at most 1 MiB by count of its bytes, parsed once, unknown members refused.
 */
import type { Context } from "hono";
import type { z } from "zod";
import { DeputizeError, isDeputizeError } from "@deputize/core";
import { parseInput, parseJsonText, readBoundedText } from "@deputize/client";

export const MAX_BODY_BYTES = 1_048_576;

function parseBody(text: string): unknown {
  if (text.trim() === "") throw new DeputizeError("invalid_request", "send a JSON object as the body");
  return parseJsonText(text);
}

/** The body as JSON, not yet checked. Throws `invalid_request`, `payload_too_large`. */
export async function readBrokerJson(c: Context): Promise<unknown> {
  return parseBody(await readBoundedText(c, MAX_BODY_BYTES));
}

/** Checks a value against a schema. Throws `invalid_request` that names the fields, never their values. */
export function checkBroker<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  try {
    return parseInput(schema, input);
  } catch (error) {
    if (!isDeputizeError(error, "validation_failed")) throw error;
    const fields = error.detail?.["fields"];
    const named = Array.isArray(fields) ? fields.slice(0, 8).map(readable).join(", ") : "the body";
    throw new DeputizeError("invalid_request", `missing, unknown or malformed: ${named}`, { cause: error });
  }
}

/** A field's name as the client may see it: unknown members are the sender's own text. */
function readable(field: unknown): string {
  const name = String(field);
  if (name === "unrecognized_keys") return "a field that this route does not know";
  return /^[\w.-]{1,64}$/.test(name) ? `\`${name}\`` : "a field";
}

/** Checks a body that was read. Throws `invalid_request`. */
export function readBrokerText<S extends z.ZodType>(text: string, schema: S): z.output<S> {
  return checkBroker(schema, parseBody(text));
}

/** Reads and checks a body. Throws `invalid_request`, `payload_too_large`. */
export async function readBrokerBody<S extends z.ZodType>(c: Context, schema: S): Promise<z.output<S>> {
  return checkBroker(schema, await readBrokerJson(c));
}

/** The query, each name once: of two values, one reader would take the first and another the last. Throws `invalid_request`. */
export function singleQuery(query: string): Record<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (found.has(name)) throw new DeputizeError("invalid_request", `name ${readable(name)} once`);
    found.set(name, value);
  }
  return Object.fromEntries(found);
}

/** Reads and checks a query. Throws `invalid_request`. */
export function readBrokerQuery<S extends z.ZodType>(c: Context, schema: S): z.output<S> {
  return checkBroker(schema, singleQuery(queryOf(c)));
}

/** What stands behind the `?` of an address. */
export function queryOf(c: Context): string {
  const { url } = c.req;
  const mark = url.indexOf("?");
  return mark < 0 ? "" : url.slice(mark + 1);
}
