/**
 * What the agents remember of a person, for that person: kept, found, read, corrected, forgotten.
 *
 * Guarantees: a memory is its owner's; another's and one that never was answer alike [AF-F08]. `list` and `forget` are reached, whatever
 * ids look like [AF-D12]. Does not: keep the type and category that clients of the original send beside a memory.
 */
import type { BuiltAgent, Memory } from "@deputize/agent";
import { DeputizeError } from "@deputize/core";
import { z } from "zod";
import { ApiError } from "../errors.ts";
import { type AgentRoute, type RouteCall, route } from "../route.ts";

const GROUP = "Memories";
const PAGE = 100;

const MEMORY_TYPES = [
  "episodic",
  "semantic",
  "procedural",
  "entity",
  "relationship",
  "custom",
  "declarative",
] as const;
const Content = z.string().trim().min(1).max(4_000);
const Ignored = {
  memory_type: z.enum(MEMORY_TYPES).nullish(),
  category: z.string().max(200).nullish(),
  config: z.record(z.string().max(128), z.unknown()).nullish(),
};
const Agent = { agent: z.string().min(1).max(100).optional() };

const NewMemory = z.strictObject({ content: Content, ...Ignored, ...Agent });
const Search = z.strictObject({
  query: z.string().trim().min(1).max(1_000),
  limit: z.number().int().min(1).max(50).default(10),
  score_threshold: z.number().min(0).max(1).default(0),
  ...Ignored,
  ...Agent,
});
const List = z
  .strictObject({
    limit: z.number().int().min(1).max(100).default(50),
    cursor: z.string().max(500).optional(),
    ...Ignored,
    ...Agent,
  })
  .optional();
const Forget = z
  .strictObject({
    memory_id: z.string().min(1).max(128).optional(),
    all: z.literal(true).optional(),
    ...Ignored,
    ...Agent,
  })
  .refine(({ memory_id, all }) => (memory_id === undefined) !== (all === undefined));
const MemoryPath = z.strictObject({ id: z.string().min(1).max(128) });
const Ask = z.strictObject({ ...Agent, config: Ignored.config }).optional();
const Correction = z.strictObject({ content: Content, ...Ignored, ...Agent });

const MemoryView = z.object({
  memory_id: z.string(),
  content: z.string(),
  shared: z.boolean(),
  created_at: z.string(),
  updated_at: z.string(),
  score: z.number().optional(),
});

const memoryView = ({ id, text, shared, created, updated }: Memory) => ({
  memory_id: id,
  content: text,
  shared,
  created_at: created,
  updated_at: updated,
});

export function memoryRoutes({
  agents,
}: {
  readonly agents: ReadonlyMap<string, BuiltAgent>;
}): readonly AgentRoute[] {
  /** The memory of the agent that is named, or of the first one that has any. */
  function memoryOf(name: string | undefined): NonNullable<BuiltAgent["memory"]> {
    const named = name === undefined ? undefined : agents.get(name);
    if (name !== undefined && !named) throw new DeputizeError("not_found", "there is no such agent");
    const memory = named ? named.memory : [...agents.values()].find((agent) => agent.memory)?.memory;
    if (memory) return memory;
    throw new ApiError("STORAGE_000", "unavailable", "no memory is kept here; give the agent a `memory`");
  }
  const callerOf = ({ agentCaller }: Pick<RouteCall, "agentCaller">) => ({ caller: agentCaller });

  return [
    route({
      method: "POST",
      path: "/v1/store/memories",
      group: GROUP,
      summary: "Keeps what you want remembered.",
      scope: "store:write",
      body: NewMemory,
      status: 201,
      answer: z.object({ memory_id: z.string().optional() }),
      handler: async (call) => {
        const { id } = await memoryOf(call.body.agent).add(call.body.content, callerOf(call));
        return id === undefined ? {} : { memory_id: id };
      },
    }),
    route({
      method: "POST",
      path: "/v1/store/search",
      group: GROUP,
      summary: "The memories that fit a question best.",
      scope: "store:read",
      body: Search,
      answer: z.object({ results: z.array(MemoryView) }),
      handler: async (call) => {
        const { query, limit, score_threshold: minScore, agent } = call.body;
        const found = await memoryOf(agent).search(query, {
          ...callerOf(call),
          limit,
          minScore,
          signal: call.signal,
        });
        return { results: found.map((one) => ({ ...memoryView(one), score: one.score })) };
      },
    }),
    route({
      method: "POST",
      path: "/v1/store/memories/list",
      group: GROUP,
      summary: "Your memories, newest first.",
      scope: "store:read",
      body: List,
      answer: z.object({ memories: z.array(MemoryView), next: z.string().optional() }),
      handler: async (call) => {
        const { limit = 50, cursor, agent } = call.body ?? {};
        const page = { limit, ...(cursor !== undefined && { cursor }) };
        const { memories, next } = await memoryOf(agent).list({ ...callerOf(call), ...page });
        return { memories: memories.map(memoryView), ...(next !== undefined && { next }) };
      },
    }),
    route({
      method: "POST",
      path: "/v1/store/memories/forget",
      group: GROUP,
      summary: "Forgets one memory, or with `all: true` every one of yours.",
      scope: "store:delete",
      body: Forget,
      answer: z.object({ forgotten: z.number() }),
      handler: async (call) => {
        const memory = memoryOf(call.body.agent);
        if (call.body.memory_id !== undefined) {
          await memory.delete(call.body.memory_id, callerOf(call));
          return { forgotten: 1 };
        }
        for (let forgotten = 0; ;) {
          const { memories } = await memory.list({ ...callerOf(call), limit: PAGE });
          if (memories.length === 0) return { forgotten };
          for (const { id } of memories) await memory.delete(id, callerOf(call));
          forgotten += memories.length;
        }
      },
    }),
    // A question that the original asks by POST, with a body beside the id.
    ...(["GET", "POST"] as const).map((method) =>
      route({
        method,
        path: "/v1/store/memories/{id}",
        group: GROUP,
        summary: "One memory.",
        scope: "store:read",
        params: MemoryPath,
        ...(method === "POST" && { body: Ask }),
        answer: MemoryView,
        handler: async (call) => memoryView(await memoryOf(undefined).get(call.params.id, callerOf(call))),
      }),
    ),
    route({
      method: "PUT",
      path: "/v1/store/memories/{id}",
      group: GROUP,
      summary: "Corrects a memory.",
      scope: "store:write",
      params: MemoryPath,
      body: Correction,
      answer: MemoryView,
      handler: async (call) =>
        memoryView(
          await memoryOf(call.body.agent).correct(call.params.id, call.body.content, callerOf(call)),
        ),
    }),
    route({
      method: "DELETE",
      path: "/v1/store/memories/{id}",
      group: GROUP,
      summary: "Forgets a memory.",
      scope: "store:delete",
      params: MemoryPath,
      body: Ask,
      answer: z.object({ memory_id: z.string(), deleted: z.literal(true) }),
      handler: async (call) => {
        await memoryOf(call.body?.agent).delete(call.params.id, callerOf(call));
        return { memory_id: call.params.id, deleted: true };
      },
    }),
  ];
}
