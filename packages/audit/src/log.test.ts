import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type GrantId, newId, withContext } from "@deputize/core";
import { auditEvent } from "./event.ts";
import { verifyLog } from "./log-source.ts";
import {
  type AuditWorld,
  auditWorld,
  newPrincipal,
  newSigningKey,
  testCaller,
  testEvent,
} from "./testing.ts";
import { verifyReceipt } from "./verify.ts";

let world: AuditWorld;
beforeAll(async () => {
  world = await auditWorld();
});
afterAll(() => world.close());

describe("recording", () => {
  it("commits the entry with the effect, and its receipt checks offline [SR-18]", async () => {
    const caller = testCaller({ actors: [newPrincipal(), newPrincipal()] });
    const id = await world.store.asCaller(
      caller,
      (tx) =>
        world.log.record(
          tx,
          auditEvent(caller, { action: "order.cancel", outcome: "allowed", args: { order: 7 } }),
        ),
      { readOnly: false },
    );
    expect((await world.log.receipt(id))?.status).toBe("pending");
    expect(await verifyReceipt((await world.log.receipt(id)) ?? fail())).toEqual({
      ok: false,
      problem: "pending",
    });

    await world.log.flush();

    const receipt = (await world.log.receipt(id)) ?? fail();
    expect(receipt.status).toBe("logged");
    expect(receipt.summary).toMatchObject({
      asked: { id: caller.subject },
      agents: caller.actors.map((actor) => ({ id: actor })),
      grant: { id: caller.grants[0] },
      action: "order.cancel",
      outcome: "allowed",
    });
    const bundle = JSON.parse(JSON.stringify(receipt)) as typeof receipt;
    expect(await verifyReceipt(bundle, { publicKey: world.log.publicKey })).toMatchObject({ ok: true });
  });

  it("leaves no entry of an effect that was rolled back, and keeps its refusal [SR-18]", async () => {
    const caller = testCaller();
    const before = await world.log.counts();
    let rolledBack = "";
    const work = world.store.asCaller(
      caller,
      async (tx) => {
        rolledBack = await world.log.record(
          tx,
          auditEvent(caller, { action: "order.cancel", outcome: "allowed" }),
        );
        throw new Error("the effect failed");
      },
      { readOnly: false },
    );
    await expect(work).rejects.toThrow("the effect failed");
    const refusal = await world.log.append(
      auditEvent(caller, { action: "order.cancel", outcome: "failed", reason: "internal" }),
    );
    await world.log.flush();
    expect(await world.log.receipt(rolledBack)).toBeUndefined();
    expect((await world.log.receipt(refusal))?.summary).toMatchObject({
      outcome: "failed",
      reason: "internal",
    });
    expect((await world.log.counts()).entries).toBe(before.entries + 1);
  });

  it("lets the authority speak of others in its own transaction", async () => {
    const subject = newPrincipal();
    const id = await world.store.transaction("authority", (tx) =>
      world.log.record(tx, testEvent({ action: "principal.suspended", subject })),
    );
    await world.log.flush();
    expect((await world.log.receipt(id))?.summary.asked?.id).toBe(subject);
  });

  it("appends many at once, each with an id of its own", async () => {
    const ids = await Promise.all(
      Array.from({ length: 50 }, (_, i) => world.log.append(testEvent({ args: { i } }))),
    );
    await world.log.flush();
    expect(new Set(ids).size).toBe(50);
    for (const id of ids) expect((await world.log.receipt(id))?.status).toBe("logged");
  });

  it.each([
    ["an unknown field", { surprise: 1 }],
    ["an e-mail for an action", { action: "alice@example.com" }],
    ["a sentence for a reason", { reason: "Alice was not allowed" }],
    ["a subject that is no id", { subject: "alice" }],
    ["too much", { args: "x".repeat(70_000) }],
  ])("refuses an event with %s, so that the effect does not happen", async (_, wrong) => {
    const event = testEvent(wrong as never);
    await expect(world.log.append(event)).rejects.toMatchObject({ code: "audit_unavailable" });
    const work = world.store.transaction("authority", (tx) => world.log.record(tx, event));
    await expect(work).rejects.toMatchObject({ code: "audit_unavailable" });
  });

  it("takes text that databases and encodings choke on", async () => {
    const id = await world.log.append(
      testEvent({ args: { text: "nul \u0000, half \ud800, 🔑", big: 10n, inf: Infinity } }),
    );
    await world.log.flush();
    const receipt = (await world.log.receipt(id)) ?? fail();
    expect(receipt.openings?.what?.value).toEqual({
      args: { text: "nul \ufffd, half \ufffd, 🔑", big: "10", inf: "Infinity" },
    });
    expect(await verifyReceipt(receipt)).toMatchObject({ ok: true });
  });
});

