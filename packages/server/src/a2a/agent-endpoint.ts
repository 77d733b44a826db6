/**
 * One agent as an A2A 1.0 agent (JSON-RPC over HTTP, streaming as server-sent events): its cards and its answers, for a caller whom
 * the server around it has verified.
 *
 * Guarantees: tasks are their owner's alone; whatever is asked of somebody else's is answered as of one that does not exist. A fault of
 * ours is told in one fixed sentence, and never with the words of the database. A run ends within a second of the end of what allowed
 * it [SR-26], and goes on without listeners for no longer than the operator set [SR-14].
 * Does not: authenticate (agent-app.ts and the agent server do), nor authorize single tools; each tool server does, for the token of
 * its own hop.
 */
import { AgentCard } from "@a2a-js/sdk";
import { A2AError, RequestMalformedError, UnsupportedOperationError } from "@a2a-js/sdk/errors";
import {
  DefaultRequestHandler,
  JsonRpcTransportHandler,
  type ServerCallContext,
  validateVersion,
} from "@a2a-js/sdk/server";
import type { Agent, AgentAuthority } from "@deputize/agent";
import { type Caller, type Clock, DeputizeError, isDeputizeError } from "@deputize/core";
import type { Store } from "@deputize/store";
import { type ServerEvent, type Watch, sseResponse } from "../sse.ts";
import type { CardSigner } from "./card-signature.ts";
import { type AgentCardOptions, agentCard } from "./card.ts";
import { createEventBuses } from "./event-buses.ts";
import { createExecutor } from "./executor.ts";
import { keptStream } from "./kept-stream.ts";
import { memoryTaskStore } from "./memory-task-store.ts";
import { type AgentCall, callContext, taskOwner } from "./owner.ts";
import { type RpcCall, type RpcError, type RpcId, readRpcCall, rpcError, rpcErrorOf } from "./rpc-request.ts";
import { createRunHold } from "./run-hold.ts";
import type { AgentTaskStore } from "./task-rules.ts";
import { createTaskRuns } from "./task-runs.ts";
import { createTaskStore } from "./task-store.ts";

export interface AgentEndpointOptions {
  readonly agent: Agent;
  /** This agent's URL: what tokens for it must name in `aud`, and where the card says it is. */
  readonly audience: string;
  readonly card: Pick<AgentCardOptions, "version" | "skills" | "documentationUrl" | "provider" | "security">;
  /** Keeps the tasks. Without it they are kept in this process, and gone with it. */
  readonly store?: Store;
  /** Signs the cards; without it they are not signed. */
  readonly signer?: CardSigner;
  /**
   * How long a task goes on when nobody listens to it any more; at most for as long as what allowed it stands. 0 unless set: it
   * stops at once, and messages that ask not to wait are refused.
   */
  readonly lingerMs?: number;
  /**
   * Who is told what an answer cost and which versions of data it rests on: agents of yours that act for the person, by
   * `caller.actors`. Nobody unless told.
   */
  readonly accountsTo?: (caller: Caller) => boolean;
  readonly clock?: Clock;
  /** Hears of faults with the request id; callers are told only that there was one. */
  readonly onFault?: (error: unknown, requestId: string) => void;
}

/** One request of a verified caller. */
export interface EndpointRequest {
  /** The body, as it came. */
  readonly body: string;
  readonly headers: Headers;
  /** Aborts when the client leaves. */
  readonly signal: AbortSignal;
  readonly caller: Caller;
  readonly authority: AgentAuthority;
  readonly requestId: string;
  readonly correlationId?: string;
  /** Tells when what allows the caller has ended. */
  readonly watch?: Watch;
}

export interface AgentEndpoint {
  /** The public card, as JSON; signed where there is a signer. */
  readonly cardJson: string;
  answer(request: EndpointRequest): Promise<Response>;
}

const INTERNAL = -32603;
const FAULT = "this agent could not answer; nothing was changed";
/** The longest that a task may go on without listeners. */
const MOST_LINGER_MS = 3_600_000;

