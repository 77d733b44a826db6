/**
 * Orders as the caller may see them: list, detail, tracking, and cancelling.
 *
 * Guarantees: works inside a transaction of the caller, where rows of others do not exist; a malformed id, another's
 * order and a missing one are one and the same `not_found` (SH-D13); amounts are read from the row, never computed
 * from what somebody said.
 * Does not: ask for approval. The tool that cancels does, before it comes here.
 */
import { type Caller, DeputizeError, type PrincipalId, isUuid } from "@deputize/core";
import type { Queryable } from "@deputize/store";
import { z } from "zod";
import { CANCELLABLE, OrderDetail, OrderStatus, type OrderSummary, type TimelineEntry } from "../shapes.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";

/** Bounds a page of a list, so that no answer carries a whole table (SH-D11). */
const ORDER_LIMITS = { default: 20, max: 100 } as const;

export interface ListOrders {
  readonly status?: OrderStatus;
  readonly limit?: number;
  readonly cursor?: string;
  /** Whose orders; the caller's own unless told. Naming others shows nothing that no open case shows. */
  readonly owners?: readonly string[];
}

interface SummaryRow {
  id: string;
  number: string;
  status: string;
  total: number;
  placed_at: Date;
  item_count: number;
  carrier: string;
  tracking_number: string | null;
}

const SUMMARY = `
  o.id, o.number, o.status, o.total, o.placed_at, o.tracking_number, c.name as carrier,
  (select coalesce(sum(i.quantity), 0)::int from shop.order_items i where i.order_id = o.id) as item_count
  from shop.orders o join shop.carriers c on c.id = o.carrier_id`;

const Position = z.strictObject({ at: z.iso.datetime(), id: z.uuid() });

/** Newest first. Throws `validation_failed` for a foreign cursor. */
export async function listOrders(
  tx: Queryable,
  caller: Caller,
  { status, limit = ORDER_LIMITS.default, cursor, owners = [caller.subject] }: ListOrders,
): Promise<{ orders: OrderSummary[]; next?: string }> {
  const after = cursor === undefined ? undefined : decodeCursor(cursor, Position);
  const { rows } = await tx.query<SummaryRow>(
    `select ${SUMMARY}
     where o.user_id = any ($1::uuid[])
       and ($2::text is null or o.status = $2)
       and ($3::timestamptz is null or (o.placed_at, o.id) < ($3::timestamptz, $4::uuid))
     order by o.placed_at desc, o.id desc limit $5`,
    [owners, status ?? null, after?.at ?? null, after?.id ?? null, limit + 1],
  );
  const orders = rows.slice(0, limit).map(summary);
  const last = orders.at(-1);
  return rows.length > limit && last
    ? { orders, next: encodeCursor({ at: last.date, id: last.id }) }
    : { orders };
}

/** The people whose rows of this kind an open case lets the caller see: nobody, usually. */
export async function caseSubjects(tx: Queryable, resource: "orders" | "profile"): Promise<PrincipalId[]> {
  const { rows } = await tx.query<{ subject: PrincipalId }>(
    "select unnest(deputize.case_subjects($1)) as subject",
    [resource],
  );
  return rows.map((row) => row.subject);
}

interface DetailRow extends SummaryRow {
  user_id: PrincipalId;
  subtotal: number;
  discount: number;
  shipping: number;
  shipping_address: unknown;
}

export interface FoundOrder {
  readonly order: OrderDetail;
  /** Whose it is; differs from the caller under a case, and then the reading is logged. */
  readonly owner: PrincipalId;
}

/** One order by id or number (`ORD-10042`). Throws `not_found`. */
export async function findOrder(tx: Queryable, caller: Caller, idOrNumber: string): Promise<FoundOrder> {
  const key = orderKey(idOrNumber);
  const { rows } = await tx.query<DetailRow>(
    `select o.user_id, o.subtotal, o.shipping, o.shipping_address,
            o.promo_discount + o.coupon_discount + o.loyalty_discount as discount, ${SUMMARY}
     where ${key.column} = $1`,
    [key.value],
  );
  const row = rows[0];
  if (!row) throw noSuchOrder();
  const items = await tx.query<{ product_id: string; name: string; quantity: number; unit_price: number }>(
    `select i.product_id, i.name, i.quantity, i.unit_price from shop.order_items i
     where i.order_id = $1 order by i.unit_price * i.quantity desc, i.id`,
    [row.id],
  );
  const order = OrderDetail.parse({
    ...summary(row),
    items: items.rows,
    timeline: await timelineOf(tx, row.id),
    shipping_address: row.shipping_address,
    subtotal: row.subtotal,
    discount: row.discount,
    shipping: row.shipping,
    // A case lets staff see an order, never act on it.
    can_cancel: row.user_id === caller.subject && CANCELLABLE.includes(OrderStatus.parse(row.status)),
  });
  return { order, owner: row.user_id };
}

export interface Tracking {
  readonly number: string;
  readonly status: OrderStatus;
  readonly carrier: string;
  readonly tracking?: string;
  readonly latest?: TimelineEntry;
  readonly timeline: readonly TimelineEntry[];
  /** When it should arrive, by the carrier's rates from the day it was shipped. */
  readonly expected?: { readonly from: string; readonly to: string };
}

