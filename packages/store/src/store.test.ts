import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Caller, newId, parsePrincipalId, stableId } from "@deputize/core";
import { type TestStore, openTestStore, testDatabaseUrl } from "./testing.ts";

function caller(name: string, extra: Partial<Caller> = {}): Caller {
  return {
    tenant: "default",
    subject: parsePrincipalId(stableId(`user:${name}`)),
    subjectKind: "user",
    actors: [],
    roles: ["customer"],
    scopes: [],
    grants: [],
    clientId: "test",
    ...extra,
  };
}

const alice = caller("alice");
const bob = caller("bob");

let store: TestStore;

beforeAll(async () => {
  store = await openTestStore(
    [{ name: "fixture", directory: new URL("../test/fixture/", import.meta.url) }],
    {
      onDisk: true,
    },
  );
  for (const owner of [alice, bob]) {
    await store.ownerQuery("INSERT INTO fixture.notes (id, owner, body) VALUES ($1, $2, $3)", [
      newId(),
      owner.subject,
      `note of ${owner === alice ? "alice" : "bob"}`,
    ]);
  }
});
afterAll(() => store?.close());

const bodies = (rows: { body: string }[]): string[] => rows.map((r) => r.body);

describe("a transaction as the caller", () => {
  it("sees the caller's rows though the query names no owner [SR-02]", async () => {
    const seen = await store.asCaller(alice, (tx) =>
      tx.query<{ body: string }>("SELECT body FROM fixture.notes"),
    );
    expect(bodies(seen.rows)).toEqual(["note of alice"]);
  });

  it("sees nothing without a caller [SR-02]", async () => {
    const { rows } = await store.pool("app").query("SELECT body FROM fixture.notes");
    expect(rows).toEqual([]);
  });

  it("leaves nothing of one caller to the next on the same connection [SR-02]", async () => {
    await store.asCaller(alice, (tx) => tx.query("SELECT 1"));
    const { rows } = await store.pool("app").query("SELECT body, deputize.subject() FROM fixture.notes");
    expect(rows).toEqual([]);
  });

  it("does not believe a setting, a copied seal of another connection, or a forged one [SR-02]", async () => {
    const forged = `${"0".repeat(64)}.${JSON.stringify({ sub: bob.subject, ten: "default", rol: [], grs: [], pid: 1, exp: 9e9 })}`;
    const seen = await store.asCaller(alice, async (tx) => {
      await tx.query("SELECT set_config('deputize.seal', $1, true)", [forged]);
      return tx.query("SELECT body FROM fixture.notes");
    });
    expect(seen.rows).toEqual([]);
    await expect(
      store.asCaller(alice, (tx) =>
        tx.query("SELECT deputize.enter($1, $2, 1000)", [forged.slice(65), "0".repeat(64)]),
      ),
    ).rejects.toMatchObject({ code: "grant_revoked" });
  });

  it("refuses to write in a reading transaction [SR-03]", async () => {
    await expect(
      store.asCaller(alice, (tx) => tx.query("UPDATE fixture.notes SET body = 'changed'")),
    ).rejects.toMatchObject({ code: "25006" });
  });

  it("writes only the caller's rows, and only columns that were granted [SR-03]", async () => {
    const write = (sql: string) => store.asCaller(alice, (tx) => tx.query(sql), { readOnly: false });
    expect((await write("UPDATE fixture.notes SET body = 'note of alice'")).rowCount).toBe(1);
    await expect(write(`UPDATE fixture.notes SET owner = '${bob.subject}'`)).rejects.toMatchObject({
      code: "42501",
    });
    await expect(
      write(`INSERT INTO fixture.notes (id, owner, body) VALUES ('${newId()}', '${bob.subject}', 'planted')`),
    ).rejects.toMatchObject({ code: "42501" });
  });

  it("rolls back when the work throws, and frees the connection", async () => {
    await expect(
      store.asCaller(
        alice,
        async (tx) => {
          await tx.query("UPDATE fixture.notes SET body = 'half done'");
          throw new Error("stopped");
        },
        { readOnly: false },
      ),
    ).rejects.toThrow("stopped");
    const seen = await store.asCaller(alice, (tx) =>
      tx.query<{ body: string }>("SELECT body FROM fixture.notes"),
    );
    expect(bodies(seen.rows)).toEqual(["note of alice"]);
  });

  it("changes nothing after its deadline, and refuses a late query [SR-16]", async () => {
    let late: Promise<unknown> | undefined;
    await expect(
      store.asCaller(
        alice,
        async (tx) => {
          await tx.query("UPDATE fixture.notes SET body = 'late'");
          await new Promise((resolve) => setTimeout(resolve, 200));
          late = tx.query("UPDATE fixture.notes SET body = 'later'");
          return late;
        },
        { readOnly: false, deadlineMs: 50 },
      ),
    ).rejects.toMatchObject({ code: "timeout" });
    await new Promise((resolve) => setTimeout(resolve, 250));
    await expect(late).rejects.toMatchObject({ code: "timeout" });
    const seen = await store.asCaller(alice, (tx) =>
      tx.query<{ body: string }>("SELECT body FROM fixture.notes"),
    );
    expect(bodies(seen.rows)).toEqual(["note of alice"]);
  });

  it("leaves nothing on the connection when it is given up while it begins [SR-02] [SR-17]", async () => {
    for (let turns = 0; turns < 12; turns += 1) {
      // Knows no connection yet, so beginning takes a trip before BEGIN is sent.
      const fresh = await store.sibling();
      const abort = new AbortController();
      const given = fresh.asCaller(alice, (tx) => tx.query("SELECT 1"), { signal: abort.signal });
      for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      abort.abort();
      await given.catch(() => {});
      const { rows } = await fresh
        .pool("app")
        .query<{ subject: string | null }>("SELECT deputize.subject() AS subject");
      expect({ turns, subject: rows[0]?.subject }).toEqual({ turns, subject: null });
    }
  });

  /** Sealed as it should be, and then not read by the database: JSON may hold this character and jsonb may not. */
  const unreadable = caller("alice", { tenant: "a\u0000b" });

  it("runs no statement that was sent behind a beginning that failed, whatever the work makes of it [SR-02]", async () => {
    const heard: unknown[] = [];
    const given = store.asCaller(unreadable, async (tx) => {
      await tx.query("SELECT body FROM fixture.notes").then(
        ({ rows }) => heard.push(rows),
        (error: Error) => heard.push(error.message),
      );
      return "all is well";
    });
    await expect(given).rejects.toMatchObject({ code: "22P05" });
    expect(heard).toEqual([expect.stringContaining("Unicode")]);
    const { rows } = await store.pool("app").query("SELECT deputize.sealed() AS seal");
    expect(rows).toEqual([{ seal: null }]);
  });

  it("starts no work that may change something before the database has agreed to the caller [SR-13]", async () => {
    let started = false;
    const given = store.asCaller(unreadable, async () => (started = true), { readOnly: false });
    await expect(given).rejects.toMatchObject({ code: "22P05" });
    expect(started).toBe(false);
  });

  it("sees only the caller's rows on a connection that has just read for another [SR-02]", async () => {
    const one = await store.sibling();
    const seen: string[][] = [];
    for (const who of [alice, bob, alice, unreadable, bob]) {
      await one
        .asCaller(who, (tx) => tx.query<{ body: string }>("SELECT body FROM fixture.notes"))
        .then(
          ({ rows }) => seen.push(bodies(rows)),
          () => seen.push(["refused"]),
        );
    }
    expect(seen).toEqual([
      ["note of alice"],
      ["note of bob"],
      ["note of alice"],
      ["refused"],
      ["note of bob"],
    ]);
  });

  it("serves on after transactions that sat idle up to their deadline, whichever clock strikes first [SR-16]", async () => {
    const idle = (ms: number) => () => new Promise<void>((resolve) => setTimeout(resolve, ms));
    for (const deadlineMs of [1, 2, 5, 10, 20]) {
      for (const readOnly of [true, false]) {
        const given = store.asCaller(alice, idle(2 * deadlineMs), { deadlineMs, readOnly });
        await expect(given).rejects.toMatchObject({ code: "timeout" });
        const own = store.transaction("app", idle(2 * deadlineMs), { deadlineMs, readOnly });
        await expect(own).rejects.toMatchObject({ code: "timeout" });
      }
    }
    const seen = await store.asCaller(alice, (tx) =>
      tx.query<{ body: string }>("SELECT body FROM fixture.notes"),
    );
    expect(bodies(seen.rows)).toEqual(["note of alice"]);
  });

  it("serves many callers at once without mixing them", async () => {
    const seen = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        store.asCaller(i % 2 ? alice : bob, (tx) =>
          tx.query<{ body: string }>("SELECT body FROM fixture.notes"),
        ),
      ),
    );
    expect(seen.map((s, i) => bodies(s.rows)[0] === (i % 2 ? "note of alice" : "note of bob"))).not.toContain(
      false,
    );
    expect(seen.every((s) => s.rows.length === 1)).toBe(true);
  });
});

