import { describe, expect, it } from "vitest";
import { readEvents, sseParser } from "./event-stream.ts";

const TEXT =
  'id: 1\nevent: start\ndata: {"run_id":"r"}\n\n: keep-alive\n\nid: 2\nevent: delta\ndata: {"text":"héllo"}\n\n';

describe("the reader of server-sent events", () => {
  it("gives named events with their id", () => {
    expect(sseParser()(TEXT)).toEqual([
      { event: "start", data: '{"run_id":"r"}', id: "1" },
      { event: "delta", data: '{"text":"héllo"}', id: "2" },
    ]);
  });

  it("gives the same events wherever the network cuts the text", () => {
    const whole = sseParser()(TEXT);
    for (let size = 1; size < TEXT.length; size += 1) {
      const parse = sseParser();
      const events = [];
      for (let at = 0; at < TEXT.length; at += size) events.push(...parse(TEXT.slice(at, at + size)));
      expect(events).toEqual(whole);
    }
  });

  it.each([
    ["CRLF", "\r\n"],
    ["CR", "\r"],
  ])("takes %s as a line end", (_name, end) => {
    const parse = sseParser();
    // Something after a final CR shows that no LF follows.
    const events = [...parse(`data: a${end}data: b${end}${end}`), ...parse(":")];
    expect(events).toEqual([{ event: "message", data: "a\nb" }]);
  });

  it("skips comments and unknown fields, and drops an unfinished event", () => {
    expect(sseParser()(": hi\nretry: 5\nfoo: bar\n\ndata: lost")).toEqual([]);
  });

  it("removes one leading space of a value and no more", () => {
    expect(sseParser()("data:  x\n\ndata:y\n\n").map((event) => event.data)).toEqual([" x", "y"]);
  });

  it("reads no event without an end", () => {
    const parse = sseParser();
    const much = "x".repeat(1024 * 1024);
    expect(() => {
      for (let at = 0; at < 32; at += 1) parse(`data: ${much}\n`);
    }).toThrow(/without an end/);
    const line = sseParser();
    expect(() => {
      for (let at = 0; at < 32; at += 1) line(much);
    }).toThrow(/without an end/);
  });

  it("keeps a character whole that was cut between two chunks of bytes", async () => {
    const bytes = new TextEncoder().encode("data: 🙂\n\n");
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(bytes.slice(0, 8));
        controller.enqueue(bytes.slice(8));
        controller.close();
      },
    });
    const events = [];
    for await (const event of readEvents(body)) events.push(event.data);
    expect(events).toEqual(["🙂"]);
  });
});
