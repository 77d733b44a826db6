/**
 * The tool server `orders`: a person's orders, tracking, cancelling and profile.
 *
 * Guarantees: identity is never an argument; each tool reads in a transaction of the caller, where rows of others do
 * not exist; cancelling waits for a person's yes to exactly this order in exactly this state (SR-15); staff see others'
 * orders only under an open case, and each such reading is logged with its purpose (SR-04).
 * Labels: `own` is only what the caller or the shop wrote. An order's lines carry product names, which sellers write, so
 * details are `mixed`; so is everything under a case (SR-07).
 */
import { type Caller, DeputizeError, type PrincipalId } from "@deputize/core";
import { MCPServer, type ToolContext, caseFor, hasRole, hasScope, rateLimit } from "@deputize/mcp";
import { z } from "zod";
import { dollars } from "../domain/money.ts";
import {
  cancelOrder,
  cancelPreview,
  caseSubjects,
  findOrder,
  listOrders,
  trackOrder,
} from "../domain/orders.ts";
import { profileOf, readCustomer } from "../domain/profile.ts";
import { type Card, type OrderDetail, OrderStatus } from "../shapes.ts";
import { TOOL_CALLS, type OrdersServerDeps } from "./deps.ts";

const READ = hasScope("read:orders:*");

const orderId = z
  .string()
  .min(1)
  .max(64)
  .describe(
    "The order's id, or its number such as ORD-10042. Take it from get_user_orders; never invent one.",
  );
const status = OrderStatus.optional().describe("Only orders in this state.");
const limit = z.number().int().min(1).max(50).default(10).describe("How many orders at most, newest first.");

function cards(...all: Card[]): { cards: Card[] } {
  return { cards: all };
}

/** The one sentence that a person agrees to. */
function cancelSentence(order: OrderDetail): string {
  const items = order.items.map((i) => `${i.quantity} × ${i.name}`).join(", ");
  const more = items.length > 300 ? `${items.slice(0, 297)}…` : items;
  return `Cancel order ${order.number} of ${order.date.slice(0, 10)} (${more}), total ${dollars(order.total)}. Nothing was charged yet; it cannot be undone.`;
}

