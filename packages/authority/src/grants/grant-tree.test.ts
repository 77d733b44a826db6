import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type ManualClock, manualClock, newId } from "@deputize/core";
import type { TestStore } from "@deputize/store/testing";
import { AUDIENCE, TENANT, type TestCore, WHO, openCoreStore, openTestCore } from "../testing/test-core.ts";
import { type GrantTree, createGrantTree } from "./grant-tree.ts";

let clock: ManualClock;
let core: TestCore;
let store: TestStore;
let back: () => Promise<void>;
let tree: GrantTree;
beforeAll(async () => {
  store = await openCoreStore();
  back = await store.mark();
});
afterAll(() => store.close());
beforeEach(async () => {
  await back();
  clock = manualClock(Date.UTC(2026, 10, 22));
  core = await openTestCore({ clock, store });
  tree = createGrantTree({ db: () => core.store.pool("authority"), clock });
});
afterEach(() => core.close());

/** Alice → support → orders, and a session of Bob; each a millisecond apart. */
async function planted() {
  const root = await core.root({ task: "t-1" });
  clock.advance(1);
  const support = await core.child(root);
  clock.advance(1);
  const orders = await core.child(support, {
    actor: WHO.orders,
    clientId: WHO.orders,
    audiences: [AUDIENCE.orderTools],
    scopes: ["read:orders:*"],
  });
  clock.advance(1);
  const bob = await core.root({ subject: WHO.bob, actor: WHO.bob, ttlSeconds: 60 });
  return { root, support, orders, bob };
}

const ids = (nodes: readonly { id: string }[]): string[] => nodes.map(({ id }) => id);

describe("the list", () => {
  it("shows who acts for whom, newest first, by subject, actor, task and state", async () => {
    const { root, support, orders, bob } = await planted();
    expect(ids((await tree.list(TENANT, {})).grants)).toEqual([bob.id, orders.id, support.id, root.id]);
    expect(ids((await tree.list(TENANT, { subject: WHO.alice })).grants)).toHaveLength(3);
    expect(ids((await tree.list(TENANT, { actor: WHO.orders })).grants)).toEqual([orders.id]);
    expect(ids((await tree.list(TENANT, { task: "t-1", actor: WHO.support })).grants)).toEqual([support.id]);
    expect((await tree.list(TENANT, { actor: "spiffe://nobody/agent/a/b/c" })).grants).toEqual([]);
    expect((await tree.list("another", {})).grants).toEqual([]);

    const [shown] = (await tree.list(TENANT, { actor: WHO.orders })).grants;
    expect(shown).toMatchObject({
      parent: support.id,
      root: root.id,
      depth: 2,
      subject: { id: WHO.alice, kind: "user" },
      actor: { id: WHO.orders, kind: "agent", name: "orders" },
      scopes: ["read:orders:*"],
      state: "active",
      expiresAt: orders.expiresAt,
    });
  });

  it("tells expired from revoked from active", async () => {
    const { root, support, orders, bob } = await planted();
    await core.tx((tx) => core.grants.revoke(tx, orders, "tested", WHO.bob));
    clock.advance(60_000);
    const of = async (state: "active" | "expired" | "revoked") =>
      ids((await tree.list(TENANT, { state })).grants);
    expect(await of("active")).toEqual([support.id, root.id]);
    expect(await of("expired")).toEqual([bob.id]);
    expect(await of("revoked")).toEqual([orders.id]);
    expect((await tree.list(TENANT, { state: "revoked" })).grants[0]).toMatchObject({
      reason: "tested",
      revokedAt: clock.nowMs() - 60_000,
    });
    expect(core.events.findLast(({ action }) => action === "grant.revoked")?.subject).toBe(WHO.bob);
  });

  it("comes in pages that neither repeat nor miss", async () => {
    const { root, support, orders, bob } = await planted();
    const first = await tree.list(TENANT, { limit: 3 });
    expect(ids(first.grants)).toEqual([bob.id, orders.id, support.id]);
    const second = await tree.list(TENANT, { limit: 3, cursor: first.next ?? "" });
    expect(ids(second.grants)).toEqual([root.id]);
    expect(second.next).toBeUndefined();
    for (const bad of [{ limit: 0 }, { limit: 1001 }, { cursor: "x" }]) {
      await expect(tree.list(TENANT, bad)).rejects.toMatchObject({ code: "invalid_request" });
    }
  });
});

describe("one tree", () => {
  it("holds parents before children, from whichever grant one looks", async () => {
    const { root, support, orders } = await planted();
    for (const at of [root, support, orders]) {
      const found = await tree.around(TENANT, at.id);
      expect(found.grant.id).toBe(at.id);
      expect(ids(found.tree)).toEqual([root.id, support.id, orders.id]);
      expect(found.truncated).toBe(false);
    }
    for (const unknown of [newId(), "x"]) {
      await expect(tree.around(TENANT, unknown)).rejects.toMatchObject({ code: "not_found" });
    }
    await expect(tree.around("another", root.id)).rejects.toMatchObject({ code: "not_found" });
  });

  it("knows what a revocation would end, and it ends just that", async () => {
    const { root, support, orders } = await planted();
    const foreseen = await tree.wouldEnd(TENANT, support.id);
    expect(foreseen.count).toBe(2);
    expect(ids(foreseen.grants)).toEqual([support.id, orders.id]);
    const ended = await core.tx((tx) => core.grants.revoke(tx, support, "tested"));
    expect(ended.toSorted()).toEqual([support.id, orders.id].toSorted());
    expect(await tree.wouldEnd(TENANT, support.id)).toEqual({ count: 0, grants: [] });
    expect(ids((await tree.wouldEnd(TENANT, root.id)).grants)).toEqual([root.id]);
  });
});
