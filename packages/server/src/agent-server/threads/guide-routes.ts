/** The four routes of the guide, three of them here; their answers stand as they are. */
import { z } from "zod";
import type { AgentServerParts } from "../create-agent-server.ts";
import { type AgentRoute, route } from "../route.ts";
import { type TurnParts, oneTurn } from "./one-turn.ts";
import { GuideMessage, NewThread, ThreadPath, ThreadSearch, ThreadView, textOf } from "./schemas.ts";
import { listedView } from "./views.ts";

const GROUP = "Threads";

export function guideRoutes({
  threads,
  ...parts
}: TurnParts & Pick<AgentServerParts, "threads">): readonly AgentRoute[] {
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
        status: z.enum(["done", "waiting", "stopped"]),
        approvals: z.array(z.unknown()),
      }),
      handler: async (call) => {
        const thread = await threads.find(call.caller, call.params.id);
        const { run, status, message } = await oneTurn(call, parts, thread, {
          message: textOf(call.body.content),
        });
        return {
          ...(message && { message_id: message.id }),
          thread_id: thread.id,
          run_id: run.id,
          role: "assistant",
          content: message?.content ?? "",
          status,
          approvals: message?.approvals ?? [],
        };
      },
    }),
  ];
}
