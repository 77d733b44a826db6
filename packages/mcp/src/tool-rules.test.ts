/** The security rules where tools meet them: what a tool, its author or its caller may try, on a real store with a real log. */
import { advanceCheckpoint, verifyLog, verifyReceipt } from "@deputize/audit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { NOTE, type World, clientOf, openWorld, person } from "../test/world.ts";
import { META, type MCPServer, TestClient, type ToolCallResult, owns, requireAuth } from "./index.ts";

const STRANGERS = process.env["DEPUTIZE_TEST_SLOW"] === "1" ? 100_000 : 3_000;

let world: World;
let server: MCPServer;

const guards = [requireAuth()];
const unasked = { exempt: "test", evenUntrusted: true } as const;
const note = { note_id: z.string() };
const sql = { statements: z.array(z.string()) };

const codeOf = (result: ToolCallResult) =>
  (result.structuredContent?.["error"] as { code: string } | undefined)?.code;
const plain = (result: ToolCallResult) =>
  JSON.stringify(result).replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "id");
const edit = (spec = "alice", body = "edited") =>
  clientOf(server, spec).callTool("edit_note", { note_id: NOTE.alice, body });
const bodyOf = async (id: string) => (await world.notes()).find((row) => row.id === id)?.body;

beforeAll(async () => {
  world = await openWorld();
  const app = world.store.roleName("app");
  // Comments on notes, keyed as every table of ours is: the note's owner is part of the key that points to it.
  await world.store.ownerQuery(`
    ALTER TABLE notes.note ADD CONSTRAINT of_owner UNIQUE (user_id, id);
    CREATE TABLE notes.comment (
      id text, user_id uuid NOT NULL, note_id uuid NOT NULL, stars int CHECK (stars < 6),
      PRIMARY KEY (user_id, id), FOREIGN KEY (user_id, note_id) REFERENCES notes.note (user_id, id));
    ALTER TABLE notes.comment ENABLE ROW LEVEL SECURITY;
    ALTER TABLE notes.comment FORCE ROW LEVEL SECURITY;
    CREATE POLICY own ON notes.comment USING (user_id = (SELECT deputize.subject()));
    GRANT SELECT, INSERT ON notes.comment TO ${app};`);
  server = world.server();
  server
    .tool("all_notes", { description: "All", effect: "read", guards }, async (_args, { db }) => ({
      rows: (await db.read((tx) => tx.query("SELECT body FROM notes.note ORDER BY body"))).rows,
    }))
    .tool(
      "get_note",
      {
        description: "One",
        effect: "read",
        guards,
        input: note,
        argumentGuards: [
          owns(
            "note_id",
            async (tx, id) =>
              (await tx.query("SELECT FROM notes.note WHERE id::text = $1", [id])).rowCount === 1,
          ),
        ],
      },
      () => ({ found: true }),
    )
    .tool(
      "edit_note",
      {
        description: "Edit",
        effect: "write",
        guards,
        approval: unasked,
        input: { ...note, body: z.string() },
      },
      async ({ note_id, body }, { db }) => ({
        changed: await db.write(
          async (tx) =>
            (await tx.query("UPDATE notes.note SET body = $2 WHERE id = $1", [note_id, body])).rowCount,
        ),
      }),
    )
    .tool(
      "comment",
      {
        description: "Comment",
        effect: "write",
        guards,
        approval: unasked,
        input: { ...note, id: z.string(), stars: z.number(), as: z.string() },
      },
      async ({ note_id, id, stars, as }, { db }) => {
        await db.write((tx) =>
          tx.query("INSERT INTO notes.comment VALUES ($1, $2, $3, $4)", [id, as, note_id, stars]),
        );
        return {};
      },
    )
    .tool(
      "hostile",
      { description: "Any SQL", effect: "write", guards, approval: unasked, input: sql },
      async ({ statements }, { db }) => ({
        states: await db.write(async (tx) => {
          const states: string[] = [];
          for (const statement of statements) {
            await tx.query("SAVEPOINT attempt");
            try {
              await tx.query(statement);
              states.push("done");
            } catch (error) {
              states.push(String((error as { code?: string }).code));
              await tx.query("ROLLBACK TO SAVEPOINT attempt");
            }
          }
          return states;
        }),
      }),
    )
    .tool(
      "nested",
      {
        description: "Calls itself between its transactions",
        effect: "write",
        guards,
        approval: unasked,
        input: { depth: z.number() },
      },
      async ({ depth }, { db }) => {
        const { rows } = await db.read((tx) => tx.query("SELECT body FROM notes.note"));
        const below =
          depth === 0
            ? 0
            : ((await clientOf(server, "alice").callTool("nested", { depth: depth - 1 })).structuredContent?.[
                "calls"
              ] as number);
        await db.write((tx) =>
          tx.query("UPDATE notes.note SET version = version + 1 WHERE id = $1", [NOTE.alice]),
        );
        return { calls: below + 1, rows: rows.length };
      },
    )
    .tool(
      "careless",
      {
        description: "Calls another tool while its transaction is open",
        effect: "write",
        guards,
        approval: unasked,
        timeoutMs: 700,
        input: { body: z.string() },
      },
      async ({ body }, { db }) => {
        await db.write(async (tx) => {
          await tx.query("UPDATE notes.note SET body = $2 WHERE id = $1", [NOTE.alice2, body]);
          await clientOf(server, "alice").callTool("all_notes");
          await new Promise((resolve) => setTimeout(resolve, 1_000));
        });
        return {};
      },
    );
});
beforeEach(() => {
  world.events.length = 0;
});
afterAll(async () => {
  await server.close();
  await world.close();
});

