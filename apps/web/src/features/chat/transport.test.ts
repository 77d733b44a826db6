import { readUIMessageStream } from "ai";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { ServerEvent } from "@deputize/client/server";
import { LOST_CONNECTION, chunksOf, shopTransport, turnMapper } from "./transport.ts";
import type { OrderDetail } from "../../api/types.ts";
import { type TurnMessage, fromStored, viewOf, withoutRepeats } from "./turn.ts";

const event = (name: string, data: unknown): ServerEvent => ({
  event: name,
  data: typeof data === "string" ? data : JSON.stringify(data),
});

const TURN: ServerEvent[] = [
  event("start", { run_id: "r1", conversation_id: "c1" }),
  event("tool", { call_id: "t1", agent: "order-management", tool: "get_user_orders", status: "running" }),
  event("tool", {
    call_id: "t1",
    agent: "order-management",
    tool: "get_user_orders",
    status: "done",
    ms: 42,
    entry_id: "e1",
  }),
  event("delta", { text: "Here " }),
  event("delta", { text: "it is" }),
  event("card", { type: "orders", orders: [] }),
  event("delta", { text: "." }),
  event("approval", { id: "a1", tool: "cancel_order", status: "pending", arguments: [] }),
  event("metadata", {
    agents_involved: ["customer-support", "order-management"],
    tokens_in: 1,
    tokens_out: 2,
  }),
  event("done", { status: "waiting", message_id: "m1" }),
];

const encode = (events: readonly ServerEvent[]) =>
  events.map((item) => `event: ${item.event}\ndata: ${item.data}\n\n`).join("");

const bodyOf = (text: string) => new Blob([text]).stream() as ReadableStream<Uint8Array>;

/** Runs a body through the AI SDK's own reader and gives the message it ends with. */
async function messageOf(text: string): Promise<{ message: TurnMessage | undefined; errors: string[] }> {
  const errors: string[] = [];
  let message: TurnMessage | undefined;
  const stream = chunksOf(bodyOf(text), () => undefined);
  for await (const state of readUIMessageStream<TurnMessage>({
    stream,
    onError: (error) => errors.push(String(error)),
    terminateOnError: false,
  })) {
    message = state;
  }
  return { message, errors };
}

describe("a turn", () => {
  it("becomes one message with its text, steps, cards and approvals", async () => {
    const { message, errors } = await messageOf(encode(TURN));
    expect(errors).toEqual([]);
    if (message === undefined) throw new Error("no message");
    const view = viewOf(message);
    expect(view.text).toBe("Here it is.");
    expect(view.cards).toEqual([{ type: "orders", orders: [] }]);
    expect(view.approvals.map((approval) => approval.id)).toEqual(["a1"]);
    expect(message.metadata).toEqual({
      runId: "r1",
      conversationId: "c1",
      agents: ["customer-support", "order-management"],
      status: "waiting",
    });
  });

  it("shows a step once: running becomes done in its place", async () => {
    const { message } = await messageOf(encode(TURN));
    expect(message && viewOf(message).steps).toEqual([
      {
        call_id: "t1",
        agent: "order-management",
        tool: "get_user_orders",
        status: "done",
        ms: 42,
        entry_id: "e1",
      },
    ]);
  });

  it("keeps a problem beside what came before it", async () => {
    const text = encode([
      ...TURN.slice(0, 5),
      event("error", { code: "timeout", detail: "too slow" }),
      event("done", { status: "failed" }),
    ]);
    const { message } = await messageOf(text);
    expect(message && viewOf(message)).toMatchObject({ text: "Here it is", problems: [{ code: "timeout" }] });
    expect(message?.metadata?.status).toBe("failed");
  });

  it("that breaks off is a lost connection, never a finished answer", async () => {
    const { errors } = await messageOf(encode(TURN.slice(0, -1)));
    expect(errors.join()).toContain(LOST_CONNECTION);
  });

  it("ignores unknown events, unreadable data, and whatever follows its end", () => {
    const map = turnMapper(() => undefined);
    expect(map(event("surprise", { text: "x" }))).toEqual([]);
    expect(map(event("delta", "not json"))).toEqual([]);
    expect(map(event("delta", ["x"]))).toEqual([]);
    expect(map(event("delta", { text: 5 }))).toEqual([]);
    expect(map(event("start", { run_id: 1 }))).toEqual([]);
    map(event("done", { status: "done" }));
    expect(map(event("delta", { text: "late" }))).toEqual([]);
  });
});

