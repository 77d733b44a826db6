/** Tools that hold no rules of ours, and say who reads what they are given: the agent holds it for them. */
import { systemClock } from "@deputize/core";
import type { Label } from "@deputize/guardrails/flow";
import { MCPServer, publicTool } from "@deputize/mcp";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { alice, auditList, authority, bob, makeAgent } from "../agent.fixture.ts";
import { approvalCallback } from "../approvals/approval-handler.ts";
import type { ApprovalDecision } from "../tools/tool-source.ts";
import { InMemoryConversationStore } from "../conversations/memory-store.ts";
import { type HttpServerOptions, httpServer } from "../servers/server-spec.ts";
import { scriptedModel } from "../testing.ts";
import type { ToolChooser } from "../turn/ports.ts";
import { type LocalTool, localTools } from "../tools/local-tools.ts";

const PUBLIC: Label = { integrity: "trusted", readers: "public", source: "news" };

/** One turn with a tool that sends; `said`: what whoever is asked says, where anybody is. */
async function turn(
  sends: LocalTool["sends"],
  inputLabel: Label | undefined,
  said?: ApprovalDecision,
  chooser?: ToolChooser,
) {
  const left: unknown[] = [];
  const audit = auditList();
  const tool: LocalTool = {
    name: "search_web",
    description: "Searches.",
    input: z.strictObject({ query: z.string() }),
    ...(sends !== undefined && { sends }),
    call: async ({ args }) => {
      left.push(args);
      return { status: "done", content: {}, label: PUBLIC, cards: [] };
    },
  };
  const model = scriptedModel([{ calls: [{ tool: "search_web", args: { query: "x" } }] }, { text: "Done." }]);
  const agent = makeAgent(new InMemoryConversationStore(), model, [localTools("web", [tool])], {
    audit,
    ...(chooser && { chooser }),
    ...(said && { approvals: { handler: approvalCallback(() => said) } }),
  });
  const result = await agent.run({
    caller: alice,
    authority,
    message: "Look for it",
    ...(inputLabel && { runOptions: { inputLabel } }),
  });
  const reasons = audit.events.flatMap(({ reason }) => (reason === undefined ? [] : [reason]));
  return { status: result.steps[0]?.status, left: left.length, reasons };
}

describe("a tool of the agent's own that sends", () => {
  it.each<[string, LocalTool["sends"], Label | undefined, ApprovalDecision | undefined, string, string[]]>([
    ["nothing beyond the person", undefined, undefined, undefined, "done", []],
    [
      "private words outside, and nobody can be asked",
      "external:search",
      undefined,
      undefined,
      "refused",
      ["flow_denied"],
    ],
    [
      "private words outside, and the answer is no",
      "external:search",
      undefined,
      "refuse",
      "refused",
      ["approval_refused"],
    ],
    ["private words outside, and the answer is yes", "external:search", undefined, "approve", "done", []],
    ["what everybody may read", "external:search", PUBLIC, undefined, "done", []],
    [
      "what is another's, whatever is answered",
      "public",
      { ...PUBLIC, readers: [bob.subject] },
      "approve",
      "refused",
      ["flow_denied"],
    ],
  ])("%s [SR-07]", async (_, sends, label, said, status, reasons) => {
    const happened = await turn(sends, label, said);
    expect(happened).toMatchObject({ status, left: status === "done" ? 1 : 0 });
    expect(happened.reasons).toEqual(reasons);
  });

  it("still says so to the agent where a chooser shows it in words of its own [SR-07]", async () => {
    const chooser: ToolChooser = {
      choose: async (tools) =>
        tools.map(({ name, inputSchema }) => ({ name, inputSchema, description: "Short.", sends: "owner" })),
    };
    const happened = await turn("external:search", undefined, undefined, chooser);
    expect(happened).toEqual({ status: "refused", left: 0, reasons: ["flow_denied"] });
  });
});

describe("a tool server that is not ours", () => {
  it("is told only what those may read whom the program names for it [SR-07]", async () => {
    const left: unknown[] = [];
    const server = new MCPServer({
      name: "web",
      url: "http://tools.test/mcp/web",
      auth: { name: "anybody", authenticate: async () => alice },
    });
    server.tool(
      "search_web",
      { description: "Searches.", effect: "read", guards: [publicTool()], input: { query: z.string() } },
      ({ query }) => ({ found: left.push(query) }),
    );
    const web = (said: Pick<HttpServerOptions, "sends" | "trust">) =>
      httpServer({
        url: "http://tools.test/mcp/web",
        fetch: async (...sent) => server.fetch(new Request(...sent)),
        ...said,
      }).source("web", systemClock);
    const run = async (source: ReturnType<typeof web>) => {
      const model = scriptedModel([
        { calls: [{ tool: "search_web", args: { query: "x" } }] },
        { text: "Done." },
      ]);
      const agent = makeAgent(new InMemoryConversationStore(), model, [source]);
      return (await agent.run({ caller: alice, authority, message: "Look for it" })).steps[0]?.status;
    };
    expect([await run(web({ sends: "external:search" })), left]).toEqual(["refused", []]);
    // Nobody trusts it, and nobody says who reads what it is given: nobody knows.
    expect([await run(web({})), left]).toEqual(["refused", []]);
    expect([await run(web({ sends: "owner" })), left]).toEqual(["done", ["x"]]);
    expect([await run(web({ trust: true })), left]).toEqual(["done", ["x", "x"]]);
  });
});
