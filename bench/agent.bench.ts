/**
 * Turns of an agent, against the bare loop of the AI SDK: the same model that plays a script (one tool call, then an answer) and
 * the same tool in the same process. What is told apart is what an agent adds: conversations, and each layer around the loop.
 */
import type { LanguageModelV4, LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { isStepCount, streamText, tool } from "ai";
import { z } from "zod";
import {
  type AgentCaller,
  type BuildAgentOptions,
  InMemoryConversationStore,
  type LocalTool,
  PostgresConversationStore,
  type ResolvedModel,
  SemanticCache,
  type TextGuard,
  agentMigrations,
  buildAgent,
  callbackTransport,
  observe,
} from "@deputize/agent";
import { newId, parsePrincipalId, stableId } from "@deputize/core";
import { openTestStore } from "@deputize/store/testing";
import { type Variant, measure, report } from "./harness.ts";

const usage = {
  inputTokens: { total: 10, noCache: 10, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 10, text: 10, reasoning: undefined },
};

/** Asks for the tool once, then answers. */
const model: LanguageModelV4 = {
  specificationVersion: "v4",
  provider: "bench",
  modelId: "scripted",
  supportedUrls: {},
  doGenerate: () => Promise.reject(new Error("it only streams")),
  async doStream({ prompt }) {
    const answered = prompt.at(-1)?.role === "tool";
    const said: LanguageModelV4StreamPart[] = answered
      ? [
          { type: "text-start", id: "t" },
          { type: "text-delta", id: "t", delta: "It is 21 degrees in Oslo." },
          { type: "text-end", id: "t" },
        ]
      : [{ type: "tool-call", toolCallId: newId(), toolName: "weather", input: '{"city":"Oslo"}' }];
    const unified = answered ? "stop" : "tool-calls";
    const parts: LanguageModelV4StreamPart[] = [
      { type: "stream-start", warnings: [] },
      ...said,
      { type: "finish", finishReason: { unified, raw: undefined }, usage },
    ];
    return { stream: ReadableStream.from(parts) };
  },
};
const resolved: ResolvedModel = { model, name: "scripted", offline: true };

const input = z.strictObject({ city: z.string() });
const weather: LocalTool = {
  name: "weather",
  description: "The weather",
  input,
  call: async () => ({
    status: "done",
    content: { degrees: 21 },
    label: { integrity: "trusted", readers: "public", source: "bench" },
    cards: [],
    reads: { effect: "read", versions: {} },
  }),
};
const caller: AgentCaller = {
  caller: {
    tenant: "default",
    subject: parsePrincipalId(stableId("user:bench")),
    subjectKind: "user",
    actors: [],
    roles: ["customer"],
    scopes: [],
    grants: [],
    clientId: "bench",
  },
  authority: { tokenFor: async () => "" },
};
const guard: TextGuard = {
  toolResult: async (content) => ({ content }),
  toolArguments: async () => undefined,
  input: async (text) => ({ text }),
  output: () => ({ push: (text) => text, end: () => "" }),
};

async function bare(): Promise<void> {
  const result = streamText({
    model,
    prompt: "What is the weather in Oslo?",
    tools: {
      weather: tool({ description: "The weather", inputSchema: input, execute: () => ({ degrees: 21 }) }),
    },
    stopWhen: isStepCount(3),
    telemetry: { isEnabled: false },
  });
  if (!(await result.text).includes("21")) throw new Error("not the answer that was expected");
}

export async function run(): Promise<void> {
  const store = await openTestStore([agentMigrations]);
  const closers: (() => Promise<void>)[] = [];
  let asked = 0;

  async function turns(
    name: string,
    options: Partial<BuildAgentOptions>,
    message?: string,
  ): Promise<Variant> {
    const agent = await buildAgent({
      model: resolved,
      instructions: "Help.",
      conversations: new InMemoryConversationStore(),
      extraTools: [weather],
      audit: { append: async () => newId() },
      ...options,
    });
    closers.push(() => agent.close());
    return {
      name,
      run: async () => {
        const words = message ?? `What is the weather in Oslo, question ${(asked += 1)}?`;
        const result = await agent.run(words, { caller });
        if (result.status !== "done") throw new Error(`a turn ended as ${result.status}`);
      },
    };
  }

  const watching = observe({ transporters: [callbackTransport(() => {})] });
  const variants = [
    { name: "bare loop of the AI SDK", run: bare },
    await turns("agent, conversations in memory", {}),
    await turns("+ guard that lets all pass", { guardrails: guard }),
    await turns("+ observed", { observe: watching }),
    await turns("+ cache, always a miss", { cache: new SemanticCache() }),
    await turns("conversations in Postgres", { conversations: new PostgresConversationStore(store) }),
    await turns("cache, always a hit", { cache: new SemanticCache() }, "What is the weather in Oslo?"),
  ];
  try {
    for (const inFlight of [1, 16]) {
      report(
        `turns with one tool call, ${inFlight} at once (rows in ${store.kind})`,
        await measure(variants, { inFlight }),
      );
    }
  } finally {
    for (const close of closers) await close();
    await watching.close();
    await store.close();
  }
}
