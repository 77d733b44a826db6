import { type } from "arktype";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { testAuth, tokenOf } from "../test/world.ts";
import { requireAuth } from "./guards.ts";
import { type InputSchema, type OutputSchema, inputSchema, outputSchema } from "./schema.ts";
import { MCPServer } from "./server.ts";
import { TestClient } from "./testing/test-client.ts";

const common = { description: "a tool", effect: "read", guards: [requireAuth()] } as const;

describe("input and output by any Standard Schema", () => {
  const order = type({ order_id: "string <= 20", "count?": "1 <= number.integer <= 9" });
  const answer = type({ order_id: "string", total: "number" });
  let ran = 0;
  const server = new MCPServer({ name: "s", auth: testAuth })
    .tool("order", { ...common, input: order, output: answer }, ({ order_id, count }) => {
      ran += 1;
      return { order_id: order_id.toUpperCase(), total: (count ?? 1) * 5 };
    })
    .tool("wrong", { ...common, output: answer }, () => ({ order_id: "A", total: "much" }) as never)
    .prompt(
      "summary",
      { description: "a prompt", guards: [requireAuth()], arguments: order },
      ({ order_id }) => {
        return `Summarize ${order_id}`;
      },
    );
  const client = new TestClient(server, { token: tokenOf("alice") });

  it("checks by the schema, and shows clients its JSON Schema", async () => {
    const [tool] = await client.listTools();
    expect(tool?.inputSchema).toMatchObject({
      type: "object",
      properties: { order_id: { type: "string", maxLength: 20 } },
      required: ["order_id"],
      additionalProperties: false,
    });
    expect(tool?.outputSchema).toMatchObject({ type: "object", properties: { total: { type: "number" } } });
    const result = await client.callTool("order", { order_id: "a1", count: 2 });
    expect(result.structuredContent).toEqual({ order_id: "A1", total: 10 });
    expect(
      await client.request("prompts/get", { name: "summary", arguments: { order_id: "a1" } }),
    ).toMatchObject({
      messages: [{ content: { text: "Summarize a1" } }],
    });
  });

  it.each([
    [{ order_id: 7 }, "order_id"],
    [{ order_id: "a1", count: 99 }, "count"],
    [{}, "order_id"],
    [{ order_id: "a1", more: true }, "more"],
  ])("refuses %j before the handler, and names the field", async (args, field) => {
    ran = 0;
    const result = await client.callTool("order", args);
    expect(result.structuredContent).toMatchObject({ error: { code: "validation_failed" } });
    expect(JSON.stringify(result.structuredContent)).toContain(field);
    expect(ran).toBe(0);
  });

  it("lets no answer out that is not of the declared shape", async () => {
    const result = await client.callTool("wrong");
    expect(result.structuredContent).toMatchObject({ error: { code: "internal" } });
    expect(JSON.stringify(result)).not.toContain("much");
  });
});

describe("a schema that cannot be kept", () => {
  const standard = (rest: object) =>
    ({
      "~standard": { version: 1, vendor: "own", validate: (value: unknown) => ({ value }), ...rest },
    }) as never;
  const json = (schema: object) => ({ jsonSchema: { input: () => schema, output: () => schema } });

  it.each<[string, InputSchema]>([
    ["no JSON Schema", standard({})],
    [
      "a JSON Schema that throws",
      standard({
        jsonSchema: {
          input: () => {
            throw new Error("no");
          },
        },
      }),
    ],
    ["no object", standard(json({ type: "string" }))],
    ["a date, which JSON has not", { when: z.date() }],
  ])("does not register as an input: %s", (_name, input) => {
    expect(() => inputSchema("t", input)).toThrow(expect.objectContaining({ code: "config_invalid" }));
  });

  it("does not register as an output without JSON Schema", () => {
    const output: OutputSchema = standard({});
    expect(() => outputSchema("t", output)).toThrow(/JSON Schema/);
  });

  it("refuses the call when it would answer later", () => {
    const later = standard({
      ...json({ type: "object", properties: {} }),
      validate: async (value: unknown) => ({ value }),
    });
    expect(() => inputSchema("t", later).rules.safeParse({})).toThrow(/guard/);
  });
});
