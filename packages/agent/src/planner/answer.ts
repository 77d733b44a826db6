/**
 * Turns tool answers into a few friendly words.
 *
 * Guarantees: says only what an answer holds; amounts are read as integer cents. A refusal is said as one, in
 * words that tell nothing about anybody else.
 */
import { type Data, type ToolAnswer, isData } from "./conversation.ts";

export const OWN_ONLY =
  "I can only see the data of the person who is signed in, so I can't look up anybody else's. If you would like to see your own orders, just ask.";

/** Integer cents as dollars. */
export function money(cents: unknown): string {
  return new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" }).format(Number(cents) / 100);
}

function day(value: unknown): string | undefined {
  const at = typeof value === "string" ? new Date(value) : undefined;
  if (!at || Number.isNaN(at.getTime())) return undefined;
  return new Intl.DateTimeFormat("en-US", { dateStyle: "medium", timeZone: "UTC" }).format(at);
}

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value.trim() !== "" ? value.trim().slice(0, 300) : undefined;
const list = (value: unknown): Data[] => (Array.isArray(value) ? value.filter(isData) : []);

const STATUS: Readonly<Record<string, string>> = {
  placed: "placed and waiting to be confirmed",
  confirmed: "confirmed and being prepared",
  shipped: "on its way",
  out_for_delivery: "out for delivery",
  delivered: "delivered",
  cancelled: "cancelled",
  returned: "returned",
};
const statusWords = (status: unknown): string =>
  STATUS[String(status)] ?? String(status ?? "unknown").replaceAll("_", " ");

/** Orders of an answer, whatever it calls them. */
export function ordersIn(data: unknown): Data[] {
  if (!isData(data)) return Array.isArray(data) ? list(data).filter((row) => "status" in row) : [];
  const orders = list(data["orders"]);
  if (orders.length > 0) return orders;
  if (isData(data["order"])) return [data["order"]];
  return "number" in data && "status" in data ? [data] : [];
}

export function productsIn(data: unknown): Data[] {
  if (!isData(data)) return Array.isArray(data) ? list(data).filter((row) => "price" in row) : [];
  for (const key of ["products", "results", "items"]) {
    const found = list(data[key]).filter((row) => "price" in row && "name" in row);
    if (found.length > 0) return found;
  }
  if (isData(data["product"])) return [data["product"]];
  return "price" in data && "name" in data ? [data] : [];
}

const orderName = (order: Data): string =>
  text(order["number"]) ?? text(order["order_number"]) ?? text(order["id"]) ?? "your order";

function orderLine(order: Data): string {
  const count = Number(order["item_count"] ?? list(order["items"]).length);
  const parts = [
    statusWords(order["status"]),
    order["total"] === undefined ? undefined : money(order["total"]),
    count > 0 ? `${count} item${count === 1 ? "" : "s"}` : undefined,
    day(order["date"]) && `ordered ${day(order["date"])}`,
  ].filter((part) => part !== undefined);
  return `- ${orderName(order)}: ${parts.join(", ")}`;
}

function ordersAnswer(orders: readonly Data[]): string {
  if (orders.length === 0) return "I found no orders of yours that match.";
  if (orders.length === 1 && orders[0]) return orderAnswer(orders[0]);
  return `Here are your ${orders.length} orders:\n${orders.slice(0, 10).map(orderLine).join("\n")}`;
}

function orderAnswer(order: Data): string {
  const items = list(order["items"]);
  const placed = day(order["date"]);
  const total = order["total"] === undefined ? "" : ` The total is ${money(order["total"])}.`;
  const bought =
    items.length === 0
      ? ""
      : `\n${items
          .slice(0, 10)
          .map(
            (item) =>
              `- ${Number(item["quantity"] ?? 1)} × ${text(item["name"])}${item["unit_price"] === undefined ? "" : ` at ${money(item["unit_price"])}`}`,
          )
          .join("\n")}`;
  return `Your order ${orderName(order)}${placed ? ` from ${placed}` : ""} is ${statusWords(order["status"])}.${carrierWords(order)}${total}${bought}`;
}