describe("a caller's transaction", () => {
  it("cannot speak in another's name, whatever its SQL says [SR-02] [SR-18]", async () => {
    const [bob, agent] = [newPrincipal(), newPrincipal()];
    const caller = testCaller({ actors: [agent] });
    const id = newId();
    const forged = {
      ...testEvent({ subject: bob, tenant: "other", grant: newId() as GrantId, actors: [bob] }),
      grants: [],
    };
    await world.store.asCaller(
      caller,
      (tx) => tx.query("SELECT audit.submit($1::uuid, $2::jsonb)", [id, JSON.stringify(forged)]),
      { readOnly: false },
    );
    await world.log.flush();
    const [entry] = await world.log.list({ limit: 1 });
    expect(entry).toMatchObject({ id, subject: caller.subject, actors: [agent] });
    expect(entry?.event).toMatchObject({ tenant: "default", grant: caller.grants[0], grants: caller.grants });
  });

  it.each([
    [
      "after clearing the seal",
      "SELECT set_config('deputize.seal', '', true)",
      "SELECT audit.submit($1::uuid, $2::jsonb)",
    ],
    ["past the door", "SELECT 1", "SELECT audit.submit_named($1::uuid, $2::jsonb)"],
    [
      "without a seal of its own",
      "SELECT set_config('deputize.seal', 'x', true)",
      "SELECT audit.submit_sealed($1::uuid, $2::jsonb)",
    ],
  ])("cannot record %s [SR-03]", async (_, first, second) => {
    const before = await world.log.counts();
    const work = world.store.asCaller(
      testCaller(),
      async (tx) => {
        await tx.query(first);
        await tx.query(second, [newId(), JSON.stringify(testEvent())]);
      },
      { readOnly: false },
    );
    await expect(work).rejects.toMatchObject({ code: "42501" });
    expect((await world.log.counts()).pending).toBe(before.pending);
  });

  const SETTING: Record<string, string> = {
    openings: "body = ''",
    head: "size = 0",
    totals: "entries = 0",
    tallies: "entries = 0",
  };
  it.each(["outbox", "entries", "openings", "checkpoints", "head", "totals", "tallies"])(
    "cannot touch audit.%s [SR-03]",
    async (table) => {
      for (const role of ["app", "authority", "sql"] as const) {
        for (const sql of [
          `SELECT * FROM audit.${table}`,
          `DELETE FROM audit.${table}`,
          `INSERT INTO audit.${table} DEFAULT VALUES`,
          `UPDATE audit.${table} SET ${SETTING[table] ?? "at = now()"}`,
          `TRUNCATE audit.${table}`,
        ]) {
          await expect(
            world.store.transaction(role, (tx) => tx.query(sql)),
            `${role}: ${sql}`,
          ).rejects.toMatchObject({
            code: "42501",
          });
        }
      }
    },
  );

  it("keeps even the sequencer from changing or removing an entry or a checkpoint [SR-18]", async () => {
    for (const sql of [
      "UPDATE audit.entries SET leaf = ''",
      "DELETE FROM audit.entries",
      "TRUNCATE audit.entries",
      "UPDATE audit.checkpoints SET note = ''",
      "DELETE FROM audit.checkpoints",
      "UPDATE audit.openings SET seq = 0",
      "DELETE FROM audit.head",
      "UPDATE audit.totals SET entries = 0",
      "INSERT INTO audit.tallies SELECT * FROM audit.tallies",
      "SELECT audit.tally()",
    ]) {
      const work = world.store.transaction("sequencer", (tx) => tx.query(sql));
      await expect(work, sql).rejects.toMatchObject({ code: "42501" });
    }
  });
});

