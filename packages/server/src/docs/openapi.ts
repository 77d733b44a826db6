/**
 * An OpenAPI 3.1 document from a table of routes and the very schemas that parse what they are sent.
 *
 * Guarantees: valid OpenAPI 3.1 (JSON Schema 2020-12); nothing is written twice, so it cannot say other than the code does.
 * Does not: describe refusals one by one. Each is a problem document (RFC 9457) whose `code` says which.
 */
import { type Access, type RouteDoc } from "@deputize/client";
import { DeputizeError, ERROR_STATUS } from "@deputize/core";
import { z } from "zod";

export interface DocumentInfo {
  readonly title: string;
  readonly version: string;
  readonly description?: string;
  /** Where the routes are served. */
  readonly publicUrl: string;
}

/** A JSON Schema, as far as this room looks into one. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly format?: string;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
}

const BEARER = { bearer: [] };
const SECURITY: Readonly<Record<Access, readonly object[]>> = {
  public: [],
  "signed in": [BEARER, { session: [] }],
  "own session": [BEARER, { session: [] }],
  client: [{ client: [] }],
  agent: [BEARER],
  operator: [BEARER],
  app: [BEARER],
  worker: [BEARER],
};

const SCHEMES = {
  bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
  session: {
    type: "apiKey",
    in: "cookie",
    name: "deputize_session",
    description: "writes also send `X-CSRF-Token`",
  },
  client: { type: "http", scheme: "basic" },
} as const;

/** The members that every refusal has; the broker's routes call the code `error_code`. */
const Problem = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.enum(Object.keys(ERROR_STATUS) as [string, ...string[]]).optional(),
  error_code: z.string().optional(),
  request_id: z.string(),
});

/** The JSON Schema of what a zod schema reads (`input`) or answers (`output`), to stand inside of a document. */
export function jsonSchemaOf(type: z.ZodType, io: "input" | "output"): JsonSchema {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(type, { io, unrepresentable: "any" });
  return rest as JsonSchema;
}

/** Names of the parameters in a path. */
export function pathParameters(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "");
}

/** What a route reads from its query, as schemas by name. */
export function queryParameters(route: RouteDoc): { name: string; required: boolean; schema: JsonSchema }[] {
  const { query } = route;
  if (!query) return [];
  if (query instanceof z.ZodType) {
    const { properties = {}, required = [] } = jsonSchemaOf(query, "input");
    return Object.entries(properties).map(([name, schema]) => ({
      name,
      required: required.includes(name),
      schema,
    }));
  }
  return Object.entries(query as Readonly<Record<string, string>>).map(([name, description]) => ({
    name,
    required: false,
    schema: { type: "string", description },
  }));
}

function parameter(where: "path" | "query", name: string, required: boolean, schema: JsonSchema): object {
  const { description, ...rest } = schema;
  return { name, in: where, required, ...(description !== undefined && { description }), schema: rest };
}

function operationId({ method, path }: RouteDoc): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
  return [method.toLowerCase(), ...words].join("_");
}

function operation(route: RouteDoc): object {
  const type = route.type ?? "application/json";
  const sent = route.body ?? route.form;
  const parameters = [
    ...pathParameters(route.path).map((name) => parameter("path", name, true, { type: "string" })),
    ...queryParameters(route).map(({ name, required, schema }) => parameter("query", name, required, schema)),
  ];
  return {
    operationId: operationId(route),
    summary: route.summary,
    tags: [route.group],
    security: SECURITY[route.access],
    ...(route.scope !== undefined && { description: `Needs the scope \`${route.scope}\`.` }),
    ...(parameters.length > 0 && { parameters }),
    ...(sent && {
      requestBody: {
        required: true,
        content: {
          [route.body ? "application/json" : "application/x-www-form-urlencoded"]: {
            schema: jsonSchemaOf(sent, "input"),
          },
        },
      },
    }),
    responses: {
      [String(route.status ?? 200)]: {
        description: "done",
        ...(route.answer
          ? { content: { [type]: { schema: jsonSchemaOf(route.answer, "output") } } }
          : route.type !== undefined && { content: { [type]: {} } }),
      },
      default: {
        description: "refused or failed (RFC 9457)",
        content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
      },
    },
  };
}

/**
 * The document. Throws `config_invalid` when a route stands twice in the table.
 */
export function openapiDocument(routes: readonly RouteDoc[], info: DocumentInfo): Record<string, unknown> {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const methods = (paths[route.path] ??= {});
    const method = route.method.toLowerCase();
    if (methods[method])
      throw new DeputizeError("config_invalid", `${route.method} ${route.path} is documented twice`);
    methods[method] = operation(route);
  }
  const used = new Set(routes.flatMap(({ access }) => SECURITY[access].flatMap(Object.keys)));
  return {
    openapi: "3.1.0",
    info: {
      title: info.title,
      version: info.version,
      ...(info.description !== undefined && { description: info.description }),
    },
    servers: [{ url: info.publicUrl }],
    tags: [...new Set(routes.map(({ group }) => group))].map((name) => ({ name })),
    paths,
    components: {
      schemas: { Problem: jsonSchemaOf(Problem, "output") },
      securitySchemes: Object.fromEntries(Object.entries(SCHEMES).filter(([name]) => used.has(name))),
    },
  };
}
