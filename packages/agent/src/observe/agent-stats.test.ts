/** An agent's own sums, by the face that programs use. */
import { expect, it } from "vitest";
import { alice, auditList, authority, bob } from "../agent.fixture.ts";
import { buildAgent } from "../build-agent.ts";
import { SemanticCache } from "../cache/semantic-cache.ts";
import { InMemoryConversationStore } from "../conversations/memory-store.ts";
import { scriptedModel } from "../testing.ts";

it("are told of a built agent: turns, calls, tokens, cost and answers given again, and nobody's name [PR-F35]", async () => {
  const agent = await buildAgent({
    model: {
      ...scriptedModel([{ text: "Hello." }, { error: new Error("down") }, { text: "Hello you." }]),
      price: { inputPerMillion: 1, outputPerMillion: 1 },
    },
    instructions: "Help.",
    conversations: new InMemoryConversationStore(),
    audit: auditList(),
    cache: new SemanticCache(),
    conversationMaxMessages: 5,
    maxInvocationMs: 10_000,
  });
  const of = (caller: typeof alice) => ({ caller: { caller, authority } });
  expect(agent.stats()).toMatchObject({ running: 0, modelCalls: 0 });
  expect(await agent.chat("Good morning", of(alice))).toBe("Hello.");
  expect(await agent.chat("Good morning", of(alice))).toBe("Hello.");
  await expect(agent.chat("How are things?", of(bob))).rejects.toThrow();
  for await (const event of agent.stream("Who are you?", of(bob))) void event;
  const stats = agent.stats();
  expect(stats).toEqual({
    since: expect.stringMatching(/^\d{4}-/),
    running: 0,
    turns: { done: 3, waiting: 0, stopped: 0, failed: 1 },
    modelCalls: 3,
    toolCalls: 0,
    cacheHits: 1,
    tokensIn: 20,
    tokensOut: 20,
    costMicros: 40,
  });
  expect(JSON.stringify(stats)).not.toContain(alice.subject);
  await agent.close();
});
