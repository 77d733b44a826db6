/** Several models as one: who is asked, who is told of, and when nobody is. */
import { type ManualClock, manualClock } from "@deputize/core";
import type { TestStore } from "@deputize/store/testing";
import type { ModelMessage } from "ai";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { alice, authority, makeAgent, openAgentStore, tableTools } from "../agent.fixture.ts";
import { type StepResult, modelStep } from "../loop/model-step.ts";
import type { AgentEvent } from "../observe/agent-event.ts";
import { type Script, type ScriptedModel, scriptedModel } from "../testing.ts";
import { fallbackChain } from "./fallback-chain.ts";
import { type ProviderServer, events, providerServer, status } from "./provider-server.fixture.ts";
import { type ResolvedModel, modelFrom } from "./resolve-model.ts";
import { type Wire, WIRES } from "./wire.fixture.ts";

const failing = (statusCode: number, headers: object = {}): { readonly error: Error } => ({
  error: Object.assign(new Error("a provider's words"), { statusCode, responseHeaders: headers }),
});

let made: ScriptedModel[];
let clock: ManualClock;
beforeEach(() => {
  made = [];
  clock = manualClock(0);
});
afterEach(() => {
  for (const model of made) model.assertComplete();
});

function named(name: string, script: Script): ScriptedModel {
  const model = { ...scriptedModel(script), name };
  made.push(model);
  return model;
}

/** Tried once, with no wait between. */
const chain = (...models: ResolvedModel[]): ResolvedModel =>
  fallbackChain(models, { clock, failures: 2, openMs: 1_000, retries: { tries: 1 } });

const question: ModelMessage = { role: "user", content: "Where is it?" };

async function step(
  model: ResolvedModel,
  extra: { messages?: readonly ModelMessage[]; signal?: AbortSignal; said?: string[] } = {},
): Promise<StepResult> {
  return modelStep({
    model,
    instructions: "Help.",
    messages: extra.messages ?? [question],
    tools: [{ name: "get_order", description: "An order.", inputSchema: { type: "object", properties: {} } }],
    signal: extra.signal ?? AbortSignal.timeout(10_000),
    onText: (text) => void extra.said?.push(text),
  });
}

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "answered",
    (error: { code?: unknown }) => error.code,
  );

