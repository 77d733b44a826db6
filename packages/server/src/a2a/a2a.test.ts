import { type Approval, type Step, type ToolContext, type TurnEvent, agentMigrations } from "@deputize/agent";
import { newId } from "@deputize/core";
import { EMPTY_LABEL, type Label, UNKNOWN_LABEL, privateLabel } from "@deputize/guardrails/flow";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fakeAuthority, fakeToken, fakeVerifier, person, scriptedAgent, testCaller } from "../testing.ts";
import { agentApp } from "./agent-app.ts";
import { SPECIALIST_TOOL, specialistTools } from "./call-specialist.ts";
import { serverMigrations } from "./task-store.ts";

const URL_OF_ORDERS = "http://shop.test/agents/order-management";
const STEP: Step = {
  call_id: "c1",
  agent: "order-management",
  tool: "get_user_orders",
  status: "done",
  ms: 4,
  entry_id: "e-1",
};

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore([agentMigrations, serverMigrations]);
});
afterAll(() => store.close());

function approval(): Approval {
  return {
    id: newId(),
    tool: "cancel_order",
    agent: "order-management",
    summary: "Cancel order ORD-1 and refund $10.00",
    arguments: [{ name: "order_id", value: "x", source: "your data" }],
    amount: 1000,
    status: "pending",
    expires: "2026-11-22T12:00:00.000Z",
    created: "2026-11-22T11:45:00.000Z",
  };
}

const done: TurnEvent = { event: "done", data: { status: "done" } };

/** A specialist behind its app, and what an orchestrator needs to call it. */
function specialist(agent: ReturnType<typeof scriptedAgent>) {
  const verifier = fakeVerifier();
  const app = agentApp({
    agent,
    verifier,
    audience: URL_OF_ORDERS,
    store,
    authorityFor: () => fakeAuthority("alice", ["order-management", "customer-support"], []),
    card: {
      version: "1.0.0",
      skills: [{ id: "orders", name: "Orders", description: "finds and cancels orders" }],
    },
  });
  const fetch = ((input: string | URL | Request, init?: RequestInit) => {
    const request = new Request(input, init);
    const url = new URL(request.url);
    return app.fetch(new Request(url.href.replace(URL_OF_ORDERS, "http://shop.test") || url, request));
  }) as typeof globalThis.fetch;
  const tools = specialistTools({
    specialists: [{ name: "order-management", description: "orders", url: URL_OF_ORDERS }],
    fetch,
  });
  return { app, fetch, tools, verifier };
}

function context(name: string, overrides: Partial<ToolContext> = {}): ToolContext & { events: TurnEvent[] } {
  const events: TurnEvent[] = [];
  return {
    caller: testCaller(name),
    authority: fakeAuthority(name, ["customer-support"], [URL_OF_ORDERS]),
    agent: "customer-support",
    runId: newId(),
    conversationId: newId(),
    label: privateLabel(person(name), "person"),
    personMessage: "Where is my latest order?",
    signal: new AbortController().signal,
    emit: (event) => events.push(event),
    events,
    ...overrides,
  };
}

const ask = (args: object, callId = "call-1") => ({
  callId,
  tool: SPECIALIST_TOOL,
  args: args as Record<string, unknown>,
  argumentSources: {},
});
const question = ask({ agent_name: "order-management", message: "Where is my latest order?" });

async function rpc(fetch: typeof globalThis.fetch, token: string | undefined, body: object, version = "1.0") {
  const response = await fetch(URL_OF_ORDERS, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "A2A-Version": version,
      ...(token && { Authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, ...body }),
  });
  return {
    response,
    body: (await response.json()) as Record<string, never> & {
      error?: { code: number; message: string };
      result?: { tasks?: unknown[]; task?: { id: string } };
    },
  };
}

