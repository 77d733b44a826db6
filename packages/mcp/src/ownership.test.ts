/** `owned`: a server knows whose its things are, and no tool of it can forget to ask. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { PrincipalId } from "@deputize/core";
import { z } from "zod";
import { NOTE, type World, clientOf, openWorld, person } from "../test/world.ts";
import { type CaseDirectory, type MCPServer, MCPRouter, owns, requireAuth } from "./index.ts";

let world: World;
let server: MCPServer;
let ran = 0;
/** Whose rows Alice has a case for. */
let open: PrincipalId[] = [];
const cases: CaseDirectory = {
  openFor: async (_caller, subject) =>
    open.includes(subject) ? [{ id: "case-1", purpose: "ticket 7: lost note" }] : [],
};
/** Finds everybody's notes, as no policy would let it: the guard alone must refuse what is somebody else's. */
const ownerOf = async (_tx: unknown, id: unknown): Promise<PrincipalId | undefined> =>
  id === NOTE.alice ? person("alice") : id === NOTE.bob ? person("bob") : undefined;
const owned = { note_id: owns("note_id", ownerOf, { cases }) };
const reads = { description: "Reads", effect: "read" as const, guards: [requireAuth()] };

beforeAll(async () => {
  world = await openWorld();
  server = world.server({ owned });
  const router = new MCPRouter({ prefix: "notes" });
  router.tool("get", { ...reads, input: { note_id: z.string() } }, () => ({ ran: ++ran }));
  router.tool("list", { ...reads, input: { note_id: z.string().optional() } }, () => ({ ran: ++ran }));
  server.mount(router);
});
afterAll(() => world.close());
beforeEach(() => {
  ran = 0;
  open = [];
  world.events.length = 0;
});

const alice = () => clientOf(server, "alice");
const anonymous = (result: object) => JSON.stringify(result).replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "id");

