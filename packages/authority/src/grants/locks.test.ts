/**
 * Two transactions against each other, step by step. A barrier holds the first open after its locks are taken;
 * the second must wait for it, and see what it did (SR-13). Only a server has two connections.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Caller } from "@deputize/core";
import type { Tx } from "@deputize/store";
import { testDatabaseUrl } from "@deputize/store/testing";
import { AUDIENCE, TENANT, type TestCore, WHO, openTestCore } from "../testing/test-core.ts";
import { untilWaiting } from "../testing/until-waiting.ts";
import type { AttenuateRequest } from "./grants.ts";
import type { Grant } from "./grant.ts";

let core: TestCore;
beforeAll(async () => {
  core = await openTestCore();
});
afterAll(() => core.close());

const TO_SUPPORT: AttenuateRequest = {
  kind: "exchange",
  actor: WHO.support,
  clientId: "x",
  audiences: [AUDIENCE.orders],
  ttlSeconds: 300,
};
const SUPPORT = { tenant: TENANT, id: WHO.support };

interface Held<T> {
  readonly result: T;
  commit(): Promise<void>;
}

/** Runs `work` in a transaction that stays open until told. */
async function held<T>(work: (tx: Tx) => Promise<T>, as?: Caller): Promise<Held<T>> {
  const gate = Promise.withResolvers<void>();
  const done = Promise.withResolvers<T>();
  const body = async (tx: Tx): Promise<void> => {
    done.resolve(await work(tx));
    await gate.promise;
  };
  const whole = as
    ? core.store.asCaller(as, body, { readOnly: false })
    : core.store.transaction("authority", body);
  whole.catch((error: unknown) => done.reject(error));
  return {
    result: await done.promise,
    commit: async () => {
      gate.resolve();
      await whole;
    },
  };
}

const alive = async (grant: Grant): Promise<boolean> =>
  (await core.tx((tx) => core.grants.get(tx, grant)))?.state === "active";