describe("one agent asks another", () => {
  it("passes on steps and cards while the specialist works, and brings back its answer with its label [SH-F33] [SR-07]", async () => {
    const label: Label = privateLabel(person("alice"), "orders/get_user_orders");
    const agent = scriptedAgent("order-management", async function* (request) {
      yield { event: "tool", data: { ...STEP, status: "running" } };
      yield { event: "tool", data: STEP };
      yield { event: "card", data: { type: "orders", orders: [] } };
      yield { event: "delta", data: { text: "It ships " } };
      yield { event: "delta", data: { text: "tomorrow." } };
      request.runOptions?.onLabel?.(label);
      yield done;
    });
    const { tools } = specialist(agent);
    const asking = context("alice");
    const outcome = await tools.call(question, asking);
    expect(outcome).toMatchObject({
      status: "done",
      content: "It ships tomorrow.",
      label,
      agents: ["order-management"],
      steps: [STEP],
    });
    expect(outcome.cards).toEqual([{ type: "orders", orders: [] }]);
    expect(asking.events.map((event) => event.event)).toEqual(["tool", "tool", "card"]);
    // What the specialist ran for, and with what words.
    expect(agent.turns[0]?.caller).toMatchObject({
      subject: person("alice"),
      actors: [testCaller("x", ["customer-support"]).actors[0]],
    });
    expect(agent.turns[0]?.message).toBe("Where is my latest order?");
    expect(agent.turns[0]?.runOptions).toMatchObject({
      inputLabel: asking.label,
      personMessage: asking.personMessage,
    });
  });

  it("reads an answer without a label as untrusted and readable by nobody [SR-07]", async () => {
    const agent = scriptedAgent("order-management", async function* () {
      yield { event: "delta", data: { text: "x" } };
      yield done;
    });
    const outcome = await specialist(agent).tools.call(question, context("alice"));
    expect(outcome.label).toMatchObject({ integrity: "untrusted", readers: [] });
  });

  it("hands an untrusted label on to the specialist [SR-07]", async () => {
    const agent = scriptedAgent("order-management", async function* () {
      yield done;
    });
    await specialist(agent).tools.call(question, context("alice", { label: UNKNOWN_LABEL }));
    expect(agent.turns[0]?.runOptions?.inputLabel).toEqual(UNKNOWN_LABEL);
  });

  it("takes the id of the request that all began with from another agent only, and none that could be words", async () => {
    const agent = scriptedAgent("order-management", async function* () {
      yield done;
    });
    const { tools } = specialist(agent);
    const id = newId();
    const bare = fakeAuthority("alice", [], [URL_OF_ORDERS]);
    await tools.call(question, context("alice", { correlationId: id }));
    await tools.call(question, context("alice", { correlationId: "alice@example.com" }));
    await tools.call(question, context("alice", { correlationId: id, authority: bare }));
    expect(agent.turns.map(({ runOptions }) => runOptions?.correlationId)).toEqual([
      id,
      undefined,
      undefined,
    ]);
  });

  it("keeps the conversation of a follow-up, and gives another person another one [SH-D32] [SR-26]", async () => {
    const agent = scriptedAgent("order-management", async function* () {
      yield done;
    });
    const conversationId = newId();
    const { tools } = specialist(agent);
    await tools.call(question, context("alice", { conversationId }));
    await tools.call(question, context("alice", { conversationId }));
    await tools.call(question, context("bob", { conversationId }));
    const [first, second, third] = agent.turns.map((turn) => turn.conversationId);
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });

  it("refuses an agent without permission in the same words as an unknown one, and never calls it [SH-D09]", async () => {
    const agent = scriptedAgent("order-management", async function* () {
      yield done;
    });
    const { tools } = specialist(agent);
    const none = { authority: fakeAuthority("alice", ["customer-support"], []) };
    expect(await tools.list(context("alice", none))).toEqual([]);
    const forbidden = await tools.call(question, context("alice", none));
    const unknown = await tools.call(ask({ agent_name: "pricing", message: "x" }), context("alice", none));
    expect(forbidden.status).toBe("refused");
    expect(String(unknown.content).replace("pricing", "order-management")).toBe(forbidden.content);
    expect(agent.turns).toHaveLength(0);
  });

  it("refuses arguments that name anybody", async () => {
    const agent = scriptedAgent("order-management", async function* () {
      yield done;
    });
    const { tools } = specialist(agent);
    const outcome = await tools.call(
      ask({ agent_name: "order-management", message: "x", user_id: person("bob") }),
      context("alice"),
    );
    expect(outcome.status).toBe("failed");
    expect(agent.turns).toHaveLength(0);
  });

  it("offers only the specialists that the authority gives tokens for", async () => {
    const agent = scriptedAgent("order-management", async function* () {});
    const [tool] = await specialist(agent).tools.list(context("alice"));
    expect(tool).toMatchObject({ name: SPECIALIST_TOOL });
    expect(JSON.stringify(tool?.inputSchema)).toContain("order-management");
  });

  it("tells nothing of a specialist's fault", async () => {
    const agent = scriptedAgent("order-management", async function* () {
      yield { event: "tool", data: STEP };
      throw new Error("password=hunter2");
    });
    const outcome = await specialist(agent).tools.call(question, context("alice"));
    expect(outcome.status).toBe("failed");
    expect(JSON.stringify(outcome)).not.toContain("hunter2");
  });

  it("stops the specialist when the asking side stops [SR-14]", async () => {
    let stopped = false;
    const stop = new AbortController();
    const agent = scriptedAgent("order-management", async function* (request) {
      yield { event: "tool", data: STEP };
      await new Promise<void>((resolve) => {
        request.signal?.addEventListener("abort", () => resolve());
        stop.abort();
      });
      stopped = true;
      yield { event: "done", data: { status: "stopped" } };
    });
    await expect(
      specialist(agent).tools.call(question, context("alice", { signal: stop.signal })),
    ).rejects.toThrow();
    await expect.poll(() => stopped).toBe(true);
  });
});

