/** Words for results of tools that the planner knows by their shape alone. */
import { type Data, isData } from "./conversation.ts";
import { day, list, money, text } from "./words.ts";

const MONEY =
  /^(?:price|unit_price|total|subtotal|amount|discount|shipping|cost|refund_amount|revenue|average|minimum|maximum|min|max|balance|total_spend|delta_amount)(?:_cents)?$/;
const HIDDEN = /(?:^|_)id$|^ids$|^cards$|^slug$|^image|_url$|^version$|^note$/;
const NAMES = [
  "name",
  "title",
  "code",
  "number",
  "text",
  "carrier",
  "warehouse",
  "question",
  "topic",
] as const;

function value(name: string, of: unknown): string | undefined {
  if (typeof of === "boolean") return of ? "yes" : "no";
  if (typeof of === "number") return MONEY.test(name) && Number.isInteger(of) ? money(of) : String(of);
  if (typeof of !== "string" || of.trim() === "") return undefined;
  return /^\d{4}-\d\d-\d\dT/.test(of) ? day(of) : text(of)?.slice(0, 200);
}

const label = (name: string): string => name.replace(/_cents$/, "").replaceAll("_", " ");

/** One thing of a list in a line: its name, then what else is plain. */
function line(of: Data): string {
  const named = NAMES.find((name) => text(of[name]) !== undefined);
  const rest = Object.entries(of)
    .filter(([name]) => name !== named && !HIDDEN.test(name))
    .flatMap(([name, one]) => {
      const words = value(name, one);
      return words === undefined ? [] : [`${label(name)} ${words}`];
    })
    .slice(0, 6)
    .join(", ");
  const name = named && text(of[named]);
  return `- ${[name, rest].filter(Boolean).join(": ")}`;
}

/** Whatever a result says in plain members and lists, for people; undefined where it says nothing. */
export function described(data: Data): string | undefined {
  const lines: string[] = [];
  for (const [name, of] of Object.entries(data)) {
    if (HIDDEN.test(name)) continue;
    const words = value(name, of);
    if (words !== undefined) lines.push(`${label(name)}: ${words}`);
    else if (Array.isArray(of) && of.every((one) => typeof one === "string" || typeof one === "number")) {
      if (of.length > 0) lines.push(`${label(name)}: ${of.slice(0, 10).join(", ")}`);
    } else if (Array.isArray(of)) {
      const things = list(of);
      lines.push(things.length === 0 ? `${label(name)}: none` : `${label(name)}:`);
      lines.push(...things.slice(0, 8).map(line));
    } else if (isData(of)) lines.push(`${label(name)}: ${line(of).slice(2)}`);
    if (lines.length >= 20) break;
  }
  return lines.length === 0 ? undefined : lines.join("\n");
}

/** Products beside each other. */
export function comparison(products: readonly Data[]): string {
  if (products.length === 0) return "I found none of them.";
  const lines = products.map((product) => {
    const stock = Array.isArray(product["stock"])
      ? list(product["stock"]).reduce((sum, place) => sum + Number(place["quantity"] ?? 0), 0)
      : undefined;
    const parts = [
      money(product["price"]),
      Number(product["rating"]) > 0 ? `rated ${Number(product["rating"]).toFixed(1)}` : undefined,
      stock === undefined ? undefined : stock > 0 ? `${stock} in stock` : "sold out",
    ].filter((part) => part !== undefined);
    return `- ${text(product["name"])}: ${parts.join(", ")}`;
  });
  const cheapest = products.toSorted((a, b) => Number(a["price"]) - Number(b["price"]))[0];
  const best = products.toSorted((a, b) => Number(b["rating"]) - Number(a["rating"]))[0];
  const verdict =
    products.length < 2 || !cheapest || !best
      ? ""
      : cheapest === best
        ? `\n${text(best["name"])} is both the cheapest and the best rated.`
        : `\n${text(cheapest["name"])} is the cheapest, ${text(best["name"])} the best rated.`;
  return `Here they are beside each other:\n${lines.join("\n")}${verdict}`;
}

/** What customers wrote of a product. Their words, as they stand. */
export function reviewsAnswer(data: Data): string | undefined {
  const reviews = list(data["reviews"]);
  if (!Array.isArray(data["reviews"])) return undefined;
  const product = isData(data["product"]) ? data["product"] : data;
  const name = text(product["name"]) ?? "this product";
  if (reviews.length === 0) return `Nobody has reviewed ${name} yet.`;
  const rated = Number(product["rating"] ?? data["average_rating"]);
  const mean = rated > 0 ? `, rated ${rated.toFixed(1)} on average` : "";
  const count = product["review_count"] === undefined ? "" : ` in ${Number(product["review_count"])} reviews`;
  const lines = reviews.slice(0, 5).map((review) => {
    const words = text(review["body"] ?? review["text"])?.slice(0, 160);
    const title = text(review["title"]);
    return `- ${Number(review["rating"])} of 5${title ? `, “${title}”` : ""}${words ? `: ${words}` : ""}`;
  });
  return `Customers write about ${name}${mean}${count}:\n${lines.join("\n")}`;
}
