/**
 * Runs over HTTP: begin one and leave, follow or wait for it; go on with a stream that was cut; cancel.
 *
 * Guarantees: each route is for the caller's own runs; another's is "not found". A stream and a run end with the sign-in that they work
 * by. What a client sends names a thread and a message, and never who asks, a role or a tool's call.
 */
import { DeputizeError } from "@deputize/core";
import type { BuiltAgent } from "@deputize/agent";
import { Answer, type AgentRoute, type RouteCall, route } from "../route.ts";
import type { ErrorOptions } from "../errors.ts";
import type { RunAuthority, RunEngine } from "./run-engine.ts";
import {
  AttachedRunBody,
  ListQuery,
  RunAnswer,
  RunBody,
  RunListAnswer,
  RunParams,
  StreamQuery,
  WaitAnswer,
  WaitQuery,
  shownRun,
} from "./run-schemas.ts";
import { formatOf, runStream } from "./run-stream.ts";
import { type StoredRun, hasEnded } from "./run.ts";
import type { SignInWatches } from "./sign-in-watch.ts";

export interface RunRoutesOptions {
  readonly engine: RunEngine;
  readonly agents: ReadonlyMap<string, BuiltAgent>;
  readonly defaultAgent: BuiltAgent;
  readonly watches: SignInWatches;
  readonly errors: Omit<ErrorOptions, "requestId">;
}

/** A call as far as it says who asks. */
export type SignedCall = Pick<
  RouteCall<unknown, unknown, unknown>,
  "caller" | "agentCaller" | "identity" | "source" | "request"
>;

/** What a run of a call works by. */
export function authorityOfCall(call: SignedCall, watches: SignInWatches): RunAuthority {
  const watch = watches.of(call.request, call);
  return { caller: call.caller, agentCaller: call.agentCaller, ...(watch && { watch }) };
}

const GROUP = { group: "Runs" } as const;
const ONE = { ...GROUP, params: RunParams } as const;

