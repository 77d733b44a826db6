import { type RouteDoc } from "@deputize/client";
import { isDeputizeError } from "@deputize/core";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { DOCS_ROUTES, docsRoutes } from "./docs-routes.ts";
import { exampleOf, kindOf } from "./example.ts";
import { jsonSchemaOf, openapiDocument } from "./openapi.ts";
import { SCRIPT, STYLE } from "./style.ts";

const Weather = z.strictObject({ city: z.string().min(1), days: z.int().min(1).max(7).default(3) });
const TABLE: readonly RouteDoc[] = [
  {
    method: "POST",
    path: "/data/{kind}",
    group: "Data",
    summary: `Weather, "now" & <b>then</b>`,
    access: "app",
    scope: "read:weather:*",
    query: z.strictObject({ unit: z.enum(["c", "f"]), note: z.string().describe("<i>free</i>").optional() }),
    body: Weather,
    answer: z.strictObject({ degrees: z.number() }),
    status: 201,
    curl: `"$URL/data/weather"`,
  },
  {
    method: "GET",
    path: "/health",
    group: "This server",
    summary: "Alive?",
    access: "public",
    query: { deep: "yes or no" },
  },
  {
    method: "POST",
    path: "/oauth/token",
    group: "Tokens",
    summary: "A token.",
    access: "client",
    form: z.strictObject({ grant_type: z.literal("client_credentials") }),
  },
  ...DOCS_ROUTES,
];
const INFO = { title: "Weather <API>", version: "1", publicUrl: "http://localhost:8080", routes: TABLE };

describe("openapiDocument", () => {
  it("is valid OpenAPI 3.1 with the schemas that parse [SH-F32]", async () => {
    const document = openapiDocument(TABLE, INFO);
    const { valid, errors } = await new Validator().validate(structuredClone(document));
    expect(errors ?? []).toEqual([]);
    expect(valid).toBe(true);
    expect(document).toMatchObject({
      openapi: "3.1.0",
      paths: {
        "/data/{kind}": {
          post: {
            security: [{ bearer: [] }],
            parameters: [
              { name: "kind", in: "path", required: true },
              { name: "unit", in: "query", required: true, schema: { enum: ["c", "f"] } },
              { name: "note", in: "query", required: false, description: "<i>free</i>" },
            ],
            requestBody: {
              content: {
                "application/json": { schema: { required: ["city"], additionalProperties: false } },
              },
            },
            responses: { "201": { content: { "application/json": { schema: { required: ["degrees"] } } } } },
          },
        },
        "/oauth/token": { post: { requestBody: { content: { "application/x-www-form-urlencoded": {} } } } },
      },
      components: { securitySchemes: { bearer: {}, client: {} } },
    });
    expect(JSON.stringify(document)).not.toContain("#/$defs");
  });

  it("refuses a route that stands twice", () => {
    const twice = [...TABLE, TABLE[1] as RouteDoc];
    expect(() => openapiDocument(twice, INFO)).toThrow(
      expect.toSatisfy((error) => isDeputizeError(error, "config_invalid")),
    );
  });
});

describe("examples", () => {
  it("hold what is required, of the right kind", () => {
    expect(exampleOf(jsonSchemaOf(Weather, "input"))).toEqual({ city: "" });
    const Many = z.strictObject({
      who: z.email(),
      list: z.array(z.enum(["a", "b"])),
      on: z.boolean(),
      n: z.int(),
    });
    expect(exampleOf(jsonSchemaOf(Many, "input"))).toEqual({
      who: "you@example.com",
      list: ["a"],
      on: false,
      n: 0,
    });
    expect(kindOf(jsonSchemaOf(z.array(z.enum(["a", "b"])), "input"))).toBe('list of "a" or "b"');
  });
});

describe("/docs", () => {
  const app = new Hono().route("/", docsRoutes(INFO));

  it("escapes what comes from the table", async () => {
    const html = await (await app.request("/docs")).text();
    expect(html).toContain("Weather, &quot;now&quot; &amp; &lt;b&gt;then&lt;/b&gt;");
    expect(html).not.toMatch(/<b>then|<i>free|<API>/);
  });

  it("runs its own script only, by hash, and talks to its own origin only", async () => {
    const response = await app.request("/docs");
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("connect-src 'self'");
    expect(policy).not.toContain("unsafe");
    const html = await response.text();
    expect(html.match(/<script/g)).toHaveLength(1);
    expect(html).toContain(`<script>${SCRIPT}</script>`);
    expect(html).toContain(`<style>${STYLE}</style>`);
    expect(html).not.toMatch(/ on\w+="| style="|https?:\/\/(?!localhost)/);
    expect(SCRIPT).not.toMatch(/localStorage|sessionStorage|innerHTML|\beval\b/);
  });

  it("shows forms only to whoever runs the script, and reads whole without", async () => {
    const html = await (await app.request("/docs")).text();
    expect(html.match(/<form /g)).toHaveLength(TABLE.length);
    expect(html.match(/<details data-script hidden>/g)).toHaveLength(TABLE.length);
    expect(html).toContain("/data/{kind}");
    expect(html).toContain("an app&#39;s token with <code>read:weather:*</code>");
    expect(html).toContain("<li><code>city</code> text</li>");
  });
});
