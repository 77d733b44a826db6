/**
 * A tool server over orders, in the process of its agent. Every tool says who may call it, and who asks comes with the token of
 * the call: what a model writes decides nothing.
 */
import { DeputizeError } from "deputize";
import { MCPServer, hasRole, jwtAuth, requireAuth } from "deputize/mcp";
import { inProcessServer } from "deputize/server";
import { z } from "zod";

interface Order {
  readonly id: string;
  readonly owner: string;
  readonly item: string;
  readonly status: "placed" | "shipped" | "delivered";
  readonly total: number;
}

/** In place of your database. Whoever is not asked who they are is `guest`. */
const ORDERS: readonly Order[] = [
  { id: "ORD-1001", owner: "ada", item: "Desk lamp", status: "shipped", total: 4900 },
  { id: "ORD-1002", owner: "ada", item: "Notebook", status: "delivered", total: 1250 },
  { id: "ORD-2001", owner: "ben", item: "Espresso machine", status: "placed", total: 32_900 },
  { id: "ORD-3001", owner: "guest", item: "Water bottle", status: "shipped", total: 1900 },
];

const shown = ({ id, item, status, total }: Order) => ({ id, item, status, total_cents: total });

/** `secret` signs the tokens by which the agent calls; nobody else needs it. */
export function openOrders(secret: string) {
  const auth = jwtAuth({ secret, audience: "http://localhost/mcp" });
  const server = new MCPServer({ name: "orders", auth });
  const own = (claims: Readonly<Record<string, unknown>>) =>
    ORDERS.filter(({ owner }) => owner === (claims["user_id"] ?? "guest"));

  server.tool(
    "list_orders",
    { description: "The orders of the person who asks", effect: "read", guards: [requireAuth()] },
    (_args, { client }) => ({ orders: own(client.claims).map(shown) }),
  );
  server.tool(
    "get_order",
    {
      description: "One order of the person who asks, by its number",
      effect: "read",
      guards: [requireAuth()],
      input: z.strictObject({ order_id: z.string().max(20) }),
    },
    ({ order_id: id }, { client }) => {
      const order = own(client.claims).find((one) => one.id === id);
      // Somebody else's is answered like one that is not there.
      if (!order) throw new DeputizeError("not_found", "there is no such order of yours");
      return { order: shown(order) };
    },
  );
  server.tool(
    "sales_report",
    { description: "How much was sold, for staff", effect: "read", guards: [hasRole("staff")] },
    () => ({ orders: ORDERS.length, total_cents: ORDERS.reduce((sum, { total }) => sum + total, 0) }),
  );
  return inProcessServer(server, auth);
}
