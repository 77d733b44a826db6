/** The layers around the loop: their order, and that a turn goes on without those that it can do without. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DeputizeError } from "@deputize/core";
import { UNKNOWN_LABEL, privateLabel } from "@deputize/guardrails/flow";
import type { TestStore } from "@deputize/store/testing";
import {
  alice,
  auditList,
  authority,
  bob,
  collect,
  makeAgent,
  ofKind,
  openAgentStore,
  passesTools,
  tableTools,
} from "../agent.fixture.ts";
import type { Card } from "../events.ts";
import type { AgentEvent } from "../observe/agent-event.ts";
import { scriptedModel } from "../testing.ts";
import type { ToolContext } from "../tools/tool-source.ts";
import type { AnswerCache, Budgets, FreshAnswer, TextGuard, TurnMemory } from "./ports.ts";

let store: TestStore;
beforeAll(async () => {
  store = await openAgentStore();
});
afterAll(() => store?.close());

const ask = (message: string) => ({ caller: alice, authority, message });
const own = privateLabel(alice.subject, "memory");

/** Hides the word `secret`, holds back what may begin it, and takes no message that says `attack`. */
const guard: TextGuard = {
  ...passesTools,
  input: async (text) =>
    text.includes("attack")
      ? { text: "[blocked]", refusal: new DeputizeError("validation_failed", "this message is not taken") }
      : { text: text.replaceAll("secret", "[hidden]") },
  output: () => {
    let held = "";
    return {
      push(text) {
        held = (held + text).replaceAll("secret", "[hidden]");
        const keep = Math.min(held.length, 5);
        const out = held.slice(0, held.length - keep);
        held = held.slice(held.length - keep);
        return out;
      },
      end() {
        const out = held;
        held = "";
        return out;
      },
    };
  },
};

function memoryOf(text: string | undefined, label = own): TurnMemory & { remembered: string[] } {
  const remembered: string[] = [];
  return {
    remembered,
    recall: async () => (text === undefined ? undefined : { text, count: 1, label }),
    remember: async (_, answer) => void remembered.push(answer.text),
  };
}

function cacheOf(): AnswerCache & { kept: FreshAnswer[]; looked: string[] } {
  const kept: FreshAnswer[] = [];
  const looked: string[] = [];
  return {
    kept,
    looked,
    look: async (turn) => {
      looked.push(turn.message);
      return { hit: kept[0], store: async (answer) => void kept.push(answer) };
    },
  };
}

const promptOf = (asked: unknown): string => JSON.stringify(asked);

