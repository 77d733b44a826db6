/** Where information comes from and goes, held at the door of a tool server: who is asked, what is refused, what the log and the card say. */
import type { PrincipalId } from "@deputize/core";
import type { Destination } from "@deputize/guardrails/flow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { type World, clientOf, openWorld, person } from "../test/world.ts";
import { MCPServer, META, type ToolCallResult, publicTool } from "./index.ts";

const alice = person("alice");
const bob = person("bob");
let world: World;
/** What left, by tool. */
const left: string[] = [];

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const OWN = { integrity: "trusted", readers: [alice], source: "person" };
const REVIEW = {
  integrity: "untrusted",
  readers: [alice],
  source: "person + products/get_product_details",
};
const PUBLIC = { integrity: "trusted", readers: "public", source: "prices/list" };

interface Door {
  call(tool: string, context: object | undefined, meta?: object): Promise<ToolCallResult>;
  readonly server: MCPServer;
}

function door(options: Parameters<World["server"]>[0] = {}): Door {
  const server = world.server(options);
  const out = (name: string, sends: Destination | undefined, more: object = {}) =>
    server.tool(
      name,
      {
        description: name,
        effect: "read",
        guards: [publicTool()],
        input: { text: z.string() },
        ...(sends !== undefined && { sends }),
        ...more,
      },
      ({ text }) => {
        left.push(`${name}: ${text}`);
        return { ok: true };
      },
    );
  out("search_web", "external:search");
  out("tell_house", "house");
  out("look", undefined);
  out("wide", undefined, { hints: { openWorld: true } });
  out("weather", "external:weather", { approval: { exempt: "a city goes to the weather service" } });
  server.tool(
    "send_message",
    {
      description: "send",
      effect: "write",
      guards: [publicTool()],
      input: { to: z.string(), text: z.string() },
      sends: ({ to }) => [to as PrincipalId],
    },
    ({ to, text }, { db }) =>
      db.write(async () => {
        left.push(`send_message ${to}: ${text}`);
        return { ok: true };
      }),
  );
  const client = clientOf(server, "alice@agent");
  return {
    server,
    call: (tool, context, meta = {}) =>
      client.callTool(tool, tool === "send_message" ? { to: bob, text: "hello" } : { text: "hello" }, {
        ...(context && { [META.context]: context }),
        ...meta,
      }),
  };
}

const outcomeOf = (result: ToolCallResult): string =>
  (result.structuredContent?.["error"] as { code?: string } | undefined)?.code ??
  (result._meta?.[META.approval] ? "asks" : "done");

describe("a destination", () => {
  it.each([
    ["search_web", OWN, "asks"],
    ["search_web", PUBLIC, "done"],
    ["search_web", REVIEW, "asks"],
    ["search_web", undefined, "asks"],
    ["search_web", { ...OWN, readers: [bob] }, "flow_denied"],
    ["search_web", { ...OWN, readers: ["nobody that can be read"] }, "flow_denied"],
    ["tell_house", OWN, "done"],
    ["tell_house", REVIEW, "asks"],
    ["look", REVIEW, "done"],
    ["wide", OWN, "asks"],
    ["wide", PUBLIC, "done"],
    ["weather", OWN, "done"],
    ["weather", REVIEW, "asks"],
    ["send_message", OWN, "asks"],
    ["send_message", { ...OWN, readers: [alice, bob] }, "done"],
    ["send_message", { ...REVIEW, readers: [alice, bob] }, "asks"],
  ])("holds what flows to it: %s with %j is %s [SR-06] [SR-07]", async (tool, context, expected) => {
    left.length = 0;
    expect(outcomeOf(await door().call(tool, context))).toBe(expected);
    expect(left).toHaveLength(expected === "done" ? 1 : 0);
  });

  it("is declared as one, or the tool does not register", () => {
    const declare = (sends: unknown) => () =>
      world
        .server()
        .tool(
          "x",
          { description: "x", effect: "read", guards: [publicTool()], sends: sends as Destination },
          () => ({}),
        );
    for (const wrong of ["everyone", "external:", [], ["alice"]]) expect(declare(wrong)).toThrow(/sends to/);
    expect(declare("external:mail")).not.toThrow();
  });

  it("whose function fails is one with readers whom nobody knows", async () => {
    const server = world.server();
    const failing = { description: "x", effect: "read", guards: [publicTool()] } as const;
    server.tool(
      "throws",
      {
        ...failing,
        sends: () => {
          throw new Error("no");
        },
      },
      () => ({}),
    );
    server.tool("wrong", { ...failing, sends: () => "everyone" as Destination }, () => ({}));
    const client = clientOf(server, "alice@agent");
    for (const tool of ["throws", "wrong"])
      expect(outcomeOf(await client.callTool(tool, {}, { [META.context]: OWN }))).toBe("asks");
  });
});

