/**
 * What a message asks for, by its words.
 *
 * Guarantees: asking for somebody else's data, claiming to be somebody else and pasted instructions are found
 * before anything else is; whatever is missed here still meets the tool server's guards, which know who asks.
 * Does not: understand. It knows patterns of English shopping questions.
 */
export type Topic = "orders" | "products" | "profile";

export type Intent =
  | { readonly kind: "greeting" | "thanks" | "help" | "unknown" }
  | {
      readonly kind: "others";
      readonly why: "person" | "claim" | "instructions";
      readonly who: string | undefined;
    }
  | { readonly kind: "ask"; readonly topics: readonly Topic[] };

export const EMAIL = /[\w.+-]+@[\w-]+(?:\.[\w-]+)+/;
/** `ORD-2026-0042`, `#10042`, `order 10042`, or a UUID. */
export const REFERENCE =
  /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\bORD-[A-Z0-9-]{3,}\b|\b[A-Z]{2,5}-\d[\d-]{2,}\b|#\d{3,}\b|(?<=\border\s(?:number\s|no\.?\s|id\s)?)\d{3,}\b/i;

const PERSONAL =
  "orders?|profile|accounts?|purchases?|history|address(?:es)?|data|spend(?:ing)?|tracking|packages?|parcels?|deliver(?:y|ies)|info(?:rmation)?|details|e-?mails?|carts?|messages?|conversations?|cards?|payments?";
const NOT_A_PERSON =
  "what|that|it|let|here|there|who|where|how|when|today|yesterday|tomorrow|week|month|year|order|store|shop|product|item|one|mother|father|men|women|kids|children|levi|my|your|our|the|this|last|monday|tuesday|wednesday|thursday|friday|saturday|sunday|january|february|march|april|may|june|july|august|september|october|november|december";

const RELATIVE =
  "wife|husband|mother|mom|mum|father|dad|sister|brother|son|daughter|friend|neighbou?r|boss|colleague|partner|girlfriend|boyfriend|roommate|aunt|uncle|cousin";
/** Words before "buy" or "order" that are no other person. */
const NOT_A_BUYER =
  "i|me|my|we|us|you|your|it|that|this|these|those|the|a|an|to|is|are|was|were|be|been|can|could|should|would|will|shall|may|must|do|does|did|have|has|had|not|never|or|and|in|of|on|for|from|with|please|just|ever|already|recently|last|first|next|new|best|items?|products?|things?|stuff|goods|other|others|else|one|ones|order|orders|purchases?|people|customers?|users?|what|which|when|where|why|how|who|there|here|need|want|like|much|many|more|most";

const INSTRUCTIONS =
  /\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:previous|prior|above|earlier|all|any|your|the)\b.{0,40}\b(?:instruction|prompt|rule|guard|polic|restriction|message)|\bsystem\s*(?:prompt|message|override)\b|<\/?\s*(?:system|instructions?|admin)\s*>|\b(?:developer|debug|god|maintenance|root)\s+mode\b|\bjailbreak|\bnew instructions?\s*:|\b(?:begin|end) of (?:system|instructions)|^\s*(?:system|assistant|developer)\s*:/im;
const CLAIM =
  /\b(?:i am|i'm|i’m|im|this is|as|acting as|speaking as|pretend (?:to be|(?:that )?i(?:'m| am)|you(?:'re| are))|treat me as|log me in as|switch (?:me )?to|become|impersonat\w*)\s+(?:an?\s+|the\s+|your\s+)?(?:\w+\s+)?(?:admin(?:istrator)?|staff|manager|superuser|root|support agent|employee|developer|owner of (?:the|this) (?:shop|store)|ceo)\b|\b(?:admin|staff|sudo|root)\s+(?:access|rights|override|privileges|mode|here)\b|\bsudo\b|\bon behalf of\b|\bimpersonat/i;
const NAME_CLAIM =
  /\b(?:I am|I'm|I’m|[Tt]his is|[Mm]y name is|[Pp]retend (?:to be|I am|I'm)|[Aa]ct as|[Tt]reat me as|[Ll]og me in as|[Ss]witch to|[Ii]mpersonate)\s+([A-Z][a-z]+(?:\s+[A-Z][a-z]+)?)\b/;
const POSSESSIVE = new RegExp(
  String.raw`\b(?!(?:${NOT_A_PERSON})['’]s)([a-z]{2,}(?:\s+[a-z]{2,})?)['’]s?\s+(?:\w+\s+){0,3}?(?:${PERSONAL})\b`,
  "i",
);
const OF_SOMEONE = new RegExp(
  String.raw`\b(?:${PERSONAL})\s+(?:of|for|from|by|belonging to|placed by|made by)\s+(?:(?:user|customer|mr|mrs|ms)\.?\s+)?([A-Z][a-z]+(?:\s+[A-Z][a-z]+)?)\b`,
);
const DID_SOMEONE =
  /\b(?:did|has|have|does|is|was|what)\s+([A-Z][a-z]+(?:\s+[A-Z][a-z]+)?)\s+(?:buy|bought|order(?:ed)?|purchased?|spen[dt]|live|ship|return(?:ed)?|cancel(?:led)?|waiting)\b/;
