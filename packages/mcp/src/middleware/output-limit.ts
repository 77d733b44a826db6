/**
 * How much an answer may hold: bytes, depth, items, length of a text.
 *
 * Guarantees: an answer past its bytes, depth or items is refused whole, since half a list reads like all of it; a long
 * text is cut at a character's border, and says so. Nothing is committed or withheld by it: a change that was made stays,
 * and its answer says so (call.ts).
 */
import { DeputizeError } from "@deputize/core";
import { type Middleware, ofKind } from "./middleware.ts";

export interface OutputLimits {
  /** Of the answer as JSON in UTF-8. */
  readonly maxBytes?: number;
  /** Objects and lists inside of each other. */
  readonly maxDepth?: number;
  /** Entries of one list or members of one object. */
  readonly maxItems?: number;
  /** Characters of one text. */
  readonly maxText?: number;
  /** What becomes of a longer text; `cut` unless told. */
  readonly longText?: "cut" | "refuse";
}

export interface OutputLimitMiddleware {
  readonly kind: "outputLimit";
  readonly limits: OutputLimits;
}

/** Throws `config_invalid`. */
export function outputLimit(limits: OutputLimits): OutputLimitMiddleware {
  const { longText: _, ...numbers } = limits;
  const given = Object.values(numbers);
  if (given.length === 0 || !given.every((n) => Number.isInteger(n) && n >= 1))
    throw new DeputizeError("config_invalid", "an output limit is a whole number, at least 1");
  return { kind: "outputLimit", limits };
}

/** The answer within every limit. Throws `limit_exceeded`. */
export function limitOutput(layers: readonly Middleware[], maxBytes: number, value: unknown): unknown {
  const limits = ofKind(layers, "outputLimit").map((one) => one.limits);
  const cut = limits.reduce((answer, one) => within(answer, one, 0), value);
  const bytes = Buffer.byteLength(JSON.stringify(cut) ?? "");
  if (bytes > Math.min(maxBytes, ...limits.map((one) => one.maxBytes ?? Infinity)))
    throw new DeputizeError("limit_exceeded", "the answer is too large; ask for less");
  return cut;
}

function within(value: unknown, limits: OutputLimits, depth: number): unknown {
  if (typeof value === "string") return textWithin(value, limits);
  if (typeof value !== "object" || value === null) return value;
  if ("toJSON" in value && typeof value.toJSON === "function") return within(value.toJSON(), limits, depth);
  if (depth >= (limits.maxDepth ?? Infinity))
    throw new DeputizeError("limit_exceeded", "the answer is nested too deeply");
  const entries = Object.entries(value);
  if (entries.length > (limits.maxItems ?? Infinity))
    throw new DeputizeError("limit_exceeded", "the answer holds too many items; ask for fewer");
  const whole = isMedia(value) ? MEDIA : [];
  const inner = entries.map(
    ([name, one]) => [name, whole.includes(name) ? one : within(one, limits, depth + 1)] as const,
  );
  return Array.isArray(value) ? inner.map(([, one]) => one) : Object.fromEntries(inner);
}

/** Half a picture is none; its bytes count as a whole. */
const MEDIA: readonly string[] = ["type", "mimeType", "data", "blob"];
function isMedia(value: object): boolean {
  return "mimeType" in value && typeof value.mimeType === "string";
}

function textWithin(text: string, { maxText = Infinity, longText = "cut" }: OutputLimits): string {
  if (text.length <= maxText) return text;
  if (longText === "refuse")
    throw new DeputizeError("limit_exceeded", "the answer holds a text that is too long");
  const kept = text.slice(0, maxText).replace(/[\uD800-\uDBFF]$/, "");
  return `${kept}… [${text.length - kept.length} characters cut]`;
}