export function runRoutes(options: RunRoutesOptions): readonly AgentRoute[] {
  const { engine, agents, defaultAgent, watches, errors } = options;

  function begin(call: RouteCall<unknown, unknown, RunBody>, background: boolean): Promise<StoredRun> {
    const { agent = defaultAgent.name, thread_id: threadId, message } = call.body;
    if (!agents.has(agent)) throw new DeputizeError("not_found", "there is no such agent");
    return engine.start({
      ...authorityOfCall(call, watches),
      agent,
      message,
      background,
      // A thread is named by its owner; another's, and one that is not there, are the same.
      ...(threadId !== undefined && { threadId, mustExist: true }),
      runOptions: { requestId: call.requestId },
    });
  }

  function stream(
    call: RouteCall<unknown, unknown, unknown>,
    run: string,
    after: number,
    onLeft?: () => void,
  ): Response {
    const adopt = authorityOfCall(call, watches);
    const events = (signal: AbortSignal) =>
      leaving(engine.follow(call.caller, run, { after, signal, adopt }), signal, onLeft);
    return runStream(events, {
      format: formatOf(call.request),
      signal: call.signal,
      watch: adopt.watch,
      errors: { ...errors, requestId: call.requestId },
    });
  }

  async function withMessage(call: SignedCall, run: StoredRun): Promise<WaitAnswer> {
    const shown = shownRun(run);
    const agent = agents.get(run.agent);
    if (run.messageId === undefined || !agent) return shown;
    const { messages } = await agent.core.conversations.get(call.caller, run.threadId);
    const found = messages.find(({ id }) => id === run.messageId);
    return {
      ...shown,
      ...(found && { message: { id: found.id, role: found.role, content: found.content } }),
    };
  }

  return [
    route({
      ...GROUP,
      method: "POST",
      path: "/v1/runs",
      summary:
        "Begin a run that nobody has to follow; the answer comes once it has begun or stands in the queue",
      scope: "graph:invoke",
      body: RunBody,
      answer: RunAnswer,
      status: 201,
      handler: async (call) =>
        new Answer(shownRun(await begin(call, true)), { message: "The run has begun" }),
    }),
    route({
      ...GROUP,
      method: "POST",
      path: "/v1/runs/stream",
      summary: "Begin a run and follow it: server-sent events, or NDJSON with `Accept: application/x-ndjson`",
      scope: "graph:stream",
      body: AttachedRunBody,
      type: "text/event-stream",
      timeMs: null,
      handler: async (call) => {
        const run = await begin(call, false);
        const onLeft =
          call.body.on_disconnect === "cancel" ? () => void cancelQuietly(call, run.id) : undefined;
        return stream(call, run.id, 0, onLeft);
      },
    }),
    route({
      ...GROUP,
      method: "POST",
      path: "/v1/runs/wait",
      summary:
        "Begin a run and wait for its end, a minute at most; later its answer is to be had at `GET /v1/runs/{run_id}/wait`",
      scope: "graph:invoke",
      body: AttachedRunBody,
      answer: WaitAnswer,
      timeMs: 90_000,
      handler: async (call) => {
        const run = await begin(call, false);
        const after = await engine.wait(call.caller, run.id, { signal: call.signal, timeoutMs: 60_000 });
        if (call.signal.aborted && call.body.on_disconnect === "cancel") await cancelQuietly(call, run.id);
        return withMessage(call, after);
      },
    }),
    route({
      ...GROUP,
      method: "GET",
      path: "/v1/runs",
      summary: "Own runs, newest first",
      scope: "graph:read",
      query: ListQuery,
      answer: RunListAnswer,
      handler: async ({ caller, query: { cursor, thread_id: threadId, agent, status, limit } }) => {
        const { runs, next } = await engine.list(caller, {
          limit,
          ...(agent !== undefined && { agent }),
          ...(threadId !== undefined && { threadId }),
          ...(status !== undefined && { status }),
          ...(cursor !== undefined && { after: cursor }),
        });
        return { runs: runs.map(shownRun), ...(next !== undefined && { next }) };
      },
    }),
    route({
      ...ONE,
      method: "GET",
      path: "/v1/runs/{run_id}",
      summary: "How far a run is",
      scope: "graph:read",
      answer: RunAnswer,
      handler: async ({ caller, params }) => shownRun(await engine.get(caller, params.run_id)),
    }),
    route({
      ...ONE,
      method: "GET",
      path: "/v1/runs/{run_id}/stream",
      summary: "A run's events, from the beginning or behind `Last-Event-ID`, until it ends or waits",
      scope: "graph:stream",
      query: StreamQuery,
      type: "text/event-stream",
      timeMs: null,
      handler: async (call) => {
        const after = call.query.after ?? lastEventId(call.request);
        // Asked here, so that what is not the caller's is an answer of its own and not a stream.
        const { id } = await engine.get(call.caller, call.params.run_id);
        return stream(call, id, after);
      },
    }),
    route({
      ...ONE,
      method: "GET",
      path: "/v1/runs/{run_id}/wait",
      summary: "A run once it has ended or waits, or as it is when the time is over",
      scope: "graph:invoke",
      query: WaitQuery,
      answer: WaitAnswer,
      timeMs: 90_000,
      handler: async (call) => {
        const run = await engine.wait(call.caller, call.params.run_id, {
          signal: call.signal,
          timeoutMs: call.query.timeout_seconds * 1_000,
          adopt: authorityOfCall(call, watches),
        });
        return withMessage(call, run);
      },
    }),
    route({
      ...ONE,
      method: "POST",
      path: "/v1/runs/{run_id}/cancel",
      summary: "End a run, on whatever replica it is; one that has ended stays as it is",
      scope: "graph:stop",
      answer: RunAnswer,
      handler: async ({ caller, params }) => shownRun(await engine.cancel(caller, params.run_id)),
    }),
  ];

  /** For a client that has left: whatever becomes of it, nobody hears of it. */
  async function cancelQuietly({ caller, requestId }: RouteCall<unknown, unknown, unknown>, id: string) {
    try {
      const run = await engine.get(caller, id);
      if (!hasEnded(run)) await engine.cancel(caller, id);
    } catch (error) {
      errors.log?.(error, requestId);
    }
  }
}

/** Where a cut stream goes on. Throws `validation_failed` for what was never the id of an event. */
function lastEventId(request: Request): number {
  const said = request.headers.get("last-event-id") ?? "";
  if (said === "") return 0;
  if (/^\d{1,7}$/.test(said)) return Number(said);
  throw new DeputizeError("validation_failed", "`Last-Event-ID` is the id of an event of this run");
}

/** `onLeft` is called when whoever follows leaves before the last event. */
async function* leaving<T>(
  events: AsyncGenerator<T>,
  signal: AbortSignal,
  onLeft?: () => void,
): AsyncGenerator<T> {
  let isWhole = false;
  try {
    yield* events;
    isWhole = !signal.aborted;
  } finally {
    if (!isWhole) onLeft?.();
  }
}