describe("hostile submissions", () => {
  const submit = (event: string, id = newId()) =>
    world.store
      .asCaller(testCaller(), (tx) => tx.query("SELECT audit.submit($1::uuid, $2::jsonb)", [id, event]), {
        readOnly: false,
      })
      .then(() => id);

  it.each([
    ["numbers that no number can hold", `"args":1e999`],
    ["fields of the wrong kind", `"args":1,"about":["bob"],"durationMs":"long"`],
    ["unknown fields", `"admin":true`],
    ["deep nesting", `"args":${"[".repeat(1500)}${"]".repeat(1500)}`],
  ])("with %s are logged all the same, and stop nothing", async (_, fields) => {
    const id = await submit(`{"action":"tool.call","outcome":"info","tenant":"x",${fields}}`);
    const next = await world.log.append(testEvent());
    await world.log.flush();
    for (const entry of [id, next]) {
      expect(await verifyReceipt((await world.log.receipt(entry)) ?? fail())).toMatchObject({ ok: true });
    }
  });

  it.each([`{}`, `[]`, `null`, `{"action":"a b","outcome":"info"}`, `{"action":"a","outcome":"maybe"}`])(
    "that are no event are refused: %s",
    async (event) => {
      await expect(submit(event)).rejects.toBeDefined();
    },
  );

  it.each([
    ["a", "x", true],
    ["AZaz09_.:/-", "AZaz09_.-", true],
    ["a".repeat(120), "x".repeat(64), true],
    ["a".repeat(121), "x", false],
    ["a", "x".repeat(65), false],
    ["", "x", false],
    ["a", "", false],
    ["a\n", "x", false],
    ["\na", "x", false],
    ["a", "x\n", false],
    ["é", "x", false],
    ["a", "x/y", false],
    [undefined, "x", false],
    ["a", undefined, false],
    [null, "x", false],
  ])("pass the outbox by their codes alone: %j of %j", async (action, tenant, passes) => {
    const event = JSON.stringify({ action, tenant, outcome: "info" });
    // As the authority, whose word for the tenant is taken.
    const given = world.store.transaction("authority", (tx) =>
      tx.query("SELECT audit.submit($1::uuid, $2::jsonb)", [newId(), event]),
    );
    const outcome = await given.then(
      () => true,
      (error: { code?: string }) => error.code,
    );
    expect(outcome).toBe(passes || "23514");
  });

  it("with the id of an entry are logged under a new id and say so", async () => {
    const id = await submit(JSON.stringify(testEvent({ action: "first.time" })));
    await world.log.flush();
    await submit(JSON.stringify(testEvent({ action: "second.time" })), id);
    await world.log.flush();
    const [entry] = await world.log.list({ limit: 1 });
    expect(entry).toMatchObject({ action: "second.time", event: { detail: { duplicate_of: id } } });
    expect(entry?.id).not.toBe(id);
    expect((await world.log.receipt(id))?.summary.action).toBe("first.time");
  });
});

describe("receipts", () => {
  it("answer only to their subject when asked so", async () => {
    const caller = testCaller();
    const id = await world.log.append(auditEvent(caller, { action: "order.read", outcome: "allowed" }));
    for (const _ of ["pending", "logged"]) {
      expect(await world.log.receipt(id, { onlyFor: newPrincipal() })).toBeUndefined();
      expect((await world.log.receipt(id, { onlyFor: caller.subject }))?.entry_id).toBe(id);
      await world.log.flush();
    }
    expect(await world.log.receipt(newId())).toBeUndefined();
    expect(await world.log.receipt("not an id")).toBeUndefined();
  });

  it("carry names that are looked up now", async () => {
    const caller = testCaller();
    const id = await world.log.append(auditEvent(caller, { action: "order.read", outcome: "allowed" }));
    await world.log.flush();
    const names = {
      principal: async () => "Alice",
      grant: async () => ({ scopes: ["read:orders:*"], expires: "2027-01-01T00:00:00Z" }),
    };
    const receipt = (await world.log.receipt(id, { names })) ?? fail();
    expect(receipt.summary.asked).toEqual({ id: caller.subject, name: "Alice" });
    expect(receipt.summary.grant?.scopes).toEqual(["read:orders:*"]);
    expect(await verifyReceipt(receipt)).toMatchObject({ ok: true });
  });
});

describe("lists", () => {
  it("are one gap-free chain of all that was committed before the query", async () => {
    await world.log.flush();
    const entries = await world.log.list({ order: "oldest", limit: 1000 });
    expect(entries.map((entry) => entry.seq)).toEqual(entries.map((_, i) => i));
    expect(entries.map((entry) => entry.prev_hash)).toEqual([
      "0".repeat(64),
      ...entries.slice(0, -1).map((e) => e.hash),
    ]);
  });

  it("filter by subject, action, outcome and time, and page by cursor", async () => {
    const caller = testCaller();
    const rest = { action: "page.me", outcome: "refused" } as const;
    for (let i = 0; i < 3; i += 1) await world.log.append(auditEvent(caller, rest));
    await world.log.flush();
    const mine = await world.log.list({ subject: caller.subject });
    expect(mine).toHaveLength(3);
    expect(await world.log.list({ action: "page.me", outcome: "refused", tenant: "default" })).toEqual(mine);
    expect(await world.log.list({ action: "page.me", outcome: "allowed" })).toEqual([]);
    const cursor = mine[0]?.seq ?? 0;
    expect(await world.log.list({ subject: caller.subject, cursor, limit: 1 })).toEqual([mine[1]]);
    expect(await world.log.list({ subject: caller.subject, since: "2100-01-01T00:00:00Z" })).toEqual([]);
    await expect(world.log.list({ limit: 0 })).rejects.toMatchObject({ code: "invalid_request" });
  });
});

