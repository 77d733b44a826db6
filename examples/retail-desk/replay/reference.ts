/**
 * The desk once more, in memory and straight from its policy: what the replay expects of the real one. It shares no code
 * with the desk: no statement of the database, no schema, no sentence.
 *
 * Guarantees: the file's records are never changed; each replay works on copies of what it touches.
 */
import type { OrderRecord, ProductRecord, UserRecord } from "../data/records.ts";

export interface DeskData {
  readonly products: Readonly<Record<string, ProductRecord>>;
  readonly users: Readonly<Record<string, UserRecord>>;
  readonly orders: Readonly<Record<string, OrderRecord>>;
}

export type Expected =
  /** `value` is what the answer holds; absent where only a success is expected. */
  | { readonly kind: "done"; readonly value?: unknown }
  | { readonly kind: "refused"; readonly code: "not_found" | "conflict"; readonly why: string }
  /** A call that no desk can answer. */
  | { readonly kind: "unknown"; readonly why: string };

type Args = Readonly<Record<string, unknown>>;
type Mutable<T> = T extends readonly (infer Item)[]
  ? Mutable<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Mutable<T[Key]> }
    : T;
type Order = Mutable<OrderRecord>;
type User = Mutable<UserRecord>;

class Refusal extends Error {
  readonly code: "not_found" | "conflict";
  constructor(code: "not_found" | "conflict", why: string) {
    super(why);
    this.code = code;
  }
}
const absent = (): never => {
  throw new Refusal("not_found", "not there, or somebody else's");
};
function must(holds: boolean, why: string): asserts holds {
  if (!holds) throw new Refusal("conflict", why);
}

/** Money is added up in cents and kept with two decimals. */
const add = (...amounts: number[]): number =>
  amounts.reduce((sum, amount) => sum + Math.round(amount * 100), 0) / 100;
const plain = (written: unknown): string =>
  String(written).normalize("NFKD").replaceAll(/\p{M}/gu, "").trim().toLowerCase();
const count = (list: readonly string[], wanted: string): number =>
  list.filter((each) => each === wanted).length;

export class ReferenceDesk {
  readonly #data: DeskData;
  readonly #customer: string;
  readonly #users = new Map<string, User>();
  readonly #orders = new Map<string, Order>();

  /** As it stands for one customer, whom the desk knows by their token. */
  constructor(data: DeskData, customer: string) {
    this.#data = data;
    this.#customer = customer;
  }