describe("staff", () => {
  it("see through a tool what is their own, and nothing more without a case [SR-04] [SR-02]", async () => {
    const staff = clientOf(server, "carol+admin");
    expect((await staff.callTool("all_notes")).structuredContent).toEqual({ rows: [] });
    const foreign = await staff.callTool("get_note", { note_id: NOTE.bob });
    expect(codeOf(foreign)).toBe("not_found");
    expect(plain(foreign)).toBe(
      plain(await staff.callTool("get_note", { note_id: "00000000-0000-4000-8000-000000000000" })),
    );
    expect((await edit("carol+admin", "by staff")).structuredContent).toEqual({ changed: 0 });
    expect(await bodyOf(NOTE.alice)).not.toBe("by staff");
  });
});

describe("many calls on few connections", () => {
  it("nested and at once, come to their end: none holds a connection while it waits [SR-16]", async () => {
    const pool = world.store.pool("app") as unknown as { options?: { max: number } };
    const before = pool.options?.max;
    if (pool.options) pool.options.max = 2;
    try {
      const calls = Array.from({ length: 10 }, () =>
        clientOf(server, "alice").callTool("nested", { depth: 2 }),
      );
      const answers = (await Promise.all(calls)).map((result) => result.structuredContent);
      expect(answers).toEqual(Array.from({ length: 10 }, () => ({ calls: 3, rows: 2 })));
    } finally {
      if (pool.options && before) pool.options.max = before;
    }
    const [mine] = (await world.notes()).filter(({ id }) => id === NOTE.alice);
    expect(mine?.version).toBe(31);
  });

  it("that hold one all the same end at their time, change nothing, and the next is served [SR-16]", async () => {
    const was = await bodyOf(NOTE.alice2);
    const careless = Array.from({ length: 4 }, (_, i) =>
      clientOf(server, "alice").callTool("careless", { body: `late ${i}` }),
    );
    for (const result of await Promise.all(careless)) expect(codeOf(result)).toBe("timeout");
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await bodyOf(NOTE.alice2)).toBe(was);
    expect((await clientOf(server, "bob").callTool("all_notes")).structuredContent).toEqual({
      rows: [{ body: "note of bob" }],
    });
    const late = world.events.filter(({ resource }) => resource === "notes/careless");
    expect(late.filter(({ outcome }) => outcome === "allowed")).toEqual([]);
  });
});

describe("a tool that runs any SQL", () => {
  const TRAPS = [
    "CREATE TEMP TABLE note AS SELECT * FROM notes.note",
    "CREATE TEMP VIEW note AS SELECT 1",
    "CREATE FUNCTION pg_temp.trap() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TABLE notes.trap (id int)",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_advisory_xact_lock(1)",
    "SELECT pg_try_advisory_lock(2)",
    "SELECT lo_create(0)",
    "DO $$ BEGIN NULL; END $$",
    "SELECT pg_terminate_backend(1)",
  ] as const;

  it("can leave nothing in the way of the next caller [SR-17]", async () => {
    await clientOf(server, "alice").callTool("hostile", {
      statements: [
        ...TRAPS,
        "SET search_path = pg_temp, notes",
        "SET SESSION statement_timeout = 1",
        "PREPARE trap AS SELECT 1",
        "DECLARE trap CURSOR WITH HOLD FOR SELECT 1",
        `SELECT set_config('deputize.seal', 'forged', false)`,
      ],
    });
    const refusedAlone = [];
    for (const trap of TRAPS) {
      const { structuredContent } = await clientOf(server, "alice").callTool("hostile", {
        statements: [trap],
      });
      refusedAlone.push(structuredContent?.["states"]);
    }
    expect(refusedAlone).toEqual(TRAPS.map(() => [expect.stringMatching(/^(42501|42883)$/)]));
    for (let i = 0; i < 12; i += 1)
      expect((await clientOf(server, "bob").callTool("all_notes")).structuredContent).toEqual({
        rows: [{ body: "note of bob" }],
      });
    const { rows } = await world.store.transaction("app", (tx) =>
      tx.query(`SELECT current_setting('search_path') AS path, to_regclass('pg_temp.note') AS trap,
        (SELECT count(*)::int FROM pg_prepared_statements WHERE name = 'trap') AS prepared,
        (SELECT count(*)::int FROM pg_cursors WHERE name = 'trap') AS cursors,
        (SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory') AS locks`),
    );
    expect(rows).toMatchObject([{ trap: null, prepared: 0, cursors: 0, locks: 0 }]);
    expect(String(rows[0]?.["path"])).not.toContain("pg_temp");
  });
});

