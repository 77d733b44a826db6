/** The four routes of the guide, three of them here; their answers stand as they are. */
import { z } from "zod";
import type { AgentServerParts } from "../create-agent-server.ts";
import { type AgentRoute, route } from "../route.ts";
import { oneTurn } from "./one-turn.ts";
import { GuideMessage, NewThread, ThreadPath, ThreadSearch, ThreadView, textOf } from "./schemas.ts";
import { listedView } from "./views.ts";

const GROUP = "Threads";

export function guideRoutes({ threads }: Pick<AgentServerParts, "threads">): readonly AgentRoute[] {
  return [
    route({
      method: "POST",
      path: "/threads",
      group: GROUP,
      summary: "Begins a thread.",
      scope: "checkpointer:write",
      body: NewThread,
      answer: z.object({ thread_id: z.string() }),
      handler: async ({ caller, body }) => ({ thread_id: (await threads.begin(caller, body)).id }),
    }),
    route({
      method: "GET",
      path: "/threads",
      group: GROUP,
      summary: "Your threads, newest first.",
      scope: "checkpointer:read",
      query: ThreadSearch,
      answer: z.object({ threads: z.array(ThreadView) }),
      handler: async ({ caller, query }) => ({
        threads: (await threads.list(caller, query)).map(listedView),
      }),
    }),
    route({
      method: "POST",
      path: "/threads/{id}/messages",
      group: GROUP,
      summary: "Says something to the agent, and answers with its reply.",
      scope: "graph:invoke",
      params: ThreadPath,
      body: GuideMessage,
      answer: z.object({
        message_id: z.string().optional(),
        thread_id: z.string(),
        run_id: z.string(),
        role: z.literal("assistant"),
        content: z.string(),
        status: z.enum(["done", "waiting", "stopped", "failed"]),
        approvals: z.array(z.unknown()),
      }),
      handler: async (call) => {
        const thread = await threads.find(call.caller, call.params.id);
        const result = await oneTurn(call, thread, textOf(call.body.content));
        return {
          ...(result.message_id !== undefined && { message_id: result.message_id }),
          thread_id: thread.id,
          run_id: result.run_id,
          role: "assistant",
          content: result.response,
          status: result.status,
          approvals: result.approvals,
        };
      },
    }),
  ];
}
