import { DeputizeError } from "@deputize/core";
import fc from "fast-check";
import { inputRequired } from "@modelcontextprotocol/server";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { testAuth, tokenOf } from "../test/world.ts";
import { hasRole, requireAuth } from "./guards.ts";
import { contentResult } from "./results.ts";
import { MCPServer } from "./server.ts";
import { readStraightCall } from "./straight-call.ts";
import { TestClient } from "./testing/test-client.ts";

const common = { description: "a tool", effect: "read", guards: [requireAuth()] } as const;
const server = new MCPServer({ name: "s", auth: testAuth, maxResultBytes: 2_000 })
  .tool(
    "object",
    { ...common, input: { city: z.string() }, output: z.object({ city: z.string() }) },
    (args) => args,
  )
  .tool("optional", common, () => ({ here: 1, gone: undefined }))
  .tool("content", common, () => contentResult({ content: [{ type: "text", text: "hello" }] }))
  .tool("refuses", common, () => {
    throw new DeputizeError("not_found", "there is no such thing");
  })
  .tool("breaks", common, () => {
    throw new TypeError("a secret of ours");
  })
  .tool("admin_only", { ...common, guards: [hasRole("admin")] }, () => ({ text: "for admins" }))
  .tool("large", common, () => ({ text: "x".repeat(3_000) }))
  .tool("asks", common, () =>
    inputRequired({
      inputRequests: {
        name: inputRequired.elicit({
          message: "your name?",
          requestedSchema: { type: "object", properties: { name: { type: "string" } } },
        }),
      },
    }),
  )
  .tool("talks", common, async (_args, context) => {
    await context.progress(1, 2);
    await context.log("info", "half way");
    return { done: true };
  })
  .tool("pushes", common, async (_args, { legacy }) => ({
    refused: await legacy.elicit({ message: "?" }).then(
      () => false,
      () => true,
    ),
  }))
  .tool("seals", common, async (_args, { input }) => ({
    sealed: (await input.seal({ step: 1 })).length > 20,
  }));
const client = new TestClient(server, { token: tokenOf("alice") });

/** What stands in an answer, but for the ids that differ each time. */
async function answer(name: string, args: object, meta: object): Promise<unknown> {
  const capabilities = { "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {} } } };
  const response = await client.send("tools/call", {
    name,
    arguments: args,
    _meta: { ...capabilities, ...meta },
  });
  const text = (await response.text()).replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "id");
  const { id: _, ...message } = JSON.parse(text) as Record<string, unknown>;
  return { status: response.status, type: response.headers.get("content-type"), message };
}

describe("a call that is answered straight", () => {
  it.each([
    ["object", { city: "Oslo" }],
    ["object", { city: 7 }],
    ["object", { city: "Oslo", more: 1 }],
    ["optional", {}],
    ["content", {}],
    ["refuses", {}],
    ["breaks", {}],
    ["large", {}],
    ["asks", {}],
    ["pushes", {}],
    ["seals", {}],
    ["nowhere", {}],
  ])("says what the SDK's own way says: %s %j", async (name, args) => {
    // A client that wants progress has to be answered by a server that can stream it.
    const theirs = await answer(name, args, { progressToken: "p" });
    expect(await answer(name, args, {})).toEqual(theirs);
  });

  it("is not the one whose client listens meanwhile", async () => {
    const heard = await (
      await client.send("tools/call", {
        name: "talks",
        _meta: { progressToken: "p", "io.modelcontextprotocol/logLevel": "info" },
      })
    ).text();
    expect(heard).toContain("notifications/progress");
    expect(heard).toContain("half way");
    expect((await client.callTool("talks")).structuredContent).toEqual({ done: true });
  });

  it("is only the plainest of messages", () => {
    const revision = "2026-07-28";
    const meta = {
      "io.modelcontextprotocol/protocolVersion": revision,
      "io.modelcontextprotocol/clientCapabilities": {},
    };
    const headers = {
      "content-type": "application/json",
      "mcp-protocol-version": revision,
      "mcp-method": "tools/call",
      "mcp-name": "object",
    };
    const message = {
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "object", arguments: {}, _meta: meta },
    };
    const read = (changedHeaders: Record<string, string | undefined>, body: unknown) => {
      const all = Object.entries({ ...headers, ...changedHeaders }).filter(
        ([, value]) => value !== undefined,
      );
      const request = new Request("http://localhost/mcp", {
        method: "POST",
        headers: Object.fromEntries(all) as Record<string, string>,
      });
      return readStraightCall(request, body) !== undefined;
    };
    const withParams = (params: object) => ({ ...message, params: { ...message.params, ...params } });
    expect(read({}, message)).toBe(true);
    for (const [name, value] of [
      ["content-type", "text/plain"],
      ["mcp-protocol-version", "2025-11-25"],
      ["mcp-protocol-version", undefined],
      ["mcp-method", "tools/list"],
      ["mcp-method", undefined],
      ["mcp-name", "other"],
      ["mcp-name", undefined],
      ["mcp-session-id", "s"],
    ] as const) {
      expect([name, value, read({ [name]: value }, message)]).toEqual([name, value, false]);
    }
    for (const body of [
      { ...message, method: "prompts/get" },
      { ...message, jsonrpc: "1.0" },
      { ...message, id: 1.5 },
      { ...message, id: null },
      { ...message, extra: 1 },
      { ...message, params: undefined },
      withParams({ requestState: "x" }),
      withParams({ inputResponses: {} }),
      withParams({ task: {} }),
      withParams({ _meta: { ...meta, progressToken: 1 } }),
      withParams({ _meta: { ...meta, "io.modelcontextprotocol/logLevel": "info" } }),
      withParams({ _meta: { ...meta, "io.modelcontextprotocol/protocolVersion": "2025-11-25" } }),
      withParams({ _meta: { ...meta, "io.modelcontextprotocol/clientCapabilities": "all" } }),
      withParams({ _meta: undefined }),
    ]) {
      expect([body, read({}, body)]).toEqual([body, false]);
    }
  });
});

