import { describe, expect, it } from "vitest";
import { z } from "zod";
import { newId } from "@deputize/core";
import { alice, auditList, authority, bob, tableTools } from "../agent.fixture.ts";
import { type BuildAgentOptions, type BuiltAgent, buildAgent } from "../build-agent.ts";
import { InMemoryConversationStore } from "../conversations/memory-store.ts";
import { scriptedModel } from "../testing.ts";
import type { LocalTool } from "../tools/local-tools.ts";
import { type TurnCaller, withTurnCaller } from "./turn-caller.ts";

const forAlice = { caller: alice, authority };
const forBob = { caller: bob, authority };

function build(options: Partial<BuildAgentOptions> & Pick<BuildAgentOptions, "model">): Promise<BuiltAgent> {
  return buildAgent({
    instructions: "Help.",
    conversations: new InMemoryConversationStore(),
    audit: auditList(),
    ...options,
  });
}

/** An agent that answers after it called a tool, which keeps for whom. */
async function noting(turns: number) {
  const tools = tableTools({ note: () => ({}) });
  const script = Array.from({ length: turns }, () => [{ calls: [{ tool: "note" }] }, { text: "ok" }]);
  return {
    tools,
    agent: await build({ name: "inner", model: scriptedModel(script.flat()), extraTools: [tools] }),
  };
}

/** A tool in whose handler a program asks another agent without a word about who asks. */
const asking = (inner: BuiltAgent): LocalTool => ({
  name: "ask_inner",
  description: "Asks.",
  input: z.strictObject({}),
  call: async (_call, { label }) => ({
    status: "done",
    content: await inner.chat("please note it"),
    label,
    cards: [],
  }),
});

describe("a caller from the context", () => {
  it("is whom the program serves, each piece of work for its own [PR-F38]", async () => {
    const { tools, agent } = await noting(3);
    await withTurnCaller(forAlice, () => agent.chat("hi"));
    await withTurnCaller(forAlice, () => agent.chat("hi", { caller: forBob }));
    await withTurnCaller(forBob, async () => {
      for await (const _ of agent.stream("hi"));
    });
    expect(tools.calls.map(({ subject }) => subject)).toEqual([alice.subject, bob.subject, bob.subject]);
  });

  it("is not there outside, and nothing else is one: no turn", async () => {
    const { agent } = await noting(0);
    await expect(agent.chat("hi")).rejects.toMatchObject({ code: "unauthenticated" });
    for (const none of [{}, { bearerToken: "x" }, { caller: {}, authority }, { caller: alice }])
      await expect(agent.chat("hi", { caller: none as TurnCaller })).rejects.toMatchObject({
        code: "unauthenticated",
      });
  });

  it("brings nothing of another request along", async () => {
    const { agent } = await noting(1);
    const request = { ...forAlice, conversationId: newId(), runOptions: { mustExist: true } };
    expect(await agent.run("hi", { caller: request })).toMatchObject({ status: "done" });
  });

  it("does not let agents ask each other without end by streams either", async () => {
    const rounds = 6;
    const model = scriptedModel(
      Array.from({ length: rounds }, () => [{ calls: [{ tool: "ask_again" }] }]).flat(),
    );
    let begun = 0;
    const again: LocalTool = {
      name: "ask_again",
      description: "Asks.",
      input: z.strictObject({}),
      async call(_call, { label }) {
        begun += 1;
        for await (const _ of self.stream("again"));
        return { status: "done", content: {}, label, cards: [] };
      },
    };
    const self = await build({ model, extraTools: [again], maxDelegationDepth: 2, limits: { steps: 1 } });
    await withTurnCaller(forAlice, async () => {
      for await (const _ of self.stream("hi"));
    });
    expect(begun).toBe(3);
  });

  it("goes on to agents that a tool asks, whose message is nobody's own words [SR-07]", async () => {
    const { tools, agent: inner } = await noting(2);
    const model = scriptedModel([
      { calls: [{ tool: "ask_inner" }] },
      { text: "done" },
      { calls: [{ tool: "ask_inner" }] },
      { text: "done" },
    ]);
    const outer = await build({ model, extraTools: [asking(inner)] });
    await withTurnCaller(forBob, () => outer.chat("hi", { caller: forAlice }));
    await withTurnCaller(forBob, async () => {
      for await (const _ of outer.stream("hi", { caller: forAlice }));
    });
    expect(tools.calls.map(({ subject }) => subject)).toEqual([alice.subject, alice.subject]);
    expect(tools.calls.map(({ label }) => label.integrity)).toEqual(["untrusted", "untrusted"]);
  });
});