it("survives a transaction that the server ended because it sat idle past its deadline [SR-16]", async () => {
  const idle = store.asCaller(
    alice,
    async (tx) => {
      await tx.query("SELECT 1");
      const until = Date.now() + 400;
      // Holds this thread, as heavy work does, so that the server's timer is the one that fires.
      while (Date.now() < until);
      return tx.query("SELECT 1");
    },
    { deadlineMs: 100 },
  );
  await expect(idle).rejects.toMatchObject({ code: expect.stringMatching(/^(timeout|unavailable)$/) });
  await new Promise((resolve) => setTimeout(resolve, 50));
  const seen = await store.asCaller(bob, (tx) =>
    tx.query<{ body: string }>("SELECT body FROM fixture.notes"),
  );
  expect(bodies(seen.rows)).toEqual(["note of bob"]);
});

describe("SQL that a model wrote [SR-01]", () => {
  const escapes = [
    "SELECT body FROM fixture.notes",
    "SELECT set_config('deputize.seal', 'x', true), n.body FROM fixture.notes n",
    "SELECT set_config('role', 'postgres', true), n.body FROM fixture.notes n",
    "SELECT n.body FROM fixture.notes n, set_config('role', 'none', false)",
    "SELECT (SELECT set_config('session_authorization', 'postgres', false)), n.body FROM fixture.notes n",
    "SELECT set_config('row_security', 'off', true), n.body FROM fixture.notes n",
    "SET ROLE postgres",
    "RESET ROLE",
    "RESET SESSION AUTHORIZATION",
    "SELECT 1; RESET ROLE",
    "SELECT 1; SELECT body FROM fixture.notes",
    "COMMIT",
    "CREATE TEMP TABLE notes (body text)",
    "CREATE FUNCTION pg_temp.leak() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS 'SELECT body FROM fixture.notes'",
    "INSERT INTO fixture.notes SELECT gen_random_uuid(), deputize.subject(), 'x'",
    "WITH gone AS (DELETE FROM fixture.notes RETURNING body) SELECT body FROM gone",
    "SELECT deputize.enter('{}', 'x', 1000)",
    "SELECT * FROM deputize.seal_key",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_advisory_lock(1)",
    "SELECT lo_create(0)",
    "SELECT query FROM pg_stat_activity WHERE query LIKE '%seal%' AND query NOT LIKE '%pg_stat_activity%'",
    "SELECT deputize.run_untrusted_sql('SELECT body FROM fixture.notes', 10)",
    "SELECT body FROM fixture.notes UNION ALL SELECT rolpassword FROM pg_authid",
    "DO $$ BEGIN RESET ROLE; END $$",
    "COPY fixture.notes TO STDOUT",
    "EXPLAIN SELECT * FROM fixture.notes",
  ];

  it.each(escapes)("%s: nothing of anybody else, nothing changed", async (statement) => {
    const found = await store
      .runUntrustedSql(alice, statement)
      .catch((error: Error) => [{ refused: error.message }]);
    expect(JSON.stringify(found)).not.toContain("note of bob");
    expect(JSON.stringify(found)).not.toMatch(/SCRAM|root:x|\\\\x/);
    const rows = await store.ownerQuery<{ body: string }>("SELECT body FROM fixture.notes ORDER BY body");
    expect(bodies(rows.rows)).toEqual(["note of alice", "note of bob"]);
    const next = await store.asCaller(bob, (tx) =>
      tx.query<{ body: string; role: string }>("SELECT body, current_user AS role FROM fixture.notes"),
    );
    expect(next.rows).toEqual([{ body: "note of bob", role: store.roleName("app") }]);
  });

  it("is ended at its deadline while others are served", async () => {
    const runaway = store.runUntrustedSql(alice, "SELECT count(*) FROM generate_series(1, 1000000000) a", {
      deadlineMs: 300,
    });
    await expect(runaway).rejects.toMatchObject({ code: "timeout" });
    const seen = await store.asCaller(bob, (tx) =>
      tx.query<{ body: string }>("SELECT body FROM fixture.notes"),
    );
    expect(bodies(seen.rows)).toEqual(["note of bob"]);
  });
});