describe("a fallback chain [PR-F49]", () => {
  it("asks the next model when one fails, and says who answered", async () => {
    const model = chain(
      named("a", [failing(500)]),
      named("b", [failing(401)]),
      named("c", [{ text: "Here." }]),
    );
    const result = await step(model);
    expect(result.text).toBe("Here.");
    expect(result.model.name).toBe("c");
  });

  it.each([400, 413, 422])(
    "shows a request that is bad (%i) to no other model, and counts it for none",
    async (code) => {
      const a = named("a", [failing(code), failing(code), failing(code), { text: "Here." }]);
      const model = chain(a, named("b", []));
      for (let times = 0; times < 3; times += 1)
        expect(await codeOf(step(model))).toBe(code === 413 ? "payload_too_large" : "invalid_request");
      expect((await step(model)).model.name).toBe("a");
    },
  );

  it("ends with its caller, without another model, and counts it for none", async () => {
    const never = new Promise(() => {});
    const a = named("a", [{ after: never }, { after: never }, { after: never }, { text: "Here." }]);
    const model = chain(a, named("b", []));
    for (let times = 0; times < 3; times += 1) {
      const stop = new AbortController();
      const reason = new Error("stopped");
      const asked = step(model, { signal: stop.signal });
      while (a.asked.length <= times) await new Promise((resolve) => setTimeout(resolve, 1));
      stop.abort(reason);
      await expect(asked).rejects.toBe(reason);
    }
    expect((await step(model)).model.name).toBe("a");
  });

  it("says nothing twice: once a model spoke or called a tool, no other is asked", async () => {
    const broken = { type: "error", error: failing(500).error } as const;
    const speaks = [
      { type: "text-start", id: "x" },
      { type: "text-delta", id: "x", delta: "Half an" },
      broken,
    ] as const;
    const calls = [
      { type: "tool-call", toolCallId: "c", toolName: "get_order", input: "{}" },
      broken,
    ] as const;
    const model = chain(named("a", [{ parts: speaks }, { parts: calls }]), named("b", [{ text: "Here." }]));
    const said: string[] = [];
    expect(await codeOf(step(model, { said }))).toBe("unavailable");
    expect(said).toEqual(["Half an"]);
    expect(await codeOf(step(model))).toBe("unavailable");
    // Both counted.
    expect((await step(model)).model.name).toBe("b");
  });

  it("asks the next when a model only thought before it failed, and shows nothing of that", async () => {
    const thinks = [
      { type: "reasoning-start", id: "x" },
      { type: "reasoning-delta", id: "x", delta: "Hm." },
      { type: "error", error: failing(529).error },
    ] as const;
    const result = await step(chain(named("a", [{ parts: thinks }]), named("b", [{ text: "Here." }])));
    expect(result.text).toBe("Here.");
    expect(JSON.stringify(result.messages)).not.toContain("Hm.");
  });

  it("leaves a model alone after failures in a row, and then tries it with one call", async () => {
    let answer = (): void => {};
    const slow = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const a = named("a", [failing(500), failing(500), { text: "Back.", after: slow }, { text: "Back." }]);
    const b = named(
      "b",
      Array.from({ length: 4 }, () => ({ text: "Here." })),
    );
    const model = chain(a, b);
    const names: string[] = [];
    for (let times = 0; times < 3; times += 1) names.push((await step(model)).model.name);
    expect(names).toEqual(["b", "b", "b"]);
    expect(a.asked).toHaveLength(2);
    clock.advance(1_000);
    const probe = step(model);
    while (a.asked.length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
    expect((await step(model)).model.name).toBe("b");
    answer();
    expect((await probe).model.name).toBe("a");
    expect((await step(model)).model.name).toBe("a");
  });

  it("leaves a model alone for as long as that model asks", async () => {
    const a = named("a", [failing(429, { "retry-after": "60" }), { text: "Back." }]);
    const model = chain(a, named("b", [{ text: "Here." }, { text: "Here." }]));
    await step(model);
    clock.advance(59_000);
    expect((await step(model)).model.name).toBe("b");
    clock.advance(1_000);
    expect((await step(model)).model.name).toBe("a");
  });

  it("says what is wrong with each, and when to come back, when none answers", async () => {
    const model = chain(named("a", [failing(401), failing(401)]), named("b", [failing(500), failing(500)]));
    await codeOf(step(model));
    await codeOf(step(model));
    clock.advance(200);
    await expect(step(model)).rejects.toMatchObject({
      code: "unavailable",
      retryAfterSeconds: 1,
      message: expect.stringMatching(
        /^no model answers now \(a is left alone.*; b is left alone.*try again in 1 s$/,
      ),
    });
  });

  it("goes round again where that can help, within the bounds of one call", async () => {
    const a = named("a", [failing(500), failing(500)]);
    const b = named("b", [failing(500), { text: "Here." }]);
    const model = fallbackChain([a, b], { clock, retries: { tries: 2, backoffMs: 1 } });
    expect((await step(model)).model.name).toBe("b");
    const refused = fallbackChain([named("c", [failing(401)]), named("d", [failing(404)])], { clock });
    expect(await codeOf(step(refused))).toBe("unavailable");
  });

  it("takes a chain apart that stands in a chain, and needs models with names of their own", () => {
    const [a, b, c] = ["a", "b", "c"].map((name) => named(name, []));
    if (!a || !b || !c) throw new Error("not made");
    expect(fallbackChain([fallbackChain([a, b]), c]).members?.map(({ name }) => name)).toEqual([
      "a",
      "b",
      "c",
    ]);
    expect(() => fallbackChain([a, a])).toThrow(/names of their own/);
    expect(() => fallbackChain([])).toThrow(/needs a model/);
  });
});

describe("a chain in an agent", () => {
  let store: TestStore;
  let [first, second]: (ProviderServer | undefined)[] = [];
  beforeAll(async () => {
    store = await openAgentStore();
    first = await providerServer();
    second = await providerServer();
  });
  afterAll(() => Promise.all([store?.close(), first?.close(), second?.close()]));

  const resolved = (
    wire: Wire | undefined,
    at: ProviderServer | undefined,
    perMillion: number,
  ): ResolvedModel => {
    if (!wire || !at) throw new Error("not started");
    const price = { inputPerMillion: perMillion, outputPerMillion: perMillion };
    return modelFrom(wire.setting, wire.env, { fetch: at.fetch, price });
  };

  it("goes on with another provider in the middle of a turn, at its price and under its name", async () => {
    const { OpenAI, Anthropic } = WIRES;
    first?.play(events(OpenAI?.call(["{}"]) ?? []), status(503, OpenAI?.error(503, "no")));
    second?.play(events(Anthropic?.text(["One ", "order."]) ?? []));
    const model = fallbackChain([resolved(OpenAI, first, 1), resolved(Anthropic, second, 100)]);
    const seen: AgentEvent[] = [];
    const agent = makeAgent(
      store,
      model,
      [tableTools({ get_order: () => ({ content: { number: "ORD-77" } }) })],
      {
        observers: [(event) => void seen.push(event)],
      },
    );
    const result = await agent.run({ caller: alice, authority, message: "Where is it?" });
    expect(result).toMatchObject({ status: "done", response: "One order." });
    const told = seen.flatMap((one) => (one.kind === "model_called" ? [[one.model, one.costMicros]] : []));
    expect(told).toEqual([
      ["openai:gpt-5-mini", 10],
      ["anthropic:claude-sonnet-4-5", 1_000],
    ]);
    expect(second?.seen[0]?.body).toContain("ORD-77");
    // An id that only the first provider knows.
    expect(second?.seen[0]?.body).not.toContain("fc_1");
  });

  it("sends no provider what another one thought, or its ids", async () => {
    const thinks = [
      { type: "reasoning-start", id: "x", providerMetadata: { openai: { itemId: "rs_1" } } },
      { type: "reasoning-delta", id: "x", delta: "Secret thoughts." },
      { type: "reasoning-end", id: "x", providerMetadata: { openai: { itemId: "rs_1" } } },
    ] as const;
    const a = named("a", [
      { parts: thinks, calls: [{ tool: "get_order" }] },
      { calls: [{ tool: "get_order" }] },
      failing(500),
    ]);
    const b = named("b", [{ text: "Here." }]);
    await makeAgent(store, chain(a, b), [tableTools({ get_order: () => ({}) })]).run({
      caller: alice,
      authority,
      message: "Where is it?",
    });
    expect(JSON.stringify(a.asked[1]?.prompt)).toContain("rs_1");
    const foreign = JSON.stringify(b.asked[0]?.prompt);
    expect(foreign).toContain("get_order");
    expect(foreign).not.toMatch(/rs_1|Secret thoughts/);
  });
});
