/** The steps of one message, in their order, as each layer is asked. */
import { expect, it } from "vitest";
import { alice, authority, makeAgent, tableTools } from "../agent.fixture.ts";
import type { ConversationStore } from "../conversations/conversation-store.ts";
import { InMemoryConversationStore } from "../conversations/memory-store.ts";
import { scriptedModel } from "../testing.ts";

it("a message passes its layers in one order, whatever each of them is [PR-F53]", async () => {
  const steps: string[] = [];
  const said = (step: string): void => {
    if (steps.at(-1) !== step) steps.push(step);
  };
  const kept = new InMemoryConversationStore();
  const conversations: ConversationStore = {
    kind: kept.kind,
    open: (agent, clock) => {
      const room = kept.open(agent, clock);
      return {
        ...room,
        claimTurn: (...claim) => (said("claim and history"), room.claimTurn(...claim)),
        finish: (...end) => (said("append"), room.finish(...end)),
      };
    },
    export: (caller) => kept.export(caller),
    eraseOwner: (owner) => kept.eraseOwner(owner),
    close: () => kept.close(),
  };
  const tools = tableTools({
    get_order: () => {
      said("tool");
      return { content: { order: 1 }, reads: { effect: "read", versions: {} } };
    },
  });
  const listed = tools.list.bind(tools);
  const model = scriptedModel([
    () => (said("model"), { calls: [{ tool: "get_order" }] }),
    () => (said("model"), { text: "Here it is." }),
  ]);
  const agent = makeAgent(conversations, model, [{ ...tools, list: (c) => (said("tools"), listed(c)) }], {
    guard: {
      input: async (text) => (said("input guardrails"), { text }),
      toolArguments: async () => said("arguments"),
      toolResult: async (content) => (said("result"), { content }),
      output: () => ({ push: () => "", end: () => (said("output guardrails"), "Here it is.") }),
    },
    budgets: {
      open: async () => (
        said("budget"),
        { check: async () => said("budget of a call"), charge: async () => said("charge") }
      ),
    },
    memory: {
      recall: async () => (said("memory"), undefined),
      remember: async () => said("remember"),
    },
    cache: {
      look: async () => (said("cache"), { hit: undefined, store: async () => said("keep") }),
    },
    observers: [({ kind }) => (kind === "turn_started" || kind === "turn_ended" ? said(kind) : undefined)],
  });
  const result = await agent.run({ caller: alice, authority, message: "Where is my order?" });
  expect(result.status).toBe("done");
  expect(steps).toEqual([
    // Before it is claimed, since the claim stores the message: nothing of what the guard finds is kept.
    "input guardrails",
    "claim and history",
    "turn_started",
    "budget",
    "memory",
    "tools",
    "cache",
    "budget of a call",
    "model",
    "charge",
    "arguments",
    "tool",
    "result",
    "budget of a call",
    "model",
    "output guardrails",
    "charge",
    "append",
    "keep",
    "remember",
    "turn_ended",
  ]);
});