describe("what one transaction leaves for the next on the same connection [SR-17]", () => {
  it.each([
    ["a seal", "SELECT set_config('deputize.seal', current_setting('deputize.seal'), false)"],
    ["a setting", "SELECT set_config('row_security', 'off', false)"],
    ["a cursor", "DECLARE kept CURSOR WITH HOLD FOR SELECT body FROM fixture.notes"],
    ["a statement", "PREPARE kept AS SELECT body FROM fixture.notes"],
  ])("%s: nothing", async (_, statement) => {
    await store.asCaller(alice, (tx) => tx.query(statement));
    const left = await store.transaction("app", (tx) =>
      tx.query(`SELECT deputize.sealed() AS seal, current_setting('row_security') AS row_security,
        (SELECT count(*)::int FROM pg_cursors WHERE name = 'kept') AS cursors,
        (SELECT count(*)::int FROM pg_prepared_statements WHERE name = 'kept') AS statements`),
    );
    expect(left.rows).toEqual([{ seal: null, row_security: "on", cursors: 0, statements: 0 }]);
  });
});

describe("what no role may do [SR-17]", () => {
  it.each([
    "CREATE TEMP TABLE notes (id uuid)",
    "CREATE TABLE public.mine (id uuid)",
    "CREATE TABLE fixture.mine (id uuid)",
    "SELECT pg_advisory_lock(1)",
    "SELECT lo_create(0)",
    "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "SELECT pg_terminate_backend(1)",
    "SELECT pg_stat_get_backend_activity(i) FROM pg_catalog.generate_series(1, 9) i",
  ])("the app role is refused: %s", async (statement) => {
    await expect(
      store.asCaller(alice, (tx) => tx.query(statement), { readOnly: false }),
    ).rejects.toMatchObject({ code: expect.stringMatching(/^42501|3F000$/) });
  });

  it("no login role is a superuser, bypasses row security or is a member of another", async () => {
    const { rows } = await store.ownerQuery(
      `SELECT rolname FROM pg_roles r WHERE rolname LIKE $1 AND (rolsuper OR rolbypassrls OR rolcreaterole
        OR EXISTS (SELECT 1 FROM pg_auth_members m WHERE m.member = r.oid))`,
      [store.roleName("app").replace(/app$/, "%")],
    );
    expect(rows).toEqual([]);
  });
});

