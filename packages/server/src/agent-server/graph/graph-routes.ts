/**
 * An agent as the original calls it, a graph: asked, streamed, stopped, repaired, described.
 *
 * Guarantees: the thread's id is read once, from `config.thread_id`, and what was checked is what is used [AF-D07]; nothing else of
 * `config` is looked at, so that no client says there who asks [AF-F09]. Only the model asks for tools; a client cannot [AF-D09].
 */
import { isUuid } from "@deputize/core";
import { privateLabel, UNKNOWN_LABEL } from "@deputize/guardrails/flow";
import { z } from "zod";
import type { AgentServerParts } from "../create-agent-server.ts";
import { jsonSchemaOf } from "../../docs/openapi.ts";
import { type AgentRoute, type RouteCall, route } from "../route.ts";
import { authorityOfCall, runStream } from "../runs/index.ts";
import { oneTurn } from "../threads/one-turn.ts";
import { State, ThreadId, textOf } from "../threads/schemas.ts";
import { type Thread, threadNotFound } from "../threads/thread-keeper.ts";
import { messageView } from "../threads/views.ts";
import { chunkLine, chunkOf } from "./chunks.ts";
import { GraphAnswer, Invocation, InvokeAnswer, OfAgent, OfThread, ToolsAnswer } from "./schemas.ts";

const GROUP = "Graph";
const SEEN = 1_000;

export type GraphParts = Pick<
  AgentServerParts,
  "threads" | "runs" | "watches" | "errors" | "clock" | "compat"
>;

type InvokeCall = RouteCall<unknown, unknown, Invocation>;

