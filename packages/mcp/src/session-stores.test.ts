import { manualClock, newId } from "@deputize/core";
import { openEphemeral } from "@deputize/store";
import { type TestStore, openTestEphemeral, openTestStore } from "@deputize/store/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { callerNamed } from "../test/world.ts";
import type { SessionKey, SessionStore } from "./session-state.ts";
import { databaseSessions, ephemeralSessions, mcpMigrations } from "./session-stores.ts";

let store: TestStore;
const ephemeral = openTestEphemeral();
const clock = manualClock(0);
beforeAll(async () => {
  store = await openTestStore([mcpMigrations]);
});
afterAll(async () => {
  await (await ephemeral).close();
  await store?.close();
});

const KINDS: readonly [string, () => SessionStore][] = [
  ["the ephemeral store", () => ephemeralSessions(() => ephemeral)],
  ["the database", () => databaseSessions(store)],
];

describe.each(KINDS)("session state in %s [PR-D24]", (_name, open) => {
  const key = (over: Partial<SessionKey> = {}): SessionKey => ({
    server: "s",
    caller: callerNamed("alice"),
    session: "one",
    ttlMs: 60_000,
    ...over,
  });

  it("keeps, replaces and forgets values by name", async () => {
    const state = open().of(key({ session: newId() }));
    expect(await state.get("seen", 0)).toBe(0);
    await state.set("seen", 1);
    await state.set("list", ["a", { b: null }]);
    await state.set("seen", 2);
    expect([await state.get("seen"), await state.get("list")]).toEqual([2, ["a", { b: null }]]);
    await state.delete("seen");
    await state.delete("never");
    expect([await state.get("seen"), await state.get("list")]).toEqual([undefined, ["a", { b: null }]]);
  });

  it("is another for each subject, tenant, client, server and session", async () => {
    const session = newId();
    const alice = callerNamed("alice");
    await open().of(key({ session })).set("note", "alice's");
    for (const other of [
      key({ session, caller: callerNamed("bob") }),
      key({ session, caller: { ...alice, tenant: "other" } }),
      key({ session, caller: { ...alice, clientId: "another-client" } }),
      key({ session, server: "t" }),
      key({ session: `${session}x` }),
    ]) {
      expect(await open().of(other).get("note")).toBeUndefined();
      await open().of(other).set("note", "another's");
      await open().of(other).delete("note");
    }
    expect(await open().of(key({ session })).get("note")).toBe("alice's");
  });

  it("goes with its person, in every session with every server, and nobody else's does [PR-D30]", async () => {
    const [erased, other] = [callerNamed("erased"), callerNamed("other")];
    const sessions = [
      key({ caller: erased, session: "one" }),
      key({ caller: erased, session: "two", server: "t" }),
      key({ caller: { ...erased, clientId: "another-client" }, session: "one" }),
    ];
    for (const one of [...sessions, key({ caller: other })]) await open().of(one).set("note", "personal");
    await open()
      .of(key({ caller: { ...erased, tenant: "other" } }))
      .set("note", "another tenant's");
    expect(await open().eraseOwner(erased)).toBe(3);
    for (const one of sessions) expect(await open().of(one).get("note")).toBeUndefined();
    expect(
      await open()
        .of(key({ caller: other }))
        .get("note"),
    ).toBe("personal");
    expect(
      await open()
        .of(key({ caller: { ...erased, tenant: "other" } }))
        .get("note"),
    ).toBe("another tenant's");
    expect(await open().eraseOwner(erased)).toBe(0);
  });

  it("refuses what is too large or no JSON, and keeps what was there", async () => {
    const state = open().of(key({ session: newId() }));
    await state.set("small", 1);
    await expect(state.set("large", "x".repeat(64 * 1024))).rejects.toMatchObject({ code: "limit_exceeded" });
    await expect(state.set("n".repeat(201), 1)).rejects.toMatchObject({ code: "limit_exceeded" });
    await expect(state.set("nothing", undefined)).rejects.toMatchObject({ code: "internal" });
    expect([await state.get("small"), await state.get("large")]).toEqual([1, undefined]);
  });
});

describe("the end of a session's state", () => {
  it("comes by itself in the ephemeral store", async () => {
    const short = await openEphemeral({ clock });
    const state = ephemeralSessions(async () => short).of({
      server: "s",
      caller: callerNamed("alice"),
      session: "x",
      ttlMs: 1_000,
    });
    await state.set("note", 1);
    clock.advance(1_001);
    expect(await state.get("note")).toBeUndefined();
    await short.close();
  });

  it("comes in the database too, is put off by use, and leaves no row behind", async () => {
    const sessions = databaseSessions(store);
    const of = (ttlMs: number, session: string) =>
      sessions.of({ server: "s", caller: callerNamed("bob"), session, ttlMs });
    const rows = async () =>
      (
        await store.ownerQuery<{ name: string }>(
          "SELECT name FROM mcp.session_state WHERE name LIKE 'brief%' ORDER BY name",
        )
      ).rows.map((row) => row.name);
    await of(1, "gone").set("brief-gone", 1);
    await of(600_000, "kept").set("brief-kept", 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await of(600_000, "gone").get("brief-gone")).toBeUndefined();
    expect(await rows()).toEqual(["brief-gone", "brief-kept"]);
    await store.pool("app").query("SELECT mcp.prune_session_state(100)");
    expect(await rows()).toEqual(["brief-kept"]);
  });

  it("shows nobody else's rows to the app role, whatever it asks [SR-02]", async () => {
    await databaseSessions(store)
      .of({ server: "s", caller: callerNamed("alice"), session: "y", ttlMs: 60_000 })
      .set("note", "private");
    const all = "SELECT value FROM mcp.session_state";
    expect((await store.pool("app").query(all)).rows).toEqual([]);
    const seen = await store.asCaller(callerNamed("carol"), (tx) => tx.query(all));
    expect(seen.rows).toEqual([]);
  });
});