if (testDatabaseUrl !== undefined) {
  describe("two transactions", () => {
    it("a child that is being made when its ancestor is revoked dies with it [SR-13]", async () => {
      const root = await core.root();
      const making = await held((tx) => core.grants.attenuate(tx, root, TO_SUPPORT));

      const revoking = core.tx((tx) => core.grants.revoke(tx, root, "test"));
      await untilWaiting(core.store);
      await making.commit();

      expect(await revoking).toEqual(expect.arrayContaining([root.id, making.result.id]));
      expect(await alive(making.result)).toBe(false);
    });

    it("a grandchild that is being made when the root is revoked dies with it [SR-13]", async () => {
      const root = await core.root();
      const child = await core.child(root);
      const making = await held((tx) =>
        core.grants.attenuate(tx, child, {
          ...TO_SUPPORT,
          actor: WHO.orders,
          audiences: [AUDIENCE.orderTools],
        }),
      );

      const revoking = core.tx((tx) => core.grants.revoke(tx, root, "test"));
      await untilWaiting(core.store);
      await making.commit();
      await revoking;

      expect(await alive(making.result)).toBe(false);
    });

    it("a child is not made while its ancestor is being revoked [SR-13]", async () => {
      const root = await core.root();
      const child = await core.child(root);
      const revoking = await held((tx) => core.grants.revoke(tx, root, "test"));

      const making = core.child(child, { actor: WHO.orders, audiences: [AUDIENCE.orderTools] });
      making.catch(() => {});
      await untilWaiting(core.store);
      await revoking.commit();

      await expect(making).rejects.toMatchObject({ code: "grant_revoked" });
    });

    it("a renewal waits for a revocation above it and is refused [SR-13]", async () => {
      const root = await core.root({ renewSeconds: 86_400 });
      const child = await core.child(root, { renewSeconds: 3600 });
      const revoking = await held((tx) => core.grants.revoke(tx, root, "test"));

      const renewing = core.tx((tx) => core.grants.renew(tx, child, 600));
      renewing.catch(() => {});
      await untilWaiting(core.store);
      await revoking.commit();

      await expect(renewing).rejects.toMatchObject({ code: "grant_revoked" });
    });

    it("a revocation waits for a renewal below it, and ends it [SR-13]", async () => {
      const root = await core.root({ renewSeconds: 86_400 });
      const child = await core.child(root, { renewSeconds: 3600 });
      const renewing = await held((tx) => core.grants.renew(tx, child, 600));

      const revoking = core.tx((tx) => core.grants.revoke(tx, root, "test"));
      await untilWaiting(core.store);
      await renewing.commit();
      await revoking;

      expect(await alive(child)).toBe(false);
    });

    it("an effect holds its path until it commits: the revocation comes after it [SR-13]", async () => {
      const root = await core.root();
      const child = await core.child(root);
      const effect = await held(
        (tx) => tx.query("SELECT 1 AS effect, deputize.assert_live()"),
        core.callerOf(child),
      );

      let revoked = false;
      const revoking = core.tx((tx) => core.grants.revoke(tx, root, "test")).then(() => (revoked = true));
      await untilWaiting(core.store);
      expect(revoked).toBe(false);
      await effect.commit();
      await revoking;

      expect(await alive(child)).toBe(false);
    });

    it("an effect that comes during a revocation waits and does not happen [SR-13]", async () => {
      const root = await core.root();
      const child = await core.child(root);
      const revoking = await held((tx) => core.grants.revoke(tx, root, "test"));
      let ran = false;

      const effect = core.store.asCaller(
        core.callerOf(child),
        async (tx) => {
          await tx.query("SELECT deputize.assert_live()");
          ran = true;
        },
        { readOnly: false },
      );
      effect.catch(() => {});
      await untilWaiting(core.store);
      await revoking.commit();

      await expect(effect).rejects.toMatchObject({ code: "grant_revoked" });
      expect(ran).toBe(false);
    });

    it("a narrower ceiling waits for the child being made under the wider one, and ends it [SR-13]", async () => {
      const root = await core.root();
      const making = await held((tx) => core.grants.attenuate(tx, root, TO_SUPPORT));

      const narrowing = core.tx((tx) => core.principals.setCeiling(tx, SUPPORT, ["read:orders:*"], "test"));
      await untilWaiting(core.store);
      await making.commit();
      await narrowing;
      await core.tx((tx) => core.principals.setCeiling(tx, SUPPORT, undefined, "test"));

      expect(await alive(making.result)).toBe(false);
    });

    it("a child that waits for a narrower ceiling is made under it [SR-13]", async () => {
      const root = await core.root();
      const narrowing = await held((tx) =>
        core.principals.setCeiling(tx, SUPPORT, ["read:orders:*"], "test"),
      );

      const making = core.child(root, { beyond: "cut" });
      await untilWaiting(core.store);
      await narrowing.commit();
      const made = await making;
      await core.tx((tx) => core.principals.setCeiling(tx, SUPPORT, undefined, "test"));

      expect(made.scopes).toEqual(["read:orders:*"]);
    });

    it("a suspension waits for the child being made, and ends it [SR-13]", async () => {
      const root = await core.root();
      const making = await held((tx) => core.grants.attenuate(tx, root, TO_SUPPORT));

      const suspending = core.tx((tx) => core.principals.suspend(tx, SUPPORT, "test"));
      await untilWaiting(core.store);
      await making.commit();
      await suspending;
      await core.tx((tx) => core.principals.reactivate(tx, SUPPORT));

      expect(await alive(making.result)).toBe(false);
    });

    it("a feed position is never visible before a smaller one [SR-11]", async () => {
      const [one, two] = [await core.root(), await core.root()];
      const before = await core.revocation.ping();
      const first = await held((tx) => core.grants.revoke(tx, one, "test"));

      const second = core.tx((tx) => core.grants.revoke(tx, two, "test"));
      await untilWaiting(core.store);
      expect((await core.revocation.read(before)).entries).toEqual([]);
      await first.commit();
      await second;

      const { entries } = await core.revocation.read(before);
      expect(entries.map((entry) => entry.position)).toEqual([before.position + 1, before.position + 2]);
      expect(entries.map((entry) => entry.value)).toEqual([one.id, two.id]);
    });

    it("revocations of one tree from both ends do not dead-lock", async () => {
      const root = await core.root();
      const child = await core.child(root);
      const below = await core.child(child, { actor: WHO.orders, audiences: [AUDIENCE.orderTools] });
      await Promise.all(
        [below, root, child, root].map((grant) => core.tx((tx) => core.grants.revoke(tx, grant, "test"))),
      );
      expect(await Promise.all([root, child, below].map(alive))).toEqual([false, false, false]);
    });
  });
}

describe("a caller's transaction", () => {
  it("does not begin under a dead grant [SR-13]", async () => {
    const child = await core.child(await core.root());
    await core.tx((tx) => core.grants.revoke(tx, { tenant: TENANT, id: child.root }, "test"));
    await expect(
      core.store.asCaller(core.callerOf(child), (tx) => tx.query("SELECT 1"), { readOnly: false }),
    ).rejects.toMatchObject({ code: "grant_revoked" });
  });

  it.each([
    ["another subject", { subject: WHO.bob }],
    ["another actor", { actors: [WHO.orders] }],
    ["a path that skips the parent", { grants: [] }],
    ["another tenant", { tenant: "other" }],
  ])("is refused for %s than the grant's [SR-09]", async (_what, change) => {
    const child = await core.child(await core.root());
    const caller = { ...core.callerOf(child), ...change } as Caller;
    await expect(
      core.store.asCaller(caller, (tx) => tx.query("SELECT 1"), { readOnly: false }),
    ).rejects.toMatchObject({ code: "grant_revoked" });
  });
});