describe("the background", () => {
  it("signs what another process committed, without being asked", async () => {
    const other = await world.another({ pollMs: 20 });
    await world.log.close();
    await other.start();
    const id = newId();
    await world.store.transaction("authority", (tx) =>
      tx.query("SELECT audit.submit($1::uuid, $2::jsonb)", [id, JSON.stringify(testEvent())]),
    );
    await expect.poll(async () => (await other.receipt(id))?.status, { timeout: 5_000 }).toBe("logged");
    const report = await verifyLog({ store: world.store, publicKey: other.publicKey });
    expect(report).toMatchObject({ ok: true, anchored: false, problems: [] });
  });

  it("keeps a flushed anchor, and refuses a database that is older [SR-20] [SR-21]", async () => {
    const folder = mkdtempSync(join(tmpdir(), "deputize-audit-"));
    const anchorFile = join(folder, "made", "when missing", "checkpoints.log");
    const own = await auditWorld({ anchorFile });
    try {
      await own.fill(7);
      const check = () => verifyLog({ store: own.store, publicKey: own.log.publicKey, anchorFile });
      expect(await check()).toMatchObject({ ok: true, anchored: true });
      await own.log.close();

      await own.store.ownerQuery(
        `WITH gone AS (DELETE FROM audit.entries WHERE seq >= 6), late AS (DELETE FROM audit.checkpoints WHERE size > 6)
         UPDATE audit.head SET size = 6, last_hash = (SELECT leaf_hash FROM audit.entries WHERE seq = 5),
           root = (SELECT root FROM audit.checkpoints WHERE size = 6)`,
      );

      expect(await check()).toMatchObject({ ok: false, problems: [{ kind: "truncated", seq: 6 }] });
      expect(await verifyLog({ store: own.store, publicKey: own.log.publicKey })).toMatchObject({
        ok: true,
        anchored: false,
      });
      const restarted = await own.another({ anchorFile });
      await expect(restarted.start()).rejects.toMatchObject({ code: "audit_unavailable" });
      await expect(restarted.append(testEvent())).rejects.toMatchObject({ code: "audit_unavailable" });
    } finally {
      await own.close();
      rmSync(folder, { recursive: true });
    }
  });
});

describe("a new signing key", () => {
  it("is announced in the log, and receipts and verification go on [SR-21]", async () => {
    const own = await auditWorld();
    try {
      const [id = ""] = await own.fill(3);
      await own.log.close();
      const renewed = await own.another({ signingKey: newSigningKey() });
      await renewed.flush();
      const publicKey = [own.log.publicKey, renewed.publicKey];
      await renewed.start();
      await renewed.flush();

      const [announcement] = await renewed.list({ limit: 1 });
      expect(announcement).toMatchObject({
        action: "log.key_changed",
        event: { detail: { public_key: renewed.publicKey } },
      });
      expect(
        await verifyReceipt((await renewed.receipt(id)) ?? fail(), { publicKey: renewed.publicKey }),
      ).toMatchObject({ ok: true });
      expect(await verifyLog({ store: own.store, publicKey })).toMatchObject({ ok: true, size: 4 });
      expect((await verifyLog({ store: own.store, publicKey: renewed.publicKey })).ok).toBe(false);
    } finally {
      await own.close();
    }
  });
});

describe("a log whose entries carry codes", () => {
  it("gets no entry without one: a process that has no secret appends nothing [PR-D20] [SR-20]", async () => {
    const own = await auditWorld({ secret: "a secret of the tests that has more than 32 bytes" });
    try {
      await own.fill(2);
      await own.log.close();
      const unkeyed = await own.another();
      await expect(unkeyed.start()).rejects.toMatchObject({
        code: "audit_unavailable",
        message: expect.stringContaining("DEPUTIZE_AUDIT_SECRET"),
      });
      await expect(unkeyed.append(testEvent())).rejects.toMatchObject({ code: "audit_unavailable" });
      const { rows } = await own.store.ownerQuery("SELECT FROM audit.entries");
      expect(rows).toHaveLength(2);
    } finally {
      await own.close();
    }
  });
});

describe("events", () => {
  it("take who and why from the caller, and the request from the context", () => {
    const caller = testCaller({ actors: [newPrincipal()], task: "t1" });
    const event = withContext({ requestId: "r1" }, () =>
      auditEvent(caller, { action: "a", outcome: "info" }),
    );
    expect(event).toEqual({
      action: "a",
      outcome: "info",
      tenant: "default",
      subject: caller.subject,
      actors: caller.actors,
      grant: caller.grants[0],
      grants: caller.grants,
      task: "t1",
      requestId: "r1",
    });
  });
});

function fail(): never {
  throw new Error("there is no receipt");
}
