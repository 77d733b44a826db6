/** Values for jsonb columns and text for text columns: Postgres takes neither U+0000 nor lone surrogates. */

/** Text that any database takes: U+0000 and lone surrogates become U+FFFD. */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll("\u0000", "\uFFFD");
}

/** `value` as JSON that a jsonb column takes, whatever hostile text is in it. */
export function toJsonb(value: unknown): string {
  return JSON.stringify(clean(value) ?? null);
}

function clean(value: unknown): unknown {
  if (typeof value === "string") return storableText(value);
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value !== "object" || value === null) return value;
  if ("toJSON" in value && typeof value.toJSON === "function") return clean(value.toJSON());
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [storableText(key), clean(inner)]));
}