/** A store whose faults the protocol's library may repeat to callers, since it writes them into tasks and answers. */
function withoutInternals(store: AgentTaskStore, onFault: (error: unknown) => void): AgentTaskStore {
  const guard = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (error instanceof A2AError) throw error;
      if (!isDeputizeError(error)) onFault(error);
      throw new A2AError(isDeputizeError(error) ? error.message : FAULT);
    }
  };
  return {
    save: (task, context) => guard(store.save(task, context)),
    load: (taskId, context) => guard(store.load(taskId, context)),
    list: (params, context) => guard(store.list(params, context)),
    stillAtWork: (taskId, context) => guard(store.stillAtWork(taskId, context)),
  };
}

/** Makes the endpoint of one agent. Throws `config_invalid` for a card or a time that cannot be. */
export function agentEndpoint(options: AgentEndpointOptions): AgentEndpoint {
  const { agent, audience, signer, lingerMs = 0 } = options;
  if (!(lingerMs >= 0 && lingerMs <= MOST_LINGER_MS))
    throw new DeputizeError("config_invalid", `\`lingerMs\` is from 0 to ${MOST_LINGER_MS}`);
  const about = { name: agent.name, description: agent.description, url: audience, ...options.card };
  const signed = (card: AgentCard): AgentCard => signer?.sign(card) ?? card;
  const card = signed(agentCard(about));
  const extended = card.capabilities?.extendedAgentCard ? signed(agentCard(about, "extended")) : undefined;
  const clock = options.clock ? { clock: options.clock } : {};
  const accounts = options.accountsTo ? { accountsTo: options.accountsTo } : {};
  const fault = options.onFault ? { onFault: options.onFault } : {};
  const tasks = withoutInternals(
    options.store
      ? createTaskStore({ store: options.store, agent: agent.name, ...clock })
      : memoryTaskStore(clock),
    (error) => options.onFault?.(error, "none"),
  );
  const runs = createTaskRuns();
  const handler = new DefaultRequestHandler(
    card,
    tasks,
    createExecutor({ agent, runs, ...clock, ...fault, ...accounts, stillAtWork: tasks.stillAtWork }),
    createEventBuses(),
    undefined,
    undefined,
    extended,
    undefined,
    { keepBusAliveStates: [], validateInputModes: true },
  );
  const transport = new JsonRpcTransportHandler(handler);

  /** An answer of the library, unless it tells of a fault: that is ours to hear, in its own words. Errors with `data` are meant for callers. */
  function clean(answer: unknown, id: RpcId, requestId: string): object {
    const { error } = answer as { error?: { code: number; message: string; data?: unknown } };
    if (error?.code !== INTERNAL || error.data !== undefined) return answer as object;
    options.onFault?.(new Error(`an A2A call failed: ${error.message}`), requestId);
    return rpcError(id, INTERNAL, FAULT);
  }

  /** The version that is asked for, by `Major.Minor` alone (§3.6). */
  function versionOf(headers: Headers): string {
    const asked = headers.get("a2a-version")?.trim() || "0.3";
    const version = /^(\d+\.\d+)(?:\.\d+)?$/.exec(asked)?.[1] ?? asked.slice(0, 20);
    validateVersion(version, card, "JSONRPC");
    return version;
  }

  /** Gives a task to one message only. Throws the protocol's error while another works on it. */
  async function reserve(call: RpcCall, context: ServerCallContext, owner: string): Promise<() => void> {
    if (!call.method.startsWith("Send") || call.taskId === undefined) return () => {};
    const busy = (): UnsupportedOperationError =>
      new UnsupportedOperationError("the task is at work; wait for it, or cancel it");
    const known = await tasks.load(call.taskId, context);
    // Not there, or not theirs: the library says so.
    if (!known) return () => {};
    const release = runs.reserve(owner, call.taskId);
    if (!release) throw busy();
    if (await tasks.stillAtWork(call.taskId, context)) {
      release();
      throw busy();
    }
    return release;
  }

  async function answer(request: EndpointRequest): Promise<Response> {
    const { caller, requestId, watch } = request;
    const call = readRpcCall(request.body);
    if ("error" in call) return Response.json(call, { status: statusOf(call) });
    const extensions = (request.headers.get("a2a-extensions") ?? "").split(",").map((one) => one.trim());
    const hold = createRunHold(lingerMs);
    let context: ServerCallContext;
    let release: () => void;
    let ended = (): void => {};
    const owner = taskOwner(caller);
    try {
      const version = versionOf(request.headers);
      // The tenant is the caller's. One that the request names may only repeat it.
      if (call.tenant !== "" && call.tenant !== caller.tenant)
        throw new RequestMalformedError("unknown tenant");
      if (call.returnsAtOnce && lingerMs === 0)
        throw new UnsupportedOperationError(
          "this agent works while somebody waits; leave `returnImmediately`",
        );
      const { authority, correlationId } = request;
      const ours: AgentCall = {
        caller,
        authority,
        requestId,
        ...(correlationId !== undefined && { correlationId }),
        hold,
        onEnded: () => ended(),
      };
      context = callContext(ours, version, extensions.filter((one) => one !== "").slice(0, 20));
      release = await reserve(call, context, owner);
    } catch (error) {
      return Response.json(clean(rpcErrorOf(call.id, error), call.id, requestId));
    }

    const leave = hold.join();
    // Whoever listens hears of the end before the run does, which would otherwise be the last thing that they are told.
    let tell: ((reason: DeputizeError) => void) | undefined;
    const unwatch = watch?.((reason) => {
      tell?.(reason);
      hold.end();
    });
    const watched: Watch = (onEnded) => {
      tell = onEnded;
      return () => {
        tell = undefined;
      };
    };
    const over = (): void => {
      unwatch?.();
      release();
      hold.end();
    };
    ended = over;
    try {
      const { method, id } = call;
      // The library would take a tenant from here into the context, where ours stands.
      const { tenant: _, ...params } = call.params;
      const handling = transport.handle({ jsonrpc: "2.0", id, method, params }, context);
      // What was asked not to wait goes on until it ends, or its time is up.
      if (!call.returnsAtOnce) request.signal.addEventListener("abort", leave, { once: true });
      const result = await handling;
      if (Symbol.asyncIterator in result) {
        return await stream(result as AsyncGenerator<unknown>, call, request, { leave, over, watched });
      }
      if (call.returnsAtOnce && !("error" in result)) leave();
      else over();
      return Response.json(clean(result, id, requestId));
    } catch (error) {
      over();
      throw error;
    }
  }

  async function stream(
    source: AsyncGenerator<unknown>,
    call: RpcCall,
    request: EndpointRequest,
    { leave, over, watched }: { leave: () => void; over: () => void; watched: Watch },
  ): Promise<Response> {
    const { requestId, caller } = request;
    // Whoever listens to a task keeps it going, as whoever began it does.
    const joined =
      call.taskId === undefined || call.method !== "SubscribeToTask"
        ? undefined
        : runs.holdOf(taskOwner(caller), call.taskId)?.join();
    const kept = keptStream(source);
    void kept.ended.then(over);
    const gone = (): void => {
      joined?.();
      leave();
    };
    const failed = (error: unknown): object => clean(rpcErrorOf(call.id, error), call.id, requestId);
    const events = kept.events[Symbol.asyncIterator]();
    let first: IteratorResult<unknown>;
    try {
      first = await events.next();
    } catch (error) {
      gone();
      return Response.json(failed(error));
    }
    return sseResponse((signal) => rpcEvents(first, events, signal, gone), {
      signal: request.signal,
      watch: watched,
      onError: (error) => ({
        data: isDeputizeError(error) ? rpcError(call.id, INTERNAL, error.message) : failed(error),
      }),
    });
  }

  return { cardJson: JSON.stringify(AgentCard.toJSON(card)), answer };
}

/** What is no JSON, or no request, is told by the status too. */
function statusOf({ error }: RpcError): number {
  return error.code === -32700 || error.code === -32600 ? 400 : 200;
}

/** Events of one streaming call; `gone` when nobody reads them any more, which the signal tells before the next event comes. */
async function* rpcEvents(
  first: IteratorResult<unknown>,
  rest: AsyncIterator<unknown>,
  signal: AbortSignal,
  gone: () => void,
): AsyncGenerator<ServerEvent> {
  signal.addEventListener("abort", gone, { once: true });
  try {
    for (let next = first; next.done !== true; next = await rest.next()) yield { data: next.value };
  } finally {
    gone();
    await rest.return?.();
  }
}
