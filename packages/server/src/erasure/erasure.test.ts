import { createHash } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Receipt, verifyLog } from "@deputize/audit";
import { verifyReceipt } from "@deputize/audit/verify";
import { PEOPLE, idOf } from "../../../authority/src/testing/test-authority.ts";
import { AUDIENCE, WHO } from "../../../authority/src/testing/test-core.ts";
import { type ErasureWorld, erasureWorld } from "./erasure.fixture.ts";
import { erasePerson, previewErasure } from "./erase-person.ts";
import { exportPerson } from "./export-person.ts";
import { type PersonKeeper, ownerKeeper } from "./person-keeper.ts";

let world: ErasureWorld;
let back: () => Promise<void>;
beforeAll(async () => {
  world = await erasureWorld();
  back = await world.store.mark();
});
afterAll(() => world?.close());
beforeEach(() => back());

/** Columns that hold ids of apps and workers, and never a person's. */
const OF_APPS = /^authority\.(apps|workers|heartbeats|operators|operator_secrets|api_keys)\./;
/** Ids that stay: of whom a grant was, who owned an agent, and that the id is taken. */
const KEPT = new Set([
  "authority.agents.owner_id",
  "authority.grants.subject",
  "authority.people.principal_id",
  // How often rows of a table changed: nothing is told by the number, and it must never go back.
  "deputize.data_versions.owner",
]);
/** Where only an id says so, and an agent or a service is meant. */
const NOT_PERSONS = new Set([
  "authority.agents.principal_id",
  "authority.audiences.principal",
  "authority.app_secrets.principal_id",
  // Only tables that applications track.
  "deputize.data_versions.owner",
]);

const of = (rows: Map<string, readonly string[]>, pattern: RegExp): string[] =>
  [...rows].flatMap(([table, all]) =>
    all.filter((row) => pattern.test(row)).map((row) => `${table}: ${row}`),
  );

const gather = async (pieces: AsyncIterable<string>): Promise<string> => {
  let text = "";
  for await (const piece of pieces) text += piece;
  return text;
};

