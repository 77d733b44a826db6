import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import {
  type AgentEvent,
  PostgresConversationStore,
  type ToolSource,
  agentMigrations,
  createAgent,
  mcpTools,
} from "@deputize/agent";
import { scriptedModel } from "@deputize/agent/testing";
import { problemHandler, requestContext } from "@deputize/client";
import { newId, withCaller } from "@deputize/core";
import { type CallLogLine, MCPServer, bearerToken, logging, memoryAudit, publicTool } from "@deputize/mcp";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { Hono } from "hono";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { agentApp } from "../a2a/agent-app.ts";
import { specialistTools } from "../a2a/call-specialist.ts";
import { serverMigrations } from "../a2a/task-store.ts";
import { chatRoutes } from "../chat/chat-routes.ts";
import { fakeAuthority, fakeVerifier, testCaller } from "../testing.ts";
import { type Collector, type SentSpan, facts, startCollector } from "./collector.fixture.ts";
import { observe } from "./observe.ts";
import { type Traces, startTraces } from "./traces.ts";

const PLANTED = /alice@example|ORD-77|secret-word|visa|dolphin/i;
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";

let store: TestStore;
let collector: Collector;
let traces: Traces | undefined;
const stops: (() => void)[] = [];

beforeAll(async () => {
  store = await openTestStore([agentMigrations, serverMigrations]);
  collector = await startCollector();
});
afterEach(async () => {
  await traces?.close();
  traces = undefined;
  for (const stop of stops.splice(0)) stop();
  collector.received.length = 0;
});
afterAll(async () => {
  collector.close();
  await store?.close();
});

