/**
 * Every two settings of the support agent's features beside each other, with two people at once [PR-D46]: each row is one agent
 * that is asked the same things, and each feature that is on has to show in what comes out. The rows share one database and desk.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type AgentMemory,
  type Budgets,
  type ConversationStore,
  InMemoryConversationStore,
  InMemoryProvider,
  type ObservedEvent,
  PostgresConversationStore,
  RedisConversationStore,
  type ResolvedModel,
  SemanticCache,
  SqliteConversationStore,
  type TextGuard,
  type ToolChooser,
  VectorProvider,
  agentMemory,
  agentMigrations,
  approvalCallback,
  callbackTransport,
  createCaller,
  generateSessionId,
  modelFrom,
  observe,
  storeVersions,
  usageBudgets,
} from "deputize/agent";
import { randomHex } from "deputize/core";
import { type Ephemeral, redisClient } from "deputize/store";
import { type TestStore, openTestEphemeral, openTestStore } from "@deputize/store/testing";
import { DESK_MIGRATIONS, type Desk, openDesk } from "../customer-ops/installation.ts";
import { idOf } from "../customer-ops/people.ts";
import { seedDesk } from "../customer-ops/seed.ts";
import { type Row, allPairs } from "./all-pairs.ts";
import { type Support, type SupportOptions, openSupport } from "./support.ts";

const redisUrl = process.env["DEPUTIZE_TEST_REDIS_URL"] || undefined;

const ON_OFF = ["on", "off"] as const;
const FACTORS = {
  conversations: ["postgres", "sqlite", "memory", ...(redisUrl === undefined ? [] : ["redis" as const])],
  cache: ["per-user", "off", "per-session", "shared"],
  memory: ["vector", "off", "in-memory", "auto"],
  guard: ON_OFF,
  observe: ON_OFF,
  limits: ON_OFF,
  budgets: ON_OFF,
  fallback: ON_OFF,
  optimizeTools: ON_OFF,
  approvals: ON_OFF,
  erasure: ON_OFF,
} as const;
type Features = Row<typeof FACTORS>;
const ROWS = allPairs(FACTORS);

type Name = "ann" | "ben";
const NAMES: readonly Name[] = ["ann", "ben"];
const BY = { tenant: "default" };
const CARD = "4111111111111111";
const MOST_TOOLS = 6;
const OWN: Readonly<Record<Name, { readonly order: string; readonly likes: string }>> = {
  ann: { order: "12346", likes: "Ann sits on chairs of green velvet." },
  ben: { order: "22345", likes: "Ben sits on chairs of blue leather." },
};

let store: TestStore;
let desk: Desk;
let ephemeral: Ephemeral;
const token: Record<Name, string> = { ann: "", ben: "" };
const folder = mkdtempSync(join(tmpdir(), "features-"));

beforeAll(async () => {
  store = await openTestStore([...DESK_MIGRATIONS, agentMigrations]);
  await store.asOwner(seedDesk);
  desk = await openDesk({ url: "http://localhost:8000", store, perSecond: 100_000 });
  ephemeral = await openTestEphemeral();
  for (const name of NAMES) token[name] = (await desk.signIn(name)).person;
});
afterAll(async () => {
  await desk?.[Symbol.asyncDispose]();
  await ephemeral?.close();
  await store?.close();
  rmSync(folder, { recursive: true, force: true });
});

const callerOf = (name: Name) => createCaller({ bearerToken: token[name] });
const ownerOf = (name: Name) => ({ tenant: "default", subject: idOf(name) });

/** The offline planner, and what it was asked. */
function watchedModel(): ResolvedModel & { readonly asked: { prompt: string; tools: number }[] } {
  const offline = modelFrom("offline", {});
  const asked: { prompt: string; tools: number }[] = [];
  return {
    ...offline,
    asked,
    model: {
      ...offline.model,
      doStream(options) {
        asked.push({ prompt: JSON.stringify(options.prompt), tools: options.tools?.length ?? 0 });
        return offline.model.doStream(options);
      },
    },
  };
}

