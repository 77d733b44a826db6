/** Messages of a thread under `/v1`: kept without a turn, read, taken out. And the state that programs keep with it. */
import { z } from "zod";
import { type Caller, DeputizeError, isDeputizeError } from "@deputize/core";
import { UNKNOWN_LABEL, privateLabel } from "@deputize/guardrails/flow";
import type { AgentServerParts } from "../create-agent-server.ts";
import { ApiError } from "../errors.ts";
import { type AgentRoute, Answer, route } from "../route.ts";
import {
  MessagePage,
  MessagePath,
  MessageView,
  OptionalConfig,
  StateChange,
  StateView,
  StoredMessages,
  ThreadPath,
  textOf,
} from "./schemas.ts";
import { assertSameThread } from "./same-thread.ts";
import type { Thread } from "./thread-keeper.ts";
import { messageView } from "./views.ts";

const GROUP = "Messages and state";
const PAGE = 1_000;

/** The caller's own words are theirs; what anybody else is said to have said is nobody's [SR-07]. */
function labelOf(caller: Caller, role: "user" | "assistant") {
  return role === "user" && caller.actors.length === 0
    ? privateLabel(caller.subject, "person")
    : UNKNOWN_LABEL;
}

export function messageRoutes({ threads }: Pick<AgentServerParts, "threads">): readonly AgentRoute[] {
  return [
    route({
      method: "GET",
      path: "/v1/threads/{id}/messages",
      group: GROUP,
      summary: "The newest messages of a thread, oldest first; `earlier` is what to ask for as `before`.",
      scope: "checkpointer:read",
      params: ThreadPath,
      query: MessagePage,
      answer: z.object({ messages: z.array(MessageView), earlier: z.number().optional() }),
      handler: async ({ caller, params, query: { before, limit } }) => {
        const { agent, id } = await threads.find(caller, params.id);
        const page = { limit, ...(before !== undefined && { before }) };
        const { messages, earlier } = await agent.core.conversations.get(caller, id, page);
        return { messages: messages.map(messageView), ...(earlier !== undefined && { earlier }) };
      },
    }),
    route({
      method: "POST",
      path: "/v1/threads/{id}/messages",
      group: GROUP,
      summary: "Keeps messages without asking the agent; its next turn reads them.",
      scope: "checkpointer:write",
      params: ThreadPath,
      body: StoredMessages,
      status: 201,
      answer: z.object({ messages: z.array(MessageView) }),
      handler: async ({ caller, params, body }) => {
        assertSameThread(params.id, body.config);
        const { agent, id, facts } = await threads.find(caller, params.id);
        const kept = body.messages.map(({ role, content }) => ({
          role,
          content: textOf(content),
          label: labelOf(caller, role),
        }));
        const messages = await agent.core.conversations.append(caller, id, kept);
        if (body.metadata)
          await agent.core.conversations.setFacts(caller, id, {
            metadata: { ...facts.metadata, ...body.metadata },
          });
        return { messages: messages.map(messageView) };
      },
    }),
    route({
      method: "GET",
      path: "/v1/threads/{id}/messages/{mid}",
      group: GROUP,
      summary: "One message.",
      scope: "checkpointer:read",
      params: MessagePath,
      answer: MessageView,
      handler: async ({ caller, params }) => {
        const { agent, id } = await threads.find(caller, params.id);
        for (let before: number | undefined; ;) {
          const page = { limit: PAGE, ...(before !== undefined && { before }) };
          const { messages, earlier } = await agent.core.conversations.get(caller, id, page);
          const found = messages.find((message) => message.id === params.mid);
          if (found) return messageView(found);
          if (earlier === undefined) throw new DeputizeError("not_found", "there is no such message");
          before = earlier;
        }
      },
    }),
    route({
      method: "DELETE",
      path: "/v1/threads/{id}/messages/{mid}",
      group: GROUP,
      summary: "Takes a message out, also for the agent.",
      scope: "checkpointer:delete",
      params: MessagePath,
      body: OptionalConfig,
      answer: z.object({ message_id: z.string(), deleted: z.literal(true) }),
      handler: async ({ caller, params, body }) => {
        assertSameThread(params.id, body?.config);
        const { agent, id } = await threads.find(caller, params.id);
        await agent.core.conversations.removeMessage(caller, id, params.mid);
        return { message_id: params.mid, deleted: true };
      },
    }),
    route({
      method: "GET",
      path: "/v1/threads/{id}/state",
      group: GROUP,
      summary: "What programs keep with a thread, and the version of it.",
      scope: "checkpointer:read",
      params: ThreadPath,
      answer: StateView,
      handler: async ({ caller, params }) => stateView(await threads.find(caller, params.id)),
    }),
    route({
      method: "PUT",
      path: "/v1/threads/{id}/state",
      group: GROUP,
      summary:
        "Merges into the state. With `version`, or when somebody was faster: 409 `STALE_STATE` if it has moved on.",
      scope: "checkpointer:write",
      params: ThreadPath,
      body: StateChange,
      answer: StateView,
      handler: async ({ caller, params, body }) => {
        assertSameThread(params.id, body.config);
        return change(caller, await threads.find(caller, params.id), body.version, (state) => ({
          ...state,
          ...body.state,
        }));
      },
    }),
    route({
      method: "DELETE",
      path: "/v1/threads/{id}/state",
      group: GROUP,
      summary: "Empties the state; messages stay.",
      scope: "checkpointer:delete",
      params: ThreadPath,
      body: OptionalConfig,
      answer: StateView,
      handler: async ({ caller, params, body }) => {
        assertSameThread(params.id, body?.config);
        return change(caller, await threads.find(caller, params.id), undefined, () => ({}));
      },
    }),
  ];
}

function stateView({ facts: { id, state, version } }: Pick<Thread, "facts">) {
  return { thread_id: id, state, version };
}

async function change(
  caller: Caller,
  { agent, id, facts }: Thread,
  version: number | undefined,
  next: (state: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>,
): Promise<Answer> {
  const stale = new ApiError(
    "STALE_STATE",
    "conflict",
    "the state was changed meanwhile; read it again, then change that",
  );
  if (version !== undefined && version !== facts.version) throw stale;
  try {
    const changed = await agent.core.conversations.setFacts(caller, id, {
      state: next(facts.state),
      expected: facts.version,
    });
    return new Answer(stateView({ facts: changed }));
  } catch (error) {
    if (isDeputizeError(error, "conflict")) throw stale;
    throw error;
  }
}