  user(id: string): User {
    if (id !== this.#customer || !Object.hasOwn(this.#data.users, id)) return absent();
    const copy = this.#users.get(id) ?? (structuredClone(this.#data.users[id]) as User);
    this.#users.set(id, copy);
    return copy;
  }

  order(id: string): Order {
    const found = Object.hasOwn(this.#data.orders, id) ? this.#data.orders[id] : undefined;
    if (found?.user_id !== this.#customer) return absent();
    const copy = this.#orders.get(id) ?? (structuredClone(found) as Order);
    this.#orders.set(id, copy);
    return copy;
  }

  call(tool: string, args: Args): Expected {
    const rule = Object.hasOwn(RULES, tool) ? RULES[tool] : undefined;
    if (!rule) return { kind: "unknown", why: `the desk has no tool \`${tool}\`` };
    const { desk, takes } = { desk: this, takes: rule.takes };
    const names = Object.keys(args);
    const fits = names.length === takes.length && takes.every((name) => isArgument(name, args[name]));
    if (!fits) return { kind: "unknown", why: `\`${tool}\` takes ${takes.join(", ") || "nothing"}` };
    try {
      const value = rule.act(
        desk,
        args as Record<string, string>,
        args as Record<string, string[]>,
        this.#data,
      );
      return value === undefined ? { kind: "done" } : { kind: "done", value: structuredClone(value) };
    } catch (error) {
      if (error instanceof Refusal) return { kind: "refused", code: error.code, why: error.message };
      throw error;
    }
  }
}

function isArgument(name: string, value: unknown): boolean {
  const isText = (each: unknown) => typeof each === "string" && (each !== "" || name === "address2");
  return name.endsWith("_ids") ? Array.isArray(value) && value.every(isText) : isText(value);
}

interface Rule {
  readonly takes: readonly string[];
  act(
    desk: ReferenceDesk,
    text: Record<string, string>,
    lists: Record<string, string[]>,
    data: DeskData,
  ): unknown;
}

const ADDRESS = ["address1", "address2", "city", "state", "country", "zip"] as const;
const addressFrom = (text: Record<string, string>) =>
  Object.fromEntries(ADDRESS.map((name) => [name, text[name]])) as Order["address"];

function ownMethod(desk: ReferenceDesk, order: Order, id: string) {
  const method = desk.user(order.user_id).payment_methods[id];
  must(method !== undefined, "the payment method is not the customer's");
  return method;
}

/** Puts money on a gift card; with less than nothing, takes it off. */
function settle(desk: ReferenceDesk, order: Order, methodId: string, amount: number): void {
  const method = desk.user(order.user_id).payment_methods[methodId];
  if (method?.source === "gift_card") method.balance = add(method.balance, amount);
}

function pay(order: Order, type: "payment" | "refund", amount: number, methodId: string): void {
  order.payment_history.push({ transaction_type: type, amount, payment_method_id: methodId });
}

/** What each method has paid and not got back, first payer first. */
function payers(order: Order): [string, number][] {
  const sums = new Map<string, number>();
  for (const { payment_method_id: id, transaction_type: type, amount } of order.payment_history)
    sums.set(id, add(sums.get(id) ?? 0, type === "payment" ? amount : -amount));
  return [...sums].filter(([, left]) => left > 0);
}

function mustHold(order: Order, items: readonly string[]): void {
  must(items.length > 0, "no item is named");
  const held = order.items.map(({ item_id }) => item_id);
  for (const item of items)
    must(count(items, item) <= count(held, item), "the order does not hold the items");
}

/** Which line becomes which variant, and what that costs more. */
function swaps(
  desk: ReferenceDesk,
  data: DeskData,
  order: Order,
  items: readonly string[],
  wanted: readonly string[],
  methodId: string,
) {
  must(items.length === wanted.length, "the lists differ in length");
  mustHold(order, items);
  const left = [...order.items];
  const pairs = items.map((item, index) => {
    const [line] = left.splice(
      left.findIndex(({ item_id }) => item_id === item),
      1,
    );
    const variant = data.products[line?.product_id ?? ""]?.variants[wanted[index] ?? ""];
    must(line !== undefined && wanted[index] !== item, "the new item is the old one");
    must(variant !== undefined, "the new item is of another product");
    must(variant.available, "the new item is not available");
    return { line, variant };
  });
  const difference = add(...pairs.flatMap(({ line, variant }) => [variant.price, -line.price]));
  const method = ownMethod(desk, order, methodId);
  must(method.source !== "gift_card" || method.balance >= difference, "the gift card does not hold enough");
  return { pairs, difference };
}

const RULES: Readonly<Record<string, Rule>> = {
  find_user_id_by_email: {
    takes: ["email"],
    act(desk, { email }, _lists, data) {
      const fits = Object.values(data.users).filter((user) => plain(user.email) === plain(email));
      return fits.map(({ user_id }) => attempt(() => desk.user(user_id))).find(Boolean)
        ? own(desk, fits)
        : absent();
    },
  },
  find_user_id_by_name_zip: {
    takes: ["first_name", "last_name", "zip"],
    act(desk, { first_name, last_name, zip }, _lists, data) {
      const named = Object.values(data.users).filter(
        ({ name }) =>
          plain(name.first_name) === plain(first_name) && plain(name.last_name) === plain(last_name),
      );
      const fits = named.filter(({ user_id }) => attempt(() => desk.user(user_id))?.address.zip === zip);
      return fits.length > 0 ? own(desk, fits) : absent();
    },
  },
  get_user_details: { takes: ["user_id"], act: (desk, { user_id = "" }) => desk.user(user_id) },
  get_order_details: { takes: ["order_id"], act: (desk, { order_id = "" }) => desk.order(order_id) },
  get_product_details: {
    takes: ["product_id"],
    act: (_desk, { product_id = "" }, _lists, data) => data.products[product_id] ?? absent(),
  },
  get_item_details: {
    takes: ["item_id"],
    act: (_desk, { item_id = "" }, _lists, data) =>
      Object.values(data.products).find(({ variants }) => Object.hasOwn(variants, item_id))?.variants[
        item_id
      ] ?? absent(),
  },
  list_all_product_types: {
    takes: [],
    act: (_desk, _text, _lists, data) => ({
      products: Object.values(data.products)
        .map(({ name, product_id }) => ({ name, product_id }))
        .toSorted((a, b) => (a.name + a.product_id < b.name + b.product_id ? -1 : 1)),
    }),
  },
  calculate: { takes: ["expression"], act: () => undefined },
  transfer_to_human_agents: { takes: ["summary"], act: () => ({ message: "Transfer successful" }) },
  cancel_pending_order: {
    takes: ["order_id", "reason"],
    act(desk, { order_id = "", reason = "" }) {
      const order = desk.order(order_id);
      must(order.status === "pending", "the order is not pending");
      must(reason === "no longer needed" || reason === "ordered by mistake", "no such reason");
      for (const [id, amount] of payers(order)) {
        pay(order, "refund", amount, id);
        settle(desk, order, id, amount);
      }
      order.status = "cancelled";
      order.cancel_reason = reason;
      return order;
    },
  },
  modify_pending_order_address: {
    takes: ["order_id", ...ADDRESS],
    act(desk, text) {
      const order = desk.order(text["order_id"] ?? "");
      must(order.status === "pending", "the order is not pending");
      order.address = addressFrom(text);
      return order;
    },
  },
  modify_pending_order_items: {
    takes: ["order_id", "item_ids", "new_item_ids", "payment_method_id"],
    act(desk, { order_id = "", payment_method_id = "" }, { item_ids = [], new_item_ids = [] }, data) {
      const order = desk.order(order_id);
      must(order.status === "pending", "the order is not pending, or was modified already");
      const { pairs, difference } = swaps(desk, data, order, item_ids, new_item_ids, payment_method_id);
      pay(order, difference > 0 ? "payment" : "refund", Math.abs(difference), payment_method_id);
      settle(desk, order, payment_method_id, -difference);
      for (const { line, variant } of pairs)
        Object.assign(line, { item_id: variant.item_id, price: variant.price, options: variant.options });
      order.status = "pending (item modified)";
      return order;
    },
  },
  modify_pending_order_payment: {
    takes: ["order_id", "payment_method_id"],
    act(desk, { order_id = "", payment_method_id = "" }) {
      const order = desk.order(order_id);
      must(order.status === "pending", "the order is not pending");
      const method = ownMethod(desk, order, payment_method_id);
      const [paid, ...more] = order.payment_history;
      must(paid?.transaction_type === "payment" && more.length === 0, "there is not exactly one payment");
      must(paid.payment_method_id !== payment_method_id, "the order is paid by this method");
      must(
        method.source !== "gift_card" || method.balance >= paid.amount,
        "the gift card does not hold enough",
      );
      const { amount, payment_method_id: original } = paid;
      pay(order, "payment", amount, payment_method_id);
      pay(order, "refund", amount, original);
      settle(desk, order, payment_method_id, -amount);
      settle(desk, order, original, amount);
      return order;
    },
  },
  return_delivered_order_items: {
    takes: ["order_id", "item_ids", "payment_method_id"],
    act(desk, { order_id = "", payment_method_id = "" }, { item_ids = [] }) {
      const order = desk.order(order_id);
      must(order.status === "delivered", "the order is not delivered");
      mustHold(order, item_ids);
      const method = ownMethod(desk, order, payment_method_id);
      const original = payers(order).some(([id]) => id === payment_method_id);
      must(method.source === "gift_card" || original, "neither the original payment method nor a gift card");
      order.status = "return requested";
      order.return_items = item_ids.toSorted();
      order.return_payment_method_id = payment_method_id;
      return order;
    },
  },
  exchange_delivered_order_items: {
    takes: ["order_id", "item_ids", "new_item_ids", "payment_method_id"],
    act(desk, { order_id = "", payment_method_id = "" }, { item_ids = [], new_item_ids = [] }, data) {
      const order = desk.order(order_id);
      must(order.status === "delivered", "the order is not delivered");
      const { difference } = swaps(desk, data, order, item_ids, new_item_ids, payment_method_id);
      order.status = "exchange requested";
      order.exchange_items = item_ids.toSorted();
      order.exchange_new_items = new_item_ids.toSorted();
      order.exchange_payment_method_id = payment_method_id;
      order.exchange_price_difference = difference;
      return order;
    },
  },
  modify_user_address: {
    takes: ["user_id", ...ADDRESS],
    act(desk, text) {
      const user = desk.user(text["user_id"] ?? "");
      user.address = addressFrom(text);
      return user;
    },
  },
};

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** The one of `fits` whom the desk stands for. */
function own(desk: ReferenceDesk, fits: readonly UserRecord[]) {
  const mine = fits.find(({ user_id }) => attempt(() => desk.user(user_id)));
  return mine ? { user_id: mine.user_id } : absent();
}

/** Tools that show and change nothing of any customer's: everybody gets the same answer. */
export const OPEN_TOOLS: ReadonlySet<string> = new Set([
  "get_product_details",
  "get_item_details",
  "list_all_product_types",
  "calculate",
  "transfer_to_human_agents",
]);
