/**
 * Loads a desk's file into the database.
 *
 * Guarantees: all of it or nothing, in one transaction; every record is checked before it is written, and the first bad one
 * is named with what is wrong with it; an order belongs to a customer who lists it, and was paid by methods of that
 * customer. Does not: load twice, or into a desk that has rows.
 */
import { createReadStream } from "node:fs";
import { DeputizeError, type PrincipalId, stableId } from "@deputize/core";
import type { Queryable } from "@deputize/store";
import { type OrderRecord, type ProductRecord, type UserRecord, badRecord, cents, deskRecords } from "./records.ts";

/** The tenant of a desk: one installation serves one. */
export const TENANT = "default";

/** The principal to whom a customer's rows belong. */
export const principalOf = (userId: string): PrincipalId => stableId(`retail:${userId}`) as PrincipalId;

export interface LoadedCounts {
  products: number;
  users: number;
  orders: number;
}

export interface LoadOptions {
  /** Told now and then how many records are in. */
  readonly onProgress?: (counts: Readonly<LoadedCounts>) => void;
}

type Row = Readonly<Record<string, unknown>>;

/** Columns and types of each table, in the order in which rows are inserted. */
const TABLES = {
  products: "product_id text, name text",
  variants: "product_id text, item_id text, options jsonb, available boolean, price_cents bigint",
  customers: "owner uuid, user_id text, first_name text, last_name text, email text, address jsonb",
  payment_methods:
    "owner uuid, payment_method_id text, source text, brand text, last_four text, balance_cents bigint",
  orders: `owner uuid, order_id text, place integer, status text, address jsonb, fulfillments jsonb, cancel_reason text,
    return_items text[], return_payment_method_id text, exchange_items text[], exchange_new_items text[],
    exchange_payment_method_id text, exchange_difference_cents bigint`,
  order_items:
    "owner uuid, order_id text, line integer, name text, product_id text, item_id text, price_cents bigint, options jsonb",
  order_payments:
    "owner uuid, order_id text, line integer, transaction_type text, amount_cents bigint, payment_method_id text",
} as const;
type Table = keyof typeof TABLES;

const BATCH = 250;

/** The file's text in chunks. Throws `config_invalid` when it cannot be read. */
export async function* readText(path: string): AsyncGenerator<string> {
  try {
    yield* createReadStream(path, { encoding: "utf8" }) as AsyncIterable<string>;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new DeputizeError("config_invalid", `${path} cannot be read (${code ?? "unknown error"})`);
  }
}

/** Loads `chunks` as the database's owner. Throws `validation_failed` naming the bad record, and then nothing is loaded. */
export async function loadDesk(
  owner: Queryable,
  chunks: AsyncIterable<string>,
  options: LoadOptions = {},
): Promise<LoadedCounts> {
  const counts: LoadedCounts = { products: 0, users: 0, orders: 0 };
  /** By order: where its customer lists it. */
  const listed = new Map<string, { readonly userId: string; readonly place: number }>();
  let rows = emptyRows();

  const flush = async (): Promise<void> => {
    for (const table of Object.keys(TABLES) as Table[]) await insert(owner, table, rows[table]);
    rows = emptyRows();
    options.onProgress?.(counts);
  };
  const place = (user: UserRecord): void => {
    for (const [index, orderId] of user.orders.entries()) {
      if (listed.has(orderId)) badRecord("users", user.user_id, `order \`${orderId}\` is listed twice`);
      listed.set(orderId, { userId: user.user_id, place: index });
    }
  };

  await owner.query("BEGIN");
  try {
    const there = await owner.query("SELECT 1 FROM retail.customers UNION ALL SELECT 1 FROM retail.products LIMIT 1");
    if (there.rows.length > 0)
      throw new DeputizeError("conflict", "this desk has its data already; load into an empty database");
    for await (const { section, record } of deskRecords(chunks)) {
      if (section === "products") addProduct(rows, record);
      else if (section === "orders") addOrder(rows, record);
      else {
        place(record);
        addUser(rows, record);
      }
      counts[section] += 1;
      if ((counts.products + counts.users + counts.orders) % BATCH === 0) await flush();
    }
    await flush();
    await placeOrders(owner, listed);
    await checkReferences(owner);
    await owner.query("COMMIT");
  } catch (error) {
    await owner.query("ROLLBACK");
    throw error;
  }
  // A planner without figures takes every table for an empty one.
  await owner.query("ANALYZE");
  return counts;
}

function emptyRows(): Record<Table, Row[]> {
  return Object.fromEntries(Object.keys(TABLES).map((table) => [table, [] as Row[]])) as Record<Table, Row[]>;
}