describe("a yes to what only sends", () => {
  it("is spent before it leaves, once, with the intent on record [SR-15] [SR-18]", async () => {
    left.length = 0;
    const { call } = door();
    const id = { [META.callId]: "send-1" };
    const card = (await call("search_web", OWN, id))._meta?.[META.approval] as { id: string };
    const yes = { ...id, [META.approvalId]: card.id };
    expect(outcomeOf(await call("search_web", OWN, yes))).toBe("approval_invalid");
    await world.decide(card.id, "approved");
    const done = await call("search_web", OWN, yes);
    expect(outcomeOf(done)).toBe("done");
    expect(left).toEqual(["search_web: hello"]);
    const entry = world.events.find((event) => event.id === done._meta?.[META.entryId]);
    expect(entry).toMatchObject({
      outcome: "allowed",
      approval: card.id,
      detail: { flow: [{ rule: "reader_not_allowed", answer: "ask", sources: ["person"] }] },
    });
    expect(outcomeOf(await call("search_web", OWN, yes))).toBe("approval_invalid");
    expect(left).toHaveLength(1);
  });

  it("opens no door to what nobody may give away", async () => {
    left.length = 0;
    const { call } = door();
    const id = { [META.callId]: "send-2" };
    const card = (await call("search_web", OWN, id))._meta?.[META.approval] as { id: string };
    await world.decide(card.id, "approved");
    const foreign = { ...OWN, readers: [bob] };
    const refused = await call("search_web", foreign, { ...id, [META.approvalId]: card.id });
    expect(outcomeOf(refused)).toBe("flow_denied");
    expect(left).toEqual([]);
    const entry = world.events.find((event) => event.id === refused._meta?.[META.entryId]);
    expect(entry).toMatchObject({ outcome: "refused", reason: "flow_denied" });
    expect(entry?.detail).toMatchObject({ flow: [{ rule: "not_the_persons", answer: "deny" }] });
  });

  it("is asked of nobody where there is nobody to ask: refused", async () => {
    const server = new MCPServer({ name: "lone", auth: (await import("../test/world.ts")).testAuth });
    server.tool(
      "search_web",
      { description: "x", effect: "read", guards: [publicTool()], sends: "external:search" },
      () => ({ left: left.push("lone") }),
    );
    left.length = 0;
    const client = clientOf(server, "alice@agent");
    expect(outcomeOf(await client.callTool("search_web", {}, { [META.context]: OWN }))).toBe("flow_denied");
    expect(outcomeOf(await client.callTool("search_web", {}, { [META.context]: PUBLIC }))).toBe("done");
    expect(left).toEqual(["lone"]);
  });
});

describe("the run gate", () => {
  it("refuses where it is told to, whatever a person would say", async () => {
    const { call } = door({ runGate: "deny" });
    expect(outcomeOf(await call("search_web", REVIEW))).toBe("flow_denied");
    expect(outcomeOf(await call("search_web", OWN))).toBe("asks");
    expect(outcomeOf(await call("look", REVIEW))).toBe("done");
  });
});

