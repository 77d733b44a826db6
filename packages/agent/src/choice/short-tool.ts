/**
 * What a model is shown of a tool, made shorter: texts cut at a word, what only people read dropped, and nested parts described
 * less.
 *
 * Guarantees: names, types, `required`, `enum` and bounds of what is shown stay, so a call that fits the short form has the right
 * shape as far as that goes. The server validates every call by the whole schema.
 */
import type { OfferedTool } from "../tools/tool-source.ts";

export interface Shortening {
  /** The longest text, in characters. */
  readonly text: number;
  /** How many levels of arguments are shown; what lies deeper is only said to be an object. */
  readonly depth: number;
  /** How many levels of arguments are described in words. */
  readonly described: number;
}

/** For people and editors; a model needs the type and the name. */
const DROPPED: ReadonlySet<string> = new Set([
  "$schema",
  "$id",
  "$comment",
  "title",
  "examples",
  "default",
  "deprecated",
]);
/** Members that hold schemas by name: no level of their own, and a name in them is no keyword. */
const BY_NAME: ReadonlySet<string> = new Set([
  "properties",
  "$defs",
  "definitions",
  "patternProperties",
  "dependentSchemas",
]);
/** Members whose values are data, not schemas. */
const DATA: ReadonlySet<string> = new Set(["enum", "const", "required", "type"]);

export function shortTool<T extends OfferedTool>(tool: T, by: Shortening): T {
  return {
    ...tool,
    description: cut(tool.description, by.text),
    inputSchema: shortSchema(tool.inputSchema, by, 0) as OfferedTool["inputSchema"],
  };
}

function shortSchema(schema: unknown, by: Shortening, level: number): unknown {
  if (Array.isArray(schema)) return schema.map((one) => shortSchema(one, by, level));
  if (typeof schema !== "object" || schema === null) return schema;
  const shown: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (DROPPED.has(key)) continue;
    if (key === "description") {
      if (level <= by.described && typeof value === "string") shown[key] = cut(value, by.text);
    } else if (DATA.has(key)) shown[key] = value;
    else if (BY_NAME.has(key)) {
      // Definitions are pointed at from anywhere, so they are kept at whatever depth.
      if (key === "properties" && level >= by.depth) continue;
      shown[key] = Object.fromEntries(
        Object.entries(value as object).map(([name, one]) => [name, shortSchema(one, by, level + 1)]),
      );
    } else shown[key] = shortSchema(value, by, level);
  }
  if (level >= by.depth && "properties" in schema) {
    delete shown["required"];
    delete shown["additionalProperties"];
  }
  return shown;
}

/** At most `most` characters, whole words where there are any. */
function cut(text: string, most: number): string {
  const flat = text.replace(/\s+/gu, " ").trim();
  if (flat.length <= most) return flat;
  const head = flat.slice(0, most - 1);
  const space = head.lastIndexOf(" ");
  return `${(space > most / 2 ? head.slice(0, space) : head).trimEnd()}…`;
}
