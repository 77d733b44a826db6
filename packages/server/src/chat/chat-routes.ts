/**
 * Chat for people: a turn as JSON or as server-sent events, stop, and conversations.
 *
 * Guarantees: each route acts for the caller in context and for nobody else; another's conversation or run is
 * "not found". Bodies are parsed and bounded here. A stream closes when the sign-in behind it ends [SR-26], and a
 * client that leaves frees the run. Text reaches an agent only by a POST with a body, which a link cannot
 * make [SR-08].
 * Does not: authenticate or check CSRF proof; mount it behind what does.
 */
import type { Agent, AgentAuthority, Conversation, TurnEvent } from "@deputize/agent";
import { parseInput, readJson } from "@deputize/client";
import { type Caller, currentContext, isUuid, DeputizeError, requireCaller, toProblem } from "@deputize/core";
import { type Context, Hono } from "hono";
import { type ServerEvent, type Watch, sseResponse } from "../sse.ts";
import { ChatBody, MessagesQuery, PageQuery, RenameBody } from "./schemas.ts";
import { chatAnswer } from "./turn-result.ts";

export interface ChatRoutesOptions {
  readonly agent: Agent;
  /** The way from the signed-in caller of a request to the agent's hops. */
  authorityFor(c: Context, caller: Caller): Promise<AgentAuthority> | AgentAuthority;
  /** Tells when the sign-in of a request has ended. */
  watch(c: Context, caller: Caller): Watch;
  /** Puts into a stored conversation what has changed since, such as its approvals' present status. */
  readonly present?: (caller: Caller, conversation: Conversation) => Promise<Conversation>;
  /** Throws `rate_limited` when this caller asks too much. */
  readonly throttle?: (caller: Caller) => Promise<void>;
}

const MAX_BODY_BYTES = 64 * 1024;

function requestId(): string {
  return currentContext()?.requestId ?? "none";
}

function idParam(c: Context, name: string): string {
  const id = c.req.param(name);
  if (!isUuid(id)) throw new DeputizeError("not_found", "there is nothing here");
  return id;
}

/** Mount at `/api`: `chat`, `chat/stream`, `chat/:run_id/stop`, `conversations`. */
export function chatRoutes(options: ChatRoutesOptions): Hono {
  const { agent } = options;
  const app = new Hono();

  async function turnOf(c: Context) {
    const caller = requireCaller();
    const body = await readJson(c, ChatBody, { maxBytes: MAX_BODY_BYTES });
    await options.throttle?.(caller);
    const authority = await options.authorityFor(c, caller);
    return {
      caller,
      authority,
      message: body.message,
      ...(body.conversation_id !== undefined && { conversationId: body.conversation_id }),
      runOptions: { requestId: requestId() },
    };
  }

  app.post("/chat", async (c) => {
    const result = await agent.run({ ...(await turnOf(c)), signal: c.req.raw.signal });
    return c.json(chatAnswer(result));
  });

  app.post("/chat/stream", async (c) => {
    const turn = await turnOf(c);
    const id = requestId();
    const stop = new AbortController();
    const events = agent.stream({ ...turn, signal: stop.signal })[Symbol.asyncIterator]();
    // Refusals before any work are thrown by the first step; they are answered as problems, not as streams.
    const first = await events.next();
    return sseResponse((signal) => turnEvents(first, events, signal, stop), {
      signal: c.req.raw.signal,
      watch: options.watch(c, turn.caller),
      onError: (error) => ({ event: "error", data: toProblem(error, id) }),
    });
  });

  app.post("/chat/:run_id/stop", async (c) => {
    await agent.stop({ caller: requireCaller(), runId: idParam(c, "run_id") });
    return c.body(null, 204);
  });

  app.get("/conversations", async (c) => {
    const page = parseInput(PageQuery, c.req.query());
    return c.json(
      await agent.conversations.list(requireCaller(), {
        ...(page.limit !== undefined && { limit: page.limit }),
        ...(page.cursor !== undefined && { cursor: page.cursor }),
      }),
    );
  });

  app.get("/conversations/:id", async (c) => {
    const caller = requireCaller();
    const { limit, before } = parseInput(MessagesQuery, c.req.query());
    const stored = await agent.conversations.get(caller, idParam(c, "id"), {
      ...(limit !== undefined && { limit }),
      ...(before !== undefined && { before }),
    });
    return c.json(options.present ? await options.present(caller, stored) : stored);
  });

  app.patch("/conversations/:id", async (c) => {
    const { title } = await readJson(c, RenameBody);
    return c.json(await agent.conversations.rename(requireCaller(), idParam(c, "id"), title));
  });

  app.delete("/conversations/:id", async (c) => {
    await agent.conversations.delete(requireCaller(), idParam(c, "id"));
    return c.body(null, 204);
  });

  return app;
}

async function* turnEvents(
  first: IteratorResult<TurnEvent>,
  rest: AsyncIterator<TurnEvent>,
  signal: AbortSignal,
  stop: AbortController,
): AsyncGenerator<ServerEvent> {
  const onGone = (): void => stop.abort();
  signal.addEventListener("abort", onGone, { once: true });
  if (signal.aborted) stop.abort();
  try {
    for (let next = first; !next.done; next = await rest.next()) yield next.value;
  } finally {
    stop.abort();
    await rest.return?.();
  }
}
