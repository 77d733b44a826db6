/**
 * What a tool takes and gives, in whatever library its author likes: zod, or any other that speaks Standard Schema 1.0
 * with JSON Schema (https://standardschema.dev), such as ArkType or Valibot.
 *
 * Guarantees: every schema ends as one form, with the JSON Schema that clients are shown made from the very rules that
 * check; an argument that the schema does not name is refused, not dropped. Mistakes throw at start-up.
 * Does not: make nested objects strict, or take schemas that answer later (a check that asks another system is a guard).
 */
import { DeputizeError } from "@deputize/core";
import type { StandardSchemaWithJSON } from "@modelcontextprotocol/server";
import { z } from "zod";

export type Shape = z.ZodRawShape;

/** The shape of an answer, as any Standard Schema with JSON Schema; zod's are. */
export type OutputSchema<Output = unknown> = StandardSchemaWithJSON<unknown, Output>;

/** Arguments: zod's fields by name, or a schema of an object. */
export type InputSchema = Shape | StandardSchemaWithJSON<unknown, Record<string, unknown>>;

/** What a handler is given for an input. */
export type ArgsOf<S> =
  S extends StandardSchemaWithJSON<unknown, infer Output>
    ? Output
    : S extends Shape
      ? z.output<z.ZodObject<S, z.core.$strict>>
      : never;

/** A schema that was checked at start-up: the rules, and what clients are shown of them. */
export interface CheckedSchema<Output = unknown> {
  readonly rules: z.ZodType<Output>;
  readonly json: Record<string, unknown>;
}

const TARGET = "draft-2020-12";

/** Reads an input; absent means no arguments at all. Throws `config_invalid`. */
export function inputSchema(
  name: string,
  input: InputSchema | undefined,
): CheckedSchema<Record<string, unknown>> {
  if (input instanceof z.ZodObject) return zodSchema(name, input.strict(), "input") as never;
  if (!isStandardSchema(input))
    return zodSchema(name, z.strictObject((input as Shape) ?? {}), "input") as never;
  const json = standardJson(name, input, "input");
  if (json["type"] !== "object")
    throw unusable(name, "input", "takes arguments, so its schema is of an object");
  const named = Object.keys((json["properties"] ?? {}) as object);
  const rules = standardRules(input, (value) =>
    typeof value === "object" && value !== null
      ? Object.keys(value).filter((key) => !named.includes(key))
      : [],
  );
  return {
    rules: rules as z.ZodType<Record<string, unknown>>,
    json: { ...json, additionalProperties: false },
  };
}

/** Reads an output. Throws `config_invalid`. */
export function outputSchema(name: string, output: OutputSchema): CheckedSchema {
  if (output instanceof z.ZodType) return zodSchema(name, output, "output");
  return { rules: standardRules(output, () => []), json: standardJson(name, output, "output") };
}

function isStandardSchema(value: unknown): value is OutputSchema {
  return (typeof value === "object" || typeof value === "function") && value !== null && "~standard" in value;
}

function zodSchema<T>(name: string, rules: z.ZodType<T>, io: "input" | "output"): CheckedSchema<T> {
  try {
    return { rules, json: z.toJSONSchema(rules, { io }) as Record<string, unknown> };
  } catch (cause) {
    throw unusable(name, io, "has no JSON Schema; use plain JSON types", cause);
  }
}

function standardJson(name: string, schema: OutputSchema, io: "input" | "output"): Record<string, unknown> {
  const { jsonSchema, vendor } = schema["~standard"];
  if (typeof jsonSchema?.[io] !== "function")
    throw unusable(name, io, `is of ${vendor}, which says nothing in JSON Schema; use a version that does`);
  try {
    return jsonSchema[io]({ target: TARGET });
  } catch (cause) {
    throw unusable(name, io, "has no JSON Schema; use plain JSON types", cause);
  }
}

function standardRules(schema: OutputSchema, unknownKeys: (value: unknown) => readonly string[]): z.ZodType {
  return z.unknown().transform((value, context) => {
    const strangers = unknownKeys(value);
    if (strangers.length > 0) {
      context.addIssue({
        code: "unrecognized_keys",
        keys: [...strangers],
        input: value as Record<string, unknown>,
      });
      return z.NEVER;
    }
    const result = schema["~standard"].validate(value);
    if (result instanceof Promise)
      throw new DeputizeError(
        "config_invalid",
        "a schema that answers later cannot check a call; make it a guard",
      );
    if (!result.issues) return result.value;
    for (const { path = [], message } of result.issues.slice(0, 8)) {
      const keys = path.map((step) => (typeof step === "object" ? step.key : step));
      context.addIssue({ code: "custom", path: keys as (string | number)[], message, input: value });
    }
    return z.NEVER;
  });
}

function unusable(name: string, io: string, why: string, cause?: unknown): DeputizeError {
  return new DeputizeError("config_invalid", `the ${io} of \`${name}\` ${why}`, { cause });
}
