import { setTimeout as sleep } from "node:timers/promises";
import { InMemoryConversationStore, type TurnEvent } from "@deputize/agent";
import { problemHandler } from "@deputize/client";
import { DeputizeError, newId, systemClock, withCaller } from "@deputize/core";
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { pollWatch } from "../sse.ts";
import { fakeAuthority, scriptedAgent, testCaller } from "../testing.ts";
import { type ChatRoutesOptions, chatRoutes } from "./chat-routes.ts";

const start: TurnEvent = { event: "start", data: { run_id: newId(), conversation_id: newId() } };
const done: TurnEvent = { event: "done", data: { status: "done" } };

function api(agent: ChatRoutesOptions["agent"], more: Partial<ChatRoutesOptions> = {}): Hono {
  const app = new Hono();
  problemHandler(app);
  app.use((_c, next) => withCaller(testCaller("alice"), next));
  app.route(
    "/api",
    chatRoutes({
      agent,
      authorityFor: () => fakeAuthority("alice", [], []),
      watch: () => () => () => {},
      ...more,
    }),
  );
  return app;
}

const ask = (body: unknown, signal?: AbortSignal): RequestInit => ({
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
  ...(signal && { signal }),
});

/** An agent that works until it is stopped. */
function endless() {
  const state = { stopped: false };
  const agent = scriptedAgent("customer-support", async function* (request) {
    yield start;
    await new Promise<void>((resolve) =>
      request.signal?.addEventListener("abort", () => resolve(), { once: true }),
    );
    state.stopped = true;
  });
  return { agent, state };
}

describe("POST /api/chat/stream", () => {
  it("passes events on by name, unchanged", async () => {
    const agent = scriptedAgent("customer-support", async function* () {
      yield start;
      yield { event: "delta", data: { text: "line one\nline two" } };
      yield done;
    });
    const text = await (await api(agent).request("/api/chat/stream", ask({ message: " hi " }))).text();
    expect(text).toContain('id: 2\nevent: delta\ndata: {"text":"line one\\nline two"}\n\n');
    expect(agent.turns[0]).toMatchObject({ message: "hi", caller: { subject: testCaller("alice").subject } });
  });

  it("answers a refusal before any work as a problem, not as a stream", async () => {
    // oxlint-disable-next-line require-yield
    const agent = scriptedAgent("customer-support", async function* () {
      throw new DeputizeError("conflict", "this conversation is busy");
    });
    const response = await api(agent).request("/api/chat/stream", ask({ message: "hi" }));
    expect(response.status).toBe(409);
    expect(response.headers.get("content-type")).toContain("problem+json");
  });

  it("tells a later fault as an error event, without its words [AF-D16]", async () => {
    const agent = scriptedAgent("customer-support", async function* () {
      yield start;
      throw new Error("password=hunter2");
    });
    const text = await (await api(agent).request("/api/chat/stream", ask({ message: "hi" }))).text();
    expect(text).toContain('"code":"internal"');
    expect(text).not.toContain("hunter2");
  });

  it("closes and stops the run when the sign-in ends [SR-26]", async () => {
    const { agent, state } = endless();
    let signedIn = true;
    const app = api(agent, { watch: () => pollWatch(async () => signedIn, 10) });
    const response = await app.request("/api/chat/stream", ask({ message: "hi" }));
    setTimeout(() => {
      signedIn = false;
    }, 30);
    expect(await response.text()).toContain('"code":"unauthenticated"');
    await sleep(5);
    expect(state.stopped).toBe(true);
  });

  it("frees the run when the client leaves", async () => {
    const { agent, state } = endless();
    const client = new AbortController();
    const response = await api(agent).request("/api/chat/stream", ask({ message: "hi" }, client.signal));
    await response.body?.getReader().read();
    client.abort();
    await sleep(10);
    expect(state.stopped).toBe(true);
  });

  it("does not begin a turn for somebody who asks too much, or a malformed body", async () => {
    const { agent } = endless();
    const throttled = api(agent, {
      throttle: async () => {
        throw new DeputizeError("rate_limited", "too many", { retryAfterSeconds: 7 });
      },
    });
    const response = await throttled.request("/api/chat/stream", ask({ message: "hi" }));
    expect(response.status).toBe(429);
    expect(response.headers.get("retry-after")).toBe("7");
    for (const body of [
      {},
      { message: "" },
      { message: "x".repeat(8001) },
      { message: "hi", conversation_id: "1" },
      { message: "hi", role: "admin" },
    ]) {
      expect((await api(agent).request("/api/chat/stream", ask(body))).status).toBe(422);
    }
    expect(agent.turns).toHaveLength(0);
  });

  it("takes no text from a link: only a POST with a JSON body is a question [SR-08]", async () => {
    const { agent } = endless();
    const app = api(agent);
    expect((await app.request("/api/chat/stream?message=hi")).status).toBe(405);
    const form = {
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      body: "message=hi",
    };
    expect((await app.request("/api/chat/stream", form)).status).toBe(400);
    expect(agent.turns).toHaveLength(0);
  });
});

describe("GET /api/conversations/:id", () => {
  it("gives the newest messages, and older ones by what it says", async () => {
    const room = new InMemoryConversationStore().open("customer-support", systemClock);
    const label = { integrity: "trusted", readers: "public", source: "person" } as const;
    const caller = testCaller("alice");
    const turn = { conversationId: undefined, mustExist: false, message: "hi", label, history: 1 };
    const { conversationId: id, runId } = await room.claimTurn(caller, turn);
    const plain = { agentsInvolved: [], cards: [], steps: [], approvals: [], tokensIn: 0, tokensOut: 0 };
    await room.finish(caller, { runId, conversationId: id }, "done", { content: "Hello.", label, ...plain });
    const agent = { ...scriptedAgent("customer-support", async function* () {}), conversations: room };
    const app = api(agent);
    const read = async (query: string) => {
      const response = await app.request(`/api/conversations/${id}${query}`);
      return (await response.json()) as { messages?: { seq: number }[]; earlier?: number; code?: string };
    };
    expect(await read("")).toMatchObject({ messages: [{ seq: 1 }, { seq: 2 }] });
    expect(await read("?limit=1")).toMatchObject({ messages: [{ seq: 2 }], earlier: 2 });
    expect(await read("?before=2")).toMatchObject({ messages: [{ seq: 1 }] });
    for (const query of ["?limit=0", "?limit=1001", "?before=x", "?page=2"])
      expect(await read(query)).toMatchObject({ code: "validation_failed" });
  });
});
