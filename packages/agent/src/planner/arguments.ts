/**
 * Fills a tool's arguments from the person's words, by the names and types in its JSON schema.
 *
 * Guarantees: never fills an argument that names a person (`user_id`, `email`, `customer`, …): identity is not
 * an argument. Only the tool for staff that demands one gets what the text says, and its guards decide.
 */
import type { JSONSchema7 } from "@ai-sdk/provider";
import { EMAIL, REFERENCE } from "./intent.ts";

export interface ToolView {
  readonly name: string;
  readonly description: string;
  readonly properties: Readonly<Record<string, JSONSchema7>>;
  readonly required: readonly string[];
}

export const IDENTITY =
  /^(?:user|customer|owner|subject|account|member|person|client|tenant|caller|principal)(?:_?(?:id|email|name))?$|e-?mail|^(?:role|roles|scope|scopes|token|is_admin)$/i;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-/i;

const number = (text: string): number => Number(text.replaceAll(",", ""));
const AMOUNT = String.raw`\$?\s?(\d[\d,]*(?:\.\d{1,2})?)`;

interface PriceRange {
  readonly min?: number;
  readonly max?: number;
}

function priceRange(text: string): PriceRange {
  const between = new RegExp(
    String.raw`\bbetween ${AMOUNT} and ${AMOUNT}|${AMOUNT}\s*(?:-|–|to)\s*\$\s?(\d[\d,]*)`,
    "i",
  ).exec(text);
  if (between) {
    const low = between[1] ?? between[3];
    const high = between[2] ?? between[4];
    if (low && high) return { min: number(low), max: number(high) };
  }
  const rated = /\bstars?\b|\brat(?:ed|ing)\b/i.test(text) && !text.includes("$");
  if (rated) return {};
  const max = new RegExp(
    String.raw`\b(?:under|below|less than|cheaper than|up to|at most|max(?:imum)?(?: of)?|not more than|within|for)\s+${AMOUNT}(?!\s*(?:stars?|items?|products?|orders?))`,
    "i",
  ).exec(text)?.[1];
  const min = new RegExp(
    String.raw`\b(?:over|above|more than|at least|from|min(?:imum)?(?: of)?)\s+${AMOUNT}(?!\s*(?:stars?|items?|products?|orders?))`,
    "i",
  ).exec(text)?.[1];
  return { ...(min && { min: number(min) }), ...(max && { max: number(max) }) };
}

function rating(text: string): number | undefined {
  const found =
    /\b([1-5](?:\.\d)?)\s*\+?\s*(?:or (?:more|higher|better) )?stars?\b|\brat(?:ed|ing)(?: of)?(?: at least| above| over)? ([1-5](?:\.\d)?)\b/i.exec(
      text,
    );
  const value = found?.[1] ?? found?.[2];
  return value === undefined ? undefined : Number(value);
}

/** How many: "my latest order" is one, "last 3 orders" three. */
function count(text: string): number | undefined {
  const many =
    /\b(?:top|first|last|latest|newest|recent|show(?: me)?)\s+(\d{1,3})\b|\b(\d{1,3})\s+(?:latest|newest|most recent|recent|last|best|cheapest)\b/i.exec(
      text,
    );
  if (many) return Number(many[1] ?? many[2]);
  if (/\b(?:latest|last|newest|most recent)\s+(?:order|purchase|package|parcel|delivery)\b(?!s)/i.test(text))
    return 1;
  return undefined;
}

const SYNONYMS: readonly (readonly [RegExp, readonly string[]])[] = [
  [/\bcheap(?:est|er)?\b|\blowest price|\bprice low to high\b/i, ["price_asc"]],
  [/\bmost expensive\b|\bhighest price|\bpriciest\b/i, ["price_desc"]],
  [/\b(?:best|top|highest)[- ]?(?:rated|reviewed)?\b/i, ["rating", "rating_high"]],
  [/\bnew(?:est)?\b|\blatest\b/i, ["newest"]],
  [/\bon (?:its|the|their) way\b|\bin transit\b|\bshipping\b/i, ["shipped", "out_for_delivery"]],
  [/\barrived\b/i, ["delivered"]],
  [/\bcanceled\b/i, ["cancelled"]],
  [/\b(?:store )?credit\b|\bvoucher\b/i, ["store_credit"]],
  [/\b(?:money back|my money|card|original|refund me)\b/i, ["original_payment"]],
  [/\bhelpful\b/i, ["helpful"]],
  [/\b(?:worst|lowest|bad|critical|negative)\b/i, ["rating_low"]],
];

