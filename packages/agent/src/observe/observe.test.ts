/** Watching: what reaches transporters, and that nothing of theirs reaches a turn. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { DeputizeError, type SpanAttributes, currentCaller, installTelemetry } from "@deputize/core";
import type { TestStore } from "@deputize/store/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { alice, authority, makeAgent, openAgentStore, tableTools } from "../agent.fixture.ts";
import { type ScriptedTurn, scriptedModel } from "../testing.ts";
import type { AnswerCache, TurnMemory } from "../turn/ports.ts";
import { EVERY_KIND, called, ended, eventOf } from "./events.fixture.ts";
import { type ObserveLevel, type ObserveOptions, observe } from "./observe.ts";
import type { ObservedEvent, Transporter } from "./transporter.ts";
import { callbackTransport } from "./transports/callback.ts";
import { consoleTransport } from "./transports/console.ts";
import { htmlReportTransport } from "./transports/html-report.ts";
import { jsonLogTransport } from "./transports/json-log.ts";
import { prometheusTransport } from "./transports/prometheus.ts";
import { webhookTransport } from "./transports/webhook.ts";

const PLANTED = [
  "bob.smith@example.com",
  "4111 1111",
  "sk-live-abcdef123456",
  "ORD-99",
  "dolphin",
  "system-word",
];
const TEXT = PLANTED.slice(0, 5).join(" ");

let store: TestStore;
let folder: string;
beforeAll(async () => {
  store = await openAgentStore();
  folder = await mkdtemp(join(tmpdir(), "observe-"));
});
afterAll(async () => {
  await store?.close();
  await rm(folder, { recursive: true, force: true });
});

/** A transporter that keeps what it gets. */
function listOf(): Transporter & { readonly got: ObservedEvent[] } {
  const got: ObservedEvent[] = [];
  return { ...callbackTransport((event) => void got.push(event)), got };
}

const TURN: readonly ScriptedTurn[] = [
  {
    text: TEXT,
    calls: [
      { tool: "find", args: { who: TEXT } },
      { tool: TEXT, args: { who: TEXT } },
    ],
  },
  { calls: [{ tool: "broken" }] },
  { text: `The answer is ${TEXT}` },
];

function agentWith(options: Parameters<typeof makeAgent>[3], script = TURN) {
  const tools = tableTools({
    find: () => ({ content: { found: TEXT } }),
    broken: () => Promise.reject(new Error(TEXT)),
  });
  return makeAgent(store, scriptedModel(script), [tools], {
    instructions: "Be kind. system-word",
    ...options,
  });
}

const ask = { caller: alice, authority, message: `I am ${TEXT}` };