/** A provider that is down. */
function brokenModel(): ResolvedModel & { readonly calls: () => number } {
  let calls = 0;
  const fail = async () => {
    calls += 1;
    throw new Error("no connection");
  };
  const { model } = modelFrom("offline", {});
  return {
    model: { ...model, modelId: "away", doStream: fail, doGenerate: fail },
    name: "compatible:away",
    offline: false,
    calls: () => calls,
  };
}

const hidden = (text: string): string => text.replaceAll(CARD, "[CARD]");
const hidesCards: TextGuard = {
  toolResult: async (content) => ({ content }),
  toolArguments: async () => undefined,
  input: async (text) => ({ text: hidden(text) }),
  output: () => {
    let held = "";
    return { push: (text) => ((held += text), ""), end: () => hidden(held) };
  },
};

/** Those whose names share a word with the conversation, and what was called before. */
const fewTools: ToolChooser = {
  async choose(tools, { messages, called }) {
    const said = JSON.stringify(messages).toLowerCase();
    const fits = (name: string): boolean =>
      name.split("_").some((word) => word.length > 3 && said.includes(word));
    return tools.filter(({ name }) => called.has(name) || fits(name)).slice(0, MOST_TOOLS);
  },
};

/** Opened for one row: the options of its features, what they leave behind to look at, and what closes them. */
async function featuresOf(row: Features) {
  const undo = new AsyncDisposableStack();
  const model = watchedModel();
  const broken = brokenModel();
  const events: ObservedEvent[] = [];
  const watching = observe({
    level: "standard",
    transporters: [callbackTransport((event) => void events.push(event))],
  });
  undo.defer(() => watching.close());
  const charged = new Map<string, number>();
  const budget = usageBudgets({ ephemeral, user: [{ window: "day", tokens: 1_000_000_000 }] });
  const counted: Budgets = {
    async open(turn) {
      const run = await budget.open(turn);
      return {
        check: () => run.check(),
        async charge(used) {
          charged.set(
            turn.caller.subject,
            (charged.get(turn.caller.subject) ?? 0) + used.tokensIn + used.tokensOut,
          );
          await run.charge(used);
        },
      };
    },
  };
  /** Who was asked about a call of theirs, and who says no from now on. */
  const questions: string[] = [];
  const refusing = new Set<string>();
  const approvals: SupportOptions["approvals"] = {
    ask: ["orders_*"],
    denyWindowMs: 0,
    handler: approvalCallback(({ subject }) => {
      questions.push(subject);
      return refusing.has(subject) ? "refuse" : "approve";
    }),
  };
  const options: SupportOptions = {
    model: row.fallback === "on" ? broken : model,
    conversations: conversationsOf(row.conversations, undo),
    cache:
      row.cache === "off"
        ? false
        : new SemanticCache({ scope: row.cache, versions: storeVersions(desk.store) }),
    memory: memoryOf(row.memory),
    ...(row.fallback === "on" && { fallback: [model] }),
    guardrails: row.guard === "on" && hidesCards,
    ...(row.observe === "on" && { observe: watching }),
    ...(row.limits === "on" && { limits: { messageChars: 200 } }),
    ...(row.budgets === "on" && { budgets: counted }),
    ...(row.optimizeTools === "on" && { optimizeTools: fewTools }),
    ...(row.approvals === "on" && { approvals }),
  };
  return { options, model, broken, events, watching, charged, questions, refusing, undo };
}

function conversationsOf(kind: Features["conversations"], undo: AsyncDisposableStack): ConversationStore {
  switch (kind) {
    case "postgres":
      return new PostgresConversationStore(desk.store);
    case "sqlite": {
      const sqlite = new SqliteConversationStore({ file: join(folder, `${randomHex(6)}.db`) });
      undo.defer(() => sqlite.close());
      return sqlite;
    }
    case "memory":
      return new InMemoryConversationStore();
    case "redis": {
      const prefix = `test:${randomHex(6)}`;
      const redis = new RedisConversationStore({ url: redisUrl ?? "", prefix });
      undo.defer(async () => {
        await redis.close();
        const client = redisClient(redisUrl ?? "");
        const keys = await client.keys(`${prefix}:*`);
        if (keys.length > 0) await client.del(...keys);
        client.disconnect();
      });
      return redis;
    }
  }
}

