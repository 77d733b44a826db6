/**
 * Whose the things are that arguments name, once for all of the desk's tools; a tool with another `…_id` does not register.
 *
 * Guarantees: another customer's order or profile answers as one that does not exist, before anything else is said about a call.
 */
import { type ArgumentGuard, type OwnedArguments, owns } from "@deputize/mcp";
import type { Tx } from "@deputize/store";

async function exists(
  tx: Tx,
  table: "orders" | "customers",
  column: string,
  value: unknown,
): Promise<boolean> {
  const { rows } = await tx.query(`SELECT 1 FROM retail.${table} t WHERE t.${column} = $1`, [value]);
  return rows.length === 1;
}

/** For what is everybody's, and for what only means something together with an order, of which the database's function judges. */
const open = (argument: string, why: string): ArgumentGuard => ({
  name: `${why}(${argument})`,
  argument,
  check: () => true,
});

export const OWNED: OwnedArguments = {
  order_id: owns("order_id", (tx, value) => exists(tx, "orders", "order_id", value)),
  user_id: owns("user_id", (tx, value) => exists(tx, "customers", "user_id", value)),
  product_id: open("product_id", "catalogue"),
  item_id: open("item_id", "catalogue"),
  item_ids: open("item_ids", "with the order"),
  new_item_ids: open("new_item_ids", "with the order"),
  payment_method_id: open("payment_method_id", "with the order"),
};
