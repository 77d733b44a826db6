/** Terminal, files and metrics: what they show, and whose they are. */
import { chmod, mkdtemp, readFile, readdir, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { DeputizeError, NameList, installTelemetry } from "@deputize/core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { EVERY_KIND, called, ended, eventOf } from "../events.fixture.ts";
import { consoleTransport } from "./console.ts";
import { htmlReportTransport } from "./html-report.ts";
import { jsonLogTransport } from "./json-log.ts";
import { prometheusTransport } from "./prometheus.ts";

const signal = new AbortController().signal;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "transports-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const HOSTILE = `<script>alert(1)</script><img src=x onerror='x'>"&\u001B[2J\u202E\n`;

describe("consoleTransport", () => {
  async function lines(
    options: { readonly isTTY?: boolean; readonly colors?: boolean },
    events = EVERY_KIND.map((fact) => eventOf(fact)),
  ): Promise<string[]> {
    const { isTTY = false, ...rest } = options;
    const stream = Object.assign(new PassThrough(), { isTTY });
    await consoleTransport({ ...rest, stream }).send(events, signal);
    return String(stream.read()).trimEnd().split("\n");
  }

  it("writes one short line a record, in colours on a terminal only, and not where NO_COLOR is set", async () => {
    vi.stubEnv("NO_COLOR", "");
    const plain = await lines({});
    expect(plain).toHaveLength(EVERY_KIND.length);
    expect(plain.join("\n")).not.toContain("\u001B");
    expect(plain[3]).toBe(
      "12:00:01.000 000000c1 front model openai:gpt-5-mini 400 ms (100 in, 20 out, $1.5000)",
    );
    expect(plain.at(-1)).toContain("turn failed: unavailable 900 ms (100 in, 20 out)");
    expect((await lines({ isTTY: true })).join("\n")).toContain("\u001B[31m");
    expect((await lines({ isTTY: true, colors: false })).join("\n")).not.toContain("\u001B");
    vi.stubEnv("NO_COLOR", "1");
    expect((await lines({ isTTY: true })).join("\n")).not.toContain("\u001B");
    vi.unstubAllEnvs();
  });

  it("lets no record move the cursor", async () => {
    const event = eventOf(called(HOSTILE), { correlationId: HOSTILE, texts: { answer: HOSTILE } });
    const [line, ...more] = await lines({ colors: true }, [event]);
    expect(more).toEqual([]);
    for (const hostile of ["\u001B[2J", "\u202E"]) expect(line).not.toContain(hostile);
  });
});

describe("jsonLogTransport", () => {
  it("appends one JSON a line to a file that is its owner's alone, and goes on after a rotation", async () => {
    const file = join(folder, "log.jsonl");
    await writeFile(file, "", { mode: 0o644 });
    await chmod(file, 0o644);
    const log = jsonLogTransport({ file });
    await log.send([eventOf(ended("failed")), eventOf(called("m"))], signal);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const read = (await readFile(file, "utf8"))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect(read).toMatchObject([
      {
        "@timestamp": "2026-11-30T12:00:01.000Z",
        level: "error",
        message: "turn_ended",
        agent_event: { agent: "front" },
      },
      { level: "info", message: "model_called" },
    ]);
    await rename(file, `${file}.1`);
    await log.send([eventOf({ kind: "turn_started" })], signal);
    expect((await readFile(file, "utf8")).split("\n")).toHaveLength(2);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it("follows no link, and wants exactly one place to write to", async () => {
    const link = join(folder, "link.jsonl");
    await symlink(join(folder, "elsewhere"), link);
    await expect(jsonLogTransport({ file: link }).send([eventOf(ended())], signal)).rejects.toThrow("ELOOP");
    expect(() => jsonLogTransport({} as never)).toThrow(DeputizeError);
  });

  it("waits for a stream that is full", async () => {
    const stream = new PassThrough({ highWaterMark: 1 });
    const sent = Promise.resolve(jsonLogTransport({ stream }).send([eventOf(ended())], signal));
    let through = false;
    void sent.then(() => (through = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(through).toBe(false);
    stream.resume();
    await sent;
  });
});

describe("htmlReportTransport", () => {
  it("writes one page of the last requests, whole, for its owner alone", async () => {
    const file = join(folder, "report.html");
    const report = htmlReportTransport({ file, turns: 2 });
    for (const id of ["one", "two", "three"])
      await report.send(
        [eventOf(called(`model-${id}`), { correlationId: id }), eventOf(ended(), { correlationId: id })],
        signal,
      );
    const page = await readFile(file, "utf8");
    expect([...page.matchAll(/model-(\w+)/g)].map(([, id]) => id)).toEqual(["three", "two"]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await readdir(folder)).filter((name) => name.startsWith("report.html."))).toEqual([]);
  });

  it("shows every kind of record, and never lets one of them be markup", async () => {
    const file = join(folder, "hostile.html");
    const events = EVERY_KIND.map((fact) =>
      eventOf({ ...fact, ...("model" in fact && { model: HOSTILE }) } as never, {
        agent: HOSTILE,
        correlationId: HOSTILE,
        texts: { [HOSTILE]: HOSTILE },
      }),
    );
    await htmlReportTransport({ file }).send(events, signal);
    const page = await readFile(file, "utf8");
    expect(page).not.toMatch(/<script|<img|onerror='/);
    expect(page).toContain("&lt;script&gt;");
    expect(page).toContain("default-src 'none'");
    expect(page).not.toMatch(/<[^>]+\s(?:src|href)=|https?:/);
    for (const word of ["find_orders", "memory", "cache", "guard redacted", "turn failed"])
      expect(page).toContain(word);
  });

  it("shows a page without turns, too", async () => {
    const file = join(folder, "empty.html");
    await htmlReportTransport({ file }).flush?.();
    expect(await readFile(file, "utf8")).toContain("No turns yet");
    expect(() => htmlReportTransport({ file, turns: 0 })).toThrow(DeputizeError);
  });
});

describe("prometheusTransport", () => {
  it("counts under names of agents, models and tools only [AW-D27]", async () => {
    const counted: [string, Readonly<Record<string, string>>, number][] = [];
    const stop = installTelemetry({
      count: (...args) => void counted.push(args),
      observe: (name, seconds, labels) => void counted.push([name, labels, seconds]),
    });
    await prometheusTransport().send(
      [
        ...EVERY_KIND.map((fact) => eventOf(fact)),
        eventOf(called("bob@example.com", 5), { agent: "an agent" }),
      ],
      signal,
    );
    stop();
    const model = { agent: "front", model: "openai:gpt-5-mini" };
    expect(counted).toContainEqual(["agent_turns", { agent: "front", status: "failed" }, 1]);
    expect(counted).toContainEqual(["agent_tokens", { ...model, direction: "input" }, 100]);
    expect(counted).toContainEqual(["agent_cost_usd", model, 1.5]);
    expect(counted).toContainEqual([
      "agent_tool_calls",
      { agent: "front", tool: "cancel_order", status: "failed" },
      1,
    ]);
    expect(counted).toContainEqual(["agent_cache", { agent: "front", result: "passed_by" }, 1]);
    expect(counted).toContainEqual(["agent_turn", { agent: "front" }, 0.9]);
    expect(counted).toContainEqual([
      "agent_model_calls",
      { agent: "other", model: "other", outcome: "answered" },
      1,
    ]);
    expect(JSON.stringify(counted)).not.toMatch(/bob|0190/);
  });

  it("takes so many names and no more", () => {
    const names = new NameList(2);
    for (const name of ["a", "b", "c", "x y", "bob@example.com"]) names.add(name);
    expect(["a", "b", "c", "x y"].map((name) => names.includes(name))).toEqual([true, true, false, false]);
  });
});
