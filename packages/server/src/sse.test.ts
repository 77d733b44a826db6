import { setTimeout as sleep } from "node:timers/promises";
import { requestContext } from "@deputize/client";
import { DeputizeError, currentContext } from "@deputize/core";
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { type ServerEvent, encodeEvent, pollWatch, sseResponse } from "./sse.ts";

async function* three(): AsyncGenerator<ServerEvent> {
  yield { event: "start", data: { run_id: "r" } };
  yield { event: "card", data: { text: "two\nlines\r\nand more" } };
  yield { event: "done", data: { status: "done" } };
}

/** A source that never ends by itself, and says what became of it. */
function endless(): {
  source: (signal: AbortSignal) => AsyncGenerator<ServerEvent>;
  state: { stopped: boolean };
} {
  const state = { stopped: false };
  return {
    state,
    source: async function* (signal) {
      yield { event: "start", data: {} };
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      state.stopped = true;
    },
  };
}

describe("server-sent events", () => {
  it("names and numbers every event", async () => {
    const response = sseResponse(three, { signal: new AbortController().signal });
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const text = await response.text();
    expect(text.match(/^id: \d+$/gm)).toEqual(["id: 1", "id: 2", "id: 3"]);
    expect(text.match(/^event: \w+$/gm)).toEqual(["event: start", "event: card", "event: done"]);
  });

  it("carries the request's id and the headers that keep a browser from guessing, like any other answer", async () => {
    const app = new Hono();
    app.use(requestContext({ allowedHosts: ["localhost"] }));
    app.get("/", (c) => c.json({ id: currentContext()?.requestId }));
    app.get("/stream", () => sseResponse(three, { signal: new AbortController().signal }));
    for (const path of ["/", "/stream"]) {
      const { headers } = await app.request(path);
      expect(headers.get("x-request-id"), path).toMatch(/^[0-9a-f-]{36}$/);
      expect(headers.get("x-content-type-options"), path).toBe("nosniff");
    }
  });

  it("keeps a card with line breaks in one event [SH-D17]", () => {
    const wire = encodeEvent(7, { event: "card", data: { text: "two\nlines\r\nand \u2028 more" } });
    const data = wire.split("\n").filter((line) => line.startsWith("data: "));
    expect(data).toHaveLength(1);
    expect(JSON.parse(data[0]?.slice(6) ?? "")).toEqual({ text: "two\nlines\r\nand \u2028 more" });
  });

  it("ends the stream and the work when the sign-in behind it ends [SR-26]", async () => {
    const { source, state } = endless();
    let allowed = true;
    const response = sseResponse(source, {
      signal: new AbortController().signal,
      watch: pollWatch(async () => allowed, 20),
      onError: (error) => ({ event: "error", data: { code: (error as DeputizeError).code } }),
    });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toContain("event: start");
    allowed = false;
    expect((await reader?.read())?.value).toContain('"unauthenticated"');
    expect((await reader?.read())?.done).toBe(true);
    await sleep(5);
    expect(state.stopped).toBe(true);
  });

  it("treats a check that throws as a no [SR-26]", async () => {
    const { source } = endless();
    const response = sseResponse(source, {
      signal: new AbortController().signal,
      watch: pollWatch(() => Promise.reject(new Error("down")), 10),
    });
    expect(await response.text()).toContain("event: start");
  });

  it("stops the work when the client leaves", async () => {
    for (const leave of ["signal", "cancel"] as const) {
      const { source, state } = endless();
      const client = new AbortController();
      const response = sseResponse(source, { signal: client.signal });
      const reader = response.body?.getReader();
      await reader?.read();
      if (leave === "signal") client.abort();
      else await reader?.cancel();
      await sleep(5);
      expect(state.stopped, leave).toBe(true);
    }
  });

  it("takes no more from its source than the client reads, and cuts one that reads nothing", async () => {
    let made = 0;
    const wide = async function* (): AsyncGenerator<ServerEvent> {
      for (; made < 1_000; made++) yield { data: "x".repeat(10_000) };
    };
    const response = sseResponse(wide, { signal: new AbortController().signal, stallMs: 50 });
    await sleep(10);
    const ahead = made;
    expect(ahead).toBeLessThan(10);
    const reader = response.body?.getReader();
    await reader?.read();
    await sleep(10);
    expect(made).toBe(ahead + 1);
    await sleep(80);
    await expect(
      (async () => {
        while (!(await reader?.read())?.done);
      })(),
    ).rejects.toThrow("the client reads nothing");
    expect(made).toBeLessThan(12);
  });

  it("takes its source's ids, and says nothing of one where there is none", async () => {
    const numbered = async function* (): AsyncGenerator<ServerEvent> {
      yield { id: 41, event: "a", data: 1 };
      yield { id: null, event: "b", data: 2 };
    };
    const signal = new AbortController().signal;
    expect(await sseResponse(numbered, { signal }).text()).toBe(
      "id: 41\nevent: a\ndata: 1\n\nevent: b\ndata: 2\n\n",
    );
    const lines = sseResponse(numbered, { signal, format: "ndjson" });
    expect(lines.headers.get("content-type")).toContain("application/x-ndjson");
    expect(await lines.text()).toBe('{"id":41,"event":"a","data":1}\n{"event":"b","data":2}\n');
  });

  it("ends past its size and tells why", async () => {
    const response = sseResponse(
      async function* () {
        for (;;) yield { data: "x".repeat(1000) };
      },
      {
        signal: new AbortController().signal,
        maxBytes: 5000,
        onError: (error) => ({ event: "error", data: { code: (error as DeputizeError).code } }),
      },
    );
    const text = await response.text();
    expect(text.length).toBeLessThan(8000);
    expect(text).toContain('"limit_exceeded"');
  });

  it("sends nothing of an unknown fault unless told how", async () => {
    const response = sseResponse(
      // eslint-disable-next-line require-yield
      async function* () {
        throw new Error("secret detail");
      },
      { signal: new AbortController().signal },
    );
    expect(await response.text()).toBe("");
  });

  it("keeps an idle stream open with comments", async () => {
    const { source } = endless();
    const client = new AbortController();
    const response = sseResponse(source, { signal: client.signal, heartbeatMs: 10 });
    setTimeout(() => client.abort(), 60);
    expect(await response.text()).toContain(": keep-alive");
  });
});