describe("owned arguments", () => {
  it("guards a tool that says nothing of ownership itself [PR-D05]", async () => {
    expect((await alice().callTool("notes_get", { note_id: NOTE.alice })).structuredContent).toEqual({
      ran: 1,
    });
    const foreign = await alice().callTool("notes_get", { note_id: NOTE.bob });
    const missing = await alice().callTool("notes_get", { note_id: "none" });
    expect(foreign.structuredContent).toMatchObject({ error: { code: "not_found" } });
    expect(anonymous(foreign)).toBe(anonymous(missing));
    expect(ran).toBe(1);
  });

  it("lets an argument that was left out name nothing", async () => {
    expect((await alice().callTool("notes_list", {})).isError).not.toBe(true);
    expect((await alice().callTool("notes_list", { note_id: NOTE.bob })).isError).toBe(true);
  });

  it("answers somebody else's thing under an open case only, and the entry carries the case [SR-04]", async () => {
    open = [person("bob")];
    expect((await alice().callTool("notes_get", { note_id: NOTE.bob })).structuredContent).toEqual({
      ran: 1,
    });
    expect(world.events).toMatchObject([
      { outcome: "allowed", case: { id: "case-1", purpose: "ticket 7: lost note" }, about: [person("bob")] },
    ]);
  });

  it("refuses at start-up a tool whose `…_id` nobody guards [PR-D05]", () => {
    const forgetful = new MCPRouter();
    forgetful.tool("peek", { ...reads, input: { diary_id: z.string() } }, () => ({}));
    expect(() => world.server({ owned }).mount(forgetful)).toThrow(
      /`peek` takes `diary_id` and nothing says whose/,
    );
    const careful = new MCPRouter();
    careful.tool(
      "peek",
      { ...reads, input: { diary_id: z.string() }, argumentGuards: [owns("diary_id", async () => false)] },
      () => ({}),
    );
    expect(() => world.server({ owned }).mount(careful)).not.toThrow();
  });

  it.each([
    ["several of them", { diary_ids: z.array(z.string()) }, "diary_ids"],
    ["in another spelling", { diaryId: z.string() }, "diaryId"],
    ["in capitals", { diaryID: z.string() }, "diaryID"],
    ["with a dash", { "diary-id": z.string() }, "diary-id"],
    ["as the only thing", { id: z.string() }, "id"],
    ["as the only things", { ids: z.array(z.string()) }, "ids"],
    ["within another argument", { page: z.strictObject({ diary_id: z.string() }) }, "diary_id"],
    ["within a list", { pages: z.array(z.strictObject({ diary_id: z.string() })) }, "diary_id"],
    [
      "in one of several shapes",
      { page: z.union([z.string(), z.strictObject({ diary_id: z.string() })]) },
      "diary_id",
    ],
  ])("refuses it however it is written: %s [PR-D05]", (_name, input, named) => {
    const declare = (options: object) =>
      world.server({ owned }).tool("peek", { ...reads, input, ...options } as never, () => ({}));
    expect(() => declare({})).toThrow(`takes \`${named}\` and nothing says whose`);
    const guarded = Object.keys(input).map((name) => owns(name, async () => true));
    expect(() => declare({ argumentGuards: guarded })).not.toThrow();
  });

  it("asks whose a thing is that a prompt or a template of resources names, in the same way [PR-D05] [PR-D11]", async () => {
    const other = world.server({ owned });
    const guards = [requireAuth()];
    other.prompt("sum_up", { description: "p", guards, arguments: { note_id: z.string() } }, () => {
      ran++;
      return "text";
    });
    other.resourceTemplate("note", { description: "r", guards, uriTemplate: "note://{note_id}" }, () => {
      ran++;
      return { text: "text" };
    });
    const client = clientOf(other, "alice");
    const answer = (work: Promise<object>) => work.then(anonymous, (refusal: Error) => refusal.message);
    const asked = (id: string) =>
      Promise.all([
        answer(client.getPrompt("sum_up", { note_id: id })),
        answer(client.readResource(`note://${id}`)),
      ]);
    const foreign = await asked(NOTE.bob);
    expect(foreign).toEqual(Array(2).fill("there is no such thing, or it is not yours"));
    expect(await asked("none")).toEqual(foreign);
    expect(ran).toBe(0);
    expect(world.events.map(({ outcome, reason }) => [outcome, reason])).toEqual(
      Array.from({ length: 4 }, () => ["refused", "not_found"]),
    );
    await asked(NOTE.alice);
    expect(ran).toBe(2);
    const template = { description: "r", guards, uriTemplate: "diary://{diary_id}" };
    expect(() => other.resourceTemplate("diary", template, () => ({ text: "" }))).toThrow(
      /resource `diary` takes `diary_id` and nothing says whose/,
    );
    const input = { diary_id: z.string() };
    expect(() => other.prompt("tell", { description: "p", guards, arguments: input }, () => "")).toThrow(
      /prompt `tell` takes `diary_id` and nothing says whose/,
    );
    const argumentGuards = [owns("diary_id", async () => true)];
    other.resourceTemplate("diary", { ...template, argumentGuards }, () => ({ text: "" }));
    other.prompt("tell", { description: "p", guards, arguments: input, argumentGuards }, () => "");
  });

  it("does not start with a guard of an argument that is not there, which would never be asked [PR-D05]", () => {
    const argumentGuards = [owns("noteId", async () => false)] as never;
    expect(() =>
      world.server().tool("get", { ...reads, input: { note_id: z.string() }, argumentGuards }, () => ({})),
    ).toThrow(/owns\(noteId\).*takes note_id/);
    expect(() =>
      world.server().prompt("p", { description: "p", guards: [requireAuth()], argumentGuards }, () => ""),
    ).toThrow(/owns\(noteId\).*takes nothing/);
    const template = {
      description: "r",
      guards: [requireAuth()],
      uriTemplate: "n://{note_id}",
      argumentGuards,
    };
    expect(() => world.server().resourceTemplate("r", template, () => ({ text: "" }))).toThrow(
      /takes note_id/,
    );
  });

  it("does not ask twice where a tool brings a guard of its own for the argument", async () => {
    const own = world.server({ owned });
    own.tool(
      "get",
      {
        ...reads,
        input: { note_id: z.string() },
        argumentGuards: [owns("note_id", async (_tx, id) => id === "mine")],
      },
      () => ({ ran: ++ran }),
    );
    expect((await clientOf(own, "alice").callTool("get", { note_id: "mine" })).structuredContent).toEqual({
      ran: 1,
    });
  });
});