describe("a turn with layers", () => {
  it("names no tool in a record that only the model knows: a model writes what it likes there", async () => {
    const seen: AgentEvent[] = [];
    const model = scriptedModel([
      { calls: [{ tool: "alice@example.com" }, { tool: "find" }] },
      { text: "ok" },
    ]);
    await makeAgent(store, model, [tableTools({ find: () => ({}) })], {
      observers: [(event) => void seen.push(event)],
    }).run(ask("hi"));
    const tools = seen.flatMap((one) => (one.kind === "tool_called" ? [one.tool] : []));
    expect(tools).toEqual(["(not offered)", "find"]);
    expect(JSON.stringify(seen)).not.toContain("alice@");
  });

  it("tells a name that was made up only where it looks like one and the guard finds nothing in it [PR-D43]", async () => {
    const audit = auditList();
    const made = [
      "drop_tables",
      "write to alice@example.com",
      "call_4155550199",
      "call_415-555-0199",
      "say_secret_word",
      "x".repeat(80),
    ];
    const model = scriptedModel([{ calls: made.map((tool) => ({ tool })) }, { text: "ok" }]);
    const result = await makeAgent(store, model, [tableTools({ find: () => ({}) })], { audit, guard }).run(
      ask("hi"),
    );
    const told = ["drop_tables", ...Array(5).fill("(not offered)")];
    expect(result.steps.map(({ tool, status }) => [tool, status])).toEqual(
      told.map((tool) => [tool, "refused"]),
    );
    expect(audit.events.map(({ resource, reason }) => [resource, reason])).toEqual(
      told.map((tool) => [`tool:${tool}`, "not_offered"]),
    );
    const unguarded = await makeAgent(
      store,
      scriptedModel([{ calls: [{ tool: made[2] ?? "" }] }, { text: "ok" }]),
      [],
    ).run(ask("hi"));
    expect(unguarded.steps[0]?.tool).toBe("(not offered)");
  });

  it("shows of a tool's card what the guard lets out, to the person and in what is stored [PR-D39]", async () => {
    const cards = [
      { type: "note", title: "the secret place", lines: [{ text: "all secret" }], size: 3 },
      { type: "note", secret: "a name of a member" },
      { type: "note", title: "plain" },
    ] as unknown as Card[];
    const model = scriptedModel([{ calls: [{ tool: "find" }] }, { text: "ok" }]);
    const agent = makeAgent(store, model, [tableTools({ find: () => ({ cards }) })], { guard });
    const result = await agent.run(ask("hi"));
    const shown = [
      { type: "note", title: "the [hidden] place", lines: [{ text: "all [hidden]" }], size: 3 },
      { type: "note", title: "plain" },
    ];
    expect(result.cards).toEqual(shown);
    const stored = await agent.conversations.get(alice, result.conversation_id);
    expect(stored.messages.at(-1)?.cards).toEqual(shown);
  });

  it("shows a card of a called agent only as the guard lets it out, also while the call is under way [PR-D39]", async () => {
    const card = { type: "note", title: "the secret place" } as unknown as Card;
    const model = scriptedModel([{ calls: [{ tool: "find" }] }, { text: "ok" }]);
    const find = (_: unknown, context: ToolContext) => {
      context.emit({ event: "card", data: card });
      return { cards: [card] };
    };
    const agent = makeAgent(store, model, [tableTools({ find })], { guard });
    const events = await collect(agent.stream(ask("hi")));
    expect(ofKind(events, "card")).toEqual([{ type: "note", title: "the [hidden] place" }]);
  });

  it("shows cards of a kept answer as the guard lets them out now [PR-F45]", async () => {
    const cache = cacheOf();
    const agent = makeAgent(store, scriptedModel([{ text: "Found." }]), [], { cache, guard });
    await agent.run(ask("what is it?"));
    const cards = [
      { type: "note", title: "an old secret" },
      { type: "note", secret: "a name of a member" },
    ] as unknown as Card[];
    cache.kept[0] = { ...(cache.kept[0] as FreshAnswer), cards };
    expect((await agent.run(ask("what is it?"))).cards).toEqual([{ type: "note", title: "an old [hidden]" }]);
  });

  it("ties a turn outside of any request to itself, and never to an id that no header can carry", async () => {
    const seen: AgentEvent[] = [];
    const agent = makeAgent(store, scriptedModel([{ text: "a" }, { text: "b" }, { text: "c" }]), [], {
      observers: [(event) => void seen.push(event)],
    });
    for (const runOptions of [{}, { requestId: "two\nlines" }, { requestId: "r-1", correlationId: "first" }])
      await agent.run({ ...ask("hi"), runOptions });
    const started = seen.filter(({ kind }) => kind === "turn_started");
    expect(
      started.map(({ correlationId, runId }) => (correlationId === runId ? "itself" : correlationId)),
    ).toEqual(["itself", "itself", "first"]);
  });

  it("puts memories before the message, as a user's data, with their label [SR-07]", async () => {
    const model = scriptedModel([{ text: "Hello." }]);
    const memory = memoryOf('{"memories":["likes tea"]}', UNKNOWN_LABEL);
    const result = await makeAgent(store, model, [], { memory }).run(ask("hi"));
    const users = model.asked[0]?.prompt.filter(({ role }) => role === "user") ?? [];
    expect(users.map((one) => promptOf(one.content))).toEqual([
      expect.stringContaining("likes tea"),
      expect.stringContaining("hi"),
    ]);
    expect(promptOf(model.asked[0]?.prompt.filter(({ role }) => role === "system"))).not.toContain("tea");
    expect(result.label.integrity).toBe("untrusted");
    expect(memory.remembered).toEqual(["Hello."]);
  });

  it("puts memories before what was said in the conversation, so that `it` is what that was about last", async () => {
    const model = scriptedModel([{ text: "One order." }, { text: "Which one?" }]);
    const agent = makeAgent(store, model, [], { memory: memoryOf('{"memories":["cancelled ORD-9"]}') });
    const { conversation_id: conversationId } = await agent.run(ask("show ORD-1"));
    await agent.run({ ...ask("cancel it"), conversationId });
    const said = model.asked[1]?.prompt.filter(({ role }) => role !== "system").map(promptOf) ?? [];
    expect(
      said.map((one) => ["ORD-9", "ORD-1", "One order", "cancel it"].find((word) => one.includes(word))),
    ).toEqual(["ORD-9", "ORD-1", "One order", "cancel it"]);
  });

  it("answers from the cache without the model, through the guard", async () => {
    const model = scriptedModel([{ text: "The secret is out." }]);
    const cache = cacheOf();
    const agent = makeAgent(store, model, [], { cache, guard });
    const first = await agent.run(ask("what is it?"));
    expect(first.response).toBe("The [hidden] is out.");
    // An old answer that newer rules would hide.
    cache.kept[0] = { ...(cache.kept[0] as FreshAnswer), text: "An old secret." };
    const events = await collect(agent.stream(ask("what is it?")));
    expect(
      ofKind(events, "delta")
        .map(({ text }) => text)
        .join(""),
    ).toBe("An old [hidden].");
    expect(ofKind(events, "done")[0]?.status).toBe("done");
    model.assertComplete();
  });

  it.each(["length", "content-filter"] as const)(
    "keeps and remembers no answer that was cut off by %s",
    async (cut) => {
      const [cache, memory] = [cacheOf(), memoryOf(undefined)];
      const model = scriptedModel([{ text: "It is not", cut }, { text: "It is not late." }]);
      const agent = makeAgent(store, model, [], { cache, memory });
      expect(await agent.run(ask("is it late?"))).toMatchObject({ status: "done", response: "It is not" });
      expect([cache.kept, memory.remembered]).toEqual([[], []]);
      await agent.run(ask("is it late?"));
      expect(memory.remembered).toEqual(["It is not late."]);
    },
  );

  it("never lets a secret out that comes in pieces", async () => {
    const parts = ["The sec", "ret wor", "d."].map(
      (delta) => ({ type: "text-delta", id: "p", delta }) as const,
    );
    const start = { type: "text-start", id: "p" } as const;
    const model = scriptedModel([{ parts: [start, ...parts, { type: "text-end", id: "p" }] }]);
    const events = await collect(makeAgent(store, model, [], { guard }).stream(ask("say it")));
    const said = ofKind(events, "delta").map(({ text }) => text);
    expect(said.join("")).toBe("The [hidden] word.");
    expect(said.some((text) => text.includes("sec"))).toBe(false);
  });

  it("stores nothing of a message that is refused, asks no model, and looks nowhere", async () => {
    const cache = cacheOf();
    const model = scriptedModel([]);
    const agent = makeAgent(store, model, [], { cache, guard, memory: memoryOf("never") });
    const result = await agent.run(ask("attack the secret"));
    expect(result).toMatchObject({ status: "failed", problem: { code: "validation_failed" } });
    const stored = await agent.conversations.get(alice, result.conversation_id);
    expect(stored.messages[0]?.content).toBe("[blocked]");
    expect(cache.looked).toEqual([]);
    model.assertComplete();
  });

  it("tells a stranger that a conversation is not there before it says what it thinks of the message [PR-D31]", async () => {
    const agent = makeAgent(store, scriptedModel([{ text: "Hello." }]), [], { guard, cache: cacheOf() });
    const { conversation_id } = await agent.run(ask("hi"));
    const request = {
      caller: bob,
      authority,
      conversationId: conversation_id,
      runOptions: { mustExist: true },
    };
    for (const message of ["hi", "attack"]) {
      await expect(agent.run({ ...request, message })).rejects.toMatchObject({ code: "not_found" });
    }
  });

  it("goes on without memory and cache when they fail, and says so to whoever watches", async () => {
    const seen: AgentEvent[] = [];
    const broken = (): Promise<never> => Promise.reject(new DeputizeError("unavailable", "away"));
    const agent = makeAgent(store, scriptedModel([{ text: "Hello." }]), [], {
      memory: { recall: broken, remember: broken },
      cache: { look: broken },
      observers: [(event) => void seen.push(event)],
    });
    expect((await agent.run(ask("hi"))).status).toBe("done");
    const failed = seen.flatMap((one) => (one.kind === "layer_failed" ? [`${one.layer} ${one.code}`] : []));
    expect(failed).toEqual(["memory unavailable", "cache unavailable", "memory unavailable"]);
  });

  it("ends when the authority behind the memory is gone", async () => {
    const gone = (): Promise<never> => Promise.reject(new DeputizeError("grant_revoked", "signed out"));
    const model = scriptedModel([]);
    const agent = makeAgent(store, model, [], { memory: { recall: gone, remember: gone } });
    expect(await agent.run(ask("hi"))).toMatchObject({
      status: "failed",
      problem: { code: "grant_revoked" },
    });
  });

  it("asks the budget before each model call, charges it after, and ends cleanly when it is used up", async () => {
    const charged: number[] = [];
    const budgets: Budgets = {
      open: async () => ({
        check: async () => {
          if (charged.length > 0) throw new DeputizeError("limit_exceeded", "today's tokens are used up");
        },
        charge: async ({ costMicros }) => void charged.push(costMicros ?? -1),
      }),
    };
    const model = scriptedModel([{ calls: [{ tool: "get_order" }] }]);
    const priced = { ...model, price: { inputPerMillion: 2, outputPerMillion: 8 } };
    const seen: AgentEvent[] = [];
    const result = await makeAgent(store, priced, [tableTools({ get_order: () => ({}) })], {
      budgets,
      observers: [(event) => void seen.push(event)],
    }).run(ask("hi"));
    expect(result).toMatchObject({ status: "failed", problem: { code: "limit_exceeded" } });
    expect(charged).toEqual([100]);
    expect(seen.map(({ kind }) => kind)).toEqual([
      "turn_started",
      "model_called",
      "tool_called",
      "turn_ended",
    ]);
    expect(seen.at(-1)).toMatchObject({ status: "failed", code: "limit_exceeded", costMicros: 100 });
  });

  it("refuses a tool that was left out of what the model was shown [PR-D43]", async () => {
    const tools = tableTools({ get_order: () => ({}), cancel_order: () => ({}) });
    const model = scriptedModel([{ calls: [{ tool: "cancel_order" }] }, { text: "No." }]);
    const result = await makeAgent(store, model, [tools], {
      chooser: { choose: async (all) => all.filter(({ name }) => name === "get_order") },
    }).run(ask("cancel it"));
    expect(model.asked[0]?.tools?.map(({ name }) => name)).toEqual(["get_order"]);
    expect(result.steps).toMatchObject([{ tool: "cancel_order", status: "refused" }]);
    expect(tools.calls).toEqual([]);
  });

  it("watches with nothing that anybody wrote, and a watcher that throws changes nothing", async () => {
    const seen: AgentEvent[] = [];
    const result = await makeAgent(store, scriptedModel([{ text: "A private answer." }]), [], {
      observers: [
        () => {
          throw new Error("broken");
        },
        (event) => void seen.push(event),
      ],
    }).run({ ...ask("a private question"), runOptions: { requestId: "req-1" } });
    expect(result.status).toBe("done");
    expect(seen).toHaveLength(3);
    expect(seen.every((one) => one.correlationId === "req-1" && one.subject === alice.subject)).toBe(true);
    expect(JSON.stringify(seen)).not.toContain("private");
  });
});
