/** Threads under `/v1`: list, begin, search, read, rename, copy, delete, history. */
import { z } from "zod";
import type { KeptMessage } from "@deputize/agent";
import { DeputizeError } from "@deputize/core";
import type { AgentServerParts } from "../create-agent-server.ts";
import { type AgentRoute, Answer, route } from "../route.ts";
import {
  MessagePage,
  MessageView,
  NewThread,
  OptionalConfig,
  ThreadChange,
  ThreadPath,
  ThreadSearch,
  ThreadView,
} from "./schemas.ts";
import { historyView, listedView, threadView } from "./views.ts";
import { assertSameThread } from "./same-thread.ts";

const GROUP = "Threads";
const COPY_MAX = 1_000;

export function threadRoutes({
  threads,
  runs,
}: Pick<AgentServerParts, "threads" | "runs">): readonly AgentRoute[] {
  return [
    route({
      method: "GET",
      path: "/v1/threads",
      group: GROUP,
      summary: "Your threads, newest first; `search` looks into their names.",
      scope: "checkpointer:read",
      query: ThreadSearch,
      answer: z.object({ threads: z.array(ThreadView) }),
      handler: async ({ caller, query }) => ({
        threads: (await threads.list(caller, query)).map(listedView),
      }),
    }),
    route({
      method: "POST",
      path: "/v1/threads",
      group: GROUP,
      summary: "Begins a thread, with an agent of the server's or the first.",
      scope: "checkpointer:write",
      body: NewThread,
      status: 201,
      answer: ThreadView,
      handler: async ({ caller, body }) => threadView(await threads.begin(caller, body)),
    }),
    route({
      method: "POST",
      path: "/v1/threads/search",
      group: GROUP,
      summary: "As the list, with what is looked for in the body.",
      scope: "checkpointer:read",
      body: ThreadSearch,
      answer: z.object({ threads: z.array(ThreadView) }),
      handler: async ({ caller, body }) => ({ threads: (await threads.list(caller, body)).map(listedView) }),
    }),
    route({
      method: "GET",
      path: "/v1/threads/{id}",
      group: GROUP,
      summary: "One of your threads.",
      scope: "checkpointer:read",
      params: ThreadPath,
      answer: ThreadView,
      handler: async ({ caller, params }) => threadView(await threads.find(caller, params.id)),
    }),
    route({
      method: "PATCH",
      path: "/v1/threads/{id}",
      group: GROUP,
      summary: "Renames a thread, or replaces its metadata.",
      scope: "checkpointer:write",
      params: ThreadPath,
      body: ThreadChange,
      answer: ThreadView,
      handler: async ({ caller, params, body: { title, metadata } }) => {
        const { agent, id } = await threads.find(caller, params.id);
        if (title !== undefined) await agent.core.conversations.rename(caller, id, title);
        if (metadata) await agent.core.conversations.setFacts(caller, id, { metadata });
        return threadView(await threads.find(caller, id));
      },
    }),
    route({
      method: "DELETE",
      path: "/v1/threads/{id}",
      group: GROUP,
      summary: "Removes a thread with its messages and its state, and ends what runs in it.",
      scope: "checkpointer:delete",
      params: ThreadPath,
      body: OptionalConfig,
      answer: z.object({ thread_id: z.string(), deleted: z.literal(true) }),
      handler: async ({ caller, params, body }) => {
        assertSameThread(params.id, body?.config);
        const { agent, id } = await threads.find(caller, params.id);
        await agent.core.conversations.delete(caller, id);
        await runs.forgetThread(caller, agent.name, id);
        return { thread_id: id, deleted: true };
      },
    }),
    route({
      method: "POST",
      path: "/v1/threads/{id}/copy",
      group: GROUP,
      summary: "A new thread with the same messages, metadata and state.",
      scope: "checkpointer:write",
      params: ThreadPath,
      status: 201,
      answer: ThreadView,
      handler: async ({ caller, params }) => {
        const { agent, id, facts } = await threads.find(caller, params.id);
        const { conversations } = agent.core;
        const messages: KeptMessage[] = [];
        for await (const record of conversations.export(caller, id)) {
          if (record.kind !== "message") continue;
          if (messages.length === COPY_MAX)
            throw new DeputizeError(
              "limit_exceeded",
              `a thread of more than ${COPY_MAX} messages is not copied`,
            );
          messages.push({ role: record.role, content: record.content, label: record.label });
        }
        const copy = await threads.begin(caller, {
          agent: agent.name,
          title: facts.title,
          metadata: facts.metadata,
        });
        if (messages.length > 0) await conversations.append(caller, copy.id, messages);
        await conversations.setFacts(caller, copy.id, { state: facts.state });
        return threadView(await threads.find(caller, copy.id));
      },
    }),
    route({
      method: "GET",
      path: "/v1/threads/{id}/history",
      group: GROUP,
      summary: "Everything that happened in a thread: messages with the steps, cards and approvals of each.",
      scope: "checkpointer:read",
      params: ThreadPath,
      query: MessagePage,
      answer: z.object({ history: z.array(MessageView.loose()), earlier: z.number().optional() }),
      handler: async ({ caller, params, query: { before, limit } }) => {
        const { agent, id } = await threads.find(caller, params.id);
        const { messages, earlier } = await agent.core.conversations.get(caller, id, {
          limit,
          ...(before !== undefined && { before }),
        });
        return new Answer({ history: messages.map(historyView), ...(earlier !== undefined && { earlier }) });
      },
    }),
  ];
}