describe("observe", () => {
  it.each([
    ["off", []],
    ["basic", ["turn_started", "guard_acted", "layer_failed", "turn_ended", "turn_ended"]],
    ["standard", EVERY_KIND.map(({ kind }) => kind)],
    ["full", EVERY_KIND.map(({ kind }) => kind)],
  ] as const)("tells at level %s what belongs there, without a text", async (level, kinds) => {
    const list = listOf();
    const watching = observe({ level, transporters: [list] });
    for (const fact of EVERY_KIND) watching(eventOf(fact));
    await watching.close();
    expect(list.got.map(({ kind }) => kind)).toEqual(kinds);
    expect(list.got.every((event) => !("texts" in event))).toBe(true);
  });

  it("refuses a level that there is not, and a queue without room", () => {
    for (const options of [{ level: "loud" as ObserveLevel }, { queue: 0 }])
      expect(() => observe({ transporters: [], ...options })).toThrow(DeputizeError);
  });

  it("hides every text at level full unless `redact` is given, and where that fails [PR-F47]", async () => {
    const texts = async (options: Omit<ObserveOptions, "transporters">) => {
      const list = listOf();
      const watching = observe({ ...options, transporters: [list] });
      watching(eventOf({ kind: "turn_started" }), () => ({
        message: "mail bob@example.com",
        arguments: { a: 1 },
      }));
      await watching.close();
      return list.got[0]?.texts;
    };
    const redact = (text: string): string => text.replace(/\S+@\S+/g, "[mail]");
    expect(await texts({ level: "full" })).toEqual({ message: "[redacted]", arguments: "[redacted]" });
    expect(await texts({ level: "full", redact })).toEqual({ message: "mail [mail]", arguments: '{"a":1}' });
    const broken = () => {
      throw new Error("no");
    };
    expect(await texts({ level: "full", redact: broken })).toEqual({
      message: "[redacted]",
      arguments: "[redacted]",
    });
    const wrong = (() => 7) as unknown as (text: string) => string;
    expect(await texts({ level: "full", redact: wrong })).toMatchObject({ message: "[redacted]" });
    expect(await texts({ level: "standard", redact })).toBeUndefined();
  });

  it("redacts a text whole before it cuts it: half an address looks like none", async () => {
    const list = listOf();
    const redact = (text: string): string => text.replace(/\S+@\S+/g, "");
    const watching = observe({ level: "full", redact, transporters: [list] });
    watching(eventOf({ kind: "turn_started" }), () => ({
      message: `${"x ".repeat(1_996)}bob.smith@example.com`,
    }));
    await watching.close();
    expect(list.got[0]?.texts?.["message"]).not.toContain("bob");
  });

  it("loses what a transporter throws at, drops what has no room, counts both, and tells the others", async () => {
    const counted: unknown[] = [];
    const stop = installTelemetry({ count: (...args) => counted.push(args) });
    const list = listOf();
    const throws = {
      name: "webhook",
      send: () => {
        throw new Error("no");
      },
    };
    const rejects = { name: "json_log", send: () => Promise.reject(new Error("no")) };
    const watching = observe({ transporters: [throws, rejects, list], queue: 3 });
    for (let at = 0; at < 5; at += 1) watching(eventOf(called(`m${at}`)));
    await watching.close();
    watching(eventOf(called("late")));
    stop();
    expect(watching.counts()).toEqual([
      { transporter: "webhook", sent: 0, dropped: 3, failed: 3 },
      { transporter: "json_log", sent: 0, dropped: 3, failed: 3 },
      { transporter: "callback", sent: 3, dropped: 3, failed: 0 },
    ]);
    expect(list.got).toHaveLength(3);
    expect(counted).toContainEqual(["agent_events_lost", { transporter: "webhook", reason: "failed" }, 3]);
    expect(counted).toContainEqual(["agent_events_lost", { transporter: "callback", reason: "full" }, 1]);
  });

  it("gives a transporter that hangs up, keeps the order for one that is slow, and closes in the end", async () => {
    let signal: AbortSignal | undefined;
    let sends = 0;
    const hangs: Transporter = {
      name: "webhook",
      timeoutMs: 20,
      send: (_events, given) => {
        sends += 1;
        signal = given;
        return new Promise(() => {});
      },
    };
    const order: string[] = [];
    const slow = callbackTransport(async (event) => {
      await new Promise((resolve) => setTimeout(resolve, 2));
      order.push(event.kind);
    });
    const watching = observe({ transporters: [hangs, slow] });
    for (const fact of EVERY_KIND) watching(eventOf(fact));
    await watching.flush();
    watching(eventOf(ended()));
    await watching.close();
    expect(signal?.aborted).toBe(true);
    expect(sends).toBe(2);
    expect(order).toEqual([...EVERY_KIND.map(({ kind }) => kind), "turn_ended"]);
    expect(watching.counts()[0]).toMatchObject({ failed: EVERY_KIND.length + 1 });
  });

  it("changes no turn, whatever its transporters do, and runs them outside of the caller's context", async () => {
    const plain = await agentWith({}).run(ask);
    const seen: unknown[] = [];
    const watching = observe({
      level: "full",
      redact: () => {
        throw new Error("no");
      },
      correlationId: () => "batch-7",
      transporters: [
        {
          name: "a",
          send: () => {
            throw new Error("no");
          },
        },
        { name: "b", timeoutMs: 10, send: () => new Promise(() => {}) },
        callbackTransport((event) => void seen.push(event.correlationId, currentCaller())),
      ],
    });
    const watched = await agentWith({
      observers: [
        watching,
        () => {
          throw new Error("no");
        },
      ],
    }).run(ask);
    await watching.close();
    const facts = ({ response, status, steps, tokens_in, tokens_out }: typeof plain) => ({
      response,
      status,
      steps: steps.map((step) => ({ tool: step.tool, status: step.status })),
      tokens_in,
      tokens_out,
    });
    expect(facts(watched)).toEqual(facts(plain));
    expect(new Set(seen)).toEqual(new Set(["batch-7", undefined]));
  });
});

