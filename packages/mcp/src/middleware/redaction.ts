/**
 * Redaction: what must not leave in an answer, whatever a handler put there.
 *
 * Guarantees: masks fields by name and text by pattern, at any depth, in answers, refusals, notifications, the card of a call
 * that waits for a person, and the audit log's copy of the arguments alike; questions to the client by pattern. Does not: find what neither a name nor a pattern describes; a tool's `output` schema,
 * which drops what it does not declare, is the stronger wall.
 */
import { DeputizeError } from "@deputize/core";
import { MASK, looksSecret } from "../audit-sink.ts";
import { type Middleware, ofKind } from "./middleware.ts";

export interface RedactionMiddleware {
  readonly kind: "redaction";
  readonly fields: ReadonlySet<string>;
  readonly secretNames: boolean;
  readonly patterns: readonly RegExp[];
}

export interface RedactionOptions {
  /** Names of fields whose value is masked. */
  readonly fields?: readonly string[];
  /** Text that is masked wherever it stands. Write them so that they take linear time. */
  readonly patterns?: readonly RegExp[];
  /** Mask fields with names such as `password`, `token` or `iban` too. On unless told. */
  readonly secretNames?: boolean;
}

/** Tokens in JWS compact form, bearer headers and private keys: nobody answers with these on purpose. */
const ALWAYS: readonly RegExp[] = [
  /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}/g,
  /\bBearer +[\w\-.~+/]{16,}=*/g,
  /-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[^-]{0,16384}(?:-----END [A-Z ]{0,32}PRIVATE KEY-----)?/g,
];

/** Throws `config_invalid` for a pattern that is none. */
export function redaction(options: RedactionOptions = {}): RedactionMiddleware {
  const { fields = [], patterns = [], secretNames = true } = options;
  if (!patterns.every((pattern) => pattern instanceof RegExp))
    throw new DeputizeError("config_invalid", "a redaction pattern is a regular expression");
  const global = patterns.map(
    ({ source, flags }) => new RegExp(source, flags.includes("g") ? flags : `${flags}g`),
  );
  return { kind: "redaction", fields: new Set(fields), secretNames, patterns: [...ALWAYS, ...global] };
}

/** Masks in every layer's way; the value itself when there is no redaction at all. */
export function redact<T>(layers: readonly Middleware[], value: T): T {
  return ofKind(layers, "redaction").reduce((masked, rules) => maskValue(masked, rules) as T, value);
}

/**
 * Masks text by pattern only: in a question to the client, a field's name is what is asked for, not what is told. Addresses
 * that a person is to open stay whole.
 */
export function redactTexts<T>(layers: readonly Middleware[], value: T): T {
  return ofKind(layers, "redaction").reduce((masked, rules) => maskTexts(masked, rules) as T, value);
}

function maskTexts(value: unknown, rules: RedactionMiddleware): unknown {
  if (typeof value === "string") return maskText(value, rules);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => maskTexts(item, rules));
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, name === "url" ? inner : maskTexts(inner, rules)]),
  );
}

function maskValue(value: unknown, rules: RedactionMiddleware): unknown {
  if (typeof value === "string") return maskText(value, rules);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => maskValue(item, rules));
  if ("toJSON" in value && typeof value.toJSON === "function") return maskValue(value.toJSON(), rules);
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      rules.fields.has(name) || (rules.secretNames && looksSecret(name))
        ? masked(inner)
        : maskValue(inner, rules),
    ]),
  );
}

/** Nothing stays nothing, so that an answer still says what there is. */
function masked(value: unknown): unknown {
  return value === null || value === undefined ? value : MASK;
}

function maskText(text: string, { patterns }: RedactionMiddleware): string {
  return patterns.reduce((rest, pattern) => rest.replace(pattern, MASK), text);
}
