import { type SpanAttributes, installTelemetry } from "@deputize/core";
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { smallServer } from "../test/servers.ts";
import { clientOf, tokenOf } from "../test/world.ts";
import { TestClient, circuitBreaker, getContext, publicTool } from "./index.ts";

const TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const OTHER = "00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203332-01";
let stop = () => {};
afterEach(() => stop());

/** A sink that keeps all it is told. */
function listen() {
  const counts: unknown[] = [];
  const spans: { name: string; attributes: Record<string, unknown>; from: string | undefined }[] = [];
  stop = installTelemetry({
    count: (name, labels) => counts.push([name, labels]),
    observe: (name, _seconds, labels) => counts.push([name, labels]),
    span: (name, attributes, work, from) => {
      spans.push({ name, attributes: { ...attributes }, from });
      return work();
    },
    annotate: (attributes: SpanAttributes) => void Object.assign(spans.at(-1)?.attributes ?? {}, attributes),
  });
  return { counts, spans };
}

function server() {
  const { server: made } = smallServer();
  made.use(circuitBreaker({ failures: 1 }));
  const options = { description: "o", effect: "read", guards: [publicTool()] } as const;
  made.tool("find", { ...options, input: { email: z.string() }, cache: { ttlMs: 1000 } }, () => ({}));
  made.tool("broken", options, () => {
    throw new Error("bob@example.com");
  });
  return made;
}

describe("telemetry of calls", () => {
  it("counts and times each call by kind and outcome, with no personal data", async () => {
    const { counts, spans } = listen();
    const client = clientOf(server(), "alice");
    await client.callTool("find", { email: "bob@example.com" });
    await client.callTool("find", { email: "bob@example.com" });
    await client.callTool("broken");
    expect(counts).toEqual([
      ["mcp_cache", { result: "miss" }],
      ["mcp_calls", { kind: "tool", outcome: "allowed" }],
      ["mcp_call", { kind: "tool" }],
      ["mcp_cache", { result: "hit" }],
      ["mcp_calls", { kind: "tool", outcome: "allowed" }],
      ["mcp_call", { kind: "tool" }],
      ["mcp_circuits_opened", {}],
      ["mcp_calls", { kind: "tool", outcome: "failed" }],
      ["mcp_call", { kind: "tool" }],
    ]);
    expect(spans.at(-1)).toMatchObject({
      name: "mcp.tool",
      attributes: {
        "mcp.server": "s",
        "mcp.target": "broken",
        "mcp.outcome": "failed",
        "error.type": "internal",
      },
    });
    expect(JSON.stringify([counts, spans])).not.toMatch(/bob|alice/);
  });

  it("goes on with the trace of the message, else with that of the request", async () => {
    const { spans } = listen();
    const client = new TestClient(server(), { token: tokenOf("alice"), headers: { traceparent: TRACE } });
    await client.callTool("broken");
    await client.callTool("broken", {}, { traceparent: OTHER });
    await clientOf(server(), "alice").callTool("broken");
    expect(spans.map(({ from }) => from)).toEqual([TRACE, OTHER, undefined]);
  });
});

describe("getContext", () => {
  it("is the present call's context, anywhere below its handler, and nothing outside [PR-F15]", async () => {
    const { server: made } = smallServer();
    const deep = async () => {
      await Promise.resolve();
      const { server: name, tool, requestId, client } = getContext();
      return { name, tool, requestId, subject: client.subject };
    };
    made.tool(
      "where",
      { description: "w", effect: "read", guards: [publicTool()] },
      async (_args, context) => ({
        ...(await deep()),
        same: getContext() === context,
      }),
    );
    const all = await Promise.all(["alice", "bob"].map((spec) => clientOf(made, spec).callTool("where")));
    const seen = all.map((result) => result.structuredContent);
    expect(seen[0]).toMatchObject({ name: "s", tool: "where", same: true });
    expect(seen[0]?.["subject"]).not.toBe(seen[1]?.["subject"]);
    expect(seen[0]?.["requestId"]).not.toBe(seen[1]?.["requestId"]);
    expect(() => getContext()).toThrow(/inside of a handler/);
  });
});
