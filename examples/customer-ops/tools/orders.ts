/**
 * Orders and billing. Eight tools; the three that move money show what they will do, in the order's present version, and
 * wait for a yes. One exception is written down: a small refund, by the rule of `migrations/0005_small_refunds.sql`.
 */
import { DeputizeError } from "deputize/core";
import { MCPRouter } from "deputize/mcp";
import type { Tx } from "deputize/store";
import { z } from "zod";
import { amount, centsOf, dollars } from "../cents.ts";
import { BILLING_READ, BILLING_WRITE, READ, WRITE, customerId, invoiceId, orderId, text } from "../guards.ts";

export const ORDER_STATUSES = ["pending", "paid", "shipped", "delivered", "cancelled", "refunded"] as const;

const SUMMARY = `id, customer_id, status, total_cents, refunded_cents, placed_at`;
const DETAIL = `${SUMMARY}, subtotal_cents, discount_cents, shipping_cents, discount_code, delivered_at, cancel_reason, version`;

interface Order {
  readonly id: string;
  readonly status: (typeof ORDER_STATUSES)[number];
  readonly total_cents: number;
  readonly refunded_cents: number;
  readonly version: number;
}

async function orderOf(tx: Tx, id: string): Promise<Order> {
  const { rows } = await tx.query<Order>(`SELECT ${DETAIL} FROM desk.orders WHERE id = $1`, [id]);
  if (!rows[0]) throw new DeputizeError("not_found", "there is no such thing, or it is not yours");
  return rows[0];
}

const refuse = (why: string): never => {
  throw new DeputizeError("conflict", `${why}; nothing was changed`);
};

/** The order, if that much of it can be given back. Throws `conflict`. */
async function refundable(tx: Tx, id: string, cents: number): Promise<Order> {
  const order = await orderOf(tx, id);
  if (!["paid", "shipped", "delivered"].includes(order.status)) refuse(`order ${id} is ${order.status}`);
  const left = order.total_cents - order.refunded_cents;
  if (cents > left) refuse(`at most ${dollars(left)} of order ${id} can be refunded`);
  return order;
}

/** Whether it is a refund that needs nobody's yes; not so for an order that is not there. */
async function isSmallRefund(tx: Tx, id: string, cents: number): Promise<boolean> {
  const { rows } = await tx.query<{ small: boolean }>(
    "SELECT desk.is_small_refund(o, $2) AS small FROM desk.orders o WHERE o.id = $1",
    [id, cents],
  );
  return rows.length === 1 && rows[0]?.small === true;
}

/** The order, and what the code takes off it in cents. Throws `conflict`. */
async function discounted(tx: Tx, id: string, code: string): Promise<{ order: Order; cents: number }> {
  const order = await orderOf(tx, id);
  const { rows } = await tx.query<{ cents: number | null }>("SELECT desk.discount_for($1, $2) AS cents", [
    id,
    code,
  ]);
  const cents = rows[0]?.cents ?? refuse("this code does not apply to this order");
  return { order, cents };
}

async function pending(tx: Tx, id: string): Promise<Order> {
  const order = await orderOf(tx, id);
  if (order.status !== "pending") refuse(`order ${id} is ${order.status} and can no longer be cancelled`);
  return order;
}

const reason = text(500, "Why, in the person's words.");

