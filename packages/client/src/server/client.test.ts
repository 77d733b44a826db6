/** Every function against the route it calls, and against a server that answers anything. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isDeputizeError } from "@deputize/core";
import type { AgentServerClient } from "./client.ts";
import { ImageBlock, MediaRef, Message, TextBlock } from "./message.ts";
import { answer, scripted } from "./scripted.fixture.ts";

type Call = (client: AgentServerClient) => Promise<unknown>;

const text = Message.text_message("Hello");
const hello = { role: "user", content: [{ type: "text", text: "Hello" }] };
const memory = { id: "m", content: "c", memory_type: "semantic", category: "x", score: 0.5 };
const file = { file_id: "f", mime_type: "image/png", size_bytes: 3, filename: "a.png" };
const thread = { thread_id: "t", thread_name: "Bright spark", updated_at: "2026-11-30T10:00:00Z" };
const run = { run_id: "r", thread_id: "t", agent: "a", status: "running", last_event_id: 2 };

const CALLS: readonly (readonly [string, Call, string, unknown, unknown])[] = [
  ["ping", (c) => c.ping(), "GET /ping", undefined, "pong"],
  [
    "graph",
    (c) => c.graph(),
    "GET /v1/graph",
    undefined,
    { info: {}, nodes: [{ id: "1", name: "n" }], edges: [] },
  ],
  [
    "graphStateSchema",
    (c) => c.graphStateSchema(),
    "GET /v1/graph:StateSchema",
    undefined,
    { properties: {} },
  ],
  ["graphTools", (c) => c.graphTools(), "GET /v1/graph/tools", undefined, { nodes: [] }],
  ["setup", (c) => c.setup(), "POST /v1/graph/setup", { tools: [] }, { success: true }],
  ["stopGraph", (c) => c.stopGraph("t"), "POST /v1/graph/stop", { thread_id: "t" }, { success: true }],
  [
    "fixGraph",
    (c) => c.fixGraph("t", { a: 1 }),
    "POST /v1/graph/fix",
    { thread_id: "t", config: { a: 1 } },
    { success: true, removed_count: 2 },
  ],
  ["createThread", (c) => c.createThread({ title: "x" }), "POST /v1/threads", { title: "x" }, thread],
  ["threads", (c) => c.threads(), "GET /v1/threads", undefined, { threads: [thread] }],
  [
    "threads by words",
    (c) => c.threads("a b", 5, 10),
    "GET /v1/threads?search=a+b&offset=5&limit=10",
    undefined,
    { threads: [] },
  ],
  [
    "threads by an object",
    (c) => c.threads({ search: "a", limit: 2 }),
    "GET /v1/threads?search=a&limit=2",
    undefined,
    { threads: [] },
  ],
  ["threadDetails", (c) => c.threadDetails("t"), "GET /v1/threads/t", undefined, { thread_data: { thread } }],
  ["renameThread", (c) => c.renameThread("t", "New"), "PATCH /v1/threads/t", { title: "New" }, thread],
  ["copyThread", (c) => c.copyThread("t"), "POST /v1/threads/t/copy", undefined, thread],
  ["deleteThread", (c) => c.deleteThread("t"), "DELETE /v1/threads/t", undefined, { success: true }],
  [
    "deleteThread with a config",
    (c) => c.deleteThread("t", {}),
    "DELETE /v1/threads/t",
    { config: {} },
    { success: true },
  ],
  [
    "threadState",
    (c) => c.threadState("t"),
    "GET /v1/threads/t/state",
    undefined,
    { state: { a: 1 }, version: 3 },
  ],
  [
    "updateThreadState",
    (c) => c.updateThreadState("t", {}, { a: 1 }, { version: 3 }),
    "PUT /v1/threads/t/state",
    { config: {}, state: { a: 1 }, version: 3 },
    { state: { a: 1 }, version: 4 },
  ],
  [
    "clearThreadState",
    (c) => c.clearThreadState("t"),
    "DELETE /v1/threads/t/state",
    undefined,
    { success: true },
  ],
  [
    "threadMessages",
    (c) => c.threadMessages("t", { limit: 5, before: 9 }),
    "GET /v1/threads/t/messages?limit=5&before=9",
    undefined,
    { messages: [hello], earlier: 4 },
  ],
  [
    "threadHistory",
    (c) => c.threadHistory("t", { limit: 5 }),
    "GET /v1/threads/t/history?limit=5",
    undefined,
    { history: [hello] },
  ],
  [
    "addThreadMessages",
    (c) => c.addThreadMessages("t", [text]),
    "POST /v1/threads/t/messages",
    { messages: [hello], config: {} },
    { messages: [hello] },
  ],
  ["singleMessage", (c) => c.singleMessage("t", "m"), "GET /v1/threads/t/messages/m", undefined, hello],
  [
    "deleteMessage",
    (c) => c.deleteMessage("t", "m"),
    "DELETE /v1/threads/t/messages/m",
    undefined,
    { success: true },
  ],
  [
    "storeMemory",
    (c) => c.storeMemory({ content: "c" }),
    "POST /v1/store/memories",
    { content: "c" },
    { memory_id: "m" },
  ],
  [
    "searchMemory",
    (c) => c.searchMemory({ query: "q", limit: 3 }),
    "POST /v1/store/search",
    { query: "q", limit: 3 },
    { results: [memory] },
  ],
  ["getMemory", (c) => c.getMemory("m"), "POST /v1/store/memories/m", {}, { memory }],
  [
    "updateMemory",
    (c) => c.updateMemory("m", "new", { metadata: { a: 1 } }),
    "PUT /v1/store/memories/m",
    { content: "new", metadata: { a: 1 } },
    { success: true },
  ],
  ["deleteMemory", (c) => c.deleteMemory("m"), "DELETE /v1/store/memories/m", undefined, { success: true }],
  [
    "listMemories",
    (c) => c.listMemories({ limit: 2 }),
    "POST /v1/store/memories/list",
    { limit: 2 },
    { memories: [memory] },
  ],
  [
    "forgetMemories",
    (c) => c.forgetMemories({ category: "x" }),
    "POST /v1/store/memories/forget",
    { category: "x" },
    { success: true, count: 2 },
  ],
  ["uploadFile", (c) => c.uploadFile(new Blob(["abc"])), "POST /v1/files/upload", undefined, file],
  ["getFile", (c) => c.getFile("f"), "GET /v1/files/f", undefined, "bytes"],
  ["getFileInfo", (c) => c.getFileInfo("f"), "GET /v1/files/f/info", undefined, file],
  [
    "getFileAccessUrl",
    (c) => c.getFileAccessUrl("f"),
    "GET /v1/files/f/url",
    undefined,
    { url: "http://x/f", expires_at: 5 },
  ],
  [
    "getMultimodalConfig",
    (c) => c.getMultimodalConfig(),
    "GET /v1/config/multimodal",
    undefined,
    { media_max_size_mb: 25 },
  ],
  ["createRun", (c) => c.createRun({ message: "Hi" }), "POST /v1/runs", { message: "Hi" }, run],
  ["run", (c) => c.run("r"), "GET /v1/runs/r", undefined, run],
  [
    "runs",
    (c) => c.runs({ status: "waiting", limit: 2 }),
    "GET /v1/runs?status=waiting&limit=2",
    undefined,
    { runs: [run], next: "n" },
  ],
  ["cancelRun", (c) => c.cancelRun("r"), "POST /v1/runs/r/cancel", undefined, run],
  [
    "approvals",
    (c) => c.approvals(),
    "GET /v1/approvals",
    undefined,
    { approvals: [{ id: "a", arguments: [{ name: "n", value: 1, source: "you" }] }] },
  ],
  [
    "decideApproval",
    (c) => c.decideApproval("a", "refuse"),
    "POST /v1/approvals/a/decide",
    { decision: "refuse" },
    { approval_id: "a", decision: "refuse", run },
  ],
];

describe("a function of the client", () => {
  it.each(CALLS)("calls its route and no other: %s", async (_name, call, route, body, data) => {
    const { client, sent, bodies } = scripted([answer(data)]);
    await call(client);
    const [request] = sent;
    expect(`${request?.method} ${request?.url.replace("http://agent.example", "")}`).toBe(route);
    expect(bodies[0]).toEqual(body);
  });

  it("gives the types that it promises, or throws, whatever the server answers", async () => {
    const anything = fc.anything({
      withNullPrototype: false,
      maxDepth: 4,
      key: fc.constantFrom(
        "id",
        "thread_id",
        "threads",
        "messages",
        "content",
        "role",
        "data",
        "state",
        "memories",
        "memory",
        "nodes",
        "runs",
        "run_id",
        "approvals",
        "arguments",
        "__proto__",
      ),
    });
    await fc.assert(
      fc.asyncProperty(
        anything,
        fc.constantFrom(...CALLS.filter(([name]) => name !== "graphStateSchema")),
        async (value, [, call]) => {
          const { client } = scripted([() => new Response(JSON.stringify({ data: value }) ?? "")]);
          try {
            checkTypes((await call(client)) as { data: unknown });
          } catch (error) {
            expect(isDeputizeError(error)).toBe(true);
          }
        },
      ),
      { numRuns: 1500 },
    );
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  it("can be handed on by itself", async () => {
    const { ping } = scripted([answer("pong")]).client;
    expect(await ping()).toMatchObject({ data: "pong", metadata: { request_id: "req-1" } });
  });
});

/** Walks what a page would: lists are lists of whole things, ids are texts. */
function checkTypes({ data }: { data: unknown }): void {
  if (typeof data !== "object" || data === null) return;
  for (const [name, value] of Object.entries(data)) {
    if (/(^|_)id$/.test(name) && value !== null) expect(typeof value).toBe("string");
    if (name === "messages")
      for (const message of value as Message[]) expect(typeof message.text()).toBe("string");
    if (["threads", "runs", "approvals", "memories", "results", "nodes"].includes(name))
      for (const item of value as object[]) expect(typeof item).toBe("object");
  }
}

it("makes messages as the original's callers do", () => {
  expect(Message.withFile("See", "f", "image/png").content[1]).toMatchObject({
    type: "image",
    media: { kind: "file_id", file_id: "f" },
  });
  expect(Message.withFile("See", "f").content[1]).toMatchObject({ type: "document" });
  expect(Message.withImage("See", "https://x/y.png").content[1]).toMatchObject({
    media: { kind: "url", url: "https://x/y.png" },
  });
  const message = Message.multimodal([
    new TextBlock("Which?"),
    new ImageBlock(new MediaRef("url", "https://x/1")),
  ]);
  message.attach_media(new MediaRef("url", "https://x/2"), "audio");
  expect(message.content.map(({ type }) => type)).toEqual(["text", "image", "audio"]);
  expect(() => message.attach_media(new MediaRef(), "smell" as "audio")).toThrow(/Unsupported media type/);
  expect(message.text()).toBe("Which?");
});
