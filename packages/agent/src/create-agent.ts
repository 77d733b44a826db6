/**
 * An agent: conversations that belong to their callers, and turns that act for them.
 *
 * Guarantees: nothing is asked of a model before the conversation is claimed for the caller [PR-D25]. A turn
 * ends stored, whatever ended it: an answer, a limit, a stop, a fault, a question to the person. A run that
 * waits is continued from the store alone, by exactly one resumption, with the exact call that was shown.
 * Does not: authenticate. Whoever calls brings a verified caller, and the authority to get tokens for it.
 */
import { auditEvent } from "@deputize/audit";
import { newId, withCaller } from "@deputize/core";
import { privateLabel } from "@deputize/guardrails/flow";
import type { Agent, AgentOptions } from "./agent-types.ts";
import type { TurnEvent } from "./events.ts";
import { Stopped } from "./loop/lifeline.ts";
import { offer } from "./loop/offered-tools.ts";
import type { ToolContext } from "./tools/tool-source.ts";
import { agentRuntime } from "./turn/agent-runtime.ts";
import { begin, beginResumption } from "./turn/begin-turn.ts";
import { carryOn } from "./turn/carry-on.ts";
import type { Started } from "./turn/drive-turn.ts";
import { GoingDown } from "./turn/settle-turn.ts";

/** Makes an agent. Throws `config_invalid` when an option cannot work. */
export function createAgent(options: AgentOptions): Agent {
  const { name, audit } = options;
  const runtime = agentRuntime(options);
  const { room, active, approvals } = runtime;

  async function* eventsOf(started: Promise<Started>): AsyncGenerator<TurnEvent> {
    const { events, result } = await started;
    result.catch(() => {}); // the channel carries it
    yield* events;
  }

  return {
    name,
    description: options.description,
    model: { name: options.model.name, offline: options.model.offline },
    conversations: room,
    asks: options.toolSources.flatMap(({ asks = [] }) => asks),
    unpriced: runtime.unpriced,
    carryOn: (request) => carryOn(runtime, request),
    stream: (request) => lazily(() => eventsOf(begin(runtime, request))),
    run: async (request) => (await begin(runtime, request)).result,
    resume: (request) => lazily(() => eventsOf(beginResumption(runtime, request))),
    resumeRun: async (request) => (await beginResumption(runtime, request)).result,
    async tools({ caller, authority, signal }) {
      const context: ToolContext = {
        caller,
        authority,
        signal,
        agent: name,
        // Of no run: nothing is called.
        runId: newId(),
        conversationId: newId(),
        label: privateLabel(caller.subject, "person"),
        personMessage: "",
        emit: () => {},
      };
      const offered = await withCaller(caller, () => offer(options.toolSources, context));
      return [...offered.values()].map(({ tool }) => tool);
    },
    async stop({ caller, runId }) {
      const state = await room.requestStop(caller, runId);
      await audit.append(
        auditEvent(caller, {
          action: "agent.run_stopped",
          outcome: "info",
          resource: `run:${runId}`,
          detail: { agent: name },
        }),
      );
      if (state === "running") active.get(runId)?.lifeline.end(new Stopped("the run was stopped"));
    },
    async close() {
      const running = [...active.values()];
      for (const { lifeline } of running) lifeline.end(new GoingDown("the server is going down"));
      await Promise.allSettled(running.map(({ result }) => result));
      approvals?.close();
    },
  };
}

/** Starts on the first step, so that an iterable that nobody iterates does nothing. */
function lazily<T>(make: () => AsyncGenerator<T>): AsyncIterable<T> {
  return { [Symbol.asyncIterator]: make };
}