const TRAVEL: Readonly<Record<string, string>> = {
  placed: "It will travel with",
  confirmed: "It will travel with",
  delivered: "It came with",
  returned: "It came with",
};

function carrierWords(order: Data): string {
  if (order["status"] === "cancelled") return "";
  const carrier = text(order["carrier"]);
  const tracking = text(order["tracking"]) ?? text(order["tracking_number"]);
  if (!carrier) return tracking ? ` Its tracking number is ${tracking}.` : "";
  return ` ${TRAVEL[String(order["status"])] ?? "It travels with"} ${carrier}${tracking ? `, tracking number ${tracking}` : ""}.`;
}

/** When it should come, where the shop says so. */
function arrivalWords(expected: unknown): string {
  if (!isData(expected)) return "";
  const from = day(expected["from"]);
  const to = day(expected["to"]);
  if (!from && !to) return "";
  return from && to && from !== to
    ? ` It should arrive between ${from} and ${to}.`
    : ` It should arrive on ${to ?? from}.`;
}

/** A journey: the order that is known from before, and what tracking adds. */
function trackingAnswer(data: Data, known: Data | undefined): string {
  const inner = [data["tracking"], data["order"], data].find((part) => isData(part) && "status" in part);
  const order: Data = { ...known, ...(isData(inner) ? inner : data) };
  const timeline = list(data["timeline"] ?? order["timeline"]);
  const latest = isData(data["latest_update"])
    ? data["latest_update"]
    : isData(data["latest"])
      ? data["latest"]
      : timeline.at(-1);
  const where =
    latest &&
    [text(latest["notes"]), text(latest["location"])].filter((part) => part !== undefined).join(", ");
  const when = latest && day(latest["date"]);
  const update = where
    ? ` Latest update${when ? ` (${when})` : ""}: ${where}.`
    : when
      ? ` Last updated ${when}.`
      : "";
  return `Your order ${orderName(order)} is ${statusWords(order["status"])}.${carrierWords(order)}${arrivalWords(data["expected"])}${update}`;
}

function productLine(product: Data): string {
  const was = product["original_price"] ?? product["list_price"];
  const reduced = Number(was) > Number(product["price"]) ? ` (was ${money(was)})` : "";
  const reviews =
    product["review_count"] === undefined ? "" : ` from ${Number(product["review_count"])} reviews`;
  const rated =
    Number(product["rating"]) > 0 ? `, rated ${Number(product["rating"]).toFixed(1)}${reviews}` : "";
  return `${text(product["name"])}: ${money(product["price"])}${reduced}${rated}`;
}

function productsAnswer(products: readonly Data[], total: unknown): string {
  if (products.length === 0)
    return "I found nothing in the shop that matches. Try other words or a wider price range.";
  if (products.length === 1 && products[0]) return `I found one: ${productLine(products[0])}.`;
  const more = Number(total) > products.length ? ` of ${Number(total)}` : "";
  return `I found ${products.length}${more}:\n${products
    .slice(0, 8)
    .map((product) => `- ${productLine(product)}`)
    .join("\n")}`;
}

function productAnswer(product: Data): string {
  const stock = list(product["stock"]).reduce((sum, place) => sum + Number(place["quantity"] ?? 0), 0);
  const inStock = Array.isArray(product["stock"])
    ? stock > 0
      ? ` ${stock} in stock.`
      : " It is sold out at the moment."
    : "";
  const about = text(product["description"]);
  return `${productLine(product)}.${inStock}${about ? ` ${about}` : ""}`;
}

