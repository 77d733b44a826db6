/** The API, fuzzed by its own schemas: whatever is sent, no fault of ours, and one form of answer. */
import { InMemoryProvider } from "@deputize/agent";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type JsonSchema, jsonSchemaOf } from "../docs/openapi.ts";
import type { AgentRoute } from "./route.ts";
import { type Running, startServer, testAgent, token } from "./server.fixture.ts";

let server: Running;
let bearer: string;
beforeAll(async () => {
  const agent = await testAgent(
    Array.from({ length: 20_000 }, () => ({ text: "Hello." })),
    { memory: new InMemoryProvider() },
  );
  server = await startServer({ agents: [agent], limits: { bodyBytes: 50_000 } });
  bearer = await token({ userId: "fuzzer" });
});
afterAll(() => server?.stop());

const nasty = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom(
    "",
    "\u0000",
    "\uD800",
    "__proto__",
    "constructor",
    "../..",
    "%00",
    "'; drop table x; --",
    "\u202E",
    "0".repeat(300),
  ),
);

/** Values that mostly fit a schema, and sometimes do not. */
function valueOf(schema: JsonSchema): fc.Arbitrary<unknown> {
  const wrong = { arbitrary: fc.oneof(nasty, fc.jsonValue({ maxDepth: 3 })), weight: 1 };
  return fc.oneof({ arbitrary: fitting(schema), weight: 6 }, wrong);
}

function fitting(schema: JsonSchema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices && choices.length > 0) return fc.oneof(...choices.map(fitting));
  if (schema.format === "uuid") return fc.uuid();
  switch (schema.type) {
    case "object":
      return fc
        .tuple(
          fc.record(
            Object.fromEntries(
              Object.entries(schema.properties ?? {}).map(([name, one]) => [name, valueOf(one)]),
            ),
            { requiredKeys: [] },
          ),
          fc.option(fc.dictionary(nasty, fc.jsonValue(), { maxKeys: 2 }), { freq: 4 }),
        )
        .map(([known, more]) => ({ ...known, ...more }));
    case "array":
      return fc.array(schema.items ? valueOf(schema.items) : fc.jsonValue(), { maxLength: 3 });
    case "integer":
    case "number":
      return fc.oneof(fc.integer({ min: -1, max: 101 }), fc.double(), fc.maxSafeInteger());
    case "boolean":
      return fc.boolean();
    case "string":
      return fc.oneof(fc.string({ maxLength: 60 }), nasty);
    default:
      return fc.jsonValue({ maxDepth: 3 });
  }
}

async function check(route: AgentRoute, path: string, init: RequestInit): Promise<void> {
  const answer = await fetch(`${server.url}${path}`, { ...init, method: route.method });
  const text = await answer.text();
  const what = JSON.stringify([route.method, path, init.body, text.slice(0, 300)]);
  expect(answer.status, what).toBeLessThan(500);
  expect(answer.headers.get("x-request-id"), what).toMatch(/^[0-9a-f-]{36}$/);
  if (answer.status >= 400) {
    const { status, code } = JSON.parse(text) as { status: number; code: string };
    expect([status, code], what).toEqual([answer.status, expect.stringMatching(/^[A-Z0-9_]+$/)]);
  }
}

const segment = fc.oneof(fc.uuid(), nasty).map((text) => encodeURIComponent(text.toWellFormed()) || "x");

describe("whatever is sent", () => {
  it("is answered without a fault of ours, by every route", async () => {
    for (const route of server.routes) {
      const body = route.body ? valueOf(jsonSchemaOf(route.body, "input")) : fc.constant(undefined);
      const query: fc.Arbitrary<Record<string, string>> = route.query
        ? fc.dictionary(
            fc.oneof(
              fc.constantFrom("", ...Object.keys(jsonSchemaOf(route.query, "input").properties ?? {})),
              nasty,
            ),
            fc.oneof(nasty, fc.integer().map(String)),
            { maxKeys: 3 },
          )
        : fc.constant({});
      const names = [...route.path.matchAll(/\{\w+\}/g)].map(([name]) => name);
      await fc.assert(
        fc.asyncProperty(
          body,
          query,
          fc.array(segment, { minLength: names.length, maxLength: names.length }),
          async (sent, asked, ids) => {
            const path = names.reduce((all, name, at) => all.replace(name, ids[at] ?? ""), route.path);
            const wellFormed = Object.entries(asked).map(([key, value]) => [
              key.toWellFormed(),
              value.toWellFormed(),
            ]);
            const search = new URLSearchParams(wellFormed as [string, string][]).toString();
            await check(route, `${path}${search === "" ? "" : `?${search}`}`, {
              headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
              ...(sent !== undefined && { body: JSON.stringify(sent) ?? "" }),
            });
          },
        ),
        { numRuns: 15 },
      );
    }
  }, 240_000);

  it("is refused where it is no JSON, whatever it is", async () => {
    const writing = server.routes.filter((route) => route.body);
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.string().map((text) => new TextEncoder().encode(text)),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...writing),
        bytes,
        fc.constantFrom("application/json", "text/plain", "application/xml", "nonsense"),
        async (route, body, type) => {
          await check(route, route.path.replaceAll(/\{\w+\}/g, "x"), {
            headers: { authorization: `Bearer ${bearer}`, "content-type": type },
            body: Buffer.from(body),
          });
        },
      ),
      { numRuns: 120 },
    );
  }, 60_000);
});
