/**
 * `GET /api/orders` and `GET /api/orders/{id}`: the caller's own orders.
 *
 * Guarantees: rows are read as the caller, so a forgotten filter would still show nobody else's; another's order, a
 * missing one and a malformed id answer the same 404; an order seen under a case is logged before it is shown (SR-04).
 */
import { requireCaller } from "@deputize/core";
import type { Store } from "@deputize/store";
import { Hono } from "hono";
import { z } from "zod";
import { type CaseLog, logCaseRead } from "../domain/case-log.ts";
import { findOrder, listOrders } from "../domain/orders.ts";
import { OrderStatus } from "../shapes.ts";
import { cursorParameter, limitParameter, parseQuery } from "./list-query.ts";

const ListQuery = z.strictObject({
  status: OrderStatus.optional(),
  limit: limitParameter.optional(),
  cursor: cursorParameter.optional(),
});

export interface OrderRoutesDeps extends CaseLog {
  readonly store: Store;
}

/** Mount at `/api/orders`, behind authentication. */
export function orderRoutes({ store, cases, audit }: OrderRoutesDeps): Hono {
  const routes = new Hono();

  routes.get("/", async (c) => {
    const caller = requireCaller();
    const { status, limit, cursor } = parseQuery(c.req.url, ListQuery);
    const page = await store.asCaller(caller, (tx) =>
      listOrders(tx, caller, {
        ...(status && { status }),
        ...(limit !== undefined && { limit }),
        ...(cursor !== undefined && { cursor }),
      }),
    );
    return c.json(page);
  });

  routes.get("/:id", async (c) => {
    const caller = requireCaller();
    const { order, owner } = await store.asCaller(caller, (tx) => findOrder(tx, caller, c.req.param("id")));
    await logCaseRead({ cases, audit }, caller, owner, `order:${order.id}`);
    return c.json(order);
  });

  return routes;
}
