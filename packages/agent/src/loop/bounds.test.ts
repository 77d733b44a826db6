/** What a run does about names that collide, results without end, layers that hang, and cards that may not be shown. */
import { DeputizeError } from "@deputize/core";
import { describe, expect, it } from "vitest";
import {
  alice,
  auditList,
  authority,
  cancelTool,
  collect,
  makeAgent,
  ofKind,
  passesTools,
  tableTools,
} from "../agent.fixture.ts";
import type { AgentOptions } from "../agent-types.ts";
import { buildAgent } from "../build-agent.ts";
import { InMemoryConversationStore } from "../conversations/memory-store.ts";
import { type Script, scriptedModel } from "../testing.ts";
import { agentTool } from "../tools/agent-tool.ts";
import type { ToolSource } from "../tools/tool-source.ts";

const ask = { caller: alice, authority, message: "Go" };
const agentOf = (script: Script, tools: readonly ToolSource[], extra: Partial<AgentOptions> = {}) => {
  const model = scriptedModel(script);
  return { model, agent: makeAgent(new InMemoryConversationStore(), model, tools, extra) };
};
const named = (name: string, source: ToolSource): ToolSource => ({ ...source, name });
const never = <T>(): Promise<T> => new Promise<T>(() => {});

describe("two servers with one name of a tool", () => {
  it("are told apart by the server's name, and called by their own", async () => {
    const [a, b] = [
      tableTools({ search: () => ({}) }),
      tableTools({ search: () => ({}), other: () => ({}) }),
    ];
    const { agent, model } = agentOf(
      [{ calls: [{ tool: "wiki_search" }, { tool: "search" }, { tool: "other" }] }, { text: "Done." }],
      [named("shop", a), named("wiki", b)],
    );
    const { status, steps } = await agent.run(ask);
    expect(status).toBe("done");
    expect(steps.map(({ tool, status: end }) => [tool, end])).toEqual([
      ["wiki_search", "done"],
      ["search", "refused"],
      ["other", "done"],
    ]);
    expect(model.asked[0]?.tools?.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["shop_search", "wiki_search", "other"]),
    );
    expect(a.calls).toEqual([]);
    expect(b.calls.map(({ call }) => call.tool)).toEqual(["search", "other"]);
  });

  it("are held by a rule for the tool under either name [PR-F27]", async () => {
    const [a, b] = [tableTools({ search: () => ({}) }), tableTools({ search: () => ({}) })];
    const { agent } = agentOf(
      [{ calls: [{ tool: "wiki_search" }, { tool: "shop_search" }] }, { text: "Done." }],
      [named("shop", a), named("wiki", b)],
      { approvals: { deny: ["wiki/search"] } },
    );
    await agent.run(ask);
    expect([a.calls.length, b.calls.length]).toEqual([1, 0]);
  });

  it("end the turn with the fix when their names do not tell them apart", async () => {
    const { agent } = agentOf([], [tableTools({ search: () => ({}) }), tableTools({ search: () => ({}) })]);
    expect((await agent.run(ask)).problem).toMatchObject({ code: "config_invalid" });
  });
});

describe("what is too large for a model", () => {
  it("is cut, and says so", async () => {
    const tools = tableTools({ dump: () => ({ content: "x".repeat(200_000) }) });
    const { agent, model } = agentOf([{ calls: [{ tool: "dump" }] }, { text: "A lot." }], [tools]);
    await agent.run(ask);
    const prompt = JSON.stringify(model.asked[1]?.prompt);
    expect(prompt.length).toBeLessThan(70_000);
    expect(prompt).toContain("only the first 60000 of 200002 characters are shown");
  });

  it("is refused with the fix, where it is a list of tools", async () => {
    const many = tableTools(Object.fromEntries(Array.from({ length: 600 }, (_, n) => [`t${n}`, () => ({})])));
    const { agent, model } = agentOf([], [many]);
    expect((await agent.run(ask)).problem).toMatchObject({
      code: "config_invalid",
      detail: expect.stringContaining("`only`") as string,
    });
    expect(model.asked).toEqual([]);
  });
});

