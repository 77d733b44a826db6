import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Caller, newId } from "@deputize/core";
import { generateSigningKey } from "../keys/private-key.ts";
import {
  PEOPLE,
  type TestAuthority,
  type Visitor,
  idOf,
  openTestAuthority,
} from "../testing/test-authority.ts";

let world: TestAuthority;
let sources = 0;
const source = () => `198.51.103.${(sources += 1)}`;
let ada: Visitor;

beforeAll(async () => {
  world = await openTestAuthority();
});
afterAll(() => world.close());
beforeEach(async () => {
  await world.store.ownerQuery("UPDATE authority.cases SET closed_at = now() WHERE closed_at IS NULL");
  ada = await world.signIn("ada", "browser", source());
  world.events.length = 0;
});

const PURPOSE = "Ticket 4711: where is the parcel";
const body = (change: Record<string, unknown> = {}) => ({
  subject_email: PEOPLE.bob.email,
  purpose: PURPOSE,
  resources: ["orders"],
  ...change,
});
const open = (who: Visitor, change: Record<string, unknown> = {}) =>
  who.send("POST", "/api/cases", body(change));

/** What a policy of the shop would see. */
async function subjects(caller: Caller, resource = "orders"): Promise<string[]> {
  return world.store.asCaller(caller, async (tx) => {
    const { rows } = await tx.query<{ s: string[] }>("SELECT deputize.case_subjects($1) AS s", [resource]);
    return rows[0]?.s ?? [];
  });
}

async function personSeenBy(caller: Caller, id: string) {
  return world.store.asCaller(
    caller,
    async (tx) => (await tx.query("SELECT * FROM authority.person($1)", [id])).rows,
  );
}

describe("opening a case", () => {
  it("names person, purpose and resources, lasts 30 minutes, and is logged with its purpose [SR-04]", async () => {
    const reply = await open(ada);
    expect(reply.status).toBe(201);
    expect(reply.body).toEqual({
      id: expect.any(String),
      subject: { id: idOf("bob"), email: PEOPLE.bob.email, name: "Bob" },
      purpose: PURPOSE,
      resources: ["orders"],
      opened: new Date(world.clock.nowMs()).toISOString(),
      expires: new Date(world.clock.nowMs() + 30 * 60_000).toISOString(),
    });
    expect(world.events).toMatchObject([
      {
        action: "case.opened",
        subject: idOf("ada"),
        about: [idOf("bob")],
        case: { id: reply.body["id"], purpose: PURPOSE },
      },
    ]);
    expect((await ada.send("GET", "/api/cases")).body["cases"]).toEqual([
      reply.body,
      ...((await ada.send("GET", "/api/cases")).body["cases"] as unknown[]).slice(1),
    ]);
    const bobSees = await world.signIn("bob", "browser", source());
    expect((await bobSees.send("GET", "/api/cases")).body).toEqual({ cases: [] });
  });

  it("is refused to agents, exchanged tokens and whoever is no administrator, and the try is logged [SR-04]", async () => {
    const deputy = await world.deputyOf(ada);
    const agent = world.visitor();
    agent.token = deputy.token;
    expect((await open(agent)).status).toBe(403);
    await expect(
      world.cases.open(deputy.caller, {
        subjectEmail: PEOPLE.bob.email,
        purpose: PURPOSE,
        resources: ["orders"],
      }),
    ).rejects.toMatchObject({ code: "first_party_session_required" });
    const alice = await world.signIn("alice", "browser", source());
    const refused = await open(alice);
    expect([refused.status, refused.body["code"]]).toEqual([403, "insufficient_scope"]);
    const noProof = await ada.send("POST", "/api/cases", body(), { "x-csrf-token": "" });
    expect(noProof.body["code"]).toBe("csrf_failed");
    expect(await subjects(await world.callerOf(ada))).toEqual([]);
    expect(world.events.filter((event) => event.outcome === "refused").map((event) => event.action)).toEqual([
      "decision.attempted",
      "case.open",
      "case.open",
    ]);
  });

  it("needs a purpose, known resources and another, existing person", async () => {
    expect((await open(ada, { purpose: "   x  " })).status).toBe(422);
    expect((await open(ada, { resources: ["everything"] })).status).toBe(422);
    expect((await open(ada, { resources: [] })).status).toBe(422);
    expect((await open(ada, { reason: "also" })).status).toBe(422);
    expect((await open(ada, { subject_email: "nobody@example.com" })).status).toBe(404);
    expect((await open(ada, { subject_email: PEOPLE.ada.email })).status).toBe(404);
  });

  it("is bounded to five at once", async () => {
    for (let i = 0; i < 5; i += 1) expect((await open(ada)).status).toBe(201);
    expect((await open(ada)).body["code"]).toBe("limit_exceeded");
  });
});

