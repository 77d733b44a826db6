/** `/openapi.json`: OpenAPI 3.1, made from the route table and the same schemas that parse and answer. */
import { z } from "zod";
import { Problem } from "./api-shapes.ts";
import { type Access, ROUTES, type RouteDoc } from "./route-table.ts";

const SECURITY: Readonly<Record<Access, readonly object[]>> = {
  public: [],
  "signed in": [{ bearer: [] }, { session: [] }],
  "own session": [{ bearer: [] }, { session: [] }],
  client: [{ client: [] }],
  agent: [{ bearer: [] }],
};

function schema(type: z.ZodType, io: "input" | "output"): object {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(type, { io, unrepresentable: "any" });
  return rest;
}

function operation(route: RouteDoc): object {
  const status = String(route.status ?? 200);
  const type = route.type ?? "application/json";
  const parameters = [
    ...[...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
      name,
      in: "path",
      required: true,
      schema: { type: "string" },
    })),
    ...Object.entries(route.query ?? {}).map(([name, description]) => ({
      name,
      in: "query",
      description,
      schema: { type: "string" },
    })),
  ];
  return {
    summary: route.summary,
    tags: [route.group],
    security: SECURITY[route.access],
    ...(parameters.length > 0 && { parameters }),
    ...(route.body && {
      requestBody: {
        required: true,
        content: { "application/json": { schema: schema(route.body, "input") } },
      },
    }),
    responses: {
      [status]: {
        description: "done",
        ...(route.answer
          ? { content: { [type]: { schema: schema(route.answer, "output") } } }
          : route.type && { content: { [type]: {} } }),
      },
      default: {
        description: "refused or failed (RFC 9457)",
        content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
      },
    },
  };
}

/** The document for a public address. */
export function openapi(publicUrl: string, version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of ROUTES) (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(route);
  return {
    openapi: "3.1.0",
    info: {
      title: "Deputize shop",
      version,
      description: "Agents that act for a person, and for nobody else.",
    },
    servers: [{ url: publicUrl }],
    paths,
    components: {
      schemas: { Problem: schema(Problem, "output") },
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
        session: {
          type: "apiKey",
          in: "cookie",
          name: "deputize_session",
          description: "writes also send `X-CSRF-Token`",
        },
        client: { type: "http", scheme: "basic" },
      },
    },
  };
}
