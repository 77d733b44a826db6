import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestShop, callerFor, idOf, openTestShop } from "../testing/test-shop.ts";
import { testDatabaseUrl } from "@deputize/store/testing";
import { OrderDetail } from "../shapes.ts";
import { cancelOrder, cancelPreview, findOrder, listOrders, trackOrder } from "./orders.ts";

let shop: TestShop;
beforeAll(async () => {
  shop = await openTestShop();
});
afterAll(() => shop.close());

const alice = callerFor("alice.johnson");
const read = <T>(caller: typeof alice, work: (tx: never) => Promise<T>): Promise<T> =>
  shop.store.asCaller(caller, (tx) => work(tx as never));

async function cancellable(
  mailbox: string,
): Promise<{ id: string; number: string; version: number; total: number }> {
  const { rows } = await shop.store.ownerQuery<{
    id: string;
    number: string;
    version: number;
    total: number;
  }>(
    "select id, number, version, total from shop.orders where user_id = $1 and status in ('placed', 'confirmed') order by placed_at limit 1",
    [idOf(mailbox)],
  );
  return rows[0]!;
}

async function snapshot(id: string) {
  const { rows } = await shop.store.ownerQuery<Record<string, unknown>>(
    `select o.status, o.version, c.total_spend, c.loyalty_tier,
       (select jsonb_agg(w.quantity order by i.id) from shop.order_items i join shop.warehouse_inventory w
          on w.product_id = i.product_id and w.warehouse_id = i.warehouse_id where i.order_id = o.id) as stock,
       (select jsonb_agg(i.quantity order by i.id) from shop.order_items i where i.order_id = o.id) as bought,
       (select string_agg(h.status, '>' order by h.at) from shop.order_status_history h where h.order_id = o.id) as walked
     from shop.orders o join shop.customers c on c.principal_id = o.user_id where o.id = $1`,
    [id],
  );
  return rows[0] as {
    status: string;
    version: number;
    total_spend: number;
    stock: number[];
    bought: number[];
    walked: string;
  };
}

describe("reading orders", () => {
  it("lists the caller's own, newest first, page by page, each once", async () => {
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await read(alice, (tx) => listOrders(tx, alice, { limit: 7, ...(cursor && { cursor }) }));
      seen.push(...page.orders.map((o) => `${o.date} ${o.number}`));
      cursor = page.next;
    } while (cursor);
    expect(seen).toHaveLength(24);
    expect(new Set(seen).size).toBe(24);
    expect(seen).toEqual(seen.toSorted().toReversed());
  });

  it("filters by state, and refuses a cursor that is not one", async () => {
    const { orders } = await read(alice, (tx) => listOrders(tx, alice, { status: "confirmed" }));
    expect(orders.map((o) => o.status)).toEqual(["confirmed", "confirmed"]);
    for (const cursor of [
      "x",
      "e30",
      Buffer.from('{"at":"now","id":1}').toString("base64url"),
      "a".repeat(400),
    ]) {
      await expect(read(alice, (tx) => listOrders(tx, alice, { cursor }))).rejects.toMatchObject({
        code: "validation_failed",
      });
    }
  });

  it("shows nothing more when the owners named are others", async () => {
    const owners = [idOf("bob.smith"), idOf("carol.davis")];
    expect((await read(alice, (tx) => listOrders(tx, alice, { owners }))).orders).toEqual([]);
  });

  it("finds one by id and by number, in the shape of the contract", async () => {
    const { number, id } = await cancellable("alice.johnson");
    for (const key of [
      id,
      number,
      id.toUpperCase(),
      number.toLowerCase(),
      `#${number.slice(4)}`,
      number.slice(4),
    ]) {
      const { order } = await read(alice, (tx) => findOrder(tx, alice, key));
      expect(OrderDetail.parse(order).id).toBe(id);
      expect(order.subtotal - order.discount + order.shipping).toBe(order.total);
      expect(order.can_cancel).toBe(true);
    }
  });

  it("answers a foreign, a missing and a malformed order alike [SH-D13]", async () => {
    const foreign = await cancellable("bob.smith");
    const keys = [
      foreign.id,
      foreign.number,
      "ORD-99999",
      "nonsense",
      "' or 1=1 --",
      "%",
      "",
      "💥".repeat(20),
    ];
    for (const key of keys) {
      await expect(read(alice, (tx) => findOrder(tx, alice, key))).rejects.toMatchObject({
        code: "not_found",
        message: "there is no such order among yours",
      });
    }
  });

  it("tracks the newest order with its latest step and when it should arrive", async () => {
    const { orders } = await read(alice, (tx) => listOrders(tx, alice, { limit: 1 }));
    const tracked = await read(alice, (tx) => trackOrder(tx, alice, orders[0]!.number));
    expect(tracked).toMatchObject({ status: "shipped", carrier: "Swiftline Express" });
    expect(tracked.latest?.status).toBe("shipped");
    const shipped = Date.parse(tracked.latest!.date);
    expect(Date.parse(tracked.expected!.from) - shipped).toBe(2 * 86_400_000);
    expect(Date.parse(tracked.expected!.to) - shipped).toBe(3 * 86_400_000);
  });
});