function profileAnswer(data: Data): string {
  const profile = isData(data["profile"]) ? data["profile"] : data;
  const tier = text(profile["loyalty_tier"]);
  const spent =
    profile["total_spend"] === undefined
      ? ""
      : ` You have spent ${money(profile["total_spend"])}${profile["orders"] === undefined ? "" : ` over ${Number(profile["orders"])} orders`}.`;
  return `You are signed in as ${text(profile["name"]) ?? "yourself"}${text(profile["email"]) ? ` (${text(profile["email"])})` : ""}${tier ? `, a ${tier} member` : ""}.${spent}`;
}

/** Words for a result of no known shape: its plain members, a line each. */
function plainAnswer(data: unknown): string {
  if (typeof data === "string") return data.trim() || "Done.";
  if (!isData(data)) return "Done.";
  const lines = Object.entries(data)
    .filter(([, value]) => ["string", "number", "boolean"].includes(typeof value))
    .slice(0, 12)
    .map(([name, value]) => `- ${name.replaceAll("_", " ")}: ${String(value).slice(0, 200)}`);
  return lines.length === 0 ? "Done." : `Here is what I found:\n${lines.join("\n")}`;
}

function sentence(said: string): string {
  const trimmed = said.trim().slice(0, 400);
  const capital = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

function refusalAnswer(answer: ToolAnswer, what: string): string {
  const data = isData(answer.data) ? answer.data : {};
  const said = text(data["error"]) ?? text(data["message"]);
  switch (data["code"]) {
    case "case_required":
      return "I can see another person's data only under an open case. Open one here in the page, with its purpose, and ask again.";
    case "not_found":
      return `I couldn't find ${what} among your own data. ${OWN_ONLY}`;
    case "approval_invalid":
      return "That was not approved, so I left everything as it was.";
    case "forbidden":
    case "insufficient_scope":
      return "I'm not allowed to do that for you, so I left everything as it was.";
    default:
      return said
        ? `I couldn't do that: ${sentence(said)}`
        : "I couldn't do that, so I left everything as it was.";
  }
}

export interface AnswerHints {
  readonly capability?: string | undefined;
  /** How the person named the thing, such as an order number. */
  readonly what?: string | undefined;
  /** The order that an earlier answer of this turn showed. */
  readonly order?: Data | undefined;
}

/** One tool answer in words. */
export function answerFor(answer: ToolAnswer, hints: AnswerHints = {}): string {
  const { data } = answer;
  if (answer.status === "waiting")
    return "That needs your approval first: please look at the card and decide there.";
  if (answer.status === "refused") return refusalAnswer(answer, hints.what ?? "that");
  if (answer.status !== "done") {
    const said = isData(data) ? text(data["error"]) : undefined;
    return `Something went wrong on the way${said ? `: ${sentence(said)}` : "."} Please try again in a moment.`;
  }
  // Another agent's answer is already words.
  const spoken =
    typeof data === "string"
      ? data
      : isData(data)
        ? (text(data["answer"]) ?? text(data["response"]))
        : undefined;
  if (spoken !== undefined) return spoken;
  if (!isData(data))
    return Array.isArray(data) && productsIn(data).length > 0
      ? productsAnswer(productsIn(data), undefined)
      : plainAnswer(data);
  switch (hints.capability) {
    case "cancel": {
      const order = { ...hints.order, ...ordersIn(data)[0] };
      return `Done: order ${orderName(order)} is cancelled.`;
    }
    case "track":
      return trackingAnswer(data, hints.order);
    case "orders":
    case "order":
      return ordersAnswer(ordersIn(data));
    case "products":
      return productsAnswer(productsIn(data), data["total"]);
    case "product":
      return productsIn(data)[0] ? productAnswer(productsIn(data)[0] as Data) : plainAnswer(data);
    case "profile":
      return profileAnswer(data);
    default:
      return ordersIn(data).length > 0 ? othersOrders(ordersIn(data)) : plainAnswer(data);
  }
}

/** Orders that a staff tool showed under a case: nobody's "your". */
function othersOrders(orders: readonly Data[]): string {
  return `Under the open case I found:\n${orders.slice(0, 10).map(orderLine).join("\n")}`;
}