function addProduct(rows: Record<Table, Row[]>, product: ProductRecord): void {
  const { product_id, name } = product;
  rows.products.push({ product_id, name });
  for (const { item_id, options, available, price } of Object.values(product.variants)) {
    rows.variants.push({ product_id, item_id, options, available, price_cents: cents(price) });
  }
}

function addUser(rows: Record<Table, Row[]>, user: UserRecord): void {
  const owner = principalOf(user.user_id);
  const { first_name, last_name } = user.name;
  rows.customers.push({
    owner,
    user_id: user.user_id,
    first_name,
    last_name,
    email: user.email,
    address: user.address,
  });
  for (const method of Object.values(user.payment_methods)) {
    const { id: payment_method_id, source, ...rest } = method;
    rows.payment_methods.push({
      owner,
      payment_method_id,
      source,
      ...("brand" in rest && { brand: rest.brand, last_four: rest.last_four }),
      ...("balance" in rest && { balance_cents: cents(rest.balance) }),
    });
  }
}

function addOrder(rows: Record<Table, Row[]>, order: OrderRecord): void {
  const { order_id, user_id, items, payment_history, exchange_price_difference: difference, ...rest } = order;
  const owner = principalOf(user_id);
  rows.orders.push({
    ...rest,
    owner,
    order_id,
    place: -1,
    ...(typeof difference === "number" && { exchange_difference_cents: cents(difference) }),
  });
  for (const [index, { price, ...item }] of items.entries())
    rows.order_items.push({ owner, order_id, line: index + 1, ...item, price_cents: cents(price) });
  for (const [index, { amount, ...payment }] of payment_history.entries())
    rows.order_payments.push({ owner, order_id, line: index + 1, ...payment, amount_cents: cents(amount) });
}

async function insert(owner: Queryable, table: Table, rows: readonly Row[]): Promise<void> {
  if (rows.length === 0) return;
  const names = [...TABLES[table].matchAll(/(\w+) (?:text|uuid|jsonb|integer|bigint|boolean)/g)].map(([, name]) => name);
  await owner.query(
    `INSERT INTO retail.${table} (tenant, ${names.join(", ")})
     SELECT $1, ${names.map((name) => `t.${name}`).join(", ")} FROM jsonb_to_recordset($2) AS t (${TABLES[table]})`,
    [TENANT, JSON.stringify(rows)],
  );
}

/** Gives each order its place in its customer's list. */
async function placeOrders(
  owner: Queryable,
  listed: ReadonlyMap<string, { readonly userId: string; readonly place: number }>,
): Promise<void> {
  const places = [...listed].map(([order_id, { userId, place }]) => ({
    order_id,
    user_id: userId,
    owner: principalOf(userId),
    place,
  }));
  const missing = await owner.query<{ user_id: string; order_id: string }>(
    `WITH l AS (SELECT * FROM jsonb_to_recordset($2) AS t (order_id text, user_id text, owner uuid, place integer)),
       placed AS (UPDATE retail.orders o SET place = l.place FROM l
         WHERE o.tenant = $1 AND o.owner = l.owner AND o.order_id = l.order_id RETURNING o.order_id)
     SELECT l.user_id, l.order_id FROM l WHERE l.order_id NOT IN (SELECT p.order_id FROM placed p) LIMIT 1`,
    [TENANT, JSON.stringify(places)],
  );
  const [first] = missing.rows;
  if (first) badRecord("users", first.user_id, `order \`${first.order_id}\` is not there, or is somebody else's`);
}

/** What the foreign keys would say at the commit, with the record's name. */
async function checkReferences(owner: Queryable): Promise<void> {
  const checks = [
    [
      "its customer is not there",
      `SELECT o.order_id FROM retail.orders o WHERE NOT EXISTS (
         SELECT FROM retail.customers c WHERE c.tenant = o.tenant AND c.owner = o.owner)`,
    ],
    ["its customer does not list it", "SELECT o.order_id FROM retail.orders o WHERE o.place < 0"],
    [
      "it names a payment method that its customer does not have",
      `SELECT u.order_id FROM (
         SELECT p.tenant, p.owner, p.order_id, p.payment_method_id FROM retail.order_payments p
         UNION ALL SELECT o.tenant, o.owner, o.order_id, o.return_payment_method_id FROM retail.orders o
         UNION ALL SELECT o.tenant, o.owner, o.order_id, o.exchange_payment_method_id FROM retail.orders o) u
       WHERE u.payment_method_id IS NOT NULL AND NOT EXISTS (
         SELECT FROM retail.payment_methods m
         WHERE m.tenant = u.tenant AND m.owner = u.owner AND m.payment_method_id = u.payment_method_id)`,
    ],
  ] as const;
  for (const [problem, sql] of checks) {
    const { rows } = await owner.query<{ order_id: string }>(`${sql} ORDER BY 1 LIMIT 1`);
    if (rows[0]) badRecord("orders", rows[0].order_id, problem);
  }
}
