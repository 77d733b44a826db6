/** Versions of data: raised with every write, by whomever, in the writing transaction; read for one caller [SR-22]. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Caller, newId, parsePrincipalId, stableId } from "@deputize/core";
import { readVersions } from "./data-versions.ts";
import { type TestStore, openTestStore, testDatabaseUrl } from "./testing.ts";

const caller = (name: string, tenant = "default"): Caller => ({
  tenant,
  subject: parsePrincipalId(stableId(`user:${name}`)),
  subjectKind: "user",
  actors: [],
  roles: [],
  scopes: [],
  grants: [],
  clientId: "test",
});
const alice = caller("alice");
const bob = caller("bob");

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore([
    { name: "tracked", directory: new URL("../test/versions/", import.meta.url) },
  ]);
});
afterAll(() => store?.close());

const versions = (who: Caller, ...tags: string[]) => store.asCaller(who, (tx) => readVersions(tx, tags));

const insertOrder = (who: Caller, owner: Caller = who) =>
  store.asCaller(
    who,
    (tx) =>
      tx.query("INSERT INTO tracked.orders (id, tenant, owner, body) VALUES ($1, $2, $3, 'new')", [
        newId(),
        owner.tenant,
        owner.subject,
      ]),
    { readOnly: false },
  );

/** Whether `work` changed what `who` is told of `tag`. */
async function raises(who: Caller, tag: string, work: () => Promise<unknown>): Promise<boolean> {
  const before = await versions(who, tag);
  await work();
  return JSON.stringify(before) !== JSON.stringify(await versions(who, tag));
}

