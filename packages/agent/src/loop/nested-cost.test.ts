/** What an agent in the same process costs whoever asks it. */
import { hashParts } from "@deputize/core";
import { openEphemeral } from "@deputize/store";
import { describe, expect, it } from "vitest";
import { alice, auditList, authority, cancelTool } from "../agent.fixture.ts";
import { usageBudgets } from "../budgets/usage-budgets.ts";
import { type BuildAgentOptions, buildAgent } from "../build-agent.ts";
import { InMemoryConversationStore } from "../conversations/memory-store.ts";
import { type Script, scriptedModel } from "../testing.ts";
import { agentTool } from "../tools/agent-tool.ts";

const price = { inputPerMillion: 1, outputPerMillion: 1 };
const build = (name: string, script: Script, options: Partial<BuildAgentOptions> = {}) =>
  buildAgent({
    name,
    model: { ...scriptedModel(script), price },
    instructions: "Help.",
    conversations: new InMemoryConversationStore(),
    audit: auditList(),
    ...options,
  });
const asks = (agent: string): Script => [
  { calls: [{ tool: `ask_${agent}`, args: { message: "x" } }] },
  { text: "Done." },
];
const turn = { caller: { caller: alice, authority } };
const free = (script: Script) => ({ model: scriptedModel(script) });

describe("an agent without a price, asked by one that is bounded in money", () => {
  it("is refused at the start, however deep it stands [PR-F50]", async () => {
    const nested = await build("nested", [], free([]));
    const between = await build("between", [], { extraTools: [agentTool(nested)] });
    const bounded = { extraTools: [agentTool(between)], limits: { costMicros: 1_000 } };
    await expect(build("front", [], bounded)).rejects.toMatchObject({
      code: "config_invalid",
      message: expect.stringContaining("nested costs"),
    });
    const budgets = usageBudgets({
      ephemeral: await openEphemeral(),
      tenant: [{ window: "day", costMicros: 1_000 }],
    });
    await expect(build("front", [], { extraTools: [agentTool(between)], budgets })).rejects.toMatchObject({
      code: "config_invalid",
    });
    await expect(build("front", [], { extraTools: [agentTool(between)] })).resolves.toBeDefined();
  });

  it("is not asked by one that was made to hide it, and what it cost all the same ends the run [PR-F50]", async () => {
    const { model } = free([{ text: "Hello." }]);
    const nested = await build("nested", [], { model });
    const hidden = { ...agentTool(nested), unpriced: [] };
    const front = await build("front", asks("nested"), {
      extraTools: [hidden],
      limits: { costMicros: 1_000 },
    });
    // The agent itself refuses, before its model is asked.
    expect(await front.run("Go", turn)).toMatchObject({ status: "done", steps: [{ status: "failed" }] });
    expect(model.asked).toHaveLength(0);
    const used = { agent: "liar", model: "m", calls: 1, tokensIn: 1, tokensOut: 1, accounts: [] };
    const lying = { ...hidden, call: async () => ({ ...(await done()), used: [used] }) };
    const second = await build("second", asks("nested"), {
      extraTools: [lying],
      limits: { costMicros: 1_000 },
    });
    expect((await second.run("Go", turn)).problem).toMatchObject({
      code: "limit_exceeded",
      errors: { budget: "run.costMicros" },
    });
  });

  it("goes on with nothing that waits for whoever is bounded in money, and it still waits [PR-F50]", async () => {
    const tools = cancelTool();
    const { model } = free([{ calls: [{ tool: "cancel_order" }] }, { text: "Cancelled." }]);
    const agent = await build("waiting", [], { model, extraTools: [tools] });
    const { approvals } = await agent.run("Cancel it", turn);
    const id = approvals[0]?.id ?? "";
    const decided = { ...turn, decision: "approve" as const };
    await expect(
      agent.resume(id, { ...decided, runOptions: { costMustBeKnown: true } }),
    ).rejects.toMatchObject({
      code: "limit_exceeded",
    });
    expect(tools.effects).toEqual([]);
    expect(await agent.resume(id, decided)).toMatchObject({
      status: "done",
      response: expect.stringContaining("Cancelled."),
    });
  });
});

const done = async () => ({
  status: "done" as const,
  content: {},
  label: { integrity: "trusted", readers: "public", source: "test" } as const,
  cards: [],
});

describe("an agent that is asked in the same process", () => {
  it.each([
    ["no budgets", false],
    ["the same budgets", true],
  ])("with %s is charged to the person's once [PR-F50]", async (_whose, own) => {
    const ephemeral = await openEphemeral();
    const budgets = usageBudgets({
      ephemeral,
      user: [{ window: "day", tokens: 1_000, costMicros: 1_000 }],
      reserveTokens: 0,
    });
    const nested = await build("nested", [{ text: "Hello." }], own ? { budgets } : {});
    const front = await build("front", asks("nested"), { extraTools: [agentTool(nested)], budgets });
    expect(await front.run("Go", turn)).toMatchObject({ status: "done", tokens_in: 30, cost_micros: 60 });
    for (const unit of ["tokens", "costMicros"]) {
      const counter = ephemeral.windowCounter({ name: `usage:user:${unit}:day`, windowSeconds: 86_400 });
      const key = hashParts([alice.tenant, alice.subject]);
      expect((await counter.reserve(key, 0, Number.MAX_SAFE_INTEGER)).used).toBe(60);
    }
  });
});
