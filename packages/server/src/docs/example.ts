/** A body to start from in the page's form, made from its schema: what is required, with values of the right kind. */
import type { JsonSchema } from "./openapi.ts";

const OF_FORMAT: Readonly<Record<string, string>> = {
  email: "you@example.com",
  uuid: "00000000-0000-7000-8000-000000000000",
  uri: "https://example.com",
  "date-time": "2026-01-01T00:00:00Z",
};

/** One value that fits the schema's shape; it may still be one that the handler refuses. */
export function exampleOf(schema: JsonSchema): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.default !== undefined) return schema.default;
  if (schema.enum) return schema.enum[0];
  const choice = schema.oneOf?.[0] ?? schema.anyOf?.[0];
  if (choice) return exampleOf(choice);
  switch (schema.type) {
    case "object": {
      const required = schema.required ?? [];
      const shown = Object.entries(schema.properties ?? {}).filter(([name]) => required.includes(name));
      return Object.fromEntries(shown.map(([name, inner]) => [name, exampleOf(inner)]));
    }
    case "array":
      return schema.items ? [exampleOf(schema.items)] : [];
    case "integer":
    case "number":
      return 0;
    case "boolean":
      return false;
    default:
      return OF_FORMAT[schema.format ?? ""] ?? "";
  }
}

/** A schema in a word or two, for a list of members. */
export function kindOf(schema: JsonSchema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" or ");
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return [...new Set(choices.map(kindOf))].join(" or ");
  if (schema.type === "array") return `list of ${schema.items ? kindOf(schema.items) : "anything"}`;
  const format = schema.format === undefined ? "" : ` (${schema.format})`;
  return `${schema.type === "string" ? "text" : (schema.type ?? "anything")}${format}`;
}