describe("versions of data", () => {
  it("are raised by insert, update and delete, also of rows that were not there [SR-22]", async () => {
    const fresh = caller("fresh");
    expect(await versions(fresh, "orders")).toEqual({ orders: "0" });
    const sql = (text: string) => () => store.asCaller(fresh, (tx) => tx.query(text), { readOnly: false });
    expect(await raises(fresh, "orders", () => insertOrder(fresh))).toBe(true);
    expect(await raises(fresh, "orders", sql("UPDATE tracked.orders SET body = 'changed'"))).toBe(true);
    expect(await raises(fresh, "orders", sql("DELETE FROM tracked.orders"))).toBe(true);
    expect(await raises(fresh, "orders", sql("DELETE FROM tracked.orders"))).toBe(false);
  });

  it("are raised for the owner of the row, whoever writes it, and for nobody else", async () => {
    expect(await raises(alice, "orders", () => insertOrder(bob, alice))).toBe(true);
    expect(await raises(bob, "orders", () => insertOrder(bob, alice))).toBe(false);
    expect(await raises(alice, "orders", () => insertOrder(alice, caller("alice", "elsewhere")))).toBe(false);
  });

  it("are raised by SQL alone, truncation and a change of owner", async () => {
    await insertOrder(alice);
    const move = `UPDATE tracked.orders SET owner = '${bob.subject}' WHERE owner = '${alice.subject}'`;
    const before = [await versions(alice, "orders"), await versions(bob, "orders")];
    await store.ownerQuery(move);
    expect(await versions(alice, "orders")).not.toEqual(before[0]);
    expect(await versions(bob, "orders")).not.toEqual(before[1]);
    expect(await raises(bob, "orders", () => store.ownerQuery("TRUNCATE tracked.orders"))).toBe(true);
  });

  it("of rows that are nobody's are everybody's in the tenant, and of tables without tenants everybody's", async () => {
    const add = (tenant: string) => () =>
      store.ownerQuery("INSERT INTO tracked.products VALUES ($1, $2, 'x')", [newId(), tenant]);
    expect(await raises(alice, "products", add("default"))).toBe(true);
    expect(await raises(alice, "products", add("elsewhere"))).toBe(false);
    const rate = () => store.ownerQuery("INSERT INTO tracked.rates VALUES ($1, 'x')", [newId()]);
    expect(await raises(alice, "rates", rate)).toBe(true);
    expect(await raises(caller("eve", "elsewhere"), "rates", rate)).toBe(true);
  });

  it("go with their transaction: rolled back with it, never seen before it commits", async () => {
    const outside = async (): Promise<boolean> => {
      const before = await versions(alice, "orders");
      const failing = store.asCaller(
        alice,
        async (tx) => {
          const params = [newId(), alice.subject];
          await tx.query("INSERT INTO tracked.orders VALUES ($1, 'default', $2, 'x')", params);
          expect(await readVersions(tx, ["orders"])).not.toEqual(before);
          throw new Error("no");
        },
        { readOnly: false },
      );
      await expect(failing).rejects.toThrow("no");
      return JSON.stringify(before) === JSON.stringify(await versions(alice, "orders"));
    };
    expect(await outside()).toBe(true);
  });

  it("are not told at all where a tag is tracked by nothing, nor without a caller", async () => {
    expect(await versions(alice, "orders", "ordres")).toBeUndefined();
    expect(await versions(alice)).toEqual({});
    await insertOrder(alice);
    const { rows } = await store
      .pool("app")
      .query<{ version: string }>("SELECT version FROM deputize.versions_of('{orders}')");
    expect(rows).toEqual([{ version: "0" }]);
  });

  it("can be neither read past the function nor written by the app's role [SR-03]", async () => {
    for (const attempt of [
      "SELECT * FROM deputize.data_versions",
      "UPDATE deputize.data_versions SET version = 0",
      "INSERT INTO deputize.data_tags VALUES ('mine')",
      "SELECT deputize.raise_version_of('default', 'orders', gen_random_uuid())",
      "SELECT deputize.track_versions('tracked.orders', 'mine', NULL, NULL)",
    ]) {
      const tried = store.asCaller(alice, (tx) => tx.query(attempt), { readOnly: false });
      await expect(tried, attempt).rejects.toMatchObject({ code: "42501" });
    }
  });

  // The embedded database has one session, so nothing is concurrent there.
  if (testDatabaseUrl !== undefined) {
    it("neither wait for nor lose concurrent writers, in whatever order they take the tags", async () => {
      const write = async (tags: readonly ("products" | "rates")[], ready: () => Promise<void>) =>
        store.asCaller(
          alice,
          async (tx) => {
            for (const [index, tag] of tags.entries()) {
              await tx.query(
                tag === "products"
                  ? `INSERT INTO tracked.products VALUES ('${newId()}', 'default', 'x')`
                  : `INSERT INTO tracked.rates VALUES ('${newId()}', 'x')`,
              );
              if (index === 0) await ready();
            }
          },
          { readOnly: false },
        );
      await write(["products", "rates"], async () => {});
      // Each holds one tag's row before either asks for the other's.
      let waiting = 0;
      const both = Promise.withResolvers<void>();
      const ready = async (): Promise<void> => {
        waiting += 1;
        if (waiting === 2) both.resolve();
        await both.promise;
      };
      const before = await versions(alice, "products", "rates");
      await Promise.all([write(["products", "rates"], ready), write(["rates", "products"], ready)]);
      const after = await versions(alice, "products", "rates");
      for (const tag of ["products", "rates"]) expect(after?.[tag]).not.toBe(before?.[tag]);
    });

    it("change with each of two commits that come in the other order than their writes", async () => {
      const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const written: Promise<void>[] = [];
      const commits = gates.map((gate) => {
        const wrote = Promise.withResolvers<void>();
        written.push(wrote.promise);
        return store.asCaller(
          alice,
          async (tx) => {
            await tx.query(`INSERT INTO tracked.rates VALUES ('${newId()}', 'x')`);
            wrote.resolve();
            await gate.promise;
          },
          { readOnly: false },
        );
      });
      await Promise.all(written);
      const seen = [await versions(alice, "rates")];
      for (const index of [1, 0]) {
        gates[index]?.resolve();
        await commits[index];
        seen.push(await versions(alice, "rates"));
      }
      expect(new Set(seen.map((one) => one?.["rates"])).size).toBe(3);
    });
  }
});