export function ordersRouter(): MCPRouter {
  const router = new MCPRouter({ prefix: "orders" });

  router.tool(
    "get_order",
    {
      title: "One order",
      description:
        "Shows one order: status, items, prices, discount, what was refunded. Amounts are integer cents.",
      effect: "read",
      sends: "owner",
      guards: [READ],
      reads: "mixed",
      dataTags: ["orders"],
      input: { order_id: orderId },
    },
    async ({ order_id }, { db }) =>
      db.read(async (tx) => {
        const { version: _version, ...order } = await orderOf(tx, order_id);
        const items = await tx.query(
          "SELECT line, name, quantity, unit_price_cents FROM desk.order_items WHERE order_id = $1 ORDER BY line",
          [order_id],
        );
        return { order: { ...order, items: items.rows } };
      }),
  );

  router.tool(
    "list_orders",
    {
      title: "Orders of a customer",
      description:
        "Lists a customer's orders, newest first, all of them or those in one status, such as pending or shipped. Amounts are integer cents.",
      effect: "read",
      sends: "owner",
      guards: [READ],
      reads: "own",
      dataTags: ["orders"],
      input: {
        customer_id: customerId,
        status: z
          .enum(["all", ...ORDER_STATUSES])
          .default("all")
          .describe("Only orders in this status."),
      },
    },
    async ({ customer_id, status }, { db }) => ({
      orders: await db.read(
        async (tx) =>
          (
            await tx.query(
              `SELECT ${SUMMARY} FROM desk.orders WHERE customer_id = $1 AND ($2 = 'all' OR status = $2)
               ORDER BY placed_at DESC, id LIMIT 100`,
              [customer_id, status],
            )
          ).rows,
      ),
    }),
  );

  router.tool(
    "track_shipment",
    {
      title: "Where is the order",
      description:
        "Says where an order's parcel is: carrier, tracking number, status, expected arrival, and every step so far.",
      effect: "read",
      sends: "owner",
      guards: [READ],
      reads: "own",
      dataTags: ["orders"],
      input: { order_id: orderId },
    },
    async ({ order_id }, { db }) =>
      db.read(async (tx) => {
        const { status } = await orderOf(tx, order_id);
        const shipment = await tx.query(
          "SELECT carrier, tracking_number, status, expected_at FROM desk.shipments WHERE order_id = $1",
          [order_id],
        );
        const events = await tx.query(
          "SELECT at, status, place FROM desk.shipment_events WHERE order_id = $1 ORDER BY at",
          [order_id],
        );
        return { order_id, order_status: status, shipment: shipment.rows[0] ?? null, events: events.rows };
      }),
  );

  router.tool(
    "get_invoice",
    {
      title: "One invoice",
      description:
        "Shows one invoice: its order, status, amount in integer cents, when it was issued and when it is due.",
      effect: "read",
      sends: "owner",
      guards: [BILLING_READ],
      reads: "own",
      dataTags: ["orders"],
      input: { invoice_id: invoiceId },
    },
    async ({ invoice_id }, { db }) => ({
      invoice: await db.read(
        async (tx) =>
          (
            await tx.query(
              "SELECT id, order_id, status, amount_cents, issued_at, due_at FROM desk.invoices WHERE id = $1",
              [invoice_id],
            )
          ).rows[0],
      ),
    }),
  );

  router.tool(
    "process_refund",
    {
      title: "Refund an order",
      description:
        "Gives money back for an order that was paid, all of it or a part. The amount is in dollars, such as 12.50. Waits until a person agrees, but for small refunds of an own delivered order.",
      effect: "sensitive",
      sends: "house",
      guards: [BILLING_WRITE],
      reads: "own",
      input: { order_id: orderId, amount: amount.describe("How much in dollars, such as 12.50."), reason },
      approval: {
        exempt: "all that is refunded of an order of one's own that was delivered stays under 20 dollars",
        when: ({ order_id, amount: asked }, tx) => isSmallRefund(tx, order_id, centsOf(asked)),
      },
      preview: async ({ order_id, amount: asked, reason: why }, tx) => {
        const cents = centsOf(asked);
        const { total_cents, version } = await refundable(tx, order_id, cents);
        return {
          summary: `Refund ${dollars(cents)} of order ${order_id} (total ${dollars(total_cents)}): ${why}`,
          amountCents: cents,
          rows: { [`order:${order_id}`]: version, [`refund:${order_id}`]: cents },
        };
      },
    },
    async ({ order_id, amount: asked, reason: why }, { db }) =>
      db.write(async (tx) => {
        const cents = centsOf(asked);
        const { version } = await refundable(tx, order_id, cents);
        const { rows } = await tx.query<{ id: string }>("SELECT desk.refund($1, $2, $3, $4) AS id", [
          order_id,
          cents,
          why,
          version,
        ]);
        const { status, refunded_cents } = await orderOf(tx, order_id);
        return {
          refund_id: rows[0]?.id,
          order_id,
          amount_cents: cents,
          order_status: status,
          refunded_cents,
        };
      }),
  );

  router.tool(
    "apply_discount",
    {
      title: "Apply a discount code",
      description: "Takes a discount code off a pending order. Waits until a person agrees to the new total.",
      effect: "sensitive",
      sends: "house",
      guards: [BILLING_WRITE],
      reads: "own",
      input: {
        order_id: orderId,
        code: z
          .string()
          .trim()
          .regex(/^[A-Za-z0-9]{3,20}$/)
          .describe("The code as the person gave it."),
      },
      preview: async ({ order_id, code }, tx) => {
        const { order, cents } = await discounted(tx, order_id, code.toUpperCase());
        const after = dollars(order.total_cents - cents);
        return {
          summary: `Take ${dollars(cents)} off order ${order_id} with code ${code.toUpperCase()}; its total becomes ${after}.`,
          amountCents: cents,
          rows: { [`order:${order_id}`]: order.version, [`discount:${order_id}`]: cents },
        };
      },
    },
    async ({ order_id, code }, { db }) =>
      db.write(async (tx) => {
        const { order, cents } = await discounted(tx, order_id, code.toUpperCase());
        await tx.query("SELECT desk.apply_discount($1, $2, $3, $4)", [
          order_id,
          code.toUpperCase(),
          cents,
          order.version,
        ]);
        const { total_cents } = await orderOf(tx, order_id);
        return { order_id, discount_cents: cents, total_cents };
      }),
  );

  router.tool(
    "cancel_order",
    {
      title: "Cancel an order",
      description:
        "Cancels an order that is still pending; nothing was charged yet. Waits until a person agrees.",
      effect: "sensitive",
      sends: "house",
      guards: [WRITE],
      reads: "own",
      input: { order_id: orderId, reason },
      preview: async ({ order_id }, tx) => {
        const { total_cents, version } = await pending(tx, order_id);
        return {
          summary: `Cancel order ${order_id} over ${dollars(total_cents)}. Nothing was charged yet; it cannot be undone.`,
          amountCents: total_cents,
          rows: { [`order:${order_id}`]: version },
        };
      },
    },
    async ({ order_id, reason: why }, { db }) =>
      db.write(async (tx) => {
        const { version } = await pending(tx, order_id);
        await tx.query("SELECT desk.cancel_order($1, $2, $3)", [order_id, why, version]);
        return { order_id, status: (await orderOf(tx, order_id)).status };
      }),
  );

  router.tool(
    "get_payment_methods",
    {
      title: "Payment methods",
      description:
        "Lists a customer's saved payment methods: kind, brand, last four digits, expiry. Never a whole number.",
      effect: "read",
      sends: "owner",
      guards: [BILLING_READ],
      reads: "own",
      input: { customer_id: customerId },
    },
    async ({ customer_id }, { db }) => ({
      payment_methods: await db.read(
        async (tx) =>
          (
            await tx.query(
              `SELECT id, kind, brand, last4, expires, is_default FROM desk.payment_methods WHERE customer_id = $1
               ORDER BY is_default DESC, id`,
              [customer_id],
            )
          ).rows,
      ),
    }),
  );

  return router;
}