/** The one value of a closed list that the text names. */
function choose(values: readonly unknown[], text: string): unknown {
  const lower = text.toLowerCase();
  const literal = values.find((value) => {
    const word = String(value).toLowerCase().replaceAll("_", " ");
    return new RegExp(String.raw`\b${word.replaceAll(/[^\w ]/g, "")}\b`).test(lower);
  });
  if (literal !== undefined) return literal;
  for (const [pattern, meant] of SYNONYMS) {
    if (!pattern.test(text)) continue;
    const value = values.find((candidate) => meant.includes(String(candidate)));
    if (value !== undefined) return value;
  }
  return undefined;
}

const FILLER =
  /\b(?:please|can|could|would|will|you|i|i'm|me|my|we|us|a|an|the|some|any|of|to|in|on|at|is|are|am|do|does|did|have|has|it|its|that|this|those|these|for|with|and|or|what|which|who|where|when|how|much|show|find|search|looking|look|get|give|list|see|tell|need|want|like|buy|order|shop|shopping|store|sell|product|products|item|items|thing|things|something|anything|about|there|available|stock|good|great|nice|best|top|rated|cheap|cheaper|cheapest|newest|latest|recommend|recommendation|recommendations|suggest|price|priced|prices|cost|costs|dollars?|usd|under|below|less|than|over|above|more|up|least|most|between|around|about|max|maximum|min|minimum|stars?|rating|or|higher|better|details|tell|also|then|first|only|just|thanks|hi|hello|hey)\b/gi;

/** The words that name a thing: what is left of the text without the asking. */
export function subjectWords(text: string, without: readonly string[] = []): string {
  const quoted = /["“”']([^"“”']{2,80})["“”']/.exec(text)?.[1];
  if (quoted) return quoted.trim();
  const plain = text.replaceAll(
    /\b(?:i|we|you|they|it|he|she|that|what|where|who|there)['’](?:m|s|re|d|ve|ll)\b/gi,
    " ",
  );
  let rest = plain.replaceAll(new RegExp(AMOUNT, "g"), (amount) => (amount.includes("$") ? " " : amount));
  rest = rest
    .replaceAll(/\b(?:under|below|over|above|than|between|and|to|least)\s+\d[\d,.]*/gi, " ")
    .replaceAll(/\b\d(?:\.\d)?\s*\+?\s*stars?\b/gi, " ");
  rest = rest.replaceAll(/\b(?:top|first|best|last|show me)\s+\d{1,3}\b/gi, " ");
  for (const word of without) rest = rest.replaceAll(new RegExp(String.raw`\b${word}\b`, "gi"), " ");
  return rest
    .replaceAll(FILLER, " ")
    .replaceAll(/[^\p{L}\p{N}\s.+'’-]/gu, " ")
    .replaceAll(/\s+/g, " ")
    .replaceAll(/(?:^|\s)[.+-]+(?=\s|$)/g, " ")
    .trim()
    .slice(0, 120);
}

const inCents = (schema: JSONSchema7): boolean => /\bcents?\b/i.test(schema.description ?? "");

function enumOf(schema: JSONSchema7): readonly unknown[] | undefined {
  if (Array.isArray(schema.enum)) return schema.enum;
  for (const option of schema.anyOf ?? schema.oneOf ?? []) {
    if (typeof option === "object" && Array.isArray(option.enum)) return option.enum;
  }
  return undefined;
}

function clamp(value: number, schema: JSONSchema7): number {
  return Math.min(schema.maximum ?? value, Math.max(schema.minimum ?? value, value));
}

function fillOne(name: string, schema: JSONSchema7, text: string, tool: ToolView, used: string[]): unknown {
  const key = name.toLowerCase();
  if (IDENTITY.test(key)) return undefined;
  const range = priceRange(text);
  const price = (value: number | undefined): number | undefined =>
    value === undefined ? undefined : inCents(schema) ? Math.round(value * 100) : value;
  if (/^(?:max|maximum|highest)_?price|price_?max$/.test(key)) return price(range.max);
  if (/^(?:min|minimum|lowest)_?price|price_?min$/.test(key)) return price(range.min);
  if (/^min_?rating$|^rating$/.test(key)) return rating(text);
  if (/^(?:limit|count|max_results|page_size|top)$/.test(key)) {
    const wanted = count(text);
    return wanted === undefined ? undefined : clamp(wanted, schema);
  }
  const values = enumOf(schema);
  if (values) {
    const value = choose(values, text);
    if (typeof value === "string" && key === "category") used.push(value);
    return value;
  }
  if (/^(?:quantity|qty|amount_of_items|units)$/.test(key)) return quantity(text);
  if (/^delta$/.test(key)) return delta(text);
  if (/^(?:code|coupon|coupon_code|voucher)$/.test(key)) return couponCode(text);
  if (/^(?:days|months)$/.test(key)) return period(text, key);
  if (/^(?:price|new_price)$/.test(key)) {
    const said =
      /\$\s?(\d[\d,]*(?:\.\d{1,2})?)/.exec(text)?.[1] ?? /\bto (\d+(?:\.\d{1,2})?)\b/.exec(text)?.[1];
    return price(said === undefined ? undefined : number(said));
  }
  if (/^(?:new_address|address|shipping_address)$/.test(key)) return addressIn(text, schema);
  if (/^(?:street|city|state|zip|country)$/.test(key)) return addressIn(text)?.[key];
  if (/(?:^|_)id$|_number$|^reference$/.test(key)) {
    const found = REFERENCE.exec(text)?.[0]?.replace(/^#/, "");
    if (found === undefined) return undefined;
    if (/^\d+$/.test(found)) return undefined; // part of a number; the list of orders tells which
    const uuid = UUID.test(found);
    // A number that a person types stands for an order; other things are known by their ids only.
    if (!uuid && (isUuidSchema(schema) || !takesReference(key, found))) return undefined;
    return uuid ? found.toLowerCase() : found.toUpperCase();
  }
  if (/^(?:reason|note|comment)$/.test(key)) {
    const given = /\b(?:because|since|as i|reason(?: is|:))\s+(.{3,200})$/i.exec(text)?.[1]?.trim();
    // A reason that must be given and was not: the person's own words, which is what it rests on.
    return given ?? (tool.required.includes(name) ? text.slice(0, REASON_CHARS_MAX) : undefined);
  }
  if (/^(?:query|q|search|keywords?|text|term)$/.test(key)) {
    const words = subjectWords(text, used);
    return words === "" ? undefined : words;
  }
  if (/^(?:name|product|product_name|title)$/.test(key) && tool.required.includes(name)) {
    return subjectWords(text) || undefined;
  }
  if (/^(?:message|question|request)$/.test(key)) return text;
  return undefined;
}

const NUMBER_WORDS = "one two three four five six seven eight nine ten eleven twelve".split(" ");

/** How many of a thing: "two", "3 of", "add 4"; one is not said. A number in a name, such as "Charge 5", is none. */
function quantity(text: string): number | undefined {
  const word = `\\d{1,3}|${NUMBER_WORDS.join("|")}`;
  const found =
    new RegExp(
      String.raw`\b(?:add|put|order|buy|take|want|get|need|remove|reduce by|increase by)\s+(${word})\b`,
      "i",
    ).exec(text) ??
    new RegExp(String.raw`\b(${word})\s*(?:x|×|of|pieces?|units?|pairs?)\b`, "i").exec(text) ??
    new RegExp(String.raw`\bto\s+(${word})\W*$`, "i").exec(text);
  const said = found?.[1]?.toLowerCase();
  if (said === undefined) return undefined;
  return NUMBER_WORDS.includes(said) ? NUMBER_WORDS.indexOf(said) + 1 : Number(said);
}

/** More or fewer: "add 5", "remove 3". */
function delta(text: string): number | undefined {
  const many = quantity(text);
  if (many === undefined) return undefined;
  return /\b(?:remove|take|reduce|minus|less|fewer|lower)\b/i.test(text) ? -many : many;
}

/** A word in capitals with a number in it, or one that is called a code. */
function couponCode(text: string): string | undefined {
  return (
    /\b(?:code|coupon|voucher)\s+["“”']?([A-Za-z][A-Za-z0-9-]{2,29})\b(?<!\b(?:is|valid|work|works|for|still|to|good))/.exec(
      text,
    )?.[1] ?? /\b([A-Z]{3,}[A-Z0-9-]*)\b/.exec(text)?.[1]
  )?.toUpperCase();
}

/** "the last 30 days", "two months". */
function period(text: string, unit: string): number | undefined {
  const found = /\b(\d{1,3})\s+(day|week|month|year)s?\b/i.exec(text);
  if (!found) return undefined;
  const days = { day: 1, week: 7, month: 30, year: 365 }[found[2]?.toLowerCase() ?? ""] ?? 1;
  const all = Number(found[1]) * days;
  return unit === "days" ? all : Math.max(1, Math.round(all / 30));
}

type Address = Readonly<Record<string, string>>;

/** "12 Elm Street, Portland, OR 97201": an address as people of one country write it, or undefined. */
function addressIn(text: string, schema?: JSONSchema7): Address | undefined {
  const found =
    /(?<![\w-])(?<street>\d{1,6}[A-Za-z]?\s+(?!to\b)[\p{L}\d .'’#-]{2,100}),\s*(?<city>[\p{L} .'’-]{2,100}),\s*(?<state>[A-Za-z]{2,3}),?\s+(?<zip>[A-Za-z\d-]{3,12})(?:,\s*(?<country>[A-Za-z]{2,3}))?/u.exec(
      text,
    )?.groups;
  if (!found) return undefined;
  const { street = "", city = "", state = "", zip = "", country = "US" } = found;
  const name = /\b(?:name is|addressed to|attention|c\/o)\s+(\p{L}+(?: \p{L}+)?)/u.exec(text)?.[1];
  const parts = {
    street: street.trim(),
    city: city.trim(),
    state: state.toUpperCase(),
    zip,
    country: country.toUpperCase(),
    ...(name !== undefined && { name }),
  };
  const known = schema?.properties;
  if (!known) return parts;
  const taken = Object.fromEntries(Object.entries(parts).filter(([part]) => part in known));
  const needed: readonly string[] = schema.required ?? [];
  return needed.every((part) => part in taken) ? taken : undefined;
}

/** `ORD-10042` is an order's, `INV-77` an invoice's, `T-501` a ticket's. */
function takesReference(key: string, reference: string): boolean {
  if (/^order|^id$|^reference$|_number$/.test(key)) return true;
  const letters = /^[A-Z]+/i.exec(reference)?.[0].toLowerCase() ?? "";
  return letters !== "" && letters !== "ord" && key.startsWith(letters);
}

/** What a tool takes as a reason at most. */
const REASON_CHARS_MAX = 500;

export function isUuidSchema(schema: JSONSchema7 | undefined): boolean {
  return schema?.format === "uuid";
}

export interface Filled {
  readonly args: Readonly<Record<string, unknown>>;
  /** Required arguments that the text does not give. */
  readonly missing: readonly string[];
}

/** Arguments of `tool` from `text`. */
export function fillArguments(tool: ToolView, text: string): Filled {
  const used: string[] = [];
  const args: Record<string, unknown> = {};
  // Closed lists first: a word that names the category is no part of the query.
  const names = Object.keys(tool.properties).toSorted(
    (a, b) => Number(!enumOf(tool.properties[a] ?? {})) - Number(!enumOf(tool.properties[b] ?? {})),
  );
  for (const name of names) {
    const value = fillOne(name, tool.properties[name] ?? {}, text, tool, used);
    if (value !== undefined) args[name] = value;
  }
  return { args, missing: tool.required.filter((name) => !(name in args)) };
}

/** For a staff tool that demands a person: what the text says about whom, or undefined. */
export function fillPerson(tool: ToolView, text: string, who: string | undefined): Filled {
  const { args } = fillArguments(tool, text);
  const email = EMAIL.exec(text)?.[0]?.toLowerCase();
  const filled: Record<string, unknown> = { ...args };
  for (const name of Object.keys(tool.properties)) {
    if (!IDENTITY.test(name)) continue;
    const value = /e-?mail/i.test(name) ? (email ?? who) : (who ?? email);
    if (value !== undefined) filled[name] = value;
  }
  return { args: filled, missing: tool.required.filter((name) => !(name in filled)) };
}
