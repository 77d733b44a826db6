/**
 * What one caller does is nothing to another: the same calls by bob are made in two worlds, with and without alice, and his
 * answers have to be the same, byte for byte.
 *
 * Alice reads, writes, guesses bob's ids, spends his approvals, shares his client and conversation ids, fails on purpose and
 * calls at the same time. What is shared on purpose (limits of a whole tenant or tool, open circuits) is left out.
 */
import fc from "fast-check";
import { manualClock, newId } from "@deputize/core";
import { openEphemeral } from "@deputize/store";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { NOTE, type World, clientOf, openWorld, person } from "../test/world.ts";
import {
  META,
  type MCPServer,
  type ReadDatabase,
  type SessionStore,
  databaseSessions,
  hasRole,
  owns,
  requireAuth,
} from "./index.ts";

const RUNS = process.env["DEPUTIZE_TEST_SLOW"] === "1" ? 150 : 20;
const clock = manualClock(Date.UTC(2026, 10, 22));
const NOBODYS = "00000000-0000-4000-8000-000000000000";
const NOTES = [NOTE.alice, NOTE.alice2, NOTE.bob, NOBODYS];

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const ACTS = [
  "list",
  "all_notes",
  "get_note",
  "cached_notes",
  "edit_note",
  "ask to delete",
  "delete_note",
  "spend another's approval",
  "remember",
  "recall",
  "forget",
  "complete",
  "read",
  "read cached",
  "prompt",
  "admin",
  "unknown",
  "bad arguments",
  "boom",
  "limited",
] as const;

/** Those that leave something behind, or show what was left: caches, sessions, approvals. */
const KEEPS = [
  "cached_notes",
  "read cached",
  "remember",
  "recall",
  "ask to delete",
  "delete_note",
  "spend another's approval",
] as const;

interface Step {
  readonly as: string;
  readonly act: (typeof ACTS)[number];
  readonly note: string;
  readonly text: string;
  readonly conversation: string;
  readonly trusted: boolean;
}

const stepOf = (...as: string[]): fc.Arbitrary<Step> =>
  fc.record({
    as: fc.constantFrom(...as),
    act: fc.oneof(fc.constantFrom(...ACTS), fc.constantFrom(...KEEPS)),
    // Bob's own note most of the time: it is the one to be found, changed and lost.
    note: fc.oneof({ weight: 3, arbitrary: fc.constant(NOTE.bob) }, fc.constantFrom(...NOTES)),
    text: fc.constantFrom("one", "two", "x".repeat(200)),
    conversation: fc.constantFrom("c1", "c2"),
    trusted: fc.boolean(),
  });
const alices = fc.array(stepOf("alice", "alice@helper", "alice+admin"), { maxLength: 4 });
const trace = fc.array(fc.record({ before: alices, during: alices, bob: stepOf("bob", "bob@helper") }), {
  minLength: 1,
  maxLength: 8,
});

