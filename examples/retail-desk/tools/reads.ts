/**
 * The desk's tools that only look: at the caller, the caller's orders, and the catalogue.
 *
 * Guarantees: identity comes from the token. The two tools that look a customer up confirm the caller and nobody else: what
 * fits another answers as what fits nobody. The same goes for the records of others.
 */
import { type MCPServer, hasScope } from "@deputize/mcp";
import type { Tx } from "@deputize/store";
import { z } from "zod";
import { EXPRESSION_MAX, calculate } from "./calculate.ts";
import { id, text } from "./inputs.ts";
import { notFound } from "./refusals.ts";
import { READ } from "./scopes.ts";

const guards = [hasScope(READ)];
/** All that these tools answer was written by the shop or by the caller. */
const look = { effect: "read", guards, reads: "own", sends: "owner" } as const;

/** Letters as people say them: without case and accents. */
function fold(written: string): string {
  return written.normalize("NFKD").replaceAll(/\p{M}/gu, "").trim().toLowerCase();
}

interface Self {
  user_id: string;
  first_name: string;
  last_name: string;
  email: string;
  zip: string;
}

/** The caller's own row: the only one that there is for them. */
async function self(tx: Tx): Promise<Self | undefined> {
  const { rows } = await tx.query<Self>(
    "SELECT c.user_id, c.first_name, c.last_name, c.email, c.address ->> 'zip' AS zip FROM retail.customers c",
  );
  return rows[0];
}

async function record(tx: Tx, sql: string, params: readonly unknown[]): Promise<Record<string, unknown>> {
  const { rows } = await tx.query<{ record: Record<string, unknown> | null }>(
    `SELECT ${sql} AS record`,
    params,
  );
  return rows[0]?.record ?? Promise.reject(notFound());
}

export const orderRecord = (tx: Tx, orderId: string) => record(tx, "retail.order_record($1)", [orderId]);
export const customerRecord = (tx: Tx, userId: string) => record(tx, "retail.customer_record($1)", [userId]);

export function addReads(server: MCPServer): void {
  server.tool(
    "find_user_id_by_email",
    {
      ...look,
      description: "Confirms the caller's own user id by e-mail. Nobody else's can be found.",
      input: { email: text(254) },
    },
    async ({ email }, { db }) => {
      const me = await db.read(self);
      if (!me || fold(me.email) !== fold(email)) throw notFound();
      return { user_id: me.user_id };
    },
  );

  server.tool(
    "find_user_id_by_name_zip",
    {
      ...look,
      description:
        "Confirms the caller's own user id by first name, last name and zip code. Nobody else's can be found.",
      input: { first_name: text(100), last_name: text(100), zip: text(200) },
    },
    async ({ first_name, last_name, zip }, { db }) => {
      const me = await db.read(self);
      const fits =
        me !== undefined &&
        fold(me.first_name) === fold(first_name) &&
        fold(me.last_name) === fold(last_name) &&
        me.zip === zip;
      if (!fits) throw notFound();
      return { user_id: me.user_id };
    },
  );

  server.tool(
    "get_user_details",
    {
      ...look,
      description: "Shows the caller's profile: name, address, e-mail, payment methods and order ids.",
      input: { user_id: id },
    },
    ({ user_id }, { db }) => db.read((tx) => customerRecord(tx, user_id)),
  );

  server.tool(
    "get_order_details",
    {
      ...look,
      description: "Shows one of the caller's orders. An order id begins with `#`, such as `#W0000000`.",
      input: { order_id: id },
    },
    ({ order_id }, { db }) => db.read((tx) => orderRecord(tx, order_id)),
  );

  server.tool(
    "get_product_details",
    {
      ...look,
      description: "Shows a product and its variants with options, price and availability. Not by item id.",
      input: { product_id: id },
    },
    ({ product_id }, { db }) => db.read((tx) => record(tx, "retail.product_record($1)", [product_id])),
  );

  server.tool(
    "get_item_details",
    {
      ...look,
      description: "Shows one variant of a product: its options, price and availability. Not by product id.",
      input: { item_id: id },
    },
    ({ item_id }, { db }) =>
      db.read((tx) =>
        record(
          tx,
          "(SELECT retail.variant_record(v) FROM retail.variants v WHERE v.item_id = $1 ORDER BY v.product_id LIMIT 1)",
          [item_id],
        ),
      ),
  );

  server.tool(
    "list_all_product_types",
    { ...look, description: "Lists the names and ids of all products, by name.", input: {} },
    async (_args, { db }) => {
      const { rows } = await db.read((tx) =>
        tx.query<{ name: string; product_id: string }>(
          'SELECT p.name, p.product_id FROM retail.products p ORDER BY p.name COLLATE "C", p.product_id',
        ),
      );
      return { products: rows };
    },
  );

  server.tool(
    "calculate",
    {
      ...look,
      description: "Calculates with numbers, + - * / and parentheses; rounds to two decimals.",
      input: { expression: z.string().min(1).max(EXPRESSION_MAX) },
    },
    ({ expression }) => ({ result: calculate(expression) }),
  );
}
