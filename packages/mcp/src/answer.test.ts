/** No answer leaves that is not of the shape that was declared, whatever kind of answer it is. */
import { beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { smallServer } from "../test/servers.ts";
import { clientOf } from "../test/world.ts";
import { type ContentResult, contentResult, publicTool } from "./index.ts";

const { server, audit } = smallServer();
const alice = clientOf(server, "alice");
const guards = [publicTool()];
/** What the handlers answer next. */
let answer: unknown;

const read = { description: "d", effect: "read", guards } as const;
server.tool("declared", { ...read, output: z.object({ total: z.number() }) }, () => answer as never);
server.tool("free", read, () => answer as never);
server.resource("file", { description: "d", guards, uri: "test://file" }, () => answer as never);
server.prompt(
  "brief",
  { description: "d", guards, arguments: { who: z.string() }, complete: { who: () => answer as never } },
  () => answer as never,
);

beforeEach(() => void (audit.entries as unknown[]).splice(0));

const content = [{ type: "text" as const, text: "the total is 3" }];
const blocks = (parts: Partial<ContentResult>) => contentResult({ content, ...parts });

describe("blocks of content beside a declared output", () => {
  it("carry what was declared and nothing more [PR-F03]", async () => {
    answer = blocks({ structuredContent: { total: 3, password_hash: "x" } });
    const result = await alice.callTool("declared");
    expect(result.content).toEqual(content);
    expect(result.structuredContent).toEqual({ total: 3 });
  });

  it.each([
    ["of another shape", { structuredContent: { total: "much" } }],
    ["missing", {}],
  ])("are a fault of the tool where the structured part is %s [PR-F03]", async (_name, parts) => {
    answer = blocks(parts);
    const result = await alice.callTool("declared");
    expect(result.structuredContent).toMatchObject({ error: { code: "internal" } });
    expect(JSON.stringify(result)).not.toMatch(/much|total is/);
    expect(audit.entries).toMatchObject([{ outcome: "failed", reason: "internal" }]);
  });

  it("say that something failed without a structured part", async () => {
    answer = blocks({ isError: true, structuredContent: { password_hash: "x" } });
    const result = await alice.callTool("declared");
    expect([result.isError, result.structuredContent, result.content]).toEqual([true, undefined, content]);
  });

  it("are free where nothing was declared", async () => {
    answer = blocks({ structuredContent: { any: "thing" } });
    expect((await alice.callTool("free")).structuredContent).toEqual({ any: "thing" });
  });
});

it.each([
  ["a date", new Date(0)],
  ["what says of itself that it is text", { toJSON: () => "text" }],
  ["a list", [1]],
  ["nothing", undefined],
])("a tool that answers %s answers no JSON object [PR-F28]", async (_name, value) => {
  answer = value;
  const result = await alice.callTool("free");
  expect(result.structuredContent).toMatchObject({ error: { code: "internal" } });
});

describe("an answer that is none", () => {
  const asked = {
    resource: () => alice.readResource("test://file"),
    prompt: () => alice.getPrompt("brief", { who: "x" }),
    suggestion: () =>
      alice.request("completion/complete", {
        ref: { type: "ref/prompt", name: "brief" },
        argument: { name: "who", value: "" },
      }),
  };
  it.each<[keyof typeof asked, string, unknown]>([
    ["resource", "nothing", undefined],
    ["resource", "a number as text", { text: 5 }],
    ["resource", "blocks of content", blocks({})],
    ["prompt", "nothing", undefined],
    ["prompt", "an object", { secret: 1 }],
    ["prompt", "blocks of content", blocks({})],
    ["suggestion", "nothing", undefined],
    ["suggestion", "a list of objects", [{ secret: 1 }]],
  ])("of a %s is a fault, told in the same words and logged: %s [PR-F28]", async (kind, _name, value) => {
    answer = value;
    const refusal = await asked[kind]().catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: -32603, data: { code: "internal" } });
    expect(String(refusal)).not.toMatch(/secret|iterable|undefined/);
    expect(audit.entries).toMatchObject([{ outcome: "failed", reason: "internal" }]);
  });

  it("is cut to what a resource is: it names no other address than its own", async () => {
    answer = { text: "here", uri: "https://elsewhere.example", note: "x" };
    expect((await asked.resource()).contents).toEqual([
      { uri: "test://file", mimeType: "text/plain", text: "here" },
    ]);
  });
});