describe("seeing by a case", () => {
  it("shows nobody without one, and by one that person and that resource only, also through an agent [SR-04]", async () => {
    const caller = await world.callerOf(ada);
    const { caller: deputy } = await world.deputyOf(ada);
    expect(await subjects(caller)).toEqual([]);
    expect(await subjects(deputy)).toEqual([]);
    await open(ada);
    expect(await subjects(caller)).toEqual([idOf("bob")]);
    expect(await subjects(deputy)).toEqual([idOf("bob")]);
    expect(await subjects(caller, "profile")).toEqual([]);
    expect(await world.cases.openFor(deputy, idOf("bob"))).toMatchObject([{ purpose: PURPOSE }]);
    expect(await world.cases.openFor(deputy, idOf("alice"))).toEqual([]);
  });

  it("reaches no other administrator, no other session of the same one, and no grant of another root [SR-04]", async () => {
    await open(ada);
    const max = await world.callerOf(await world.signIn("max", "browser", source()));
    const elsewhere = await world.callerOf(await world.signIn("ada", "api", source()));
    const caller = await world.callerOf(ada);
    expect(await subjects(max)).toEqual([]);
    expect(await subjects(elsewhere)).toEqual([]);
    expect(await subjects({ ...caller, grants: elsewhere.grants })).toEqual([]);
    expect(await subjects({ ...caller, tenant: "other" })).toEqual([]);
    expect(await subjects(caller)).toEqual([idOf("bob")]);
  });

  it("ends by closing, by time, by signing out, and by losing the role [SR-04]", async () => {
    const first = await open(ada);
    const caller = await world.callerOf(ada);
    const max = await world.signIn("max", "browser", source());
    expect((await max.send("DELETE", `/api/cases/${first.body["id"]}`)).status).toBe(404);
    expect((await ada.send("DELETE", `/api/cases/${first.body["id"]}`)).status).toBe(204);
    expect((await ada.send("DELETE", `/api/cases/${first.body["id"]}`)).status).toBe(204);
    expect((await ada.send("DELETE", `/api/cases/${newId()}`)).status).toBe(404);
    expect(await subjects(caller)).toEqual([]);
    expect(world.events.filter((event) => event.action === "case.closed")).toMatchObject([
      { case: { purpose: PURPOSE } },
    ]);

    const second = await open(ada);
    expect(await subjects(caller)).toEqual([idOf("bob")]);
    await world.store.ownerQuery(
      "UPDATE authority.cases SET opened_at = now() - interval '1 hour', expires_at = now() - interval '1 second' WHERE id = $1",
      [second.body["id"]],
    );
    expect(await subjects(caller)).toEqual([]);

    await open(ada);
    await world.people.changeRole(idOf("ada"), "seller", { actor: idOf("max"), tenant: "default" });
    expect(await subjects(caller)).toEqual([]);
    await world.people.changeRole(idOf("ada"), "admin", { actor: idOf("max"), tenant: "default" });

    ada = await world.signIn("ada", "browser", source());
    await open(ada);
    const again = await world.callerOf(ada);
    expect(await subjects(again)).toEqual([idOf("bob")]);
    await ada.send("POST", "/api/auth/logout");
    expect(await subjects(again)).toEqual([]);
  });
});

describe("authority.person", () => {
  it("shows the app role the caller and persons of a case for `profile`, and nobody else [SR-03]", async () => {
    const caller = await world.callerOf(ada);
    expect(await personSeenBy(caller, idOf("ada"))).toEqual([
      { id: idOf("ada"), email: PEOPLE.ada.email, name: "Ada", role: "admin" },
    ]);
    expect(await personSeenBy(caller, idOf("bob"))).toEqual([]);
    await open(ada);
    expect(await personSeenBy(caller, idOf("bob"))).toEqual([]);
    await open(ada, { resources: ["profile", "orders"] });
    expect(await personSeenBy(caller, idOf("bob"))).toMatchObject([{ email: PEOPLE.bob.email }]);
    expect(await personSeenBy(caller, idOf("alice"))).toEqual([]);
    const unsealed = await world.store.transaction("app", (tx) =>
      tx.query("SELECT * FROM authority.person($1)", [idOf("bob")]),
    );
    expect(unsealed.rows).toEqual([]);
  });
});

describe("after a restore", () => {
  it("no session, open approval or case of the backup lives [SR-21]", async () => {
    await open(ada);
    const caller = await world.callerOf(ada);
    const { caller: deputy } = await world.deputyOf(ada);
    const asked = await world.approvals.request(deputy, {
      callId: newId(),
      tool: "cancel_order",
      agent: "order-management",
      args: [],
      argsDigest: "a".repeat(64),
      previewDigest: "b".repeat(64),
      summary: "Cancel an order",
    });
    const before = await world.revocation.ping();
    await world.afterRestore("restored_from_backup", generateSigningKey());
    expect((await world.revocation.ping()).epoch).not.toBe(before.epoch);
    expect((await world.keys.jwks()).keys).toHaveLength(1);
    expect((await ada.send("GET", "/api/sessions")).status).toBe(401);
    expect(await subjects(caller)).toEqual([]);
    const again = await world.signIn("ada", "browser", source());
    expect((await again.send("GET", `/api/approvals/${asked.id}`)).body["status"]).toBe("expired");
    expect(
      (await again.send("POST", `/api/approvals/${asked.id}/decide`, { decision: "approve" })).status,
    ).toBe(409);
  });
});