/** Serves on a socket of its own, so that nothing but the wire carries a trace from one server to the next. */
async function listen(handler: (at: string) => (request: Request) => Response | Promise<Response>) {
  let answer: (request: Request) => Response | Promise<Response> = () => new Response(null, { status: 503 });
  const server = createServer(getRequestListener((request) => answer(request)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  answer = handler(at);
  stops.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return at;
}

/** An orchestrator, its specialist and the specialist's tool server; each server observed, or bare. */
async function team(observed: boolean) {
  const lines: CallLogLine[] = [];
  const events: AgentEvent[] = [];
  const audit = memoryAudit();
  const verifier = fakeVerifier();
  const conversations = new PostgresConversationStore(store);
  const app = (at: string): Hono => {
    const made = new Hono();
    problemHandler(made);
    if (observed) made.use(observe({}));
    return made.use(requestContext({ allowedHosts: [new URL(at).host] }));
  };
  const toolsAt = await listen((at) => {
    const server = new MCPServer({
      name: "orders",
      url: at,
      store,
      audit,
      auth: {
        name: "test",
        authenticate: (request) => verifier.verify(bearerToken(request), { audience: at }),
      },
    });
    server.use(logging((line) => void lines.push(line)));
    server.tool(
      "find_orders",
      {
        description: "Orders.",
        effect: "read",
        guards: [publicTool()],
        input: { email: z.string(), card: z.string() },
      },
      async (_args, { db }) =>
        db.read((tx) => tx.query("SELECT 'dolphin' AS found").then(({ rows }) => ({ rows }))),
    );
    const made = app(at);
    made.all("/", (c) => server.fetch(c.req.raw));
    return (request) => made.fetch(request);
  });
  const agent = (name: string, script: Parameters<typeof scriptedModel>[0], source: ToolSource) =>
    createAgent({
      name,
      description: name,
      model: scriptedModel(script),
      instructions: "Help. The secret-word is here.",
      toolSources: [source],
      conversations,
      audit,
      observers: [(event) => void events.push(event)],
    });
  const specialistAt = await listen((at) => {
    const made = app(at);
    const orders = agent(
      "order-management",
      [
        { calls: [{ tool: "find_orders", args: { email: "alice@example.com", card: "visa 4111" } }] },
        { calls: [{ tool: "alice@example.com" }] },
        { text: "ORD-77 ships." },
      ],
      mcpTools({ name: "orders", trust: true, url: toolsAt }),
    );
    made.route(
      "/",
      agentApp({
        agent: orders,
        verifier,
        audience: at,
        store,
        authorityFor: () => fakeAuthority("alice", ["order-management", "customer-support"], [toolsAt]),
        card: { version: "1", skills: [{ id: "o", name: "o", description: "o" }] },
      }),
    );
    return (request) => made.fetch(request);
  });
  const front = agent(
    "customer-support",
    [
      {
        calls: [
          {
            tool: "call_specialist_agent",
            args: { agent_name: "order-management", message: "alice@example.com: where is ORD-77?" },
          },
        ],
      },
      { text: "ORD-77 ships." },
    ],
    specialistTools({
      specialists: [{ name: "order-management", description: "orders", url: specialistAt }],
      fetch,
    }),
  );
  const frontAt = await listen((at) => {
    const made = app(at);
    made.use((_c, next) => withCaller(testCaller("alice"), next));
    made.route(
      "/",
      chatRoutes({
        agent: front,
        authorityFor: () => fakeAuthority("alice", ["customer-support"], [specialistAt]),
        watch: () => () => () => {},
      }),
    );
    return (request) => made.fetch(request);
  });
  return { frontAt, lines, events };
}

async function ask(at: string, path: string, headers: Record<string, string> = {}): Promise<Response> {
  traces = await startTraces({
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint },
    service: "t",
    version: "1",
  });
  const response = await fetch(`${at}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ message: "I am alice@example.com, where is ORD-77?" }),
  });
  await response.clone().text();
  await traces?.flush();
  return response;
}

/** The names from a span up to the root of its trace, requests and what else lies between left out. */
function path(span: SentSpan, all: readonly SentSpan[]): string[] {
  const names: string[] = [];
  for (let at: SentSpan | undefined = span; at; at = all.find(({ spanId }) => spanId === at?.parentSpanId))
    names.unshift(at.name);
  return names.filter((name) => name !== "http.request");
}

describe("one turn", () => {
  it.each([
    ["observed servers", true, "/chat"],
    ["observed servers, streaming", true, "/chat/stream"],
    ["servers without a span of their own", false, "/chat/stream"],
  ])("is one trace over sockets, from the asker to the database: %s [PR-F47]", async (_, observed, route) => {
    const { frontAt, lines, events } = await team(observed);
    const response = await ask(frontAt, route, { traceparent: `00-${TRACE}-${PARENT}-01` });
    expect(response.status).toBe(200);
    const all = collector.spans();

    const turn = all.filter(({ name }) => /^(?:invoke_agent|chat|execute_tool|mcp\.)/.test(name));
    expect(new Set(turn.map(({ traceId }) => traceId))).toEqual(new Set([TRACE]));
    const front = "invoke_agent customer-support";
    const asked = [front, "execute_tool call_specialist_agent"];
    const specialist = [...asked, "invoke_agent order-management"];
    const tool = [...specialist, "execute_tool find_orders", "mcp.tool"];
    const paths = turn.map((span) => path(span, all).join(" > ")).sort();
    expect(paths).toEqual(
      [
        [front],
        [front, "chat scripted"],
        [front, "chat scripted"],
        asked,
        specialist,
        [...specialist, "chat scripted"],
        [...specialist, "chat scripted"],
        [...specialist, "chat scripted"],
        [...specialist, "execute_tool find_orders"],
        [...specialist, "execute_tool (not offered)"],
        tool,
      ]
        .map((names) => names.join(" > "))
        .sort(),
    );
    const database = all.filter(({ name }) => name === "db.transaction").map((span) => path(span, all));
    expect(database.map((names) => names.join(" > "))).toContain([...tool, "db.transaction"].join(" > "));

    // The request that all began with is named by everything that came of it.
    const correlation = response.headers.get("x-request-id");
    expect(correlation).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(events.map(({ correlationId }) => correlationId))).toEqual(new Set([correlation]));
    expect(lines.map(({ correlationId }) => correlationId)).toEqual([correlation]);
    expect(new Set(turn.map((span) => facts(span)["deputize.correlation.id"]))).toEqual(
      new Set([correlation]),
    );
    expect(JSON.stringify([collector.received, events, lines])).not.toMatch(PLANTED);
  });

  it("says who, with what and for how much, in the names of the conventions", async () => {
    const { frontAt } = await team(true);
    await ask(frontAt, "/chat");
    const named = (name: string) => facts(collector.spans().find((span) => span.name === name));
    const conversation = named("invoke_agent customer-support")["gen_ai.conversation.id"];
    expect(conversation).toMatch(/^[0-9a-f-]{36}$/);
    expect(named("invoke_agent customer-support")).toMatchObject({
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.agent.name": "customer-support",
      "gen_ai.provider.name": "deputize-testing",
      "gen_ai.request.model": "scripted",
      "gen_ai.usage.input_tokens": 20,
      "gen_ai.usage.output_tokens": 20,
      "deputize.turn.status": "done",
    });
    expect(named("chat scripted")).toMatchObject({
      "gen_ai.operation.name": "chat",
      "gen_ai.usage.input_tokens": 10,
      "gen_ai.usage.output_tokens": 10,
    });
    expect(named("execute_tool find_orders")).toMatchObject({
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": "find_orders",
      "gen_ai.tool.call.id": expect.stringMatching(/^[0-9a-f-]{36}$/),
      "deputize.tool.status": "done",
    });
    expect(named("execute_tool (not offered)")).toMatchObject({ "deputize.tool.status": "refused" });
  });

  it("takes no correlation id from the person who asks", async () => {
    const { frontAt, events } = await team(true);
    const theirs = newId();
    await ask(frontAt, "/chat", { "x-request-id": theirs });
    expect(events.length).toBeGreaterThan(0);
    expect(JSON.stringify(events)).not.toContain(theirs);
    await ask(frontAt, "/chat", { "x-request-id": "alice@example.com" });
    expect(JSON.stringify(events)).not.toMatch(PLANTED);
  });
});