export function graphRoutes(parts: GraphParts): readonly AgentRoute[] {
  const { threads, runs, watches, errors, clock, compat } = parts;

  /** The thread of a request, begun where it names none. What it brings beside the last message is kept in it. */
  async function prepared({
    caller,
    body,
  }: InvokeCall): Promise<{ thread: Thread; isNew: boolean; message: string }> {
    const named = body.config?.["thread_id"];
    const id = named === undefined || named === null ? undefined : ThreadId.safeParse(String(named)).data;
    if (named !== undefined && named !== null && id === undefined) throw threadNotFound();
    const { thread, isNew } = await threadOf(caller, body.agent, id);
    const { conversations } = thread.agent.core;
    const label = caller.actors.length === 0 ? privateLabel(caller.subject, "person") : UNKNOWN_LABEL;
    const earlier = body.messages.slice(0, -1);
    if (earlier.length > 0)
      await conversations.append(
        caller,
        thread.id,
        earlier.map(({ role, content }) => ({ role, content: textOf(content), label })),
      );
    if (body.initial_state)
      await conversations.setFacts(caller, thread.id, {
        state: { ...thread.facts.state, ...body.initial_state },
      });
    const last = body.messages.at(-1);
    return { thread, isNew, message: last ? textOf(last.content) : "" };
  }

  async function threadOf(
    caller: InvokeCall["caller"],
    agent: string | undefined,
    id: string | undefined,
  ): Promise<{ thread: Thread; isNew: boolean }> {
    if (id === undefined) return { thread: await threads.begin(caller, { agent }), isNew: true };
    try {
      const thread = await threads.find(caller, id);
      if (agent !== undefined && thread.agent.name !== agent) throw threadNotFound();
      return { thread, isNew: false };
    } catch (error) {
      // Clients of the original name their threads themselves; such a name leads to a thread of their own.
      if (compat === "agentflow" && !isUuid(id) && threads.isMissing(error))
        return { thread: await threads.begin(caller, { agent, id }), isNew: true };
      throw error;
    }
  }

  return [
    route({
      method: "POST",
      path: "/v1/graph/invoke",
      group: GROUP,
      summary: "Asks the agent, and answers when its turn is over.",
      scope: "graph:invoke",
      body: Invocation,
      answer: InvokeAnswer,
      handler: async (call) => {
        const { thread, isNew, message } = await prepared(call);
        const { response_granularity: granularity, recursion_limit: steps } = call.body;
        const turned = await oneTurn(call, parts, thread, { message, steps });
        const { facts } = await threads.find(call.caller, thread.id);
        return {
          messages: turned.message ? [messageView(turned.message)] : [],
          ...(granularity === "full" && { state: facts.state }),
          ...(granularity !== "low" && { context: turned.messages.map(messageView), summary: null }),
          status: turned.status,
          approvals: turned.message?.approvals ?? [],
          meta: {
            thread_id: thread.id,
            is_new_thread: isNew,
            thread_name: facts.title,
            run_id: turned.run.id,
          },
        };
      },
    }),
    route({
      method: "POST",
      path: "/v1/graph/stream",
      group: GROUP,
      summary:
        "The same as it happens: lines of JSON, or server-sent events with `Accept: text/event-stream`, which go on at `GET /v1/runs/{run_id}/stream`.",
      scope: "graph:stream",
      body: Invocation,
      type: "application/x-ndjson",
      timeMs: null,
      handler: async (call) => {
        const { thread, message } = await prepared(call);
        const authority = authorityOfCall(call, watches);
        const run = await runs.start({
          ...authority,
          agent: thread.agent.name,
          message,
          threadId: thread.id,
          mustExist: true,
          runOptions: { requestId: call.requestId, steps: call.body.recursion_limit },
        });
        const wantsEvents = /text\/event-stream/i.test(call.request.headers.get("accept") ?? "");
        return runStream((signal) => runs.follow(call.caller, run.id, { signal, adopt: authority }), {
          format: wantsEvents ? "sse" : "ndjson",
          signal: call.signal,
          watch: authority.watch,
          errors: { ...errors, requestId: call.requestId },
          tell: chunkOf(run, clock),
          line: chunkLine(run),
        });
      },
    }),
    route({
      method: "POST",
      path: "/v1/graph/stop",
      group: GROUP,
      summary: "Stops what runs in a thread, on whatever replica.",
      scope: "graph:stop",
      body: OfThread,
      answer: z.object({ stopped: z.boolean(), run_id: z.string().optional() }),
      handler: async ({ caller, body }) => {
        const { agent, id } = await threads.find(caller, body.thread_id);
        const run = await runs.cancelThread(caller, agent.name, id);
        return { stopped: run !== undefined, ...(run && { run_id: run.id }) };
      },
    }),
    route({
      method: "POST",
      path: "/v1/graph/fix",
      group: GROUP,
      summary: "Takes answers out of a thread that hold nothing: no words and nothing that was done.",
      scope: "graph:fix",
      body: OfThread,
      answer: z.object({ fixed: z.number() }),
      handler: async ({ caller, body }) => {
        const { agent, id } = await threads.find(caller, body.thread_id);
        const { messages } = await agent.core.conversations.get(caller, id, { limit: SEEN });
        const empty = messages.filter(
          ({ role, content, steps, cards, approvals }) =>
            role === "assistant" &&
            content.trim() === "" &&
            steps.length + cards.length + approvals.length === 0,
        );
        for (const message of empty) await agent.core.conversations.removeMessage(caller, id, message.id);
        return { fixed: empty.length };
      },
    }),
    route({
      method: "GET",
      path: "/v1/graph",
      group: GROUP,
      summary: "The agent: its model, and the tools that you may use through it, as nodes and edges.",
      scope: "graph:read",
      query: OfAgent,
      answer: GraphAnswer,
      handler: async (call) => {
        const agent = threads.agent(call.query.agent);
        const tools = (await agent.core.tools({ ...call.agentCaller, signal: call.signal })).map(
          ({ name }) => name,
        );
        const named = ["__start__", "agent", ...tools, "__end__"];
        return {
          agent: agent.name,
          description: agent.description,
          model: agent.model,
          nodes: named.map((name, at) => ({ id: String(at), name })),
          edges: [
            { source: "__start__", target: "agent" },
            ...tools.flatMap((tool) => [
              { source: "agent", target: tool },
              { source: tool, target: "agent" },
            ]),
            { source: "agent", target: "__end__" },
          ],
        };
      },
    }),
    route({
      method: "GET",
      path: "/v1/graph/tools",
      group: GROUP,
      summary: "The tools that you may use through an agent.",
      scope: "graph:read",
      query: OfAgent,
      answer: ToolsAnswer,
      handler: async (call) => {
        const agent = threads.agent(call.query.agent);
        const tools = await agent.core.tools({ ...call.agentCaller, signal: call.signal });
        return {
          tools: tools.map(({ name, description, inputSchema }) => ({
            name,
            description,
            input_schema: inputSchema,
          })),
        };
      },
    }),
    route({
      method: "GET",
      path: "/v1/graph:StateSchema",
      group: GROUP,
      summary: "What the state of a thread may hold.",
      scope: "graph:read",
      answer: z.record(z.string(), z.unknown()),
      handler: async () => jsonSchemaOf(State, "input"),
    }),
  ];
}
