/**
 * Handing on, renewing and registering against what ends them, step by step: a barrier holds one transaction open after its
 * locks are taken, the other must wait for it and see what it did (SR-13). Only a server has two connections.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Tx } from "@deputize/store";
import { testDatabaseUrl } from "@deputize/store/testing";
import { type TestApp, type TestBroker, openTestBroker } from "../testing/test-broker.ts";

if (testDatabaseUrl === undefined) {
  it("needs a server for two connections; on the embedded database one at a time has the connection [SR-13]", async () => {
    const world = await openTestBroker();
    const app = await world.app();
    const worker = await world.worker(app);
    const [release, hop] = await Promise.allSettled([
      world.broker.workers.release(worker.caller),
      world.delegate(worker.caller, worker.agentId, ["read:data:1"]),
    ]);
    expect([release.status, hop.status]).toEqual(["fulfilled", "rejected"]);
    await world.close();
  });
} else {
  describe("two transactions", () => {
    let world: TestBroker;
    let app: TestApp;
    beforeAll(async () => {
      world = await openTestBroker();
      app = await world.app("barriers");
    });
    afterAll(() => world.close());

    /** Locks what `statement` locks, and keeps it until told. */
    async function held(statement: string, params: readonly unknown[]): Promise<() => Promise<void>> {
      const gate = Promise.withResolvers<void>();
      const locked = Promise.withResolvers<void>();
      const whole = world.store.transaction("authority", async (tx: Tx) => {
        await tx.query(statement, params);
        locked.resolve();
        await gate.promise;
      });
      whole.catch((error: unknown) => locked.reject(error));
      await locked.promise;
      return async () => {
        gate.resolve();
        await whole;
      };
    }

    async function untilSomebodyWaits(): Promise<void> {
      for (let tries = 0; tries < 300; tries += 1) {
        const { rows } = await world.store.ownerQuery<{ waiting: number }>(
          `SELECT count(*)::int AS waiting FROM pg_locks l WHERE NOT l.granted
             AND l.pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())`,
        );
        if ((rows[0]?.waiting ?? 0) > 0) return;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      throw new Error("nobody waits for a lock");
    }

    const KEEP = "2100-01-01T00:00:00Z";
    const revoking = (grant: string | undefined) =>
      held(`SELECT authority.revoke_grants('default', ARRAY[$1::uuid], 'test', now(), $2)`, [grant, KEEP]);
    const narrowing = (scopes: readonly string[]) =>
      held(`SELECT authority.narrow('default', $1, $2, 'test', now(), $3)`, [app.id, scopes, KEEP]);

    it("a hop waits for a revocation above it, and is refused [SR-13]", async () => {
      const [from, to] = await Promise.all([world.worker(app), world.worker(app)]);
      const commit = await revoking(from.caller.grants[0]);
      const hop = world.delegate(from.caller, to.agentId, ["read:data:1"]);
      hop.catch(() => {});
      await untilSomebodyWaits();
      await commit();
      await expect(hop).rejects.toMatchObject({ code: "invalid_token" });
    });

    it("a hop waits for the end of its delegate, and is refused [SR-13] [AW-D12]", async () => {
      const [from, to] = await Promise.all([world.worker(app), world.worker(app)]);
      const commit = await revoking(to.caller.grants[0]);
      const hop = world.delegate(from.caller, to.agentId, ["read:data:1"]);
      hop.catch(() => {});
      await untilSomebodyWaits();
      await commit();
      await expect(hop).rejects.toMatchObject({ code: "not_found" });
    });

    it("a hop that waits for a narrower ceiling is refused [SR-13] [AW-D07]", async () => {
      const [from, to] = await Promise.all([
        world.worker(app, { scope: ["write:data:*"] }),
        world.worker(app, { scope: ["read:data:*"] }),
      ]);
      const commit = await narrowing(["read:data:*"]);
      const hop = world.delegate(from.caller, to.agentId, ["write:data:1"]);
      hop.catch(() => {});
      await untilSomebodyWaits();
      await commit();
      await expect(hop).rejects.toMatchObject({ code: "invalid_token" });
      await world.broker.apps.update(world.admin, app.appId, { scopes: ["read:data:*", "write:data:*"] });
    });

    it("a renewal waits for a revocation, and is refused [SR-13] [AW-D45]", async () => {
      const worker = await world.worker(app);
      const commit = await revoking(worker.caller.grants[0]);
      const renewal = world.broker.workers.renew(worker.caller);
      renewal.catch(() => {});
      await untilSomebodyWaits();
      await commit();
      await expect(renewal).rejects.toMatchObject({ code: "invalid_token" });
    });

    it("a registration waits for the app's end, and is refused with its launch token [SR-13] [AW-D06]", async () => {
      const own = await world.app();
      const request = await world.registration(own);
      // The first step of deregistering: the principal's row, exclusively; then its launch tokens go.
      const commit = await held(
        `WITH p AS (SELECT FROM authority.principals WHERE id = $1 FOR UPDATE)
         DELETE FROM authority.launch_tokens WHERE app = $1 AND EXISTS (SELECT FROM p)`,
        [own.id],
      );
      const registration = world.broker.workers.register(request);
      registration.catch(() => {});
      await untilSomebodyWaits();
      await commit();
      await expect(registration).rejects.toMatchObject({ code: "invalid_credentials" });
    });

    it("deregistering waits for a registration under way, and ends its worker [SR-13] [AW-D06]", async () => {
      const own = await world.app();
      const requests = await Promise.all(Array.from({ length: 8 }, () => world.registration(own)));
      const [gone, ...results] = await Promise.allSettled([
        world.broker.apps.deregister(world.admin, own.appId),
        ...requests.map((request) => world.broker.workers.register(request)),
      ]);
      expect(gone?.status).toBe("fulfilled");
      for (const one of results) {
        if (one.status === "fulfilled")
          expect(await world.stands((one.value as { token: string }).token)).toBe(false);
      }
      const { rows } = await world.store.ownerQuery<{ living: number }>(
        `SELECT count(*)::int AS living FROM authority.grants WHERE app = $1 AND state = 'active'`,
        [own.id],
      );
      expect(rows[0]?.living).toBe(0);
    });

    it("the end of a whole tenant waits for a registration under way, and ends its worker [SR-13] [AW-F14]", async () => {
      const own = await openTestBroker();
      const theirs = await own.app();
      const requests = await Promise.all(Array.from({ length: 8 }, () => own.registration(theirs)));
      const gate = Promise.withResolvers<void>();
      const locked = Promise.withResolvers<void>();
      // What a registration holds while it makes its worker.
      const underWay = own.store.transaction("authority", async (tx) => {
        await tx.query(`SELECT FROM authority.principals WHERE id = $1 FOR SHARE`, [theirs.id]);
        locked.resolve();
        await gate.promise;
      });
      await locked.promise;
      let done = false;
      const ending = own.broker
        .revoke(own.admin, { level: "tenant", target: "default" })
        .finally(() => (done = true));
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(done).toBe(false);
      gate.resolve();
      const [, , ...results] = await Promise.allSettled([
        underWay,
        ending,
        ...requests.map((request) => own.broker.workers.register(request)),
      ]);
      for (const one of results) {
        if (one.status === "fulfilled") expect(await own.stands(one.value.token)).toBe(false);
      }
      await own.close();
    });

    it("ends of a chain against hops and renewals in it leave nothing alive below, and no dead-lock [SR-13] [AW-D03]", async () => {
      for (let round = 0; round < 6; round += 1) {
        const [a, b, c] = await Promise.all([world.worker(app), world.worker(app), world.worker(app)]);
        const ab = await world.delegate(a.caller, b.agentId, ["read:data:*"]);
        const outcomes = await Promise.allSettled([
          world.delegate(ab.caller, c.agentId, ["read:data:1"]),
          world.broker.workers.renew(ab.caller),
          world.delegate(a.caller, c.agentId, ["read:data:2"]),
          world.broker.workers.release(a.caller),
          world.broker.revoke(world.admin, { level: "agent", target: b.agentId }),
        ]);
        for (const one of outcomes) {
          if (one.status === "rejected")
            expect(one.reason).toMatchObject({ code: expect.stringMatching(/invalid_token|not_found/) });
        }
        const { rows } = await world.store.ownerQuery<{ living: number }>(
          `SELECT count(*)::int AS living FROM authority.grants WHERE root = $1 AND state = 'active'`,
          [a.caller.grants[0]],
        );
        expect(rows[0]?.living).toBe(0);
      }
    });
  });
}