describe("a call that waits for a person", () => {
  const waiting = approval();
  const WAITING_LABEL: Label = { integrity: "trusted", readers: "public", source: "orders" };
  function cancelling() {
    return scriptedAgent(
      "order-management",
      async function* (request) {
        request.runOptions?.onLabel?.(WAITING_LABEL);
        yield { event: "tool", data: { ...STEP, tool: "cancel_order", status: "waiting" } };
        yield { event: "approval", data: waiting };
        yield { event: "done", data: { status: "waiting" } };
      },
      async function* (request) {
        request.runOptions?.onLabel?.(EMPTY_LABEL);
        yield { event: "delta", data: { text: `${request.decision}d` } };
        yield done;
      },
    );
  }

  it("brings back the approval, and goes on after a restart with the person's decision", async () => {
    const asking = context("alice");
    const paused = await specialist(cancelling()).tools.call(question, asking);
    expect(paused).toMatchObject({
      status: "waiting",
      label: WAITING_LABEL,
      approval: { id: waiting.id, summary: waiting.summary, conversation_id: asking.conversationId },
    });

    // Nothing but the store is left of the first specialist.
    const agent = cancelling();
    const { tools } = specialist(agent);
    const resume = { ...question, approval: { id: waiting.id, decision: "approve" as const } };
    const outcome = await tools.call(resume, asking);
    expect(outcome).toMatchObject({ status: "done", content: "approved", label: EMPTY_LABEL });
    expect(agent.resumptions[0]).toMatchObject({ approvalId: waiting.id, decision: "approve" });

    // The task has ended: a second resumption finds nothing to go on with.
    expect(await tools.call(resume, asking)).toMatchObject({ status: "failed" });
    expect(agent.resumptions).toHaveLength(1);
  });

  it("is somebody else's when another person names its approval or its task", async () => {
    const { tools, fetch } = specialist(cancelling());
    const asking = context("carol");
    await tools.call(question, asking);
    const resume = { ...question, approval: { id: waiting.id, decision: "approve" as const } };
    expect(
      await tools.call(resume, context("mallory", { conversationId: asking.conversationId })),
    ).toMatchObject({
      status: "failed",
    });

    const { rows } = await store.ownerQuery<{ id: string }>(
      "select id from agent.a2a_tasks where owner_id = $1",
      [person("carol")],
    );
    const id = rows[0]?.id ?? "";
    const foreign = fakeToken("mallory", [], URL_OF_ORDERS);
    const own = fakeToken("carol", [], URL_OF_ORDERS);
    expect((await rpc(fetch, own, { method: "GetTask", params: { id } })).body.result).toMatchObject({ id });
    expect((await rpc(fetch, foreign, { method: "GetTask", params: { id } })).body.error?.code).toBe(-32001);
    expect((await rpc(fetch, foreign, { method: "CancelTask", params: { id } })).body.error?.code).toBe(
      -32001,
    );
    expect((await rpc(fetch, foreign, { method: "ListTasks", params: {} })).body.result?.tasks).toEqual([]);
    const takeOver = { message: { messageId: "m", taskId: id, role: "ROLE_USER", parts: [{ text: "hi" }] } };
    expect((await rpc(fetch, foreign, { method: "SendMessage", params: takeOver })).body.error?.code).toBe(
      -32001,
    );
  });
});