describe("cancelling", () => {
  const cancel = (mailbox: string, order: { id: string; version: number }) =>
    shop.store.asCaller(
      callerFor(mailbox),
      (tx) => cancelOrder(tx, { orderId: order.id, reason: "changed my mind", version: order.version }),
      { readOnly: false },
    );

  it("puts back stock and spend, raises the version and writes the history", async () => {
    const order = await cancellable("alice.johnson");
    const before = await snapshot(order.id);
    await cancel("alice.johnson", order);
    const after = await snapshot(order.id);
    expect(after.status).toBe("cancelled");
    expect(after.version).toBe(before.version + 1);
    expect(after.walked).toBe("placed>confirmed>cancelled");
    expect(after.total_spend).toBe(before.total_spend - order.total);
    expect(after.stock).toEqual(before.stock.map((q, i) => q + before.bought[i]!));
    await expect(cancel("alice.johnson", { ...order, version: after.version })).rejects.toMatchObject({
      code: "conflict",
    });
    expect(await snapshot(order.id)).toEqual(after);
  });

  it("frees the coupon that was used and lowers the tier that no longer holds", async () => {
    const { rows } = await shop.store.ownerQuery<{
      id: string;
      version: number;
      coupon_id: string;
      user_id: string;
    }>(
      `select o.id, o.version, c.id as coupon_id, o.user_id from shop.orders o, shop.coupons c
       where o.status = 'placed' and c.code = 'FLASH20' and o.coupon_code is null and o.user_id <> all ($1::uuid[]) limit 1`,
      [[idOf("alice.johnson"), idOf("bob.smith")]],
    );
    const order = rows[0]!;
    await shop.store.ownerQuery(
      `insert into shop.coupon_redemptions (id, tenant, user_id, coupon_id, order_id, amount, created_at)
       values (gen_random_uuid(), 'default', $1, $2, $3, 2000, now())`,
      [order.user_id, order.coupon_id, order.id],
    );
    await shop.store.ownerQuery("update shop.coupons set times_used = times_used + 1 where id = $1", [
      order.coupon_id,
    ]);
    await shop.store.ownerQuery(
      "update shop.customers set loyalty_tier = 'gold', total_spend = 300000 where principal_id = $1",
      [order.user_id],
    );
    const uses = async () =>
      (
        await shop.store.ownerQuery<{ n: number }>("select times_used as n from shop.coupons where id = $1", [
          order.coupon_id,
        ])
      ).rows[0]!.n;
    const before = await uses();
    const caller = { ...callerFor("alice.johnson"), subject: order.user_id as typeof alice.subject };
    await shop.store.asCaller(
      caller,
      (tx) => cancelOrder(tx, { orderId: order.id, reason: "no", version: order.version }),
      {
        readOnly: false,
      },
    );
    expect(await uses()).toBe(before - 1);
    const customer = await shop.store.ownerQuery(
      "select loyalty_tier from shop.customers where principal_id = $1",
      [order.user_id],
    );
    expect(customer.rows).toEqual([{ loyalty_tier: "silver" }]);
  });

  it("refuses another's order, a stale version, one under way, and an empty reason, and changes nothing", async () => {
    const bobs = await cancellable("bob.smith");
    const mine = await cancellable("alice.johnson");
    const { rows } = await shop.store.ownerQuery<{ id: string; version: number }>(
      "select id, version from shop.orders where user_id = $1 and status = 'shipped' limit 1",
      [idOf("alice.johnson")],
    );
    const before = [await snapshot(bobs.id), await snapshot(mine.id), await snapshot(rows[0]!.id)];
    await expect(cancel("alice.johnson", bobs)).rejects.toMatchObject({ code: "not_found" });
    await expect(cancel("alice.johnson", { id: mine.id, version: mine.version - 1 })).rejects.toMatchObject({
      code: "approval_changed",
    });
    await expect(cancel("alice.johnson", rows[0]!)).rejects.toMatchObject({ code: "conflict" });
    await expect(
      shop.store.asCaller(
        alice,
        (tx) => cancelOrder(tx, { orderId: mine.id, reason: "  ", version: mine.version }),
        {
          readOnly: false,
        },
      ),
    ).rejects.toMatchObject({ code: "forbidden" });
    expect([await snapshot(bobs.id), await snapshot(mine.id), await snapshot(rows[0]!.id)]).toEqual(before);
  });

  it("happens once when asked for many times at once", async () => {
    const order = await cancellable("alice.johnson");
    const before = await snapshot(order.id);
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => cancel("alice.johnson", order)));
    expect(results.filter((r) => r.status === "fulfilled")).toHaveLength(1);
    const after = await snapshot(order.id);
    expect(after.total_spend).toBe(before.total_spend - order.total);
    expect(after.stock).toEqual(before.stock.map((q, i) => q + before.bought[i]!));
  });

  it("is previewed with a version, and not for what cannot be cancelled", async () => {
    const order = await cancellable("bob.smith");
    const bob = callerFor("bob.smith");
    expect((await read(bob, (tx) => cancelPreview(tx, bob, order.number))).version).toBe(order.version);
    await expect(read(alice, (tx) => cancelPreview(tx, alice, order.number))).rejects.toMatchObject({
      code: "not_found",
    });
    const { orders } = await read(alice, (tx) => listOrders(tx, alice, { limit: 1 }));
    await expect(read(alice, (tx) => cancelPreview(tx, alice, orders[0]!.id))).rejects.toMatchObject({
      code: "conflict",
    });
  });

  // The embedded database has one connection: nobody can wait for anybody there.
  if (testDatabaseUrl) {
    it("waits, on a server, for whoever holds a preview of the same order [SR-15]", async () => {
      const order = await cancellable("bob.smith");
      const bob = callerFor("bob.smith");
      let moved = false;
      await shop.store
        .asCaller(
          bob,
          async (tx) => {
            const { version } = await cancelPreview(tx, bob, order.id);
            const other = shop.store
              .asCaller(bob, (tx2) => cancelOrder(tx2, { orderId: order.id, reason: "me too", version }), {
                readOnly: false,
              })
              .then(
                () => (moved = true),
                () => undefined,
              );
            await new Promise((resolve) => setTimeout(resolve, 200));
            expect(moved).toBe(false);
            await cancelOrder(tx, { orderId: order.id, reason: "first", version });
            return { other };
          },
          { readOnly: false },
        )
        .then(({ other }) => other);
      expect(moved).toBe(false);
    });
  }
});
