import { describe, expect, it } from "vitest";
import { Message } from "./message.ts";
import { answer, refusal, scripted } from "./scripted.fixture.ts";

const text = Message.text_message("Hello");
const hello = { role: "user", content: [{ type: "text", text: "Hello" }] };

describe("asking", () => {
  const round = (messages: unknown[]) =>
    answer({ messages, meta: { thread_id: 7, is_new_thread: true, thread_name: "Bright spark" } });
  const call = {
    role: "assistant",
    content: [{ type: "remote_tool_call", id: "c1", name: "where", args: { exact: true } }],
  };
  const done = { role: "assistant", content: [{ type: "text", text: "In Rome." }], message_id: 12 };

  it("runs this client's tools until the agent is done, on one thread", async () => {
    const { client, bodies } = scripted([round([call]), round([done])]);
    client.registerTool({
      node: "tools",
      name: "where",
      handler: async ({ exact }) => ({ city: "Rome", exact }),
    });
    const parts: boolean[] = [];
    const result = await client.invoke([text], {
      initial_state: { a: 1 },
      config: { note: "x" },
      onPartialResult: ({ is_final }) => void parts.push(is_final),
    });
    expect(result.messages[0]?.text()).toBe("In Rome.");
    expect(result.messages[0]?.message_id).toBe("12");
    expect(result).toMatchObject({ iterations: 2, recursion_limit_reached: false, meta: { thread_id: "7" } });
    expect(result.all_messages).toHaveLength(3);
    expect(parts).toEqual([false, true]);
    expect(bodies).toEqual([
      { messages: [hello], initial_state: { a: 1 }, config: { note: "x" }, recursion_limit: 25 },
      {
        messages: [
          {
            role: "tool",
            content: [
              {
                type: "tool_result",
                call_id: "c1",
                output: { city: "Rome", exact: true },
                is_error: false,
                status: "completed",
              },
            ],
          },
        ],
        config: { note: "x", thread_id: "7" },
        recursion_limit: 25,
      },
    ]);
  });

  it("answers a call that it cannot run with a failure, and stops at its limit", async () => {
    const { client, bodies } = scripted([round([call])]);
    const result = await client.invoke([text], { recursion_limit: 3 });
    expect(result).toMatchObject({ iterations: 3, recursion_limit_reached: true });
    expect(JSON.stringify(bodies[1])).toContain("Tool 'where' not found");
    client.registerTool({ name: "where", handler: () => Promise.reject(new Error("no signal")) });
    expect(() => client.registerTool({ name: "where", handler: () => 1 })).toThrow(/registered already/);
    await client.invoke([text], { recursion_limit: 2 });
    expect(JSON.stringify(bodies.at(-1))).toContain("no signal");
  });

  it("sends nothing without a message", async () => {
    const { client, sent } = scripted([round([done])]);
    await expect(client.invoke([])).rejects.toMatchObject({ code: "invalid_request" });
    await expect(client.stream([]).next()).rejects.toMatchObject({ code: "invalid_request" });
    expect(sent).toEqual([]);
  });

  const chunks = [
    {
      event: "message",
      message: { role: "assistant", content: "In ", delta: true },
      thread_id: "t",
      run_id: "r",
    },
    { event: "message", message: done, thread_id: "t", run_id: "r" },
    { event: "updates", data: { status: "done" }, thread_id: "t" },
  ];

  it.each([
    ["lines of JSON", chunks.map((chunk) => JSON.stringify(chunk)).join("\n"), "application/x-ndjson"],
    [
      "server-sent events",
      chunks.map((chunk, at) => `id: ${at + 1}\ndata: ${JSON.stringify(chunk)}\n\n`).join(""),
      "text/event-stream",
    ],
  ])("gives the pieces of a stream of %s [AF-F12] [AF-D21]", async (_name, body, type) => {
    const { client } = scripted([() => new Response(body, { headers: { "Content-Type": type } })]);
    const got = [];
    for await (const chunk of client.stream([text])) got.push([chunk.event, chunk.message?.text() ?? null]);
    expect(got).toEqual([
      ["message", "In "],
      ["message", "In Rome."],
      ["updates", null],
    ]);
  });

  it("goes on behind the last piece when its stream is cut, and asks once [AF-F12]", async () => {
    const events = [
      ["delta", { text: "In " }],
      ["delta", { text: "Rome" }],
      ["done", { status: "succeeded" }],
    ] as const;
    const piece = (at: number) => {
      const [type, data] = events[at] ?? events[2];
      const isText = type === "delta";
      return {
        event: isText ? "message" : "updates",
        message: isText ? { role: "assistant", content: data.text, delta: true } : null,
        data: isText ? null : { type, ...data },
        thread_id: "t",
        run_id: "r",
      };
    };
    const type = { headers: { "Content-Type": "text/event-stream" } };
    for (let cut = 1; cut <= 2; cut += 1) {
      const first = events
        .slice(0, cut)
        .map((_, at) => `id: ${at + 1}\ndata: ${JSON.stringify(piece(at))}\n\n`);
      const rest = events
        .map(([event, data], at) => `id: ${at + 1}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
        .slice(cut);
      const { client, sent } = scripted([
        () => new Response(first.join(""), type),
        () => new Response(rest.join(""), type),
      ]);
      const got = [];
      for await (const chunk of client.stream([text]))
        got.push(chunk.message?.text() ?? (chunk.data as { type: string }).type);
      expect(got).toEqual(["In ", "Rome", "done"]);
      expect(sent.map(({ method, url }) => `${method} ${new URL(url).pathname}`)).toEqual([
        "POST /v1/graph/stream",
        "GET /v1/runs/r/stream",
      ]);
      expect(sent[1]?.headers.get("last-event-id")).toBe(String(cut));
    }
  });

  it("throws what a stream tells of as an error, with the server's code", async () => {
    const told = `${JSON.stringify({ event: "error", data: { code: "NODE_000", message: "a step failed" } })}\n`;
    const { client } = scripted([() => new Response(told)]);
    await expect(client.stream([text]).next()).rejects.toMatchObject({
      name: "NodeError",
      errorCode: "NODE_000",
    });
    const refused = scripted([refusal(422, "VALIDATION_ERROR")]);
    await expect(refused.client.stream([text]).next()).rejects.toMatchObject({ name: "ValidationError" });
  });
});
