import type { ModelMessage } from "ai";
import { describe, expect, it } from "vitest";
import { alice, auditList, authority, tableTools } from "../agent.fixture.ts";
import { buildAgent } from "../build-agent.ts";
import { InMemoryConversationStore } from "../conversations/memory-store.ts";
import { scriptedModel } from "../testing.ts";
import type { OfferedTool } from "../tools/tool-source.ts";
import { toolChooser } from "./tool-chooser.ts";

const tool = (name: string, description: string): OfferedTool => ({
  name,
  description,
  inputSchema: { type: "object", properties: {} },
});
const TOOLS = [
  tool("roll_dice", "Rolls dice for games."),
  tool("translate", "Translates a text into another language."),
  tool("get_weather", "Says what the weather is at a place."),
  tool("book_flight", "Books a flight between two airports."),
  tool("send_mail", "Sends an e-mail to somebody."),
  tool("play_music", "Plays a song or a list of songs."),
];
const user = (content: string): ModelMessage => ({ role: "user", content });
const asks = (need: string): ModelMessage => ({
  role: "assistant",
  content: [{ type: "tool-call", toolCallId: "c", toolName: "more_tools", input: { need } }],
});

async function shown(
  messages: readonly ModelMessage[],
  options: { preserve?: string[]; called?: string[]; maxTools?: number } = {},
): Promise<string[] | undefined> {
  const { preserve = [], called = [], maxTools = 1 } = options;
  const chosen = await toolChooser({ level: "semantic", maxTools, preserve })?.choose(TOOLS, {
    messages,
    called: new Set(called),
  });
  return chosen?.map(({ name }) => name);
}

describe("a semantic choice [PR-F37]", { timeout: 60_000 }, () => {
  it("shows what the person speaks of, in other words than the tool's", async () => {
    expect(await shown([user("Will I need an umbrella in Rome tomorrow?")])).toEqual(["get_weather"]);
    expect(await shown([user("Put on something by the Beatles")])).toEqual(["play_music"]);
  });

  it("keeps what was called, what is preserved, and what was spoken of before", async () => {
    const messages = [user("Fly me from Oslo to Rome"), user("yes, do it")];
    expect(await shown(messages)).toEqual(["book_flight"]);
    expect(await shown([user("throw two dice")], { preserve: ["send_mail"], called: ["translate"] })).toEqual(
      ["roll_dice", "translate", "send_mail"],
    );
  });

  it("adds what the model asks for in words", async () => {
    const messages = [user("throw two dice"), asks("write a message to a friend's mailbox")];
    expect(await shown(messages)).toEqual(["roll_dice", "send_mail"]);
  });

  it("shows all where all fit, and goes by words when there is no embedder", async () => {
    expect(await shown([user("hello")], { maxTools: 8 })).toHaveLength(TOOLS.length);
    const faults: unknown[] = [];
    const chooser = toolChooser({
      level: "semantic",
      maxTools: 1,
      embedder: { name: "away", embed: () => Promise.reject(new Error("away")) },
      onFault: (error) => void faults.push(error),
    });
    const chosen = await chooser?.choose(TOOLS, { messages: [user("book a flight")], called: new Set() });
    expect(chosen?.map(({ name }) => name)).toEqual(["book_flight"]);
    expect(faults).toHaveLength(1);
  });

  it("refuses settings that cannot work", () => {
    expect(toolChooser("off")).toBeUndefined();
    expect(() => toolChooser({ level: "semantic", maxTools: 0 })).toThrow(/maxTools/);
    expect(() => toolChooser("much" as never)).toThrow(/level/);
  });
});

describe("the shorter levels [PR-F37]", () => {
  const long = "word ".repeat(100);
  const wide: OfferedTool = {
    name: "wide",
    description: long,
    inputSchema: {
      type: "object",
      title: "Wide",
      required: ["title"],
      additionalProperties: false,
      properties: {
        title: { type: "string", enum: ["a", "b"], description: long, title: "Dropped" },
        one: {
          type: "object",
          properties: {
            two: {
              type: "object",
              properties: {
                three: {
                  type: "object",
                  description: "deep",
                  required: ["four"],
                  properties: { four: { type: "string", description: "deeper" } },
                },
              },
            },
          },
        },
      },
    },
  };
  const shownAt = async (level: "minimal" | "standard"): Promise<string> =>
    JSON.stringify(await toolChooser(level)?.choose([wide], { messages: [], called: new Set() }));

  it("cut texts and drop what only people read, and keep names, types, choices and duties", async () => {
    const [minimal, standard] = [await shownAt("minimal"), await shownAt("standard")];
    expect(minimal.length).toBeLessThan(JSON.stringify([wide]).length);
    expect(standard.length).toBeLessThan(minimal.length);
    for (const text of [minimal, standard]) {
      expect(text).toContain('"required":["title"],"additionalProperties":false');
      expect(text).toContain('"title":{"type":"string","enum":["a","b"]');
      expect(text).not.toContain("Dropped");
    }
    expect(minimal).toContain("deeper");
    expect(standard).toContain('"three":{"type":"object"}');
  });
});

describe("an agent that shows few of its tools", { timeout: 60_000 }, () => {
  it("refuses one that was not shown, with an entry, and shows it once the model asked [PR-D43] [PR-F37]", async () => {
    const tools = tableTools({ roll_dice: () => ({}), send_mail: () => ({}), get_weather: () => ({}) });
    const audit = auditList();
    const model = scriptedModel([
      { calls: [{ tool: "get_weather" }] },
      { calls: [{ tool: "more_tools", args: { need: "send mail" } }] },
      { calls: [{ tool: "send_mail" }] },
      { text: "Done." },
    ]);
    const agent = await buildAgent({
      model,
      instructions: "",
      extraTools: [tools],
      conversations: new InMemoryConversationStore(),
      audit,
      optimizeTools: { level: "semantic", maxTools: 1 },
    });
    const result = await agent.run("roll the dice", { caller: { caller: alice, authority } });
    const names = model.asked.map((asked) => asked.tools?.map(({ name }) => name));
    expect(names).toEqual([
      ["roll_dice", "more_tools"],
      ["roll_dice", "get_weather", "more_tools"],
      ["roll_dice", "send_mail", "get_weather", "more_tools"],
      ["roll_dice", "send_mail", "get_weather", "more_tools"],
    ]);
    expect(result.steps.map(({ tool: name, status }) => [name, status])).toEqual([
      ["get_weather", "refused"],
      ["more_tools", "done"],
      ["send_mail", "done"],
    ]);
    expect(audit.events.find(({ reason }) => reason === "not_offered")).toMatchObject({
      outcome: "refused",
      resource: "tool:get_weather",
    });
    expect(tools.calls).toHaveLength(1);
    await agent.close();
  });
});