function memoryOf(kind: Features["memory"]): AgentMemory | false {
  switch (kind) {
    case "off":
      return false;
    case "in-memory":
      return agentMemory({ provider: new InMemoryProvider() });
    case "vector":
      return agentMemory({ provider: new VectorProvider(desk.store) });
    case "auto":
      return agentMemory({ provider: new VectorProvider(desk.store), autoStore: true, scan: hidesCards });
  }
}

describe.each(ROWS.map((row) => [Object.values(row).join(" "), row] as const))("%s", (_name, row) => {
  it("answers two people at once, each from what is theirs, with every feature at work [PR-D46]", async () => {
    const opened = await featuresOf(row);
    await using _undo = opened.undo;
    const { model, broken, events, watching, charged, questions, refusing } = opened;
    await using support = await openSupport(desk, opened.options);
    opened.undo.defer(async () => {
      // The next row begins with nothing.
      for (const name of NAMES) for (const keeper of support.keepers) await keeper.erase(ownerOf(name), BY);
    });
    const sessions: Record<Name, string[]> = { ann: [], ben: [] };
    const ask = async (name: Name, message: string) => {
      const sessionId = generateSessionId();
      const result = await support.handleUserMessage({ token: token[name], sessionId, message });
      sessions[name].push(sessionId);
      return result;
    };
    const both = async (message: string) => {
      const [ann, ben] = await Promise.all([ask("ann", message), ask("ben", message)]);
      return { ann, ben };
    };

    // What holds for everybody is asked of the model once, where answers are shared.
    await ask("ann", "What can you do?");
    const told = model.asked.length;
    await ask("ben", "What can you do?");
    expect(model.asked.length - told === 0).toBe(row.cache === "shared");

    // The same question at once: the order is the one's and, to the other, not there.
    for (const owner of NAMES) {
      const answers = await both(`Where is order ${OWN[owner].order}?`);
      for (const name of NAMES) {
        expect(answers[name].status).toBe("done");
        expect(answers[name].response.includes("couldn't find")).toBe(name !== owner);
      }
    }

    // Asked again: no model where each person's answers are kept, whatever else is on [PR-D02].
    const question = "Where is order 12346?";
    const asked = model.asked.length;
    const first = await ask("ann", question);
    // What a turn left is a new memory of the next one: an answer that rests on other memories is another answer.
    if (row.memory === "auto" && row.cache !== "off") await ask("ann", question);
    const before = row.memory === "auto" ? model.asked.length : asked;
    const again = await ask("ann", question);
    expect(again.response).toBe(first.response);
    expect(model.asked.length - before === 0).toBe(row.cache === "per-user");
    const afresh = await ask("ben", question);
    expect(afresh.response).toContain("couldn't find");

    await memoryHolds(row, support, model, ask);
    await guardHolds(row, support, model, ask, sessions);

    // Each is asked of their own calls; a no is a no for whoever said it.
    expect(new Set(questions)).toEqual(new Set(row.approvals === "on" ? NAMES.map(idOf) : []));
    refusing.add(idOf("ben"));
    const other = await both("Where is order 99999?");
    expect(other.ann.response).toContain("couldn't find");
    expect(/the answer was no/i.test(other.ben.response)).toBe(row.approvals === "on");
    // What a guard held back is said once.
    const paragraphs = other.ann.response.split("\n\n");
    expect(new Set(paragraphs).size).toBe(paragraphs.length);
    refusing.clear();

    const long = ask("ann", `Where is order 12346? ${"Please. ".repeat(30)}`);
    if (row.limits === "on") await expect(long).rejects.toMatchObject({ code: "validation_failed" });
    else expect((await long).status).toBe("done");

    const offered = Math.max(...model.asked.map(({ tools }) => tools));
    if (row.optimizeTools === "on") expect(offered).toBeLessThanOrEqual(MOST_TOOLS);
    else expect(offered).toBeGreaterThan(MOST_TOOLS);
    expect(broken.calls() > 0).toBe(row.fallback === "on");
    expect([...charged.keys()].toSorted()).toEqual(row.budgets === "on" ? NAMES.map(idOf).toSorted() : []);
    await watching.flush();
    const seen = new Set(events.map(({ kind }) => kind));
    const kinds = ["turn_ended", "model_called", "tool_called"];
    if (row.cache !== "off") kinds.push("cache_looked");
    if (row.memory !== "off") kinds.push("memory_recalled");
    if (row.observe === "on") expect([...seen]).toEqual(expect.arrayContaining(kinds));
    else expect(events).toEqual([]);
    expect(events.filter(({ kind }) => kind === "layer_failed")).toEqual([]);

    await conversationsHold(support, sessions);
    if (row.erasure === "on") await erasureHolds(row, support, model, ask, sessions);
  });
});