describe("whatever a client sends", () => {
  const REVISION = "2026-07-28";
  const odd = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.integer(),
    fc.constantFrom(null, true, [], [1], {}, ""),
  );
  const maybe = <T>(usual: T, ...others: unknown[]) =>
    fc.oneof(
      { weight: 24, arbitrary: fc.constant(usual as unknown) },
      fc.oneof(odd, fc.constantFrom(undefined, ...others)),
    );
  const NAMES = [
    "object",
    "optional",
    "content",
    "refuses",
    "breaks",
    "large",
    "seals",
    "pushes",
    "admin_only",
    "nowhere",
  ];
  const message = fc.record({
    id: maybe(1, "a", 1.5, -1, 2 ** 60),
    jsonrpc: maybe("2.0", "1.0"),
    method: maybe("tools/call", "tools/list", "tools/Call", "prompts/get"),
    name: fc.oneof(fc.constantFrom<unknown>(...NAMES), odd),
    args: maybe(
      { city: "Oslo" },
      { city: 1 },
      { city: "Oslo", more: 1 },
      { constructor: 1 },
      JSON.parse('{"__proto__":{"a":1}}'),
    ),
    revision: maybe(REVISION, "2025-11-25", "2026-07-27"),
    capabilities: maybe({}, { elicitation: {} }, { elicitation: { form: 1 } }, "all"),
    client: maybe({ name: "c", version: "1" }, { name: "c" }, { name: 1, version: 1 }),
    meta: fc.constantFrom({}, {}, { traceparent: "x" }, { "deputize/call_id": "" }, { other: [1] }),
    params: fc.constantFrom(
      {},
      {},
      {},
      {},
      {},
      {},
      { extra: 1 },
      { requestState: "x" },
      { inputResponses: {} },
    ),
    outer: fc.constantFrom({}, {}, {}, {}, {}, {}, { extra: 1 }, { result: {} }),
  });
  const headers = fc.record({
    "content-type": maybe(
      "application/json",
      "application/json; charset=utf-8",
      "APPLICATION/JSON",
      "text/plain",
    ),
    accept: maybe(
      "application/json, text/event-stream",
      "application/json",
      "text/event-stream",
      "*/*",
      "text/html",
    ),
    "mcp-protocol-version": maybe(REVISION, "2025-11-25", `${REVISION}, ${REVISION}`),
    "mcp-method": maybe("tools/call", "tools/list"),
    "mcp-name": fc.constantFrom("same", "same", "same", "other", undefined),
    token: fc.constantFrom(
      ...[0, 1, 2].map(() => tokenOf("alice") as string | undefined),
      tokenOf("???"),
      undefined,
    ),
  });

  /** JSON, whatever the order of its keys, or what else it is. */
  const readAs = (text: string): unknown => (/^[[{]/.test(text) ? (JSON.parse(text) as unknown) : text);

  let asked = 0;
  /** The answer as the client sees it. A session id that no session has leaves the message to the SDK. */
  async function answered(
    { "mcp-name": named, token, ...sent }: Record<string, unknown>,
    {
      id,
      jsonrpc,
      method,
      name,
      args,
      revision,
      capabilities,
      client: info,
      meta,
      params,
      outer,
    }: Record<string, unknown>,
    lane: "straight" | "sdk",
  ) {
    const body = {
      jsonrpc,
      id,
      method,
      params: {
        name,
        arguments: args,
        ...(params as object),
        _meta: {
          "io.modelcontextprotocol/protocolVersion": revision,
          "io.modelcontextprotocol/clientCapabilities": capabilities,
          "io.modelcontextprotocol/clientInfo": info,
          ...(meta as object),
        },
      },
      ...(outer as object),
    };
    const all = {
      ...sent,
      "mcp-name": named === "same" ? name : named,
      authorization: token && `Bearer ${String(token)}`,
      ...(lane === "sdk" && { "mcp-session-id": "of nobody" }),
    };
    const listed = Object.entries(all).filter(
      ([, value]) => typeof value === "string" && /^[\x20-\x7e]*$/.test(value),
    ) as [string, string][];
    const request = new Request("http://localhost/mcp", {
      method: "POST",
      headers: listed,
      body: JSON.stringify(body),
    });
    // An address of its own, so that no stranger is slowed down by the one before.
    const response = await server.fetch(request, { ipAddress: `${lane} ${(asked += 1)}` });
    return {
      status: response.status,
      type: response.headers.get("content-type"),
      challenge: response.headers.get("www-authenticate"),
      message: readAs((await response.text()).replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "id")),
      straight: readStraightCall(request, body) !== undefined,
    };
  }

  it("is answered as the SDK answers it, and lets in nobody else [PR-D06] [PR-D11]", async () => {
    let straights = 0;
    await fc.assert(
      fc.asyncProperty(headers, message, async (head, body) => {
        const { straight, ...ours } = await answered(head, body, "straight");
        const { straight: never, ...theirs } = await answered(head, body, "sdk");
        expect(never).toBe(false);
        expect(ours).toEqual(theirs);
        if (head.token !== tokenOf("alice")) expect([401, 415]).toContain(ours.status);
        expect(JSON.stringify(ours)).not.toContain("for admins");
        if (straight) straights += 1;
      }),
      { numRuns: process.env["DEPUTIZE_TEST_SLOW"] === "1" ? 5_000 : 400 },
    );
    // About one in eight is plain; none at all would prove nothing.
    expect(straights).toBeGreaterThan(20);
  }, 120_000);
});