/** Where an order is. Throws `not_found`. */
export async function trackOrder(
  tx: Queryable,
  caller: Caller,
  idOrNumber: string,
): Promise<Tracking & FoundOrder> {
  const found = await findOrder(tx, caller, idOrNumber);
  const { order } = found;
  const shipped = order.timeline.find((step) => step.status === "shipped");
  const expected =
    shipped && (order.status === "shipped" || order.status === "out_for_delivery")
      ? await arrival(tx, order.id, shipped.date)
      : undefined;
  const latest = order.timeline.at(-1);
  return {
    ...found,
    number: order.number,
    status: order.status,
    carrier: order.carrier ?? "",
    ...(order.tracking && { tracking: order.tracking }),
    ...(latest && { latest }),
    timeline: order.timeline,
    ...(expected && { expected }),
  };
}

async function arrival(tx: Queryable, orderId: string, shippedAt: string): Promise<Tracking["expected"]> {
  // Goods leave from the region they are sent to, so the rate is that of a region to itself.
  const { rows } = await tx.query<{ days_min: number; days_max: number }>(
    `select min(r.days_min)::int as days_min, max(r.days_max)::int as days_max
     from shop.orders o
     join shop.order_items i on i.order_id = o.id
     join shop.warehouses w on w.id = i.warehouse_id
     join shop.shipping_rates r on r.carrier_id = o.carrier_id and r.region_from = w.region and r.region_to = w.region
     where o.id = $1`,
    [orderId],
  );
  const rate = rows[0];
  if (!rate) return undefined;
  const day = (n: number): string => new Date(Date.parse(shippedAt) + n * 86_400_000).toISOString();
  return { from: day(rate.days_min), to: day(rate.days_max) };
}

/** What cancelling an order would do, from the caller's own row. Throws `not_found`, `conflict`. */
export async function cancelPreview(
  tx: Queryable,
  caller: Caller,
  idOrNumber: string,
): Promise<{ order: OrderDetail; version: number }> {
  const { order, owner } = await findOrder(tx, caller, idOrNumber);
  if (owner !== caller.subject) throw noSuchOrder();
  // In the effect's own transaction this locks the row, so that nothing moves between this sentence and the act.
  const { rows } = await tx.query<{ version: number | null }>("select shop.order_version($1) as version", [
    order.id,
  ]);
  const version = rows[0]?.version ?? undefined;
  if (version === undefined) throw noSuchOrder();
  if (!order.can_cancel) throw notCancellable(order.status);
  return { order, version };
}

/** Cancels an order of the caller. Throws `not_found`, `conflict` (too late), `approval_changed` (it moved). */
export async function cancelOrder(
  tx: Queryable,
  request: { readonly orderId: string; readonly reason: string; readonly version: number },
): Promise<void> {
  const { rows } = await tx.query<{ result: { outcome: string; status?: string } }>(
    "select shop.cancel_order($1, $2, $3) as result",
    [request.orderId, request.reason, request.version],
  );
  const result = rows[0]?.result;
  switch (result?.outcome) {
    case "cancelled":
      return;
    case "not_cancellable":
      throw notCancellable(result.status ?? "");
    case "changed":
      throw new DeputizeError("approval_changed", "the order changed in the meantime; look at it again");
    default:
      throw noSuchOrder();
  }
}

function noSuchOrder(): DeputizeError {
  return new DeputizeError("not_found", "there is no such order among yours");
}

function notCancellable(status: string): DeputizeError {
  return new DeputizeError(
    "conflict",
    `the order is ${status.replaceAll("_", " ")} and can no longer be cancelled; nothing was changed`,
    { detail: { status } },
  );
}

/** An id and a number look different, so one argument serves both. */
function orderKey(idOrNumber: string): { column: "o.id" | "o.number"; value: string } {
  const text = idOrNumber.trim();
  if (isUuid(text.toLowerCase())) return { column: "o.id", value: text.toLowerCase() };
  const number = /^(?:ORD-?|#)?([0-9]{5,12})$/i.exec(text)?.[1];
  if (number === undefined) throw noSuchOrder();
  return { column: "o.number", value: `ORD-${number}` };
}

async function timelineOf(tx: Queryable, orderId: string): Promise<TimelineEntry[]> {
  const { rows } = await tx.query<{
    status: string;
    notes: string | null;
    location: string | null;
    at: Date;
  }>(
    `select h.status, h.notes, h.location, h.at from shop.order_status_history h
     where h.order_id = $1 order by h.at, h.id`,
    [orderId],
  );
  return rows.map((step) => ({
    status: OrderStatus.parse(step.status),
    date: step.at.toISOString(),
    ...(step.location !== null && { location: step.location }),
    ...(step.notes !== null && { notes: step.notes }),
  }));
}

function summary(row: SummaryRow): OrderSummary {
  return {
    id: row.id,
    number: row.number,
    status: OrderStatus.parse(row.status),
    total: row.total,
    date: row.placed_at.toISOString(),
    item_count: row.item_count,
    carrier: row.carrier,
    ...(row.tracking_number !== null && { tracking: row.tracking_number }),
  };
}
