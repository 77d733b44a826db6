/**
 * One agent behind authenticated A2A 1.0 (JSON-RPC over HTTP, streaming as server-sent events), and its card.
 *
 * Guarantees: nothing of the protocol is looked at before the token is verified for this agent's own audience;
 * the run acts for that caller, with tokens exchanged for each next hop, and the received token goes no further
 * (SH-D02). A stream ends within a second of the token's end or revocation [SR-26]. Bodies are bounded.
 * Does not: authorize single tools; each tool server does, for the token of its own hop.
 */
import { AgentCard } from "@a2a-js/sdk";
import { DefaultRequestHandler, JsonRpcTransportHandler, validateVersion } from "@a2a-js/sdk/server";
import type { Agent, AgentAuthority } from "@deputize/agent";
import { type TokenVerifier, bearerAuth, problemHandler, readJson } from "@deputize/client";
import { type Caller, type Clock, currentContext, isUuid, toProblem } from "@deputize/core";
import type { Store } from "@deputize/store";
import { Hono } from "hono";
import { z } from "zod";
import { type ServerEvent, sseResponse } from "../sse.ts";
import { type AgentCardOptions, agentCard } from "./card.ts";
import { createEventBuses } from "./event-buses.ts";
import { createExecutor } from "./executor.ts";
import { callContext } from "./owner.ts";
import { createTaskStore } from "./task-store.ts";

export interface AgentAppOptions {
  readonly agent: Agent;
  readonly verifier: TokenVerifier;
  /** This agent's URL: what tokens for it must name in `aud`, and where the card says it is. */
  readonly audience: string;
  readonly store: Store;
  /**
   * The way from a verified caller to its next hops: exchanges `token` for tokens in which this agent acts.
   * Called for each request.
   */
  authorityFor(caller: Caller, token: string): AgentAuthority;
  /** Refuses callers who may not ask this agent, or ask too much, by throwing; before anything is read of the request. */
  readonly admit?: (caller: Caller) => Promise<void>;
  readonly card: Pick<AgentCardOptions, "version" | "skills" | "documentationUrl">;
  readonly clock?: Clock;
  /** Hears of faults with the request id; callers are told only that there was one. */
  readonly onFault?: (error: unknown, requestId: string) => void;
}

const MAX_BODY_BYTES = 256 * 1024;
/** What the task table keeps. */
const MAX_ID = 100;
const INTERNAL = -32603;

const RpcRequest = z.looseObject({
  jsonrpc: z.literal("2.0"),
  method: z.string().min(1).max(100),
  id: z.union([z.string().max(200), z.number().int(), z.null()]).optional(),
  params: z
    .looseObject({
      tenant: z.string().max(100).optional(),
      contextId: z.string().max(MAX_ID).optional(),
      message: z
        .looseObject({
          contextId: z.string().max(MAX_ID).optional(),
          taskId: z.string().max(MAX_ID).optional(),
          parts: z.array(z.looseObject({})).max(100).optional(),
        })
        .optional(),
    })
    .optional(),
});

function rpcError(id: unknown, code: number, message: string): object {
  return { jsonrpc: "2.0", id: id ?? null, error: { code, message } };
}

/**
 * The protocol library answers a fault of ours with the fault's own words, which name tables and quote values. The caller gets
 * a fixed sentence, and we get to hear of it.
 */
function withoutInternals(answer: unknown, onFault: (error: Error) => void): unknown {
  const error = (answer as { error?: { code?: unknown; message?: unknown } } | undefined)?.error;
  if (error?.code !== INTERNAL) return answer;
  onFault(new Error(`an A2A call failed: ${String(error.message)}`));
  return rpcError(
    (answer as { id?: unknown }).id,
    INTERNAL,
    "this agent could not answer; nothing was changed",
  );
}

/** Serves `POST /` and `GET /.well-known/agent-card.json`; mount it at the agent's path. */
export function agentApp(options: AgentAppOptions): Hono {
  const { agent, audience, verifier } = options;
  const card = agentCard({
    name: agent.name,
    description: agent.description,
    url: audience,
    ...options.card,
  });
  const clock = options.clock ? { clock: options.clock } : {};
  const fault = options.onFault ? { onFault: options.onFault } : {};
  const handler = new DefaultRequestHandler(
    card,
    createTaskStore({ store: options.store, agent: agent.name, ...clock }),
    createExecutor({ agent, ...clock, ...fault }),
    createEventBuses(),
    undefined,
    undefined,
    undefined,
    undefined,
    { keepBusAliveStates: [] },
  );
  const transport = new JsonRpcTransportHandler(handler);
  const cardJson = JSON.stringify(AgentCard.toJSON(card));

  const app = new Hono();
  problemHandler(app, options.onFault ? { log: options.onFault } : {});

  app.get("/.well-known/agent-card.json", (c) =>
    c.body(cardJson, 200, { "Content-Type": "application/json", "Cache-Control": "public, max-age=300" }),
  );

  app.post("/", bearerAuth({ verifier, audience }), async (c) => {
    const caller = c.get("caller");
    const token = (c.req.header("authorization") ?? "").slice("Bearer ".length);
    const requestId = currentContext()?.requestId ?? "none";
    await options.admit?.(caller);
    const body = await readJson(c, RpcRequest, { maxBytes: MAX_BODY_BYTES });

    const version = c.req.header("a2a-version") ?? "0.3";
    try {
      validateVersion(version, card, "JSONRPC");
    } catch (error) {
      return c.json({
        jsonrpc: "2.0",
        id: body.id ?? null,
        error: JsonRpcTransportHandler.mapToJSONRPCError(error),
      });
    }
    // The tenant is the caller's. One that the request names may only repeat it.
    const { tenant, ...params } = body.params ?? {};
    if (tenant && tenant !== caller.tenant) return c.json(rpcError(body.id, -32602, "unknown tenant"));

    const gone = new AbortController();
    c.req.raw.signal.addEventListener("abort", () => gone.abort(), { once: true });
    const theirs = c.req.header("x-request-id");
    const call = {
      caller,
      authority: options.authorityFor(caller, token),
      requestId,
      // Only an agent's, and only what can be no words of anybody: it goes into logs.
      ...(caller.actors.length > 0 && theirs !== undefined && isUuid(theirs) && { correlationId: theirs }),
      signal: gone.signal,
    };
    const answer = await transport.handle({ ...body, params }, callContext(call, version));
    const clean = (one: unknown): unknown =>
      withoutInternals(one, (error) => options.onFault?.(error, requestId));
    if (!(Symbol.asyncIterator in answer)) return c.json(clean(answer) as object);

    return sseResponse((signal) => rpcEvents(answer, clean, signal, gone), {
      signal: c.req.raw.signal,
      watch: (onEnded) => verifier.watch(caller, onEnded),
      onError: (error) => ({ data: rpcError(body.id, -32603, toProblem(error, requestId).detail) }),
    });
  });
  return app;
}

/** Events of one streaming call; the run is told when nobody reads them any more [SR-14]. */
async function* rpcEvents(
  answer: AsyncGenerator<unknown>,
  clean: (one: unknown) => unknown,
  signal: AbortSignal,
  gone: AbortController,
): AsyncGenerator<ServerEvent> {
  signal.addEventListener("abort", () => gone.abort(), { once: true });
  try {
    for await (const one of answer) yield { data: clean(one) };
  } finally {
    gone.abort();
  }
}