describe("erasing a person [PR-D30]", () => {
  it("leaves no row of theirs in any table, every row of others, and a log and a receipt that verify [SR-24]", async () => {
    await world.fill("alice");
    await world.fill("bob");
    const before = await world.rows();
    for (const [column, n] of await world.owned("alice")) {
      // A new table comes here first: fill it in the fixture, and erase it.
      if (!OF_APPS.test(column) && !NOT_PERSONS.has(column)) expect([column, n > 0]).toEqual([column, true]);
    }
    expect(of(before, /alice/i).length).toBeGreaterThan(10);
    const bob = new RegExp(`bob|${idOf("bob")}`, "i");
    const keepers = await world.keepers();
    const owner = { tenant: "default", subject: idOf("alice") };
    const preview = await previewErasure({ owner, keepers, store: world.store });
    expect(await world.rows()).toEqual(before);
    for (const name of ["authority", "agent", "agent.tasks", "mcp", "log"])
      expect([name, (preview[name] ?? 0) > 0]).toEqual([name, true]);

    const receipt = await erasePerson(world.erasure("alice", keepers));
    for (const name of ["authority", "agent", "agent.tasks", "mcp", "log"])
      expect([name, (receipt.counts[name] ?? 0) > 0]).toEqual([name, true]);

    const after = await world.rows();
    expect(of(after, /alice/i)).toEqual([]);
    for (const [column, n] of await world.owned("alice"))
      if (!KEPT.has(column)) expect([column, n]).toEqual([column, 0]);
    expect(of(after, bob)).toEqual(of(before, bob));

    // Nobody who knows her finds her in the leaves.
    const leaves = (after.get("audit.entries") ?? []).join("\n");
    for (const known of [PEOPLE.alice.email, PEOPLE.alice.name, idOf("alice")]) {
      for (const text of [known, JSON.stringify(known), `{"subject":"${known}"}`]) {
        expect(leaves).not.toContain(text);
        for (const algorithm of ["sha256", "sha1", "md5"])
          expect(leaves).not.toContain(createHash(algorithm).update(text).digest("hex"));
      }
    }
    expect(await verifyLog({ store: world.store, publicKey: world.log.publicKey })).toMatchObject({
      ok: true,
    });
    expect(await verifyReceipt(receipt.proof)).toMatchObject({ ok: true });
    expect(receipt.proof.summary).toMatchObject({ action: "person.erased", outcome: "info" });
    expect(receipt.proof.openings?.detail?.value).toEqual({ erasure: receipt.id, counts: receipt.counts });
    expect(JSON.stringify(receipt)).not.toContain(idOf("alice"));
  });

  it("ends what they could do, for good: no sign-in, token, key of an agent or seeder brings them back [SR-12]", async () => {
    const page = await world.fill("alice");
    const caller = await world.callerOf(page);
    const { caller: deputy } = await world.deputyOf(page);
    await erasePerson(world.erasure("alice", await world.keepers()));
    expect((await page.send("GET", "/api/auth/session")).body["user"]).toBeNull();
    await expect(world.signIn("alice")).rejects.toThrow("could not sign in");
    for (const acting of [caller, deputy]) {
      const writes = world.store.asCaller(acting, async () => 1, { readOnly: false });
      await expect(writes).rejects.toMatchObject({ code: "grant_revoked" });
    }
    const by = { actor: idOf("ada"), tenant: "default" };
    await expect(world.people.reactivate(idOf("alice"), by)).rejects.toMatchObject({ code: "conflict" });
    await world.people.create({ id: idOf("alice"), ...PEOPLE.alice });
    expect(of(await world.rows(), /alice/i)).toEqual([]);
    expect(
      (
        await world.store.ownerQuery("SELECT 1 FROM authority.passwords WHERE principal_id = $1", [
          idOf("alice"),
        ])
      ).rows,
    ).toEqual([]);
    // The address is free for whoever comes.
    await world.people.signUp({ ...PEOPLE.alice, password: "quite other words" });
    expect((await world.people.findByEmail(PEOPLE.alice.email))?.id).not.toBe(idOf("alice"));
  });

  it("may be asked again, and finds nothing then", async () => {
    await world.fill("alice");
    await erasePerson(world.erasure("alice", await world.keepers()));
    const again = await erasePerson(world.erasure("alice", await world.keepers()));
    const { log: _log, ...rest } = again.counts;
    expect(Object.values(rest).every((n) => n === 0)).toBe(true);
    expect(await verifyReceipt(again.proof)).toMatchObject({ ok: true });
  });

  it("claims nothing when one room fails, erases the others, and completes when asked again", async () => {
    await world.fill("alice");
    let down = true;
    const flaky = ownerKeeper("notes", async () => {
      if (down) throw new Error("the notes are away, and hold alice's words");
      return { notes: 2, pages: 1 };
    });
    const keepers = [flaky, ...(await world.keepers())];
    const failure = await erasePerson(world.erasure("alice", keepers)).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "unavailable", detail: { failed: ["notes"] } });
    const entries = await world.log.list({ limit: 100 });
    expect(JSON.stringify(entries)).not.toContain('"person.erased"');
    expect((await world.owned("alice")).get("agent.messages.owner")).toBe(0);
    down = false;
    const receipt = await erasePerson(world.erasure("alice", keepers));
    expect(receipt.counts["notes"]).toBe(3);
    expect(of(await world.rows(), /alice/i)).toEqual([]);
  });

  it("completes after the process died between any two rooms", async () => {
    const keepers = await world.keepers();
    for (let survived = 0; survived <= keepers.length; survived += 1) {
      await back();
      await world.fill("alice");
      const { owner, by } = world.erasure("alice", keepers);
      for (const keeper of keepers.slice(0, survived)) await keeper.erase(owner, by);
      const receipt = await erasePerson(world.erasure("alice", keepers));
      expect(await verifyReceipt(receipt.proof)).toMatchObject({ ok: true });
      expect(of(await world.rows(), /alice/i)).toEqual([]);
    }
  }, 240_000);

  it("leaves nothing alive that the person makes meanwhile [SR-13]", async () => {
    const page = await world.fill("alice");
    const register = (n: number) =>
      page.send("POST", "/agents/register", { agent_name: `racer ${n}`, owner_email: PEOPLE.alice.email });
    const permit = () =>
      world.permissions
        .grant({ person: idOf("alice"), agent: WHO.orders, grantedBy: idOf("ada") })
        .catch(() => undefined);
    const keepers = await world.keepers();
    const erasing = erasePerson(world.erasure("alice", keepers)).catch((error: unknown) => error);
    await Promise.all([
      erasing,
      register(1),
      permit(),
      register(2),
      world.signIn("alice").catch(() => undefined),
    ]);
    // Whatever came in between is found when asked again, as the first answer says or the second time shows.
    await erasePerson(world.erasure("alice", keepers));
    const { rows } = await world.store.ownerQuery<{ n: number }>(
      `SELECT count(*)::int AS n FROM authority.grants g WHERE g.state = 'active' AND (g.subject = $1 OR g.subject IN
         (SELECT a.principal_id FROM authority.agents a WHERE a.owner_id = $1))`,
      [idOf("alice")],
    );
    expect(rows[0]?.n).toBe(0);
    expect(of(await world.rows(), /alice|racer/i)).toEqual([]);
  });

  it("does not begin while a schema keeps rows of persons and cannot erase them", async () => {
    await world.store.ownerQuery(
      "CREATE SCHEMA forgotten; CREATE TABLE forgotten.notes (owner uuid); ALTER TABLE forgotten.notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    );
    try {
      await expect(world.keepers()).rejects.toMatchObject({ code: "config_invalid" });
      await expect(world.keepers()).rejects.toThrow("forgotten");
    } finally {
      await world.store.ownerQuery("DROP SCHEMA forgotten CASCADE");
    }
  });

  it("is refused by the database for who can still act, and for the serving role altogether [SR-03]", async () => {
    const page = await world.fill("alice");
    const direct = world.store.transaction("authority", (tx) =>
      tx.query("SELECT authority.forget_person('default', $1, now())", [idOf("alice")]),
    );
    await expect(direct).rejects.toMatchObject({ code: "23514" });
    const caller = await world.callerOf(page);
    for (const call of [
      "SELECT agent.erase_person($1, $2)",
      "SELECT agent.erase_person_tasks($1, $2)",
      "SELECT mcp.erase_person($1, $2)",
      "SELECT * FROM agent.person_rows($1, $2, '', 10)",
      "SELECT * FROM audit.person_rows($1, $2, '', 10)",
      "SELECT * FROM authority.person_rows($1, $2, '', 10)",
    ]) {
      const asApp = world.store.asCaller(caller, (tx) => tx.query(call, ["default", idOf("alice")]), {
        readOnly: false,
      });
      await expect(asApp, call).rejects.toMatchObject({ code: "42501" });
    }
  });
});

