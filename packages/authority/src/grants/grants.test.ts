import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type GrantId, manualClock, newId, scopeCovers, scopeIsSubset } from "@deputize/core";
import { AUDIENCE, TENANT, type TestCore, WHO, openTestCore } from "../testing/test-core.ts";
import type { Grant } from "./grant.ts";

const START = Date.UTC(2026, 10, 22);
const clock = manualClock(START);
let core: TestCore;

beforeAll(async () => {
  core = await openTestCore({ clock });
});
afterAll(() => core.close());

const toTools = { actor: WHO.orders, audiences: [AUDIENCE.orderTools] };
const state = async (grant: Grant): Promise<string | undefined> =>
  (await core.tx((tx) => core.grants.get(tx, grant)))?.state;

describe("a child grant", () => {
  it("carries the root's subject, the chain of actors and the whole path", async () => {
    const root = await core.root();
    const first = await core.child(root);
    const second = await core.child(first, toTools);

    expect(second).toMatchObject({
      subject: WHO.alice,
      actors: [WHO.orders, WHO.support],
      path: [root.id, first.id, second.id],
      depth: 2,
      root: root.id,
    });
  });

  it("ends with its parent however long it asks for [AW-D01]", async () => {
    const root = await core.root({ ttlSeconds: 300 });
    const child = await core.child(root, { ttlSeconds: 86_400 });
    expect(child.expiresAt).toBe(root.expiresAt);
  });

  it("is refused when it names an expiry past its parent's", async () => {
    const root = await core.root({ ttlSeconds: 300 });
    await expect(core.child(root, { expiresAt: root.expiresAt + 1 })).rejects.toMatchObject({
      code: "outlives_parent",
    });
  });

  it("is refused when it asks for a scope that its parent lacks", async () => {
    const root = await core.root({ scopes: ["read:orders:17"] });
    await expect(core.child(root, { scopes: ["read:orders:*"] })).rejects.toMatchObject({
      code: "scope_exceeded",
    });
    await expect(core.child(root, { scopes: ["cancel:orders:17"] })).rejects.toMatchObject({
      code: "scope_exceeded",
    });
  });

  it("holds no more than the actor's ceiling", async () => {
    await core.tx((tx) =>
      core.principals.setCeiling(tx, { tenant: TENANT, id: WHO.support }, ["read:orders:*"], "test"),
    );
    const child = await core.child(await core.root(), { beyond: "cut" });
    await core.tx((tx) =>
      core.principals.setCeiling(tx, { tenant: TENANT, id: WHO.support }, undefined, "test"),
    );
    expect(child.scopes).toEqual(["read:orders:*"]);
  });

  it("is refused past five hops", async () => {
    let grant = await core.root();
    for (let hop = 0; hop < 5; hop += 1) {
      grant = await core.child(grant, hop % 2 === 0 ? {} : toTools);
    }
    expect(grant.depth).toBe(5);
    await expect(core.child(grant, toTools)).rejects.toMatchObject({ code: "depth_exceeded" });
  });

  it("is refused to an audience to which its actor has no edge", async () => {
    await expect(core.child(await core.root(), { audiences: [AUDIENCE.orderTools] })).rejects.toMatchObject({
      code: "invalid_target",
    });
  });

  it("is refused to its parent's own actor, and to a principal that does not exist", async () => {
    const root = await core.root({ subject: WHO.support, actor: WHO.support });
    await expect(core.child(root)).rejects.toMatchObject({ code: "invalid_request" });
    const stranger = newId() as typeof WHO.support;
    await expect(core.child(root, { actor: stranger })).rejects.toMatchObject({ code: "forbidden" });
  });

  it("looks unknown when its parent is of another tenant [SR-23]", async () => {
    const root = await core.root();
    await expect(core.child({ ...root, tenant: "other" })).rejects.toMatchObject({ code: "grant_revoked" });
  });

  it("is refused a scope that would split a token's claim", async () => {
    const root = await core.root({ scopes: ["read:orders:*"] });
    await expect(core.child(root, { scopes: ["read:orders:1 cancel:orders:*"] })).rejects.toMatchObject({
      code: "invalid_scope",
    });
  });

  it("keeps its parent's constraints, and can only add to them", async () => {
    const amount = { tool: "refund_order", argument: "amount", max: 5000 };
    const carrier = { tool: "ship_order", argument: "carrier", oneOf: ["ups"] };
    const root = await core.root({ constraints: { amount } });
    expect((await core.child(root, { constraints: { carrier } })).constraints).toEqual({ amount, carrier });
    expect((await core.child(root)).constraints).toEqual({ amount });
    for (const max of [9_000_000, 50]) {
      const other = { amount: { ...amount, max } };
      await expect(core.child(root, { constraints: other })).rejects.toMatchObject({
        code: "scope_exceeded",
      });
    }
    const narrower = await core.child(root, { constraints: { amount_2: { ...amount, max: 50 } } });
    expect(narrower.constraints).toMatchObject({ amount: { max: 5000 }, amount_2: { max: 50 } });
  });

  it("is not made with a constraint that no tool server could check", async () => {
    const unknown = { cap: { tool: "refund_order", argument: "amount", atMost: 5 } } as never;
    await expect(core.root({ constraints: unknown })).rejects.toMatchObject({ code: "invalid_request" });
    const root = await core.root();
    await expect(core.child(root, { constraints: unknown })).rejects.toMatchObject({
      code: "invalid_request",
    });
  });

  it("leaves a record of the hop, chained to the one before", async () => {
    const first = await core.child(await core.root());
    const second = await core.child(first, toTools);
    const { rows } = await core.store.ownerQuery<{ delegator: string; delegate: string; whole: boolean }>(
      `SELECT r.delegator, r.delegate, r.previous = p.hash AND r.hash = sha256(r.previous || convert_to(r.statement, 'UTF8')) AS whole
       FROM authority.delegation_records r JOIN authority.delegation_records p ON p.grant_id = $2 WHERE r.grant_id = $1`,
      [second.id, first.id],
    );
    expect(rows).toEqual([{ delegator: WHO.support, delegate: WHO.orders, whole: true }]);
  });
});