async function fresh(sessionStore: SessionStore | undefined): Promise<MCPServer> {
  await world.store.ownerQuery("DELETE FROM notes.approval");
  await world.store.ownerQuery("DELETE FROM notes.note");
  for (const [name, id] of Object.entries(NOTE)) {
    const owner = name.replace(/\d/, "");
    await world.store.ownerQuery("INSERT INTO notes.note (id, user_id, body) VALUES ($1, $2, $3)", [
      id,
      person(owner),
      `note of ${name}`,
    ]);
  }
  const server = world.server({
    name: newId(),
    clock,
    ephemeral: await openEphemeral({ clock }),
    stateKey: "the same for both worlds of a run!!",
    ...(sessionStore && { sessionStore }),
  });
  const guards = [requireAuth()];
  const note = { note_id: z.string() };
  const own = owns(
    "note_id",
    async (tx, id) => (await tx.query("SELECT FROM notes.note WHERE id::text = $1", [id])).rowCount === 1,
  );
  const bodies = (db: ReadDatabase) =>
    db.read(async (tx) => (await tx.query("SELECT id, body, version FROM notes.note ORDER BY id")).rows);
  const common = { description: "d", effect: "read", guards } as const;
  server
    .tool("all_notes", common, async (_args, { db }) => ({ rows: await bodies(db) }))
    .tool("cached_notes", { ...common, cache: { ttlMs: 60_000 } }, async (_args, { db }) => ({
      rows: await bodies(db),
    }))
    .tool("get_note", { ...common, input: note, argumentGuards: [own] }, async ({ note_id }, { db }) => ({
      rows: await db.read(
        async (tx) => (await tx.query("SELECT body FROM notes.note WHERE id::text = $1", [note_id])).rows,
      ),
    }))
    .tool(
      "edit_note",
      { ...common, effect: "write", input: { ...note, text: z.string() } },
      async ({ note_id, text }, { db, caller }) => ({
        changed: await db.write(
          async (tx) =>
            (
              await tx.query("UPDATE notes.note SET body = $2, version = version + 1 WHERE id::text = $1", [
                note_id,
                `${text} by ${caller.subject}`,
              ])
            ).rowCount,
        ),
      }),
    )
    .tool(
      "delete_note",
      {
        ...common,
        effect: "sensitive",
        input: note,
        preview: async ({ note_id }, tx) => {
          const { rows } = await tx.query<{ body: string; version: number }>(
            "SELECT body, version FROM notes.note WHERE id::text = $1",
            [note_id],
          );
          return { summary: rows[0]?.body ?? "nothing", rows: { note: rows[0]?.version ?? 0 } };
        },
      },
      async ({ note_id }, { db }) => ({
        gone: await db.write(
          async (tx) => (await tx.query("DELETE FROM notes.note WHERE id::text = $1", [note_id])).rowCount,
        ),
      }),
    )
    .tool("remember", { ...common, input: { text: z.string() } }, async ({ text }, { session, caller }) => {
      await session.set("text", `${text} of ${caller.subject}`);
      return { kept: true };
    })
    .tool("recall", common, async (_args, { session }) => ({
      text: (await session.get<string>("text")) ?? null,
    }))
    .tool("forget", common, async (_args, { session }) => {
      await session.delete("text");
      return {};
    })
    .tool("admin", { ...common, guards: [hasRole("admin")] }, async (_args, { db }) => ({
      rows: await bodies(db),
    }))
    .tool("boom", common, () => {
      throw new Error("bug");
    })
    .tool("limited", { ...common, rateLimit: "2/h" }, () => ({}))
    .resourceTemplate(
      "one",
      {
        uriTemplate: "note://{id}",
        description: "d",
        guards,
        complete: {
          id: async (value, { db }) =>
            db.read(async (tx) =>
              (await tx.query<{ id: string }>("SELECT id::text FROM notes.note ORDER BY id")).rows
                .map(({ id }) => id)
                .filter((id) => id.startsWith(value)),
            ),
        },
      },
      async ({ variables }, { db }) => ({
        text: JSON.stringify(
          await db.read(
            async (tx) =>
              (await tx.query("SELECT body FROM notes.note WHERE id::text = $1", [variables["id"]])).rows,
          ),
        ),
      }),
    )
    .resource(
      "all",
      { uri: "notes://all", description: "d", guards, cache: { ttlMs: 60_000 } },
      async (_r, { db }) => ({
        text: JSON.stringify(await bodies(db)),
      }),
    )
    .prompt(
      "brief",
      { description: "d", guards, arguments: { text: z.string() } },
      async ({ text }, { db }) => `${text}: ${JSON.stringify(await bodies(db))}`,
    );
  return server;
}

/** Everything that bob was told, and what his rows are in the end. */
async function bobsStory(
  steps: readonly { before: readonly Step[]; during: readonly Step[]; bob: Step }[],
  sessionStore: SessionStore | undefined,
): Promise<{ status: number; text: string }> {
  const server = await fresh(sessionStore);
  const approvals = new Map<string, string>();
  const told: unknown[] = [];
  for (const { before, during, bob } of steps) {
    for (const step of before) await perform(server, step, approvals);
    const [answer] = await Promise.all([
      perform(server, bob, approvals),
      ...during.map((step) => perform(server, step, approvals)),
    ]);
    told.push([bob.act, answer]);
  }
  await server.close();
  const rows = (await world.notes()).filter(({ id }) => id === NOTE.bob);
  return JSON.parse(JSON.stringify({ told, rows }).replaceAll(server.name, "server"));
}