describe("exporting a person [PR-D30]", () => {
  it("gives all of theirs, by sections, nothing of another and no secret", async () => {
    await world.fill("alice");
    await world.fill("bob");
    const owner = { tenant: "default", subject: idOf("alice") };
    const text = await gather(exportPerson({ owner, keepers: await world.keepers(), audit: world.log }));
    const { person, sections } = JSON.parse(text);
    expect(person).toEqual({ tenant: "default", id: idOf("alice") });
    expect(Object.keys(sections).toSorted()).toEqual(
      [
        "agent.conversations",
        "agent.lasting.lasting_work",
        "agent.memories",
        "agent.messages",
        "agent.runs",
        "agent.files.files",
        "agent.serverruns.server_run_events",
        "agent.serverruns.server_runs",
        "agent.tasks.tasks",
        "agent.usage",
        "audit.entries",
        "authn.second_factor",
        "authn.step_ups",
        "authn.user_api_keys",
        "authority.agents",
        "authority.api_keys",
        "authority.approvals",
        "authority.cases",
        "authority.linked_credentials",
        "authority.mandates",
        "authority.permissions",
        "authority.person",
        "authority.sessions",
        "mcp.session_state",
        "registry.registered_agents",
      ].toSorted(),
    );
    expect(sections["authority.person"]).toMatchObject([{ email: PEOPLE.alice.email, name: "Alice" }]);
    expect(sections["agent.messages"]).toMatchObject([{ content: "alice's words" }]);
    expect(text).not.toMatch(new RegExp(`bob|${idOf("bob")}`, "i"));
    expect(text).not.toMatch(/argon2|hash"/);
  });

  it("shows the entries of the log about them alone, each with a receipt that verifies then and after the erasure [SR-24]", async () => {
    await world.fill("alice");
    await world.fill("bob");
    const subject = idOf("alice");
    // An entry that speaks of her is about her, and is of whoever acted.
    await world.log.append({
      action: "case.read",
      outcome: "allowed",
      tenant: "default",
      subject: idOf("bob"),
      about: [subject],
    });
    // More than a page of the keeper.
    await Promise.all(
      Array.from({ length: 520 }, (_, n) =>
        world.log.append({
          action: "tool.call",
          outcome: "allowed",
          tenant: "default",
          subject,
          args: { n, said: "alice's words" },
        }),
      ),
    );
    const owner = { tenant: "default", subject };
    const text = await gather(exportPerson({ owner, keepers: await world.keepers(), audit: world.log }));
    const entries = JSON.parse(text).sections["audit.entries"] as { entry_id: string; receipt: Receipt }[];
    expect(entries.length).toBeGreaterThan(520);
    expect(new Set(entries.map(({ entry_id }) => entry_id)).size).toBe(entries.length);
    for (const { entry_id, receipt } of entries) {
      expect([receipt.entry_id, receipt.status, receipt.summary.asked?.id]).toEqual([
        entry_id,
        "logged",
        subject,
      ]);
    }
    expect(text).not.toMatch(new RegExp(`bob|${idOf("bob")}|case\\.read`, "i"));
    const some = [entries[0], entries[260], entries.at(-1)].map((entry) => entry?.receipt as Receipt);
    for (const receipt of some) expect(await verifyReceipt(receipt)).toMatchObject({ ok: true });

    await erasePerson(world.erasure("alice", await world.keepers()));
    expect(await verifyLog({ store: world.store, publicKey: world.log.publicKey })).toMatchObject({
      ok: true,
    });
    for (const receipt of some) expect(await verifyReceipt(receipt)).toMatchObject({ ok: true });
    const after = await gather(exportPerson({ owner, keepers: await world.keepers(), audit: world.log }));
    expect(JSON.parse(after).sections["audit.entries"]).toBeUndefined();
  });

  it("pages through any number of rows, and breaks off where a room fails", async () => {
    const many: PersonKeeper = {
      name: "many",
      erase: async () => 0,
      async *export() {
        for (let n = 0; n < 3; n += 1) yield { section: n < 2 ? "a" : "b", body: { n } };
      },
    };
    const owner = { tenant: "default", subject: idOf("alice") };
    expect(
      JSON.parse(await gather(exportPerson({ owner, keepers: [many], audit: world.log }))).sections,
    ).toEqual({
      "many.a": [{ n: 0 }, { n: 1 }],
      "many.b": [{ n: 2 }],
    });
    expect(JSON.parse(await gather(exportPerson({ owner, keepers: [], audit: world.log }))).sections).toEqual(
      {},
    );
    await world.store.ownerQuery(
      `INSERT INTO agent.conversations (tenant, owner, agent, id, title, created, last_message)
       SELECT 'default', $1, 'order-management', gen_random_uuid(), 'title ' || n, now(), now() FROM generate_series(1, 1201) n`,
      [idOf("alice")],
    );
    const { sections } = JSON.parse(
      await gather(exportPerson({ owner, keepers: await world.keepers(), audit: world.log })),
    );
    expect(new Set(sections["agent.conversations"].map(({ title }: { title: string }) => title)).size).toBe(
      1201,
    );
    const broken: PersonKeeper = {
      ...many,
      // oxlint-disable-next-line require-yield
      async *export() {
        throw new Error("away");
      },
    };
    await expect(gather(exportPerson({ owner, keepers: [many, broken], audit: world.log }))).rejects.toThrow(
      "away",
    );
  });
});

describe("the person's own routes", () => {
  it("are for the person at a fresh session of their own, and nobody who acts for them [SR-14]", async () => {
    const page = await world.fill("alice");
    const { token } = await world.deputyOf(page);
    const agent = world.visitor();
    agent.token = token;
    const body = { confirm: PEOPLE.alice.email };
    const requests = [
      ["POST", "/api/me/erase", body],
      ["GET", "/api/me/export", undefined],
    ] as const;
    for (const [method, path, sent] of requests) {
      expect((await agent.send(method, path, sent)).status, path).toBeGreaterThanOrEqual(401);
      expect((await world.visitor().send(method, path, sent)).status, path).toBe(401);
    }
    // An agent of hers, which signs in at the same API with its own key.
    const registered = await page.send("POST", "/agents/register", {
      agent_name: "eraser",
      owner_email: PEOPLE.alice.email,
    });
    const signedIn = await world.visitor().send("POST", "/auth/login", { api_key: registered.body.api_key });
    agent.token = signedIn.body.access_token;
    for (const [method, path, sent] of requests) {
      const reply = await agent.send(method, path, sent);
      expect([reply.status, reply.body["code"]], path).toEqual([403, "first_party_session_required"]);
    }
    // What is exchanged of her own session has her as subject, and that is not enough.
    const person = await world.callerOf(page);
    const exchanged = await world.exchange.caller(person, {
      exchanger: WHO.shopApi,
      actor: WHO.support,
      audiences: [AUDIENCE.orders],
    });
    const { caller: acting } = await world.tokens.read(exchanged.token);
    await expect(world.requireFreshSession(acting, "person.erase")).rejects.toMatchObject({
      code: "first_party_session_required",
      status: 403,
    });
    for (const wrong of [{}, { confirm: "yes" }, { confirm: PEOPLE.bob.email }, { ...body, id: idOf("bob") }])
      expect((await page.send("POST", "/api/me/erase", wrong)).status).toBe(422);
    expect((await page.send("POST", "/api/me/erase", body, { "x-csrf-token": "" })).status).toBe(403);
    world.clock.advance(16 * 60_000);
    for (const [method, path, sent] of requests) {
      const reply = await page.send(method, path, sent);
      expect([reply.status, reply.body["code"]]).toEqual([403, "first_party_session_required"]);
    }
    expect((await world.owned("alice")).get("agent.messages.owner")).toBe(1);
  });

  it("export, and then erase with a receipt", async () => {
    const page = await world.fill("alice");
    const exported = await page.send("GET", "/api/me/export");
    expect(exported.status).toBe(200);
    expect(exported.headers.get("cache-control")).toBe("no-store");
    expect(JSON.stringify(exported.body)).toContain("alice's words");
    const erased = await page.send("POST", "/api/me/erase", { confirm: " ALICE@example.com" });
    expect(erased.status).toBe(200);
    expect(await verifyReceipt(erased.body["proof"] as never)).toMatchObject({ ok: true });
    expect(of(await world.rows(), /alice/i)).toEqual([]);
    expect((await page.send("GET", "/api/me/export")).status).toBe(401);
  });
});