describe("all ways together", () => {
  /** Everything that leaves an agent by any transporter and any span, as text. */
  async function everythingSaid(
    options: Omit<ObserveOptions, "transporters">,
    layers: object = {},
  ): Promise<string> {
    const bodies: string[] = [];
    const receiver = createServer((request, response) => {
      request.on("data", (part) => void bodies.push(String(part)));
      request.on("end", () => response.end());
    });
    await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    const told: unknown[] = [];
    const stop = installTelemetry({
      count: (...args) => told.push(args),
      observe: (...args) => told.push(args),
      span: (name, attributes, work, from) => {
        told.push([name, attributes, from]);
        return work();
      },
      annotate: (attributes: SpanAttributes) => told.push(attributes),
      fail: (code) => told.push(code),
    });
    const [page, log] = [join(folder, "page.html"), join(folder, "log.jsonl")];
    await rm(log, { force: true });
    const terminal = new PassThrough();
    const stream = new PassThrough();
    const list = listOf();
    const watching = observe({
      ...options,
      transporters: [
        consoleTransport({ stream: terminal, colors: true }),
        jsonLogTransport({ file: log }),
        jsonLogTransport({ stream }),
        prometheusTransport(),
        htmlReportTransport({ file: page }),
        webhookTransport({
          url: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`,
          secret: "s".repeat(32),
          allowPrivate: true,
        }),
        list,
      ],
    });
    await agentWith({ observers: [watching], ...layers }).run({
      ...ask,
      runOptions: { requestId: "0190aaaa-0000-7000-8000-0000000000c1" },
    });
    await agentWith({ observers: [watching] }, [{ error: new Error(TEXT) }]).run(ask);
    await watching.close();
    stop();
    receiver.closeAllConnections();
    receiver.close();
    expect(watching.counts().every(({ sent, dropped, failed }) => sent > 0 && dropped + failed === 0)).toBe(
      true,
    );
    const parts = {
      terminal: String(terminal.read()),
      stream: String(stream.read()),
      page: await readFile(page, "utf8"),
      log: await readFile(log, "utf8"),
      bodies: bodies.join(""),
      told: JSON.stringify(told),
      list: JSON.stringify(list.got),
    };
    // Each of them said something: an empty one could hide nothing.
    for (const [name, part] of Object.entries(parts)) expect(part, name).toContain("order-management");
    return Object.values(parts).join("\n");
  }

  const memory: TurnMemory = {
    recall: async () => ({
      text: TEXT,
      count: 1,
      label: { integrity: "trusted", readers: "public", source: "m" },
    }),
    remember: () => Promise.reject(new Error(TEXT)),
  };
  const cache: AnswerCache = { look: () => Promise.reject(new Error(TEXT)) };

  it.each([
    ["basic", {}],
    ["standard", {}],
    ["full", {}],
    ["full", { redact: (text: string) => text.replaceAll(/[^ ]/g, "x") }],
  ] as const)(
    "say nothing that a person, a model, a tool or a fault said, at level %s %j",
    async (level, extra) => {
      const said = await everythingSaid({ level, ...extra }, { memory, cache });
      expect(PLANTED.filter((secret) => said.includes(secret))).toEqual([]);
      expect(said).not.toMatch(/bob|smith|sk-live/);
    },
  );

  it("would show a text that `redact` lets through, so the test above can fail", async () => {
    const said = await everythingSaid({ level: "full", redact: (text) => text });
    for (const secret of PLANTED.slice(0, 5)) expect(said).toContain(secret);
    expect(said).not.toContain("system-word");
  });

  it("name the request in every record and every span of a turn", async () => {
    const said = await everythingSaid({ level: "standard" });
    expect(said).toContain("0190aaaa-0000-7000-8000-0000000000c1");
  });
});

describe("features on and off", () => {
  /** Pairwise over level, redact, memory, cache, transporters (0 none, 1 one, 2 two of which one throws). */
  const ROWS: readonly (readonly [ObserveLevel, boolean, boolean, boolean, 0 | 1 | 2])[] = [
    ["off", true, true, false, 1],
    ["off", false, false, true, 2],
    ["off", true, false, true, 0],
    ["basic", false, true, true, 0],
    ["basic", true, false, false, 2],
    ["basic", false, true, false, 1],
    ["standard", true, true, true, 2],
    ["standard", false, false, false, 0],
    ["standard", false, false, true, 1],
    ["full", false, true, true, 2],
    ["full", true, true, false, 0],
    ["full", true, false, true, 1],
  ];

  it.each(ROWS)(
    "level %s, redact %s, memory %s, cache %s, %s transporters",
    async (level, redacts, remembers, caches, ways) => {
      const list = listOf();
      const throwing = { name: "a", send: () => Promise.reject(new Error("no")) };
      const watching = observe({
        level,
        ...(redacts && { redact: () => "x" }),
        transporters: [[], [list], [throwing, list]][ways] as Transporter[],
      });
      const memory: TurnMemory = { recall: async () => undefined, remember: async () => {} };
      const cache: AnswerCache = { look: async () => ({ hit: undefined, store: async () => {} }) };
      const result = await agentWith({
        observers: [watching],
        ...(remembers && { memory }),
        ...(caches && { cache }),
      }).run(ask);
      await watching.close();
      expect(result.status).toBe("done");
      const kinds = new Set(list.got.map(({ kind }) => kind));
      const detailed = ways > 0 && (level === "standard" || level === "full");
      expect(kinds.has("turn_ended")).toBe(ways > 0 && level !== "off");
      expect(kinds.has("tool_called")).toBe(detailed);
      expect(kinds.has("memory_recalled")).toBe(detailed && remembers);
      expect(kinds.has("cache_looked")).toBe(detailed && caches);
      expect(list.got.some(({ texts }) => texts !== undefined)).toBe(ways > 0 && level === "full");
    },
  );

  it("covers every pair of values", () => {
    const values = [0, 1, 2, 3, 4].map((at) => [...new Set(ROWS.map((row) => row[at]))]);
    for (let a = 0; a < 5; a += 1)
      for (let b = a + 1; b < 5; b += 1)
        for (const one of values[a] ?? [])
          for (const other of values[b] ?? [])
            expect(
              ROWS.some((row) => row[a] === one && row[b] === other),
              `${a}=${one} ${b}=${other}`,
            ).toBe(true);
  });

  it("asks nothing for texts, and makes no record, while nobody watches", async () => {
    const agent = agentWith({});
    expect((await agent.run(ask)).status).toBe("done");
    let asked = 0;
    const watching = observe({ level: "standard", transporters: [listOf()] });
    watching(eventOf({ kind: "turn_started" }), () => {
      asked += 1;
      return {};
    });
    await watching.close();
    expect(asked).toBe(0);
  });
});
