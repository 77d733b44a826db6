import { DeputizeError } from "@deputize/core";
import { inputRequired } from "@modelcontextprotocol/server";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { errorOf, smallServer } from "../../test/servers.ts";
import { clientOf, openWorld } from "../../test/world.ts";
import {
  type ApprovalGate,
  type ApprovalRequest,
  type Middleware,
  contentResult,
  publicTool,
  redaction,
} from "../index.ts";
import { redact } from "./redaction.ts";

const open = { description: "o", effect: "read", guards: [publicTool()] } as const;
const JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLW9mLXNvbWUtbGVuZ3Ro";
const rules: readonly Middleware[] = [redaction({ fields: ["salary"], patterns: [/\b\d{4}-\d{4}\b/] })];

describe("redaction", () => {
  it("masks by field and by pattern at any depth, and leaves the rest", () => {
    const value = {
      name: "Ada",
      salary: 90_000,
      accounts: [{ iban: "DE00", note: `card 1234-5678, again 8765-4321` }],
      when: new Date(0),
      nothing: { password: null },
    };
    expect(redact(rules, value)).toEqual({
      name: "Ada",
      salary: "[redacted]",
      accounts: [{ iban: "[redacted]", note: "card [redacted], again [redacted]" }],
      when: "1970-01-01T00:00:00.000Z",
      nothing: { password: null },
    });
  });

  it.each([
    ["a token", `it is ${JWT}!`, "it is [redacted]!"],
    ["a header", `Bearer ${"x".repeat(20)}`, "[redacted]"],
    ["a key", "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- rest", "[redacted] rest"],
    ["a key that was cut", "-----BEGIN EC PRIVATE KEY-----\nMIIE", "[redacted]"],
  ])("always masks %s", (_name, text, expected) => {
    expect(redact([redaction({ secretNames: false })], text)).toBe(expected);
  });

  it("does nothing where nobody asked for it", () => {
    const value = { password: "x" };
    expect(redact([], value)).toBe(value);
  });

  it("covers answers, blocks, refusals, resources and the log's arguments alike", async () => {
    const { server, audit } = smallServer();
    server.use(...rules);
    server.tool("object", { ...open, input: { q: z.string() } }, () => ({ text: "1234-5678", salary: 1 }));
    server.tool("blocks", open, () => contentResult({ content: [{ type: "text", text: "1234-5678" }] }));
    server.tool("refusal", open, () => {
      throw new DeputizeError("conflict", "1234-5678 is taken", { detail: { by: "8765-4321" } });
    });
    server.resource("r", { uri: "test://r", description: "r", guards: open.guards }, () => ({
      text: `see ${JWT}`,
    }));
    const client = clientOf(server, "alice");
    const answers = [
      await client.callTool("object", { q: "is 1234-5678 mine?" }),
      await client.callTool("blocks"),
      await client.callTool("refusal"),
      await client.readResource("test://r"),
    ];
    expect(answers[0]).toMatchObject({ structuredContent: { text: "[redacted]", salary: "[redacted]" } });
    expect(errorOf(answers[2] as never)).toMatchObject({
      code: "conflict",
      message: "[redacted] is taken",
      detail: { by: "[redacted]" },
    });
    expect(JSON.stringify([answers, audit.entries])).not.toMatch(/1234-5678|8765-4321|eyJ/);
    expect(audit.entries[0]?.args).toEqual({ q: "is [redacted] mine?" });
  });

  it("covers the card of a call that waits for a person, who reads the whole of it elsewhere", async () => {
    const asked: ApprovalRequest[] = [];
    const approvals: ApprovalGate = {
      request: async (_caller, request) => {
        asked.push(request);
        return { id: "card-1", expiresAt: "2030-01-01T00:00:00.000Z" };
      },
      consume: async () => {},
    };
    const world = await openWorld();
    const server = world.server({
      approvals,
      middleware: rules,
      approvalUrl: (id) => `https://shop.example/${id}`,
    });
    const input = { note: z.string(), salary: z.number(), pages: z.array(z.object({ iban: z.string() })) };
    server.tool(
      "pay",
      {
        description: "p",
        effect: "sensitive",
        guards: [publicTool()],
        input,
        preview: async ({ note }) => ({ summary: `Pay for ${note}` }),
      },
      () => ({}),
    );
    const args = { note: "1234-5678", salary: 7, pages: [{ iban: "DE00" }] };
    const waiting = await clientOf(server, "alice").callTool("pay", args);
    expect(waiting.structuredContent?.["approval"]).toMatchObject({
      id: "card-1",
      summary: "Pay for [redacted]",
      arguments: [
        { name: "note", value: "[redacted]" },
        { name: "salary", value: "[redacted]" },
        { name: "pages", value: [{ iban: "[redacted]" }] },
      ],
    });
    const linked = await clientOf(server, "alice").request("tools/call", {
      name: "pay",
      arguments: args,
      _meta: { "io.modelcontextprotocol/clientCapabilities": { elicitation: { url: {} } } },
    });
    expect(linked).toMatchObject({
      inputRequests: {
        approval: {
          params: {
            message: "A person has to agree: Pay for [redacted]",
            url: "https://shop.example/card-1",
          },
        },
      },
    });
    expect(JSON.stringify([waiting, linked])).not.toMatch(/1234-5678|DE00/);
    expect(asked[0]).toMatchObject({ args, summary: "Pay for 1234-5678" });
    await world.close();
  });

  it("covers the words of a question to the client, and neither its fields nor its address", async () => {
    const { server } = smallServer({ middleware: rules });
    const requestedSchema = {
      type: "object" as const,
      properties: { password: { type: "string" as const, title: "for 1234-5678" } },
    };
    const url = `https://id.example/?state=${JWT}`;
    server.tool("ask", open, () =>
      inputRequired({
        inputRequests: {
          form: inputRequired.elicit({ message: "Is 1234-5678 yours?", requestedSchema }),
          link: inputRequired.elicitUrl({ message: `Sign in with ${JWT}`, url }),
        },
      }),
    );
    const answer = await clientOf(server, "alice").request("tools/call", {
      name: "ask",
      arguments: {},
      _meta: { "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {}, url: {} } } },
    });
    expect(answer["inputRequests"]).toMatchObject({
      form: {
        params: {
          message: "Is [redacted] yours?",
          requestedSchema: { properties: { password: { type: "string", title: "for [redacted]" } } },
        },
      },
      link: { params: { message: "Sign in with [redacted]", url } },
    });
  });
});
