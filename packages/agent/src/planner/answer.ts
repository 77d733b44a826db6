/**
 * Turns tool answers into a few friendly words.
 *
 * Guarantees: says only what an answer holds; amounts are read as integer cents. A refusal is said as one, in
 * words that tell nothing about anybody else.
 */
import { described, reviewsAnswer } from "./describe.ts";
import { type Data, type ToolAnswer, isData } from "./conversation.ts";
import { day, list, money, text } from "./words.ts";

export const OWN_ONLY =
  "I can only see the data of the person who is signed in, so I can't look up anybody else's. If you would like to see your own orders, just ask.";

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
  text(order["number"]) ?? text(order["order_number"]) ?? text(order["order_id"]) ?? text(order["id"]) ?? "";
/** "order 10042", or "order" alone where nothing names it. */
const orderTitle = (order: Data): string => `order ${orderName(order)}`.trimEnd();

function orderLine(order: Data): string {
  const count = Number(order["item_count"] ?? list(order["items"]).length);
  const parts = [
    statusWords(order["status"]),
    order["total"] === undefined ? undefined : money(order["total"]),
    count > 0 ? `${count} item${count === 1 ? "" : "s"}` : undefined,
    day(order["date"]) && `ordered ${day(order["date"])}`,
  ].filter((part) => part !== undefined);
  return `- ${orderName(order) || "your order"}: ${parts.join(", ")}`;
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
  return `Your ${orderTitle(order)}${placed ? ` from ${placed}` : ""} is ${statusWords(order["status"])}.${carrierWords(order)}${total}${bought}`;
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
  const inner = [data["tracking"], data["shipment"], data["order"], data].find(
    (part) => isData(part) && "status" in part,
  );
  const named = { order_id: data["order_id"], status: data["order_status"] };
  const order: Data = { ...named, ...known, ...(isData(inner) ? inner : data) };
  const timeline = list(data["timeline"] ?? data["events"] ?? order["timeline"]);
  const latest = isData(data["latest_update"])
    ? data["latest_update"]
    : isData(data["latest"])
      ? data["latest"]
      : timeline.at(-1);
  const where =
    latest &&
    [text(latest["notes"]), text(latest["location"] ?? latest["place"])]
      .filter((part) => part !== undefined)
      .join(", ");
  const when = latest && day(latest["date"] ?? latest["at"]);
  const update = where
    ? ` Latest update${when ? ` (${when})` : ""}: ${where}.`
    : when
      ? ` Last updated ${when}.`
      : "";
  return `Your ${orderTitle(order)} is ${statusWords(order["status"])}.${carrierWords(order)}${arrivalWords(data["expected"])}${update}`;
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

/** Words for a result of no known shape: its plain members and lists. */
function plainAnswer(data: unknown): string {
  if (typeof data === "string") return data.trim() || "Done.";
  const words = isData(data) ? described(data) : undefined;
  return words === undefined ? "Done." : `Here is what I found:\n${words}`;
}

export function memoriesIn(data: unknown): Data[] {
  return isData(data) ? list(data["memories"]) : list(data);
}

/** An answer to a task; undefined where its shape says no more than any other's. */
function taskAnswer(task: string, data: Data): string | undefined {
  const words = described(data);
  switch (task) {
    case "remember":
      return `I'll remember that: ${text(data["remembered"] ?? data["content"] ?? data["text"]) ?? "done"}.`;
    case "recall": {
      const memories = memoriesIn(data).flatMap((memory) => text(memory["text"] ?? memory["content"]) ?? []);
      return memories.length === 0
        ? "I remember nothing about you yet."
        : `This is what I remember about you:\n${memories.map((memory) => `- ${memory}`).join("\n")}`;
    }
    case "forget": {
      const forgotten = text(data["forgotten"]);
      return forgotten === undefined ? "I have forgotten that." : `I have forgotten this: ${forgotten}.`;
    }
    case "reviews":
    case "fakes":
    case "sentiment":
      return reviewsAnswer(data);
    case "return":
    case "address":
    case "add to cart":
    case "remove from cart":
    case "apply coupon":
    case "checkout":
    case "backorder":
    case "stock alert":
    case "change price":
    case "change stock":
    case "write a review":
    case "reply to a review":
      return words === undefined ? "Done." : `Done.\n${words}`;
    default:
      return undefined;
  }
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
  /** The task of `tasks.ts` that it answers. */
  readonly task?: string | undefined;
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
  const ofTask = hints.task === undefined ? undefined : taskAnswer(hints.task, data);
  if (ofTask !== undefined) return ofTask;
  switch (hints.capability) {
    case "cancel": {
      const order = { ...hints.order, ...data, ...ordersIn(data)[0] };
      return `Done: ${orderTitle(order)} is cancelled.`;
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
      if (hints.task !== undefined) return ownShape(data);
      return ordersIn(data).length > 0 ? othersOrders(ordersIn(data)) : plainAnswer(data);
  }
}

/** A result by what it holds: an order, one product, several, or whatever it says. */
function ownShape(data: Data): string {
  const [product, ...further] = productsIn(data);
  if (product && further.length === 0) return productAnswer(product);
  if (product) return productsAnswer([product, ...further], data["total"]);
  const orders = ordersIn(data);
  return orders.length > 0 ? ordersAnswer(orders) : plainAnswer(data);
}

/** Orders that a staff tool showed under a case: nobody's "your". */
function othersOrders(orders: readonly Data[]): string {
  return `Under the open case I found:\n${orders.slice(0, 10).map(orderLine).join("\n")}`;
}