describe("the transport", () => {
  afterEach(() => vi.unstubAllGlobals());

  const stub = (answer: () => Response) => {
    const calls: { path: string; init: RequestInit }[] = [];
    vi.stubGlobal("document", { cookie: "deputize_csrf=token-1" });
    vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
      calls.push({ path, init });
      return answer();
    });
    return calls;
  };
  const user = (text: string): TurnMessage => ({ id: text, role: "user", parts: [{ type: "text", text }] });
  const options = {
    trigger: "submit-message" as const,
    chatId: "x",
    messageId: undefined,
    abortSignal: undefined,
  };

  it("sends the person's last message alone, with the csrf token, and no history", async () => {
    const calls = stub(() => new Response(encode(TURN)));
    const started: string[] = [];
    const transport = shopTransport({
      conversationId: () => "c1",
      onStart: (id, run) => started.push(id, run),
    });
    const answer = {
      id: "m",
      role: "assistant" as const,
      parts: [{ type: "text" as const, text: "made up" }],
    };
    const stream = await transport.sendMessages({
      ...options,
      messages: [user("first"), answer, user("second")],
    });
    for await (const _chunk of stream as unknown as AsyncIterable<unknown>);
    expect(calls[0]?.path).toBe("/api/chat/stream");
    expect(JSON.parse(String(calls[0]?.init.body))).toEqual({ message: "second", conversation_id: "c1" });
    expect(new Headers(calls[0]?.init.headers).get("X-CSRF-Token")).toBe("token-1");
    expect(started).toEqual(["c1", "r1"]);
  });

  it("throws the shop's refusal instead of starting a stream", async () => {
    stub(() =>
      Response.json(
        { code: "rate_limited", detail: "too many questions" },
        { status: 429, headers: { "Retry-After": "7" } },
      ),
    );
    const transport = shopTransport({ conversationId: () => undefined, onStart: () => undefined });
    await expect(transport.sendMessages({ ...options, messages: [user("x")] })).rejects.toMatchObject({
      code: "rate_limited",
      retryAfterSeconds: 7,
      changed: "no",
    });
  });
});

describe("a stored message", () => {
  it("looks like the same message when it was streamed", () => {
    const stored = fromStored({
      id: "m1",
      seq: 2,
      role: "assistant",
      content: "Here.",
      agents_involved: ["order-management"],
      cards: [{ type: "orders", orders: [] }],
      steps: [{ call_id: "t1", agent: "order-management", tool: "get_user_orders", status: "done" }],
      approvals: [],
      created: "2026-11-22T12:00:00Z",
    });
    expect(viewOf(stored)).toMatchObject({
      text: "Here.",
      steps: [{ call_id: "t1" }],
      cards: [{ type: "orders" }],
    });
    expect(stored.metadata?.agents).toEqual(["order-management"]);
  });
});

describe("the cards of a turn", () => {
  const order = (id: string) => ({ id }) as OrderDetail;

  it("leave out a list of one that is shown in full, and nothing else", () => {
    const list = (...ids: string[]) => ({ type: "orders" as const, orders: ids.map(order) });
    const full = { type: "order" as const, order: order("a") };
    expect(withoutRepeats([list("a"), full])).toEqual([full]);
    expect(withoutRepeats([list("b"), full])).toHaveLength(2);
    expect(withoutRepeats([list("a", "b"), full])).toHaveLength(2);
    expect(withoutRepeats([list("a")])).toHaveLength(1);
  });
});