describe("the chain of reasons", () => {
  const origins = {
    text: [
      {
        from: "others",
        source: "products/get_product_details",
        holds: "product reviews",
        call: "c1",
        entry: "e1",
      },
    ],
  };

  it("is on the card in plain words, and in the entry without a value [SR-06]", async () => {
    const waiting = await door().call("send_message", REVIEW, { [META.origins]: origins });
    const card = waiting._meta?.[META.approval] as { because: object[] };
    expect(card.because).toEqual([
      {
        rule: "untrusted_context",
        says: "The assistant had read text that you did not write (products/get_product_details) when it chose this, and may have been led by it.",
        links: [
          {
            argument: "text",
            from: "others",
            source: "products/get_product_details",
            call: "c1",
            entry: "e1",
            says: "text: it came from product reviews (products/get_product_details)",
          },
        ],
      },
      expect.objectContaining({ rule: "reader_not_allowed", links: [] }),
      expect.objectContaining({ rule: "run_gate", links: [] }),
    ]);
    const entry = world.events.find((event) => event.id === waiting._meta?.[META.entryId]);
    expect(entry?.detail).toMatchObject({
      flow: [
        {
          rule: "untrusted_context",
          sources: ["person", "products/get_product_details"],
          links: [{ argument: "text", ...origins.text[0] }],
        },
        { rule: "reader_not_allowed" },
        { rule: "run_gate" },
      ],
    });
    expect(JSON.stringify(entry?.detail?.["flow"])).not.toContain("hello");
  });

  it("that an agent made up costs no call and waives nothing [SR-06]", async () => {
    const { call } = door();
    for (const made of [
      { text: [{ from: "person" }] },
      { text: [{ from: "the king", source: 4 }] },
      { text: Array.from({ length: 50 }, () => ({ from: "person" })) },
      { nothing: [{ from: "others", source: "a\nb" }] },
      "x",
    ])
      expect(outcomeOf(await call("send_message", REVIEW, { [META.origins]: made }))).toBe("asks");
  });
});

describe("what is told of a tool", () => {
  it("names who reads what it is given: in its list and in explain", async () => {
    const { server } = door();
    const tools = (await clientOf(server, "alice@agent").listTools()) as readonly {
      readonly name: string;
      readonly _meta?: Record<string, unknown>;
      readonly annotations?: { readonly openWorldHint?: boolean };
    }[];
    const told = Object.fromEntries(
      tools.map(({ name, _meta, annotations }) => [name, [_meta?.[META.sends], annotations?.openWorldHint]]),
    );
    expect(told).toEqual({
      search_web: ["external:search", true],
      tell_house: ["house", false],
      look: [undefined, false],
      wide: ["external:undeclared", true],
      weather: ["external:weather", true],
      send_message: ["by the call", true],
    });
    const steps = Object.fromEntries(
      server
        .explain()
        .map(({ name, steps: all }) => [name, all.find((step) => step.startsWith("information flow"))]),
    );
    expect(steps).toEqual({
      search_web:
        "information flow: sends to search, outside; asks where they may not read what the caller's context holds",
      tell_house:
        "information flow: sends to the people who run this tool; asks once text by others meets private data",
      look: "information flow: sends to nobody but the person",
      wide: "information flow: may send outward and says not to whom; asks for all that is not public",
      weather:
        "information flow: sends to weather, outside; asks where they may not read what the caller's context holds",
      send_message: "information flow: sends to whom its arguments say; asks where they may not read it",
    });
  });

  it("says in a result what is to be found in it", async () => {
    const server = world.server();
    const options = { description: "x", effect: "read", guards: [publicTool()] } as const;
    server.tool("reviews", { ...options, holds: "product reviews" }, () => ({ ok: true }));
    const result = await clientOf(server, "alice").callTool("reviews", {});
    expect(result._meta?.[META.holds]).toBe("product reviews");
    expect(() => server.tool("long", { ...options, holds: "x".repeat(81) }, () => ({}))).toThrow(/holds/);
  });
});