describe("the database, by itself", () => {
  async function insertChild(parent: Grant, change: Record<string, unknown>): Promise<void> {
    const id = newId(clock);
    const row = {
      tenant: TENANT,
      id,
      parent: parent.id,
      root: parent.root,
      depth: parent.depth + 1,
      path: [...parent.path, id],
      kind: "exchange",
      subject: parent.subject,
      actor: WHO.support,
      actors: [WHO.support, ...parent.actors],
      client_id: "x",
      scopes: parent.scopes,
      audiences: [AUDIENCE.orders],
      issued_at: new Date(clock.nowMs()),
      expires_at: new Date(parent.expiresAt),
      renew_until: new Date(parent.renewUntil),
      ...change,
    };
    const names = Object.keys(row);
    await core.tx((tx) =>
      tx.query(
        `INSERT INTO authority.grants (${names.join()}) VALUES (${names.map((_, i) => `$${i + 1}`).join()})`,
        Object.values(row),
      ),
    );
  }

  it("takes a child that keeps to its parent", async () => {
    await insertChild(await core.root(), {});
  });

  it.each([
    ["wider scopes", { scopes: ["read:orders:*", "write:everything:*"] }],
    ["a wildcard action", { scopes: ["*:orders:1"] }],
    ["another subject", { subject: WHO.bob }],
    ["a skipped hop", { depth: 3 }],
    ["a forged chain of actors", { actors: [] }],
    ["a later end", { expires_at: new Date(START + 9e8), renew_until: new Date(START + 9e8) }],
    ["a later renewal", { renew_until: new Date(START + 9e8) }],
    ["an app of its own", { app: WHO.shopApi }],
  ])("refuses a child with %s [SR-13]", async (_what, change) => {
    await expect(insertChild(await core.root(), change)).rejects.toThrow();
  });

  it("refuses a child under a dead parent, and the life of a dead grant", async () => {
    const root = await core.root();
    await core.tx((tx) => core.grants.revoke(tx, root, "test"));
    await expect(insertChild(root, {})).rejects.toThrow(/does not live/);
    await expect(
      core.tx((tx) =>
        tx.query(`UPDATE authority.grants SET state = 'active', revoked_at = NULL WHERE id = $1`, [root.id]),
      ),
    ).rejects.toThrow(/never lives again/);
  });

  it("gives the app role no privilege on any table or function of the authority [SR-03]", async () => {
    const { rows } = await core.store.ownerQuery<{ reachable: string }>(
      `SELECT c.oid::regclass::text AS reachable FROM pg_class c
       WHERE c.relnamespace = 'authority'::regnamespace AND c.relkind = 'r'
         AND (has_table_privilege($1, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') OR has_any_column_privilege($1, c.oid, 'SELECT, UPDATE'))`,
      [core.store.roleName("app")],
    );
    expect(rows).toEqual([]);
    const functions = await core.store.ownerQuery<{ reachable: string }>(
      `SELECT p.oid::regprocedure::text AS reachable FROM pg_proc p
       WHERE p.pronamespace = 'authority'::regnamespace AND (NOT p.prosecdef OR p.proname = 'feed_append')
         AND has_function_privilege($1, p.oid, 'EXECUTE')`,
      [core.store.roleName("app")],
    );
    expect(functions.rows).toEqual([]);
  });

  it.each([
    ["read:Customers:*", "read:Customers:*"],
    ["read:Customers:12345", "read:Customers:*"],
    ["read:Customers:*", "read:Customers:12345"],
    ["write:Customers:*", "read:Customers:*"],
    ["read:data:customers:42", "read:data:*"],
    ["read:data:*:x", "read:data:*"],
    ["read:data:x", "read:data:y:*"],
    ["read:data:y:z", "read:data:y:*"],
    ["read:dat:x", "read:data:*"],
  ])("judges %s under %s as the core does", async (requested, allowed) => {
    const { rows } = await core.tx((tx) =>
      tx.query<{ covers: boolean }>(`SELECT authority.scope_covers($1, $2) AS covers`, [allowed, requested]),
    );
    expect(rows[0]?.covers).toBe(scopeCovers(allowed, requested));
  });
});