type Ask = (name: Name, message: string) => ReturnType<Support["handleUserMessage"]>;
type Watched = ReturnType<typeof watchedModel>;

/** What one asked to have remembered is before their model in another conversation, and never before the other's [PR-D40]. */
async function memoryHolds(row: Features, support: Support, model: Watched, ask: Ask): Promise<void> {
  expect(support.agent.memory === undefined).toBe(row.memory === "off");
  await Promise.all(
    NAMES.map((name) => support.agent.memory?.add(OWN[name].likes, { caller: callerOf(name) })),
  );
  for (const name of NAMES) {
    const other = NAMES.find((one) => one !== name) as Name;
    const from = model.asked.length;
    await ask(name, `On what kind of chairs does ${name} sit?`);
    const prompts = model.asked
      .slice(from)
      .map(({ prompt }) => prompt)
      .join("\n");
    expect(prompts).not.toBe("");
    expect(prompts.includes(OWN[name].likes)).toBe(row.memory !== "off");
    expect(prompts).not.toContain(OWN[other].likes);
  }
}

/** What the guard hides reaches neither the model nor the conversation; without it, it does. */
async function guardHolds(
  row: Features,
  support: Support,
  model: Watched,
  ask: Ask,
  sessions: Readonly<Record<Name, readonly string[]>>,
): Promise<void> {
  const from = model.asked.length;
  await ask("ann", `Where is order 12346? I paid with ${CARD}`);
  const prompts = model.asked
    .slice(from)
    .map(({ prompt }) => prompt)
    .join("\n");
  const conversation = await support.agent.getSession(sessions.ann.at(-1) ?? "", { caller: callerOf("ann") });
  for (const text of [prompts, JSON.stringify(conversation.messages)]) {
    expect(text.includes(CARD)).toBe(row.guard === "off");
    expect(text.includes("[CARD]")).toBe(row.guard === "on");
  }
}

/** Each has exactly their own conversations, and the other's are not there [PR-D25] [PR-D27]. */
async function conversationsHold(
  support: Support,
  sessions: Readonly<Record<Name, readonly string[]>>,
): Promise<void> {
  for (const name of NAMES) {
    const other = NAMES.find((one) => one !== name) as Name;
    const listed = await support.agent.listSessions({ caller: callerOf(name), limit: 100 });
    const ids = listed.sessions.map(({ id }) => id);
    expect(ids.toSorted()).toEqual(sessions[name].toSorted());
    const denied = support.agent.getSession(sessions[other][0] ?? "", { caller: callerOf(name) });
    await expect(denied).rejects.toMatchObject({ code: "not_found" });
  }
}

/** Nothing of the one is left, and everything of the other [PR-D30]. */
async function erasureHolds(
  row: Features,
  support: Support,
  model: Watched,
  ask: Ask,
  sessions: Readonly<Record<Name, readonly string[]>>,
): Promise<void> {
  for (const keeper of support.keepers) expect(await keeper.erase(ownerOf("ann"), BY)).toBeGreaterThan(0);
  const left = async (name: Name) => ({
    sessions: (await support.agent.listSessions({ caller: callerOf(name) })).sessions.length,
    memories: (await support.agent.memory?.list({ caller: callerOf(name) }))?.memories.length,
  });
  const none = row.memory === "off" ? undefined : 0;
  expect(await left("ann")).toEqual({ sessions: 0, memories: none });
  const kept = await left("ben");
  expect(kept.sessions).toBeGreaterThan(0);
  expect(kept.memories ?? 1).toBeGreaterThan(0);
  expect(
    (await support.agent.getSession(sessions.ben[0] ?? "", { caller: callerOf("ben") })).messages,
  ).toHaveLength(2);
  const from = model.asked.length;
  await ask("ann", "Where is order 12346?");
  expect(model.asked.length).toBeGreaterThan(from);
}