describe("a layer that hangs", () => {
  const output = { push: (text: string) => text, end: () => "" };
  it.each<[string, Partial<AgentOptions>]>([
    ["a chooser", { chooser: { choose: never } }],
    ["a budget that opens", { budgets: { open: never } }],
    ["a budget that is asked", { budgets: { open: async () => ({ check: never, charge: async () => {} }) } }],
    [
      "a budget that is charged",
      { budgets: { open: async () => ({ check: async () => {}, charge: never }) } },
    ],
    [
      "a guard of answers",
      {
        guard: {
          ...passesTools,
          input: async (text) => ({ text }),
          output: () => ({ ...output, end: never }),
        },
      },
    ],
  ])("%s, ends by the time of the run", async (_name, layers) => {
    const { agent } = agentOf([{ text: "Hello." }], [], { ...layers, limits: { timeMs: 100 } });
    const result = await agent.run(ask);
    expect([result.status, result.problem?.code]).toEqual(["failed", "limit_exceeded"]);
  });

  it("a guard of messages, begins no turn", async () => {
    const guard = { ...passesTools, input: never, output: () => output } as AgentOptions["guard"];
    const { agent, model } = agentOf([], [], { ...(guard && { guard }), limits: { timeMs: 100 } });
    await expect(agent.run(ask)).rejects.toMatchObject({ code: "timeout" });
    expect(model.asked).toEqual([]);
  });
});

describe("an approval's card", () => {
  const cancel = { calls: [{ tool: "cancel_order", args: { order_id: "ORD-1" } }] };

  it("passes the guard of answers", async () => {
    const guard: NonNullable<AgentOptions["guard"]> = {
      ...passesTools,
      input: async (text) => ({ text }),
      output: () => ({ push: (text) => text.replaceAll("ORD-1", "[hidden]"), end: () => "" }),
    };
    const { agent } = agentOf([cancel], [cancelTool()], { guard });
    const events = await collect(agent.stream(ask));
    expect(ofKind(events, "approval")[0]?.summary).toBe("Cancel order [hidden], $10.00 back to you");
    expect(JSON.stringify(ofKind(events, "delta"))).not.toContain("ORD-1");
  });

  it("leaves nothing waiting where it may not be shown", async () => {
    const guard: NonNullable<AgentOptions["guard"]> = {
      ...passesTools,
      input: async (text) => ({ text }),
      output: () => ({
        push(text) {
          if (text.includes("ORD-1")) throw new DeputizeError("forbidden", "not to be shown");
          return text;
        },
        end: () => "",
      }),
    };
    const tools = cancelTool();
    const { agent } = agentOf([cancel, { text: "It was not done." }], [tools], { guard });
    const result = await agent.run(ask);
    expect(result).toMatchObject({ status: "done", approvals: [], steps: [{ status: "refused" }] });
    expect(tools.calls.map(({ call }) => call.approval?.decision)).toEqual([undefined, "refuse"]);
    await expect(
      agent.resumeRun({ ...ask, approvalId: tools.approval?.id ?? "", decision: "approve" }),
    ).rejects.toMatchObject({ code: "not_found" });
    expect(tools.effects).toEqual([]);
  });
});

describe("agents of one program", () => {
  const build = (name: string, conversations: InMemoryConversationStore, script: Script, extra = {}) =>
    buildAgent({
      name,
      model: { ...scriptedModel(script), price: { inputPerMillion: 1, outputPerMillion: 1 } },
      instructions: "Help.",
      conversations,
      audit: auditList(),
      ...extra,
    });

  it("of one name do not share conversations: the second is refused until the first is closed", async () => {
    const conversations = new InMemoryConversationStore();
    const first = await build("desk", conversations, []);
    await expect(build("desk", conversations, [])).rejects.toMatchObject({ code: "config_invalid" });
    await build("other", conversations, []);
    await first.close();
    await build("desk", conversations, []);
  });

  it.each([
    [{ tokens: 1_000 }, "run.tokens"],
    [{ costMicros: 1_000 }, "run.costMicros"],
  ])("count what they asked of others against their own limits %j", async (limits, budget) => {
    const conversations = new InMemoryConversationStore();
    const nested = await build("nested", conversations, [{ text: "Long.", tokens: 1_000 }]);
    const front = await build(
      "front",
      conversations,
      [{ calls: [{ tool: "ask_nested", args: { message: "x" } }] }],
      {
        extraTools: [agentTool(nested)],
        limits,
      },
    );
    const result = await front.run("Go", { caller: { caller: alice, authority } });
    expect(result.problem).toMatchObject({ code: "limit_exceeded" });
    expect(JSON.stringify(result.problem)).toContain(budget);
  });
});