describe("strangers", () => {
  it(`knock ${STRANGERS} times: a bounded number of entries, and an effect still commits [SR-19]`, async () => {
    await world.audit.flush();
    const entries = async () =>
      Number(
        (await world.store.ownerQuery<{ n: string }>("SELECT count(*) AS n FROM audit.entries")).rows[0]?.n,
      );
    const before = await entries();
    const knock = (i: number) =>
      new TestClient(server, { token: `stranger-${i}`, ipAddress: `198.51.${i % 199}.${i % 251}` }).send(
        "tools/call",
        { name: "edit_note", arguments: { note_id: NOTE.alice, body: "stolen" } },
      );
    const statuses = new Set<number>();
    for (let i = 0; i < STRANGERS; i += 100) {
      const some = await Promise.all(Array.from({ length: 100 }, (_, k) => knock(i + k)));
      for (const { status } of some) statuses.add(status);
      if (i % 1000 === 0)
        expect((await edit("alice", `during ${i}`)).structuredContent).toEqual({ changed: 1 });
    }
    expect([...statuses].every((status) => status === 401 || status === 429)).toBe(true);
    expect(await bodyOf(NOTE.alice)).toMatch(/^during /);
    await world.audit.flush();
    const effects = Math.ceil(STRANGERS / 1000);
    expect((await entries()) - before).toBeLessThan(effects + 20);
    expect(JSON.stringify(world.events)).not.toContain("stranger-");
  }, 300_000);
});

describe("the receipt of a call", () => {
  it("verifies against what its client held, and a log that was rolled back does not [SR-20]", async () => {
    const { audit } = world;
    const key = { publicKey: audit.publicKey };
    const held = async () => {
      await audit.flush();
      const { note: checkpoint } = (await audit.checkpoint()) as { note: string };
      return { checkpoint, public_key: audit.publicKey };
    };
    await edit("alice", "first");
    const early = await held();
    const result = await edit("alice", "second");
    const refused = await clientOf(server, "alice").callTool("get_note", { note_id: NOTE.bob });
    const late = await held();
    for (const answer of [result, refused]) {
      const receipt = await audit.receipt(answer._meta?.[META.entryId] as string);
      if (!receipt) throw new Error("no receipt");
      const verified = await verifyReceipt(receipt, key);
      expect(verified).toMatchObject({ ok: true });
      expect(JSON.stringify(receipt.summary)).toContain(person("alice"));
      const forged = { ...receipt, leaf: String(receipt.leaf).replace('"outcome"', '"Outcome"') };
      expect(await verifyReceipt(forged, key)).toMatchObject({ ok: false });
    }
    const sizes = [early, late].map(({ checkpoint }) => Number(checkpoint.split("\n")[1])) as [
      number,
      number,
    ];
    const consistency = await audit.consistency(...sizes);
    expect(await advanceCheckpoint(early, { ...late, consistency })).toMatchObject({ ok: true });
    expect(await advanceCheckpoint(late, { ...early, consistency })).toMatchObject({
      ok: false,
      problem: "log_shrank",
    });
    expect(
      await verifyLog({ store: world.store, ...key, held: [early.checkpoint, late.checkpoint] }),
    ).toMatchObject({ ok: true, anchored: true });
  });
});

describe("a constraint", () => {
  it("that a tool runs into tells nothing, whichever it is and whosever row it is about [SR-23]", async () => {
    const alice = clientOf(server, "alice");
    const comment = (over: object) =>
      alice.callTool("comment", { note_id: NOTE.alice, id: "one", stars: 5, as: person("alice"), ...over });
    expect((await comment({})).isError).not.toBe(true);
    const answers = [
      await comment({}), // a key of one's own that is taken
      await comment({ id: "two", note_id: NOTE.bob }), // a note that is somebody else's
      await comment({ id: "two", note_id: "00000000-0000-4000-8000-000000000000" }), // one that is nobody's
      await comment({ id: "two", stars: 9 }), // a check
      await comment({ id: "two", as: person("bob"), note_id: NOTE.bob }), // a row for somebody else
      await comment({ id: "two", as: person("bob"), note_id: NOTE.alice }),
    ].map(plain);
    expect(answers[0]).toContain('"isError":true');
    expect(answers[0]).not.toMatch(/comment_|of_owner|note_id|constraint|policy/);
    expect(new Set(answers).size).toBe(1);
  });
});