describe("the door of an agent", () => {
  const agent = scriptedAgent("order-management", async function* () {
    yield done;
  });
  const send = {
    method: "SendMessage",
    params: { message: { messageId: "m", role: "ROLE_USER", parts: [{ text: "hi" }] } },
  };

  it("shows its card to everyone, and only what is public in it", async () => {
    const { app } = specialist(agent);
    const response = await app.request("/.well-known/agent-card.json");
    expect(response.status).toBe(200);
    const card = (await response.json()) as Record<string, unknown>;
    expect(card).toMatchObject({
      name: "order-management",
      supportedInterfaces: [{ url: URL_OF_ORDERS, protocolBinding: "JSONRPC", protocolVersion: "1.0" }],
    });
    expect(JSON.stringify(card)).toContain("Bearer");
    expect(JSON.stringify(card)).not.toContain("get_user_orders");
  });

  it("answers 401 with a challenge to no token, a token for somebody else, and a revoked one [SH-D02]", async () => {
    const { fetch, verifier } = specialist(agent);
    const before = agent.turns.length;
    const good = fakeToken("alice", ["customer-support"], URL_OF_ORDERS);
    const elsewhere = fakeToken("alice", [], "http://shop.test");
    for (const token of [undefined, elsewhere, "a.b.c"]) {
      const { response } = await rpc(fetch, token, send);
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toContain("Bearer");
      expect(response.headers.get("content-type")).toContain("application/problem+json");
    }
    expect(agent.turns).toHaveLength(before);
    expect((await rpc(fetch, good, send)).response.status).toBe(200);
    verifier.revokeAll();
    expect((await rpc(fetch, good, send)).response.status).toBe(401);
  });

  it("ends a stream when its token is revoked [SR-26]", async () => {
    let stopped = false;
    const slow = scriptedAgent("order-management", async function* (request) {
      yield { event: "tool", data: STEP };
      await new Promise<void>((resolve) => request.signal?.addEventListener("abort", () => resolve()));
      stopped = true;
    });
    const { fetch, verifier } = specialist(slow);
    const response = await fetch(URL_OF_ORDERS, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "A2A-Version": "1.0",
        Authorization: `Bearer ${fakeToken("alice", [], URL_OF_ORDERS)}`,
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, ...send, method: "SendStreamingMessage" }),
    });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes("get_user_orders")) text += (await reader?.read())?.value ?? "";
    verifier.revokeAll();
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) text += next.value;
    expect(text).toContain("revoked");
    await expect.poll(() => stopped).toBe(true);
  });

  it("speaks 1.0 only, and takes the tenant from the token", async () => {
    const { fetch } = specialist(agent);
    const token = fakeToken("alice", [], URL_OF_ORDERS);
    expect((await rpc(fetch, token, send, "0.3")).body.error?.message).toContain("not supported");
    const other = { ...send, params: { ...send.params, tenant: "other" } };
    expect((await rpc(fetch, token, other)).body.error?.code).toBe(-32602);
    const same = { ...send, params: { ...send.params, tenant: "default" } };
    expect((await rpc(fetch, token, same)).body.result?.task).toBeDefined();
  });

  it("refuses bodies that are too large or no JSON-RPC, and push notifications", async () => {
    const { fetch, app } = specialist(agent);
    const token = fakeToken("alice", [], URL_OF_ORDERS);
    const headers = {
      "Content-Type": "application/json",
      "A2A-Version": "1.0",
      Authorization: `Bearer ${token}`,
    };
    const post = (body: string) => app.request("/", { method: "POST", headers, body });
    expect((await post(JSON.stringify({ x: "y".repeat(300_000) }))).status).toBe(413);
    expect((await post("{")).status).toBe(400);
    const push = {
      method: "CreateTaskPushNotificationConfig",
      params: { taskId: "t", url: "http://169.254.169.254/" },
    };
    expect((await rpc(fetch, token, push)).body.error).toBeDefined();
  });

  it("tells nothing of the database to whoever sends what it cannot keep", async () => {
    const { fetch } = specialist(agent);
    const token = fakeToken("alice", [], URL_OF_ORDERS);
    const said = (over: object) => ({
      method: "SendMessage",
      params: { message: { messageId: "m", role: "ROLE_USER", parts: [{ text: "hi" }], ...over } },
    });
    const odd = [
      said({ parts: [{ text: "a\0b" }] }),
      said({ parts: [{ text: "\ud800" }] }),
      said({ parts: [null] }),
      said({ contextId: "x".repeat(300) }),
      said({ metadata: { a: "\0" } }),
      { method: "GetTask", params: { id: "a\0" } },
      { method: "ListTasks", params: { statusTimestampAfter: "2026" } },
      ...["2026", "0", "+275760-09-13T00:00:00.000Z"].map((at) => ({
        method: "ListTasks",
        params: { pageToken: Buffer.from(JSON.stringify([at, "x"])).toString("base64url") },
      })),
    ];
    for (const body of odd) {
      const text = JSON.stringify((await rpc(fetch, token, body)).body);
      expect(text).not.toMatch(/syntax|encoding|relation|escape|out of range|reading '/);
    }
  });
});
