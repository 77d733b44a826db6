/** What people and tenants may use, over runs, agents and replicas. */
import type { LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { DeputizeError, randomHex } from "@deputize/core";
import { type Ephemeral, openEphemeral } from "@deputize/store";
import { type TestStore, openTestEphemeral } from "@deputize/store/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { alice, authority, bob, callerOf, makeAgent, openAgentStore, tableTools } from "../agent.fixture.ts";
import { fallbackChain } from "../models/fallback-chain.ts";
import type { ResolvedModel } from "../models/resolve-model.ts";
import { type Script, scriptedModel } from "../testing.ts";
import { type UsageBudgetOptions, usageBudgets } from "./usage-budgets.ts";

let store: TestStore;
let shared: Ephemeral;
/** Counters of this test's own, kept where all replicas see them. */
let ephemeral: UsageBudgetOptions["ephemeral"];
beforeAll(async () => {
  store = await openAgentStore();
  shared = await openTestEphemeral();
});
afterAll(() => Promise.all([store?.close(), shared?.close()]));
beforeEach(() => {
  const own = randomHex(6);
  ephemeral = {
    ...shared,
    windowCounter: (options) => shared.windowCounter({ ...options, name: own + options.name }),
  };
});

/** Each call uses 100 tokens in and 100 out: 200 tokens, 1,000 millionths of a dollar. */
const hundred = { text: "Hello.", tokens: 100 };
const PRICE = { inputPerMillion: 2, outputPerMillion: 8 };
const priced = (script: Script): ResolvedModel => ({ ...scriptedModel(script), price: PRICE });
const answers = (count: number): ResolvedModel => priced(Array.from({ length: count }, () => hundred));

const ask = (who = alice, signal?: AbortSignal) => ({
  caller: who,
  authority,
  message: "hi",
  ...(signal && { signal }),
});
const agentWith = (model: ResolvedModel, options: Omit<UsageBudgetOptions, "ephemeral">) =>
  makeAgent(store, model, [tableTools({ get_order: () => ({}) })], {
    budgets: usageBudgets({ ephemeral, ...options }),
  });

describe("a budget of a person [PR-F50]", () => {
  it("ends runs once it is used up, says which it is and when it renews, and keeps what was said", async () => {
    const agent = agentWith(answers(2), { user: [{ window: "day", tokens: 400 }] });
    await agent.run(ask());
    expect((await agent.run(ask())).status).toBe("done");
    const refused = await agent.run(ask());
    expect(refused).toMatchObject({
      status: "failed",
      problem: {
        code: "limit_exceeded",
        errors: {
          budget: "user.tokens.day",
          limit: 400,
          renews: expect.stringMatching(/^\d{4}-\d\d-\d\dT00:00:00.000Z$/),
        },
      },
    });
    expect(refused.problem?.detail).toContain("your budget of 400 tokens a day is used up");
    const kept = await agent.conversations.get(alice, refused.conversation_id);
    expect(kept.messages.map(({ role }) => role)).toEqual(["user", "assistant"]);
  });

  it("is one for all agents and replicas, and nobody else's", async () => {
    const first = agentWith(answers(1), { user: [{ window: "day", tokens: 200 }] });
    const second = agentWith(answers(3), { user: [{ window: "day", tokens: 200 }] });
    await first.run(ask());
    expect((await second.run(ask())).problem?.code).toBe("limit_exceeded");
    expect((await second.run(ask(bob))).status).toBe("done");
    // The same person in another tenant is another one.
    expect((await second.run(ask(callerOf("alice", { tenant: "other" })))).status).toBe("done");
  });

  it("stops a run between two calls of the model, with what was done so far", async () => {
    const tools = tableTools({ get_order: () => ({}) });
    const model = priced([{ text: "Let me see.", calls: [{ tool: "get_order" }], tokens: 100 }]);
    const budgets = usageBudgets({ ephemeral, user: [{ window: "hour", tokens: 200 }] });
    const result = await makeAgent(store, model, [tools], { budgets }).run(ask());
    expect(result).toMatchObject({ status: "failed", steps: [{ tool: "get_order", status: "done" }] });
    expect(result.response).toContain("Let me see.");
    expect(tools.calls).toHaveLength(1);
  });

  it("is passed by runs at once by no more than the call that each is in", async () => {
    const runs = 20;
    let settled = 0;
    let everybodyIsIn = (): void => {};
    const gate = new Promise<void>((resolve) => {
      everybodyIsIn = resolve;
    });
    const script = scriptedModel(Array.from({ length: runs }, () => ({ ...hundred, after: gate })));
    const agent = agentWith(
      { ...script, price: PRICE },
      { user: [{ window: "day", tokens: 1_000 }], reserveTokens: 200 },
    );
    const work = Array.from({ length: runs }, () =>
      agent.run(ask()).finally(() => {
        settled += 1;
      }),
    );
    // No call of a model ends before each run is in one, or was refused.
    while (script.asked.length + settled < runs) await new Promise((resolve) => setTimeout(resolve, 5));
    everybodyIsIn();
    const results = await Promise.all(work);
    expect(results.filter(({ status }) => status === "done")).toHaveLength(5);
    expect(results.every(({ problem }) => !problem || problem.code === "limit_exceeded")).toBe(true);
  });

  it("counts money by the price of the model that answered", async () => {
    const failing = { error: Object.assign(new Error("no"), { statusCode: 500 }) };
    const a = {
      ...scriptedModel([failing, failing]),
      name: "a",
      price: { inputPerMillion: 0, outputPerMillion: 0 },
    };
    const b = { ...scriptedModel([hundred]), name: "b", price: PRICE };
    const chain = fallbackChain([a, b], { failures: 1, retries: { tries: 1 } });
    const agent = agentWith(chain, { user: [{ window: "day", costMicros: 1_000 }] });
    expect((await agent.run(ask())).status).toBe("done");
    const refused = await agent.run(ask());
    expect(refused.problem).toMatchObject({ errors: { budget: "user.costMicros.day", limit: 1_000 } });
  });

  it("is not used by a call that failed before it answered", async () => {
    const failing = { error: Object.assign(new Error("no"), { statusCode: 500 }) };
    const agent = agentWith(priced([failing, failing, hundred, hundred]), {
      user: [{ window: "day", tokens: 300 }],
      reserveTokens: 300,
    });
    for (let times = 0; times < 2; times += 1)
      expect((await agent.run(ask())).problem?.code).toBe("unavailable");
    expect((await agent.run(ask())).status).toBe("done");
  });

  it("is used by a call that was stopped while the model spoke", async () => {
    const stop = new AbortController();
    const never = new Promise<never>(() => {});
    const long = "A long answer. ".repeat(200);
    const parts = [
      { type: "text-start", id: "x" },
      { type: "text-delta", id: "x", delta: long },
    ] as const;
    const model = priced([hundred]);
    const speaking: ResolvedModel = {
      ...model,
      model: {
        ...model.model,
        doStream: async ({ abortSignal }) => ({
          stream: new ReadableStream({
            async start(controller) {
              for (const part of parts) controller.enqueue(part);
              abortSignal?.addEventListener("abort", () => controller.error(abortSignal.reason));
              await never;
            },
          }),
        }),
      },
    };
    const limits = { user: [{ window: "day", tokens: 600 }] } as const;
    const running = agentWith(speaking, limits).stream(ask(alice, stop.signal));
    for await (const { event } of running) if (event === "delta") stop.abort();
    // 3,000 characters were said: 750 tokens.
    expect((await agentWith(answers(1), limits).run(ask())).problem?.code).toBe("limit_exceeded");
  });
});

/** A provider that says of each answer that it used this. */
function saying(model: ResolvedModel, total: number | undefined): ResolvedModel {
  const { model: speaker } = model;
  const doStream: typeof speaker.doStream = async (asked) => {
    const result = await speaker.doStream(asked);
    const changed = new TransformStream<LanguageModelV4StreamPart, LanguageModelV4StreamPart>({
      transform(part, controller) {
        if (part.type !== "finish") return controller.enqueue(part);
        const { inputTokens, outputTokens } = part.usage;
        const usage = { inputTokens: { ...inputTokens, total }, outputTokens: { ...outputTokens, total } };
        controller.enqueue({ ...part, usage });
      },
    });
    return { ...result, stream: result.stream.pipeThrough(changed) };
  };
  return { ...model, model: { ...speaker, doStream } };
}

describe("a model that does not say what it used", () => {
  it.each([undefined, Number.NaN, -1_000_000, 1.5, Number.POSITIVE_INFINITY])(
    "or says %s, is charged by the length of what was said, and fails no turn [PR-F50]",
    async (total) => {
      const long = { text: "x".repeat(4_000) };
      const agent = agentWith(saying(priced([long, long, long]), total), {
        user: [{ window: "day", tokens: 900, costMicros: 1_000_000 }],
        reserveTokens: 1,
      });
      const first = await agent.run(ask());
      expect(first).toMatchObject({ status: "done", tokens_out: 1_000 });
      expect(first.tokens_in).toBeGreaterThan(0);
      expect((await agent.run(ask())).problem?.code).toBe("limit_exceeded");
    },
  );
});

describe("a budget of a tenant", () => {
  it("is shared by its people, and takes nothing of a person's when it refuses", async () => {
    const limits = {
      tenant: [{ window: "hour", tokens: 200 }],
      user: [{ window: "hour", tokens: 400 }],
      reserveTokens: 400,
    } as const;
    const agent = agentWith(answers(1), limits);
    await agent.run(ask());
    for (let times = 0; times < 3; times += 1) {
      const refused = await agent.run(ask(bob));
      expect(refused.problem).toMatchObject({ errors: { budget: "tenant.tokens.hour" } });
      expect(refused.problem?.detail).toContain("your organisation's");
    }
    const alone = agentWith(answers(1), { user: limits.user, reserveTokens: 400 });
    expect((await alone.run(ask(bob))).status).toBe("done");
  });
});

describe("budgets", () => {
  it("need the price of every model where they count money, at the start", () => {
    const budgets = usageBudgets({ ephemeral, user: [{ window: "day", costMicros: 1 }] });
    const unpriced = { ...scriptedModel([]), name: "unpriced" };
    const start = (model: ResolvedModel) => makeAgent(store, model, [], { budgets });
    expect(() => start(unpriced)).toThrow(/price of unpriced/);
    expect(() => start(fallbackChain([answers(0), unpriced]))).toThrow(/price/);
    expect(() => start(answers(0))).not.toThrow();
    expect(() => makeAgent(store, unpriced, [], { limits: { costMicros: 5 } })).toThrow(/price/);
  });

  it("refuse when they cannot be read: a budget that nobody can read is no budget", async () => {
    const away = (): Promise<never> =>
      Promise.reject(new DeputizeError("unavailable", "the counter is away"));
    const budgets = usageBudgets({
      ephemeral: { ...shared, windowCounter: () => ({ reserve: away, settle: away }) },
      user: [{ window: "day", tokens: 100 }],
    });
    const result = await makeAgent(store, answers(0), [], { budgets }).run(ask());
    expect(result).toMatchObject({ status: "failed", problem: { code: "unavailable" } });
  });

  it("lose no answer when the counter goes away while the model works", async () => {
    const counter = shared.windowCounter({ name: randomHex(6), windowSeconds: 86_400 });
    const settle = (): Promise<never> => Promise.reject(new DeputizeError("unavailable", "away"));
    const budgets = usageBudgets({
      ephemeral: { ...shared, windowCounter: () => ({ ...counter, settle }) },
      user: [{ window: "day", tokens: 5_000 }],
    });
    expect(await makeAgent(store, answers(1), [], { budgets }).run(ask())).toMatchObject({
      status: "done",
      response: "Hello.",
    });
  });

  it("need a limit that limits", () => {
    expect(() => usageBudgets({ ephemeral })).toThrow(/need a limit/);
    for (const tokens of [0, -1, 0.5, Number.NaN])
      expect(() => usageBudgets({ ephemeral, user: [{ window: "day", tokens }] })).toThrow(/whole number/);
  });

  it("are shared by replicas: over Redis, or in one process", async () => {
    const redisUrl = process.env["DEPUTIZE_TEST_REDIS_URL"];
    const other = redisUrl ? await openEphemeral({ redisUrl }) : shared;
    const name = randomHex(6);
    const on = (one: Ephemeral) =>
      usageBudgets({
        ephemeral: {
          ...one,
          windowCounter: (options) => one.windowCounter({ ...options, name: name + options.name }),
        },
        user: [{ window: "day", tokens: 200 }],
      });
    await makeAgent(store, answers(1), [], { budgets: on(shared) }).run(ask());
    const result = await makeAgent(store, answers(0), [], { budgets: on(other) }).run(ask());
    if (other !== shared) await other.close();
    expect(result.problem?.code).toBe("limit_exceeded");
  });
});

describe("limits of one run [PR-F50]", () => {
  it("bound its tool calls, and keep what was done", async () => {
    const tools = tableTools({ get_order: () => ({}) });
    const call = { tool: "get_order" };
    const model = scriptedModel([{ text: "I look.", calls: [call, call, call] }]);
    const result = await makeAgent(store, model, [tools], { limits: { toolCalls: 2 } }).run(ask());
    expect(tools.calls).toHaveLength(2);
    expect(result).toMatchObject({
      status: "failed",
      problem: { code: "limit_exceeded", errors: { budget: "run.toolCalls" } },
    });
    expect(result.response).toContain("I look.");
  });

  it("bound its cost", async () => {
    const model = priced([{ calls: [{ tool: "get_order" }], tokens: 100 }]);
    const tools = tableTools({ get_order: () => ({}) });
    const result = await makeAgent(store, model, [tools], { limits: { costMicros: 900 } }).run(ask());
    expect(result.problem).toMatchObject({ code: "limit_exceeded", errors: { budget: "run.costMicros" } });
  });
});