async function perform(
  server: MCPServer,
  step: Step,
  approvals: Map<string, string>,
): Promise<{ status: number; text: string }> {
  const { act, note, text, as } = step;
  const who = as.startsWith("bob") ? "bob" : "alice";
  const mine = approvals.get(`${who} ${note}`);
  const theirs = approvals.get(`${who === "bob" ? "alice" : "bob"} ${note}`);
  const meta = {
    [META.conversationId]: step.conversation,
    [META.callId]: `call-${note}`,
    [META.context]: { integrity: step.trusted ? "trusted" : "untrusted" },
  };
  const client = clientOf(server, as);
  const send = async (method: string, params: Record<string, unknown>, more: object = {}) => {
    const response = await client.send(method, { ...params, _meta: { ...meta, ...more } });
    return { status: response.status, text: await response.text() };
  };
  const call = (name: string, args: object = {}, more: object = {}) =>
    send("tools/call", { name, arguments: args }, more);
  const answered = async (): Promise<{ status: number; text: string }> => {
    switch (act) {
      case "list": {
        const kinds = ["tools/list", "resources/list", "resources/templates/list", "prompts/list"];
        const lists = await Promise.all(kinds.map((kind) => send(kind, {})));
        return { status: 200, text: lists.map((list) => list.text).join("\n") };
      }
      case "ask to delete":
        return call("delete_note", { note_id: note });
      case "delete_note":
        return call("delete_note", { note_id: note }, mine ? { [META.approvalId]: mine } : {});
      case "spend another's approval":
        return call("delete_note", { note_id: note }, { [META.approvalId]: theirs ?? NOBODYS });
      case "get_note":
        return call(act, { note_id: note });
      case "edit_note":
        return call(act, { note_id: note, text });
      case "remember":
        return call(act, { text });
      case "bad arguments":
        return call("get_note", { note_id: 7, [text]: text });
      case "complete":
        return send("completion/complete", {
          ref: { type: "ref/resource", uri: "note://{id}" },
          argument: { name: "id", value: note.slice(0, 1) },
        });
      case "read":
        return send("resources/read", { uri: `note://${note}` });
      case "read cached":
        return send("resources/read", { uri: "notes://all" });
      case "prompt":
        return send("prompts/get", { name: "brief", arguments: { text } });
      default:
        return call(act);
    }
  };
  const answer = await answered();
  const asked = /"deputize\/approval":\{"id":"([^"]+)"/.exec(answer.text)?.[1];
  if (asked) approvals.set(`${who} ${note}`, asked);
  // Where the person says yes at once, the yes lies there to be spent: by whom it was given to, or stolen.
  if (asked && act === "ask to delete" && step.trusted) await world.decide(asked, "approved");
  // Ids made for this one call differ between worlds; ids of notes and people stay.
  const known = new Set([...NOTES, person("alice"), person("bob"), server.name]);
  return {
    status: answer.status,
    text: answer.text.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, (id) => (known.has(id as never) ? id : "id")),
  };
}

const STORES: readonly (readonly [string, () => SessionStore | undefined])[] = [
  ["this process", () => undefined],
  ["the database", () => databaseSessions(world.store)],
];

describe.each(STORES)("with sessions in %s", (_name, sessions) => {
  it("no sequence of one subject's calls changes what another can read [PR-D24] [PR-D08] [SR-02]", async () => {
    await fc.assert(
      fc.asyncProperty(trace, async (steps) => {
        const alone = steps.map(({ bob }) => ({ before: [], during: [], bob }));
        const without = await bobsStory(alone, sessions());
        const beside = await bobsStory(steps, sessions());
        // His own attempts on her approvals find none without her; both must be refused alike.
        expect(beside).toEqual(without);
        expect(JSON.stringify(beside)).not.toMatch(/note of alice/);
        expect(JSON.stringify(beside)).not.toContain(person("alice"));
      }),
      { numRuns: RUNS },
    );
  }, 300_000);
});

it("sees every kind of call work for whom it should, so that equal answers mean something", async () => {
  const server = await fresh(undefined);
  const approvals = new Map<string, string>();
  const step = (act: Step["act"], trusted = true): Step => ({
    as: "bob",
    act,
    note: NOTE.bob,
    text: "one",
    conversation: "c1",
    trusted,
  });
  const answers = new Map<string, string>();
  const last = ["ask to delete", "delete_note"] as const;
  for (const act of [...ACTS.filter((act) => !last.includes(act as never) && act !== "forget"), ...last])
    answers.set(act, (await perform(server, step(act), approvals)).text);
  for (const act of ["all_notes", "get_note", "cached_notes", "prompt", "read"] as const)
    expect([act, answers.get(act)]).toEqual([act, expect.stringMatching(/note of bob|one by/)]);
  expect(answers.get("edit_note")).toContain('"changed":1');
  expect(answers.get("ask to delete")).toContain("deputize/approval");
  expect(answers.get("delete_note")).toContain('"gone":1');
  expect(answers.get("recall")).toContain("one of");
  expect(answers.get("limited")).toContain('"resultType":"complete"');
  expect(answers.get("boom")).toContain('"internal"');
  await server.close();
});