describe("attenuation, at random", () => {
  const scope = fc
    .tuple(
      fc.constantFrom("read", "cancel"),
      fc.constant("orders"),
      fc.constantFrom("*", "*", "1", "a:b", "a:*"),
    )
    .map((parts) => parts.join(":"));
  const scopes = fc.uniqueArray(scope, { minLength: 1, maxLength: 4 });
  const hop = fc.record({
    scopes,
    ttlSeconds: fc.integer({ min: 1, max: 9000 }),
    beyond: fc.constantFrom("cut", "cut", "refuse"),
  });

  it("never widens in scope, time or subject [AW-D01]", { timeout: 120_000 }, async () => {
    let made = 0;
    await fc.assert(
      fc.asyncProperty(scopes, fc.array(hop, { minLength: 1, maxLength: 4 }), async (rootScopes, hops) => {
        let parent = await core.root({ scopes: rootScopes, ttlSeconds: 4000 });
        for (const [index, { scopes: asked, ttlSeconds, beyond }] of hops.entries()) {
          const actor = index % 2 === 0 ? {} : toTools;
          let child: Grant;
          try {
            child = await core.child(parent, {
              ...actor,
              scopes: asked,
              ttlSeconds,
              beyond: beyond as "cut" | "refuse",
            });
          } catch (error) {
            expect(error).toMatchObject({ code: "scope_exceeded" });
            return;
          }
          made += 1;
          expect(scopeIsSubset(child.scopes, parent.scopes)).toBe(true);
          expect(scopeIsSubset(child.scopes, asked)).toBe(true);
          expect(child.expiresAt).toBeLessThanOrEqual(parent.expiresAt);
          expect(child.renewUntil).toBeLessThanOrEqual(parent.renewUntil);
          expect(child.subject).toBe(parent.subject);
          parent = child;
        }
      }),
      { numRuns: 60 },
    );
    expect(made).toBeGreaterThan(20);
  });
});

describe("renewal", () => {
  it("keeps the id, and ends at the parent's end [AW-D02] [SR-13]", async () => {
    const root = await core.root({ ttlSeconds: 600 });
    const child = await core.child(root, { ttlSeconds: 100, renewSeconds: 86_400 });
    clock.advance(90_000);
    const renewed = await core.tx((tx) => core.grants.renew(tx, child, 9000));
    expect(renewed.id).toBe(child.id);
    expect(renewed.expiresAt).toBe(root.expiresAt);
    clock.advance(520_000);
    await expect(core.tx((tx) => core.grants.renew(tx, child, 9000))).rejects.toMatchObject({
      code: "grant_revoked",
    });
  });

  it("stops at `renewUntil`", async () => {
    const root = await core.root({ ttlSeconds: 100, renewSeconds: 250 });
    clock.advance(99_000);
    const renewed = await core.tx((tx) => core.grants.renew(tx, root, 3600));
    expect(renewed.expiresAt).toBe(root.renewUntil);
    clock.advance(160_000);
    await expect(core.tx((tx) => core.grants.renew(tx, root, 10))).rejects.toMatchObject({
      code: "grant_revoked",
    });
  });

  it("keeps the children that hang from it", async () => {
    const root = await core.root({ ttlSeconds: 600, renewSeconds: 6000 });
    const child = await core.child(root);
    await core.tx((tx) => core.grants.renew(tx, root, 600));
    expect(await state(child)).toBe("active");
  });
});