/** Makes the server; `deps.url` is its audience. */
export function ordersServer(deps: OrdersServerDeps): MCPServer {
  const { people, cases, audit } = deps;
  const server = new MCPServer({
    name: "orders",
    version: "1.0.0",
    instructions: "Orders, tracking, cancelling and the profile of the person who asks. Nobody else's.",
    auth: deps.auth,
    store: deps.store,
    audit,
    approvals: deps.approvals,
    ephemeral: deps.ephemeral,
    url: deps.url,
    middleware: [rateLimit(TOOL_CALLS)],
    ...(deps.clock && { clock: deps.clock }),
    ...deps.server,
  });

  server.tool(
    "get_user_orders",
    {
      title: "My orders",
      description:
        "Lists the person's own orders, newest first: number, state, date, total, carrier, tracking. Amounts are integer cents.",
      effect: "read",
      guards: [READ],
      reads: "own",
      sends: "owner",
      dataTags: ["orders", "reference"],
      input: { status, limit },
    },
    async (args, { db, caller }) => {
      const { orders } = await db.read((tx) =>
        listOrders(tx, caller, { limit: args.limit, ...(args.status && { status: args.status }) }),
      );
      return { orders, ...cards({ type: "orders", orders }) };
    },
  );

  server.tool(
    "get_order_details",
    {
      title: "One order",
      description:
        "Shows one of the person's orders: items, prices, address, timeline, and whether it can be cancelled. Amounts are integer cents.",
      effect: "read",
      guards: [READ],
      reads: "mixed",
      holds: "an order, with what sellers wrote about its products",
      sends: "owner",
      dataTags: ["orders", "reference"],
      input: { order_id: orderId },
    },
    async ({ order_id }, { db, caller, caseUsed }) => {
      const { order, owner } = await db.read((tx) => findOrder(tx, caller, order_id));
      await noteCase(caller, owner, caseUsed);
      return { order, ...cards({ type: "order", order }) };
    },
  );

  server.tool(
    "get_order_tracking",
    {
      title: "Where is my order",
      description:
        "Says where one of the person's orders is: latest step, whole timeline, carrier, expected arrival.",
      effect: "read",
      guards: [READ],
      reads: "mixed",
      holds: "an order, with what sellers wrote about its products",
      sends: "owner",
      dataTags: ["orders", "reference"],
      input: { order_id: orderId },
    },
    async ({ order_id }, { db, caller, caseUsed }) => {
      const { order, owner, ...tracking } = await db.read((tx) => trackOrder(tx, caller, order_id));
      await noteCase(caller, owner, caseUsed);
      return { ...tracking, ...cards({ type: "order", order }) };
    },
  );

  server.tool(
    "cancel_order",
    {
      title: "Cancel an order",
      description:
        "Cancels one of the person's orders that is placed or confirmed and has not left the warehouse. Asks the person first.",
      effect: "sensitive",
      guards: [hasScope("cancel:orders:*")],
      reads: "mixed",
      // The shop's people read the reason, under a case.
      sends: "house",
      input: {
        order_id: orderId,
        reason: z
          .string()
          .trim()
          .min(1)
          .max(500)
          .regex(/^[^\p{Cc}]*$/u, "holds control characters")
          .describe("Why, in the person's words."),
      },
      preview: async ({ order_id }, tx, { caller }) => {
        const { order, version } = await cancelPreview(tx, caller, order_id);
        return {
          summary: cancelSentence(order),
          amountCents: order.total,
          rows: { [`order:${order.id}`]: version },
        };
      },
    },
    async ({ order_id, reason }, { db, caller }) =>
      db.write(async (tx) => {
        const { order, version } = await cancelPreview(tx, caller, order_id);
        await cancelOrder(tx, { orderId: order.id, reason, version });
        const { order: after } = await findOrder(tx, caller, order.id);
        return { order: after, ...cards({ type: "order", order: after }) };
      }),
  );

  server.tool(
    "get_user_profile",
    {
      title: "My profile",
      description:
        "Shows the person's own profile: name, e-mail, role, loyalty tier, total spend in integer cents, number of orders.",
      effect: "read",
      guards: [hasScope("read:profile:*")],
      reads: "own",
      sends: "owner",
      input: {},
    },
    async (_args, { db, caller }) => {
      const profile = await profileOf(people, caller, await db.read((tx) => readCustomer(tx, caller)));
      return { profile, ...cards({ type: "profile", profile }) };
    },
  );

  server.tool(
    "staff_find_orders",
    {
      title: "Orders under a case",
      description:
        "For staff: lists orders of somebody else for whom the person has an open case. Without one it shows nothing and offers to open one; only the person can do that, in the page.",
      effect: "read",
      guards: [hasRole("admin"), READ],
      reads: "mixed",
      holds: "orders of somebody else, under a case",
      sends: "owner",
      input: {
        email: z
          .string()
          .trim()
          .min(1)
          .max(200)
          .describe("E-mail or name of the customer; chooses among open cases and opens none."),
        status,
        limit,
      },
    },
    async (args, { db, caller, caseUsed }) => {
      const subjects = await db.read((tx) => caseSubjects(tx, "orders"));
      const owners = await matching(subjects, args.email);
      if (owners.length === 0) throw caseRequired(args.email);
      for (const owner of owners) await noteCase(caller, owner, caseUsed);
      const { orders } = await db.read((tx) =>
        listOrders(tx, caller, { owners, limit: args.limit, ...(args.status && { status: args.status }) }),
      );
      return { orders, ...cards({ type: "orders", orders }) };
    },
  );

  /** Foreign rows are answered only with their case in the entry of the call (SR-04). */
  async function noteCase(
    caller: Caller,
    owner: PrincipalId,
    caseUsed: ToolContext["caseUsed"],
  ): Promise<void> {
    const open = await caseFor(cases, caller, owner);
    if (open) caseUsed(open);
  }

  /** Looks only among people with an open case, so that no answer tells who else exists. */
  async function matching(subjects: readonly PrincipalId[], person: string): Promise<PrincipalId[]> {
    const wanted = person.toLowerCase();
    const found: PrincipalId[] = [];
    for (const id of subjects) {
      const one = await people.get(id);
      if (
        one &&
        (one.email.toLowerCase() === wanted ||
          one.name.toLowerCase().split(" ").includes(wanted) ||
          one.name.toLowerCase() === wanted)
      )
        found.push(id);
    }
    return found;
  }

  return server;
}

/** Says the same for people who exist and people who do not. */
function caseRequired(person: string): DeputizeError {
  const email = z.email().safeParse(person);
  const offer: Card = {
    type: "case_offer",
    ...(email.success && { subject_email: email.data }),
    resources: ["orders"],
  };
  return new DeputizeError(
    "case_required",
    "no case is open for that person; open one in the page, with a purpose",
    {
      detail: { cards: [offer] },
    },
  );
}