if (testDatabaseUrl) {
  it("on a Postgres server: a statement waits behind a beginning that comes late [SR-02]", async () => {
    const answers = await store.asOwner(async (owner) => {
      await owner.query("BEGIN");
      await owner.query("LOCK TABLE deputize.seal_key IN ACCESS EXCLUSIVE MODE");
      const seen: string[][] = [];
      const given = [alice, bob].map((who) =>
        store
          .asCaller(who, (tx) => tx.query<{ body: string }>("SELECT body FROM fixture.notes"))
          .then(({ rows }) => void seen.push(bodies(rows))),
      );
      const waits =
        "SELECT count(*)::int AS n FROM pg_locks WHERE NOT granted AND relation = 'deputize.seal_key'::regclass";
      await expect.poll(async () => (await owner.query<{ n: number }>(waits)).rows[0]?.n).toBe(2);
      expect(seen).toEqual([]);
      await owner.query("COMMIT");
      await Promise.all(given);
      return seen;
    });
    expect(answers.toSorted()).toEqual([["note of alice"], ["note of bob"]]);
  });

  it("on a Postgres server: never uses a connection of untrusted SQL twice [SR-01]", async () => {
    const pid = async () =>
      (await store.runUntrustedSql(alice, "SELECT pg_backend_pid() AS pid")) as { pid: number }[];
    expect((await pid())[0]?.pid).not.toBe((await pid())[0]?.pid);
  });
}