/** "What did bob buy": somebody is the one who buys, in any case of letters. A brand releases and sells; it buys nothing. */
const SOMEBODY_BUYS = new RegExp(
  String.raw`\b(?:did|does|do|has|have|had|what|which|when|where|why|how much|how many)\s+(?:my\s+(?=${RELATIVE}))?(?!(?:${NOT_A_BUYER})\b)([a-z]{2,}(?:\s+(?!(?:${NOT_A_BUYER})\b)[a-z]{2,})?)\s+(?:ever |just |already |recently |last )?(?:buy|bought|buys|order(?:ed|s)?|purchase[ds]?|spen[dt])\b(?!\s+(?:status|number|history|details|id)\b)`,
  "i",
);
/** "bobs orders": a possessive whose apostrophe was left out. Words that end so and name no person are left out. */
const BARE_POSSESSIVE = new RegExp(
  String.raw`\b(?:show|me|see|list|get|view|open|track|cancel|check|find|are|is)\s+(?!(?:this|its|was|has|is|as|plus|less|express|previous|various|business|christmas|status|items|products|gifts|days|weeks|months|years|todays|yesterdays|always)\b)([a-z]{2,}s)\s+(?:(?:last|latest|recent|order|purchase)\s+)?(?:orders?|profile|purchases?|history|account|address)\b`,
  "i",
);
const SOMEBODY = new RegExp(
  String.raw`\b(?:(?:some(?:one|body)|any(?:one|body)) else|another|other|every(?:one|body)(?: else)?|all (?:the )?(?:users?|customers?|people|accounts?)|(?:his|her|their))(?:['’]s|s['’])?\s+(?:\w+\s+){0,2}?(?:${PERSONAL}|users?|customers?|person|people)\b|\b(?:user|customer|account|client)\s*(?:id)?\s*[#:=]?\s*[\w-]*\d[\w-]*|\b(?:all|every|other|list(?: all)?)\s+(?:users|customers|accounts|people)\b|\ball orders in the (?:system|shop|store|database)\b|\bselect\b.+\bfrom\b`,
  "i",
);
const WEEKDAY = new RegExp(String.raw`^(?:${NOT_A_PERSON})$`, "i");

/** What of the shop a text is about. The order is that of how telling the words are. */
const TOPICS: readonly (readonly [Topic, RegExp])[] = [
  [
    "profile",
    /\bwho am i\b|\bmy (?:profile|account|name|e-?mail|role|tier|details|info(?:rmation)?)\b|\bprofile\b|\bloyalty\b|\bhow much have i spent\b|\bmy (?:total )?spend/i,
  ],
  [
    "orders",
    /\borders?\b|\bpackages?\b|\bparcels?\b|\bdeliver(?:y|ies|ed)\b|\bshipments?\b|\btrack(?:ing)?\b|\bcancel\b|\bpurchases?\b|\bbought\b|\breturns?\b|\brefunds?\b|\bwhere(?:'s| is) (?:my|it)\b|\bwhen (?:will|does) (?:it|my)\b/i,
  ],
  [
    "products",
    /\bfind\b|\bsearch\b|\blooking for\b|\bshow me\b|\bbuy\b|\bproducts?\b|\brecommend|\bcheap(?:er|est)?\b|\bunder \$?\d|\bbelow \$?\d|\bless than \$?\d|\bbetween \$?\d|\bprices?\b|\bsell\b|\bin stock\b|\bgifts?\b|\bbest[- ]rated\b|\btop[- ]rated\b|\bdo you have\b|\btell me (?:more )?about\b|\bspecs?\b|\bi (?:need|want)\b|\bany\b|\$\d/i,
  ],
];

/** True when the text asks for what belongs to another, or claims to be another. */
function others(text: string): Intent | undefined {
  const email = EMAIL.exec(text)?.[0];
  const named = [OF_SOMEONE, DID_SOMEONE, NAME_CLAIM, POSSESSIVE, SOMEBODY_BUYS, BARE_POSSESSIVE]
    .map((pattern) => pattern.exec(text)?.[1])
    .find((name) => name !== undefined && !name.split(/\s+/).some((word) => WEEKDAY.test(word)));
  const who = email ?? (named && lastName(named));
  if (INSTRUCTIONS.test(text)) return { kind: "others", why: "instructions", who };
  if (CLAIM.test(text) || NAME_CLAIM.test(text)) return { kind: "others", why: "claim", who };
  if (who !== undefined || SOMEBODY.test(text)) return { kind: "others", why: "person", who };
  return undefined;
}

/** "show bob smith" was caught with the verb before the name. */
function lastName(name: string): string {
  return name
    .replace(
      /^(?:show|see|get|find|give|list|track|cancel|check|view|open|read|me|are|is|of|for|about|to|all|in)\s+/i,
      "",
    )
    .trim();
}

/** What the message asks for. */
export function readIntent(text: string): Intent {
  const other = others(text);
  if (other) return other;
  const found = TOPICS.filter(([, pattern]) => pattern.test(text)).map(([topic]) => topic);
  // "show me my orders" is about orders: the general words of products count only alone or in a clause of their own.
  const topics =
    found.length > 1 ? found.filter((topic) => topic !== "products" || PRODUCT_ALSO.test(text)) : found;
  if (topics.length > 0) return { kind: "ask", topics };
  if (/^\W*(?:hi|hello|hey|good (?:morning|afternoon|evening)|howdy)\b/i.test(text))
    return { kind: "greeting" };
  if (/\b(?:thanks|thank you|thx|great|perfect|cheers)\b/i.test(text)) return { kind: "thanks" };
  if (/\b(?:help|what can you do|how does this work|who are you|what are you)\b/i.test(text))
    return { kind: "help" };
  return { kind: "unknown" };
}

const PRODUCT_ALSO = /\b(?:find|search|looking for|recommend|products?|under \$?\d|below \$?\d)\b/i;

/** A message in its clauses, so that "track my order and find headphones" is two questions. */
export function clauses(text: string): string[] {
  return text
    .split(
      /(?<=[.?!;])\s+|\s+(?:and|then|also)\s+(?:also\s+|then\s+)?(?=(?:find|show|search|track|cancel|where|what|tell|list|recommend|who|look)\b)/i,
    )
    .map((clause) => clause.trim())
    .filter((clause) => clause !== "");
}
