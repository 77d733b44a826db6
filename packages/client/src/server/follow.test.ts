import { describe, expect, it } from "vitest";
import { answer, refusal, scripted, type Reply } from "./scripted.fixture.ts";
import { bearerAuth } from "./auth.ts";
import type { RunEvent } from "./run-events.ts";

const EVENTS: readonly (readonly [string, unknown])[] = [
  ["start", { run_id: "r", thread_id: "t" }],
  ["delta", { text: "Hel" }],
  ["tool", { call_id: "c", agent: "a", tool: "look", status: "running" }],
  ["new_kind", { something: 1 }],
  ["delta", { text: "lo 🙂" }],
  ["done", { status: "succeeded", message_id: "m" }],
];

function frames(from: number): string {
  return EVENTS.map(([event, data], at) => ({ event, data, seq: at + 1 }))
    .filter(({ seq }) => seq > from)
    .map(({ event, data, seq }) => `id: ${seq}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
    .join("");
}

function stream(bytes: Uint8Array<ArrayBuffer>, end: "close" | "break" | "hang" = "close"): Response {
  let sent = false;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (!sent) controller.enqueue(bytes);
      else if (end === "break") controller.error(new TypeError("terminated"));
      else if (end === "close") controller.close();
      sent = true;
    },
  });
  return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
}

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const after = (request: Request): number => Number(request.headers.get("last-event-id") ?? 0);
const whole: Reply = (request) => stream(bytesOf(frames(after(request))));

async function all(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const got: RunEvent[] = [];
  for await (const event of events) got.push(event);
  return got;
}

const seqs = (events: readonly RunEvent[]): number[] => events.map(({ seq }) => seq);

describe("a run that is followed", () => {
  it("gives each event once and in order, wherever its connection is cut [AF-F12]", async () => {
    const bytes = bytesOf(frames(0));
    for (let cut = 0; cut <= bytes.length; cut += 7) {
      for (const end of ["close", "break"] as const) {
        const { client } = scripted([() => stream(bytes.slice(0, cut), end), whole]);
        expect(seqs(await all(client.streamRun("r")))).toEqual([1, 2, 3, 4, 5, 6]);
      }
    }
  });

  it("asks for what comes behind the last event, in a header", async () => {
    const { client, sent } = scripted([whole]);
    expect(seqs(await all(client.streamRun("r", { after: 3 })))).toEqual([4, 5, 6]);
    expect(sent[0]?.headers.get("last-event-id")).toBe("3");
    expect(sent[0]?.headers.get("accept")).toBe("text/event-stream");
    expect(sent[0]?.url).not.toContain("?");
  });

  it("leaves out what comes twice, and does not jump a gap [AF-F12]", async () => {
    const twice = scripted([
      () => stream(bytesOf(frames(0).slice(0, -10))),
      () => stream(bytesOf(frames(0))),
    ]);
    expect(seqs(await all(twice.client.streamRun("r")))).toEqual([1, 2, 3, 4, 5, 6]);
    const holed = scripted([() => stream(bytesOf(frames(0).split("id: 3")[0] + frames(3))), whole]);
    expect(seqs(await all(holed.client.streamRun("r")))).toEqual([1, 2, 3, 4, 5, 6]);
    const always = scripted([() => stream(bytesOf(frames(2)))], { retry: { attempts: 2, baseMs: 1 } });
    await expect(all(always.client.streamRun("r"))).rejects.toThrow(/left out an event/);
  });

  it("renews its token in between, and goes on [AF-F15]", async () => {
    const { client, sent } = scripted(
      [() => stream(bytesOf(frames(0).slice(0, 60)), "break"), refusal(401, "EXPIRED_TOKEN"), whole],
      { auth: bearerAuth(({ refused }) => (refused ? "second" : "first")) },
    );
    expect(seqs(await all(client.streamRun("r")))).toHaveLength(6);
    expect(sent.map(({ headers }) => headers.get("authorization"))).toEqual([
      "Bearer first",
      "Bearer first",
      "Bearer second",
    ]);
  });

  it("ends with what the server refuses", async () => {
    const gone = scripted([refusal(404, "RESOURCE_NOT_FOUND")]);
    await expect(all(gone.client.streamRun("r"))).rejects.toMatchObject({ errorCode: "RESOURCE_NOT_FOUND" });
  });

  it("goes on when the server ends the stream and not the run, and else tells why", async () => {
    const ended = `${frames(0).split("id: 3")[0]}event: stream_error\ndata: {"code":"EXPIRED_TOKEN","message":"ended"}\n\n`;
    const cut: Reply = () => stream(bytesOf(ended));
    const { client } = scripted([cut, whole]);
    expect(seqs(await all(client.streamRun("r")))).toEqual([1, 2, 3, 4, 5, 6]);
    const fixed = scripted([cut, refusal(401, "EXPIRED_TOKEN")], { authToken: "fixed" });
    await expect(all(fixed.client.streamRun("r"))).rejects.toMatchObject({ errorCode: "EXPIRED_TOKEN" });
    const again = scripted([cut], { retry: { attempts: 2, baseMs: 1 } });
    await expect(all(again.client.streamRun("r"))).rejects.toMatchObject({
      name: "AuthenticationError",
      errorCode: "EXPIRED_TOKEN",
    });
  });

  it("is over at once when there is nothing behind the last event", async () => {
    const run = { run_id: "r", thread_id: "t", status: "succeeded", last_event_id: 6 };
    const { client, sent } = scripted([() => stream(bytesOf("")), answer(run)]);
    expect(await all(client.streamRun("r", { after: 6 }))).toEqual([]);
    expect(sent).toHaveLength(2);
  });

  it("is given up after so many attempts without a new event, and not before", async () => {
    const slow: Reply = (request) =>
      stream(bytesOf(`${frames(after(request)).split("\n\n")[0]}\n\n`), "break");
    const { client, sent } = scripted([slow], { retry: { attempts: 2, baseMs: 1 } });
    expect(seqs(await all(client.streamRun("r")))).toHaveLength(6);
    expect(sent).toHaveLength(6);
    const run = answer({ run_id: "r", thread_id: "t", status: "running", last_event_id: 0 });
    const hello: Reply = (request) =>
      request.url.endsWith("stream") ? stream(bytesOf(": hello\n\n")) : run(request);
    const silent = scripted([hello], { retry: { attempts: 3, baseMs: 1 } });
    await expect(all(silent.client.streamRun("r"))).rejects.toThrow(/ended early/);
    expect(silent.sent).toHaveLength(6);
  });

  it("stops with its reader, and lets the connection go", async () => {
    let cancelled = false;
    const { client } = scripted([
      () =>
        new Response(
          new ReadableStream({
            start: (c) => c.enqueue(bytesOf(frames(0).split("\n\n").slice(0, 2).join("\n\n") + "\n\n")),
            cancel: () => {
              cancelled = true;
            },
          }),
        ),
    ]);
    for await (const { event } of client.streamRun("r")) if (event === "delta") break;
    expect(cancelled).toBe(true);
    const stop = new AbortController();
    const hanging = scripted([() => stream(bytesOf(frames(0).slice(0, 30)), "hang")]);
    setTimeout(() => stop.abort(new Error("enough")), 20);
    await expect(all(hanging.client.streamRun("r", { signal: stop.signal }))).rejects.toThrow("enough");
  });

  it("keeps events of a kind that it does not know, and takes none that is no object", async () => {
    const { client } = scripted([whole]);
    expect((await all(client.streamRun("r")))[3]).toEqual({
      seq: 4,
      event: "unknown",
      data: { name: "new_kind", value: { something: 1 } },
    });
    const bad = scripted([() => stream(bytesOf("id: 1\nevent: start\ndata: 7\n\n"))], {
      retry: { attempts: 1 },
    });
    await expect(all(bad.client.streamRun("r"))).rejects.toThrow(/no JSON object/);
  });
});

it("waits for a run by following it", async () => {
  const run = { run_id: "r", thread_id: "t", agent: "a", status: "succeeded" };
  const { client } = scripted([whole, answer(run)]);
  expect((await client.waitForRun("r")).data).toMatchObject({
    run_id: "r",
    status: "succeeded",
    error: null,
  });
});
