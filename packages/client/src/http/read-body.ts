/**
 * Reading a request body at the edge: bounded, parsed once, unknown fields refused when the schema is strict.
 * Errors name fields, never values. Text with NUL or half a surrogate pair is refused here: no database column keeps it, and
 * it would come back from there as a fault of ours.
 */
import type { Context } from "hono";
import type { z } from "zod";
import { DeputizeError } from "@deputize/core";

export interface ReadOptions {
  /** Bodies beyond this many bytes are refused with 413; 64 KiB unless told. */
  readonly maxBytes?: number;
}

/** The body as text. Throws `payload_too_large` beyond `maxBytes`, by count of the bytes that came. */
export async function readBoundedText(c: Context, maxBytes: number): Promise<string> {
  const tooLarge = (): DeputizeError =>
    new DeputizeError("payload_too_large", `the body may hold ${maxBytes} bytes`);
  if (Number(c.req.header("content-length") ?? 0) > maxBytes) throw tooLarge();
  const stream = c.req.raw.body;
  if (!stream) return "";
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function isKept(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}

/** True when all text in a parsed body can be stored. A loop, because the nesting is the sender's choice. */
function isStorable(value: unknown): boolean {
  const waiting = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next === "string" && !isKept(next)) return false;
    if (typeof next !== "object" || next === null) continue;
    for (const [name, member] of Object.entries(next)) {
      if (!isKept(name)) return false;
      waiting.push(member);
    }
  }
  return true;
}

function assertStorable(value: unknown): void {
  if (!isStorable(value))
    throw new DeputizeError("invalid_request", "the body holds NUL or half of a character; leave it out");
}

/** Parses a value with `schema`. Throws `validation_failed` naming the fields. */
export function parseInput<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const fields = [...new Set(result.error.issues.map((issue) => issue.path.join(".") || issue.code))];
  throw new DeputizeError("validation_failed", "some fields are missing, unknown or malformed", {
    detail: { fields },
  });
}

/** JSON whose text can be stored. Throws `invalid_request`. */
export function parseJsonText(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new DeputizeError("invalid_request", "the body is not JSON", { cause });
  }
  assertStorable(value);
  return value;
}

/** Reads a JSON body. Throws `invalid_request`, `payload_too_large`, `validation_failed`. */
export async function readJson<S extends z.ZodType>(
  c: Context,
  schema: S,
  options: ReadOptions = {},
): Promise<z.output<S>> {
  if (!/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(c.req.header("content-type") ?? "")) {
    throw new DeputizeError("invalid_request", "send `Content-Type: application/json`");
  }
  return parseInput(schema, parseJsonText(await readBoundedText(c, options.maxBytes ?? 65_536)));
}

/** Reads a form body. A repeated parameter becomes an array (RFC 6749 §3.2 forbids it, RFC 8707 needs it). */
export async function readForm<S extends z.ZodType>(
  c: Context,
  schema: S,
  options: ReadOptions = {},
): Promise<z.output<S>> {
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(c.req.header("content-type") ?? "")) {
    throw new DeputizeError("invalid_request", "send `Content-Type: application/x-www-form-urlencoded`");
  }
  const form: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of new URLSearchParams(await readBoundedText(c, options.maxBytes ?? 65_536))) {
    const before = form[name];
    form[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value];
  }
  assertStorable(form);
  return parseInput(schema, { ...form });
}