describe("ending", () => {
  it("a grant ends its whole subtree, and nothing above or beside [AW-D03] [AW-D04]", async () => {
    const a = await core.root();
    const b = await core.child(a);
    const sibling = await core.child(a);
    const c = await core.child(b, toTools);
    const d = await core.child(c);

    const ended = await core.tx((tx) => core.grants.revoke(tx, b, "test"));

    expect(new Set(ended)).toEqual(new Set([b.id, c.id, d.id]));
    expect(await Promise.all([a, b, sibling, c, d].map(state))).toEqual([
      "active",
      "revoked",
      "active",
      "revoked",
      "revoked",
    ]);
    await expect(core.child(c)).rejects.toMatchObject({ code: "grant_revoked" });
  });

  it("a second time changes nothing", async () => {
    const root = await core.root();
    await core.tx((tx) => core.grants.revoke(tx, root, "test"));
    const before = await core.revocation.ping();
    expect(await core.tx((tx) => core.grants.revoke(tx, root, "test"))).toEqual([]);
    expect(await core.revocation.ping()).toEqual(before);
  });

  it("suspending a principal ends what hangs from it, and raises its epoch [SR-12]", async () => {
    const root = await core.root();
    const child = await core.child(root);
    const below = await core.child(child, toTools);
    const untouched = await core.root({ subject: WHO.bob, actor: WHO.bob });
    const ref = { tenant: TENANT, id: WHO.support };

    await core.tx((tx) => core.principals.suspend(tx, ref, "test"));
    expect(await Promise.all([root, child, below, untouched].map(state))).toEqual([
      "active",
      "revoked",
      "revoked",
      "active",
    ]);
    await expect(core.child(root)).rejects.toMatchObject({ code: "forbidden" });

    await core.tx((tx) => core.principals.reactivate(tx, ref));
    expect(await state(child)).toBe("revoked");
    expect((await core.child(root)).epochs[WHO.support]).toBe((child.epochs[WHO.support] ?? 0) + 1);
  });

  it("a narrower ceiling ends only what exceeds it, with descendants [AW-D07] [SR-13]", async () => {
    const root = await core.root();
    const wide = await core.child(root);
    const below = await core.child(wide, { ...toTools, scopes: ["read:orders:1"] });
    const narrow = await core.child(root, { scopes: ["read:orders:1"] });
    const ref = { tenant: TENANT, id: WHO.support };

    const ended = await core.tx((tx) => core.principals.setCeiling(tx, ref, ["read:orders:*"], "test"));
    await core.tx((tx) => core.principals.setCeiling(tx, ref, undefined, "test"));

    expect(ended).toEqual(expect.arrayContaining([wide.id, below.id]));
    expect(await Promise.all([root, narrow].map(state))).toEqual(["active", "active"]);
  });

  it("takes back what one agent does for one person only", async () => {
    const alices = await core.child(await core.root());
    const bobs = await core.child(await core.root({ subject: WHO.bob, actor: WHO.bob }));
    await core.tx((tx) =>
      core.grants.revokeBetween(
        tx,
        { tenant: TENANT, subject: WHO.alice, actor: WHO.support },
        "permission_revoked",
      ),
    );
    expect(await Promise.all([alices, bobs].map(state))).toEqual(["revoked", "active"]);
  });

  it("is in the log, with its reason", async () => {
    const root = await core.root();
    await core.tx((tx) => core.grants.revoke(tx, root, "sign_out"));
    expect(core.events.at(-1)).toMatchObject({
      action: "grant.revoked",
      grant: root.id,
      detail: { reason: "sign_out" },
    });
  });

  it("rolls the feed back with the transaction that failed", async () => {
    const root = await core.root();
    const before = await core.revocation.ping();
    await expect(
      core.tx(async (tx) => {
        await core.grants.revoke(tx, root, "test");
        throw new Error("the audit entry cannot be written");
      }),
    ).rejects.toThrow();
    expect(await state(root)).toBe("active");
    expect(await core.revocation.ping()).toEqual(before);
  });
});

it("tells nothing of a grant that does not exist", async () => {
  const ghost = { tenant: TENANT, id: newId() as GrantId };
  expect(await core.tx((tx) => core.grants.get(tx, ghost))).toBeUndefined();
  expect(await core.tx((tx) => core.grants.revoke(tx, ghost, "test"))).toEqual([]);
});
