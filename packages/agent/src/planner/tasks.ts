/**
 * What people ask a shop to do beyond looking up orders and products: a clause's task, and the offered tool that does it. A tool
 * is known by the words of its name and no list of names, so one that is added later is picked up.
 */
import type { ToolView } from "./arguments.ts";
import { namesPerson } from "./capability.ts";

/** What the tool must be told about, found by further tools where the person names it in words. */
export type About = "order" | "product" | "products" | "memory" | "nothing";

export interface Task {
  readonly name: string;
  /** Words of a clause that asks for it. */
  readonly asks: RegExp;
  /** Each group has a word in the tool's name. */
  readonly tool: readonly (readonly string[])[];
  /** No word of these is in the tool's name. */
  readonly not?: readonly string[];
  readonly about: About;
  /** Words that say what to do, and not with what. */
  readonly strip?: RegExp;
  /** What a specialist's name or description says that does this. */
  readonly agent: RegExp;
  /** A further task whose tool answers it, where no tool of its own is offered. */
  readonly instead?: string;
}

/** In this order: the first that asks, and that something can be done about. */
export const TASKS: readonly Task[] = [
  {
    name: "recall",
    asks: /\bwhat (?:do|did|have) you (?:know|remember|remembered|kept|stored?|saved?|learned)\b|\bdo you (?:still )?(?:know|remember)\b|\b(?:show|list|tell|see|what are|which are)\b.{0,20}\b(?:my|your|the) memories\b|\bwhat(?:'s| is) (?:remembered|kept|stored|saved) (?:about|of) me\b|\bremember about me\b/i,
    tool: [
      ["memory", "memories"],
      ["recall", "list", "search", "show", "get", "find"],
    ],
    about: "nothing",
    agent: /memor|remember/,
  },
  {
    name: "forget",
    asks: /^(?:please |can you |could you |now )*(?:forget|unlearn|stop remembering|don['’]?t remember|do not remember|no longer remember)\b|\b(?:delete|remove|erase|forget)\b.{0,30}\b(?:memory|memories|from (?:your )?memory|you (?:know|remember))\b/i,
    tool: [
      ["memory", "memories"],
      ["forget", "delete", "remove"],
    ],
    about: "memory",
    strip:
      /\b(?:forget|unlearn|stop|remembering|remember|don['’]?t|no|longer|delete|remove|erase|memory|memories|know|from|your|what)\b/gi,
    agent: /memor|remember/,
  },
  {
    name: "remember",
    asks: /\b(?:remember|memori[sz]e|keep in mind|bear in mind|don['’]?t forget|make a note|note down|take note|note that|for (?:the )?future reference)\b/i,
    tool: [
      ["memory", "memories"],
      ["store", "save", "remember", "add", "keep", "create"],
    ],
    about: "nothing",
    agent: /memor|remember/,
  },
  {
    name: "returns to decide",
    asks: /\b(?:open|pending|waiting|all|list|show)\b.{0,20}\b(?:returns|refunds) (?:queue|requests?|to (?:decide|approve|review))\b|\b(?:returns?|refunds?) queue\b|\breturns? (?:waiting|pending)\b/i,
    tool: [["staff"], ["returns"]],
    about: "nothing",
    agent: /order|return/,
  },
  {
    name: "return status",
    asks: /\b(?:status|state|progress|update|where|when|how|has|did|is)\b.{0,30}\b(?:refund|return|money back)(?:ed)?\b(?! (?:policy|window))|\bget my money\b|\b(?:refund|return) (?:status|progress)\b/i,
    tool: [
      ["return", "returns", "refund", "refunds"],
      ["status", "track", "get", "list", "show"],
    ],
    not: ["process", "staff", "decide"],
    about: "order",
    agent: /order|return|refund/,
    instead: "order",
  },
  {
    name: "can return",
    asks: /\b(?:can|may|could|am i able to|is it possible to|still)\b.{0,20}\b(?:return|send back)\b|\breturn (?:policy|window|eligib)|\beligible\b.{0,20}\breturn|\breturnable\b/i,
    tool: [
      ["return", "returns"],
      ["eligibility", "eligible", "check"],
    ],
    about: "order",
    agent: /order|return/,
    instead: "return",
  },
  {
    name: "return",
    asks: /\breturn\b(?! (?:policy|window))|\bsend\b.{0,30}\bback\b|\bgive\b.{0,30}\bback\b|\b(?:want|need|like|get|request|ask for|give me) (?:a |my )?(?:full )?refund\b|\brefund (?:me|my|it|this|order)\b/i,
    tool: [["return"], ["initiate", "request", "create", "start", "open"]],
    about: "order",
    agent: /order|return/,
  },
  {
    name: "address",
    asks: /\b(?:change|update|correct|fix|edit|modify|switch|use)\b.{0,40}\baddress\b|\b(?:ship|send|deliver)\b.{0,30}\b(?:to|at) (?:a |another |a different |this |my (?:new|other|work|home) )?\w*\s*(?:address|\d+ \w+)/i,
    tool: [
      ["modify", "change", "update", "edit", "set"],
      ["order", "address", "shipping"],
    ],
    not: ["cart", "billing", "status", "fulfilment", "stock", "price"],
    about: "order",
    agent: /order|address|deliver/,
  },
  {
    name: "invoice",
    asks: /\b(?:invoices?|bills?|receipts?)\b/i,
    tool: [["invoice", "invoices", "receipt", "bill"]],
    about: "order",
    agent: /order|invoice|billing/,
    instead: "order",
  },
  {
    name: "reply to a review",
    asks: /\b(?:reply|respond|answer)\b.{0,30}\breview/i,
    tool: [["reply", "respond"], ["review"]],
    about: "nothing",
    agent: /review/,
  },
  {
    name: "write a review",
    asks: /\b(?:write|leave|submit|post|add)\b.{0,20}\breview\b|\brate\b.{0,40}\b[1-5] (?:of 5|stars?)\b/i,
    tool: [["submit", "write", "add", "create", "post"], ["review"]],
    about: "product",
    strip: /\b(?:write|leave|submit|post|add|review|rate|stars?)\b/gi,
    agent: /review/,
  },
  {
    name: "fakes",
    asks: /\b(?:fake|suspicious|genuine|trustworthy|bought) reviews?\b|\breviews?\b.{0,20}\b(?:fake|genuine|real|trusted)\b/i,
    tool: [["fake"], ["reviews", "review"]],
    about: "product",
    strip: /\b(?:fake|suspicious|genuine|trustworthy|trusted|real|reviews?|any|check)\b/gi,
    agent: /review|sentiment/,
    instead: "reviews",
  },
  {
    name: "sentiment",
    asks: /\bsentiment\b|\bpros and cons\b|\bworth it\b/i,
    tool: [["sentiment"], ["analyze", "analyse", "get", "summary"]],
    not: ["topic", "trend"],
    about: "product",
    strip: /\b(?:sentiment|pros|cons|worth|analy[sz]e|overall)\b/gi,
    agent: /review|sentiment/,
    instead: "reviews",
  },
  {
    name: "reviews",
    asks: /\breviews?\b|\bwhat (?:do|did) (?:people|others|customers|buyers|users|shoppers) (?:say|think|write|like)\b|\b(?:opinions?|feedback|ratings?)\b (?:on|of|about|for)\b/i,
    tool: [["reviews"]],
    not: ["fake", "compare", "staff", "my", "seller", "moderate"],
    about: "product",
    strip:
      /\b(?:reviews?|people|others|customers|buyers|users|shoppers|say|said|think|write|wrote|opinions?|feedback|ratings?|read|newest)\b/gi,
    agent: /review|sentiment/,
    instead: "details",
  },
  {
    name: "compare",
    asks: /\bcompare\b|\bcomparison\b|\bvs\.?\b|\bversus\b|\bdifferences? between\b|\bwhich (?:is|one is) better\b/i,
    tool: [["compare"], ["products", "items"]],
    about: "products",
    strip: /\b(?:compare|comparison|differences?|better|side by side|against)\b/gi,
    agent: /product|catalog/,
    instead: "details",
  },
  {
    name: "price history",
    asks: /\bprice (?:history|trend|development|over time|drops?|changes?)\b|\b(?:was|been) (?:it )?(?:ever )?cheaper\b|\bgood (?:deal|price|time to buy)\b/i,
    tool: [["price"], ["history", "trend"]],
    about: "product",
    strip: /\b(?:history|trend|development|over|time|drops?|changes?|was|been|ever|deal|last|days?)\b/gi,
    agent: /pric|product/,
    instead: "details",
  },
  {
    name: "stock alert",
    asks: /\b(?:notify|alert|tell|e-?mail|ping|let)\b.{0,15}\bwhen\b.{0,60}\b(?:back|in stock|available|restock)|\bstock alert\b/i,
    tool: [["alert", "notify", "notification", "subscribe"]],
    about: "product",
    strip: /\b(?:notify|alert|tell|know|let|when|back|again|stock|available|restock(?:ed)?|comes?|set)\b/gi,
    agent: /stock|inventory|fulfil/,
  },
  {
    name: "restock",
    asks: /\brestock|\bback in stock\b|\bwhen\b.{0,50}\b(?:in stock|available) again\b/i,
    tool: [["restock"]],
    about: "product",
    strip: /\b(?:restock(?:ed)?|back|again|stock|available|when|comes?)\b/gi,
    agent: /stock|inventory|fulfil/,
    instead: "stock",
  },
  {
    name: "backorder",
    asks: /\bback ?-?order\b|\bpre-?order\b/i,
    tool: [["backorder", "preorder"]],
    about: "product",
    strip: /\b(?:back ?-?order|pre-?order|place)\b/gi,
    agent: /stock|inventory|fulfil/,
  },
  {
    name: "my stock",
    asks: /\bmy (?:inventory|stock)\b|\b(?:low|running low)\b.{0,20}\b(?:stock|inventory)\b/i,
    tool: [
      ["seller", "my"],
      ["inventory", "stock"],
    ],
    about: "nothing",
    agent: /stock|inventory|fulfil/,
  },
  {
    name: "stock",
    asks: /\b(?:in|out of) stock\b|\bstock (?:of|for|level)\b|\bavailab(?:le|ility)\b|\bhow many\b.{0,40}\bleft\b|\bsold out\b/i,
    tool: [["stock", "availability"]],
    not: ["alert", "update", "restock", "set", "seller", "subscribe"],
    about: "product",
    strip:
      /\b(?:stock|levels?|availability|available|left|many|sold|out|still|currently|check|warehouses?)\b/gi,
    agent: /stock|inventory|fulfil/,
    instead: "details",
  },
  {
    name: "shipping",
    asks: /\b(?:shipping|delivery|postage) (?:cost|costs|price|fee|rate|estimate|options?|time)\b|\bhow (?:much|long)\b.{0,30}\b(?:shipping|ship|delivery|deliver)\b|\bcost to (?:ship|send|deliver)\b/i,
    tool: [
      ["shipping", "carriers"],
      ["estimate", "compare", "calculate"],
    ],
    about: "product",
    strip:
      /\b(?:shipping|ship|delivery|deliver|postage|fees?|rates?|estimate|options?|time|long|east|west|central|coast|region|send)\b/gi,
    agent: /ship|fulfil|inventory/,
  },
  {
    name: "similar",
    asks: /\bsimilar\b|\balternatives?\b|\bsomething like\b|\blike the\b/i,
    tool: [["similar", "alternatives", "related"]],
    about: "product",
    strip: /\b(?:similar|alternatives?|something|like|instead)\b/gi,
    agent: /product|catalog/,
    instead: "search",
  },
  {
    name: "trending",
    asks: /\btrending\b|\bpopular\b|\bbest ?-?sell(?:er|ers|ing)\b|\bmost (?:bought|sold)\b/i,
    tool: [["trending", "popular", "bestsellers"]],
    about: "nothing",
    agent: /product|catalog/,
    instead: "search",
  },
  {
    name: "checkout",
    asks: /\bcheck ?-?out\b|\bplace (?:the|my|an) order\b|\bbuy (?:everything|what(?:'s| is)) in my (?:cart|basket)\b/i,
    tool: [["checkout"]],
    about: "nothing",
    agent: /cart|order/,
  },
  {
    name: "apply coupon",
    asks: /\b(?:apply|use|redeem|enter|add)\b.{0,20}\b(?:coupon|code|voucher)\b|\b(?:apply|use|redeem)\s+[A-Z]{3,}\d*\b/,
    tool: [["coupon"], ["apply", "redeem", "add"]],
    about: "nothing",
    agent: /cart|order|pric|promotion/,
    instead: "check coupon",
  },
  {
    name: "check coupon",
    asks: /\b(?:valid|validate|check|work|works|expired?|good)\b.{0,30}\b(?:coupon|code|voucher)\b|\b(?:coupon|code|voucher)\b.{0,40}\b(?:valid|work|works|expired?|good)\b/i,
    tool: [
      ["coupon", "code"],
      ["validate", "check"],
    ],
    about: "nothing",
    agent: /pric|promotion|coupon/,
  },
  {
    name: "deals",
    asks: /\b(?:deals?|promotions?|special offers?|offers|coupons?|discounts?|vouchers?|on sale)\b/i,
    tool: [["deals", "promotions", "offers", "coupons"]],
    about: "nothing",
    agent: /pric|promotion|deal/,
    instead: "search",
  },
  {
    name: "tier benefits",
    asks: /\b(?:loyalty|tier|membership|gold|silver|bronze)\b.{0,30}\b(?:benefits?|perks?|advantages?|discount|next|level)\b|\b(?:benefits?|perks?)\b.{0,30}\b(?:loyalty|tier|member)/i,
    tool: [["loyalty", "tier"]],
    not: ["calculate"],
    about: "nothing",
    agent: /pric|promotion|loyalty/,
    instead: "profile",
  },
  {
    name: "add to cart",
    asks: /\b(?:add|put)\b.{1,80}\b(?:to|in|into) (?:my |the )?(?:cart|basket|bag)\b/i,
    tool: [["cart", "basket"], ["add"]],
    about: "product",
    strip: /\b(?:add|put|cart|basket|bag|into)\b/gi,
    agent: /cart|order/,
  },
  {
    name: "remove from cart",
    asks: /\b(?:remove|delete|take|drop)\b.{1,80}\b(?:from|out of) (?:my |the )?(?:cart|basket|bag)\b/i,
    tool: [
      ["cart", "basket"],
      ["remove", "delete"],
    ],
    about: "product",
    strip: /\b(?:remove|delete|take|drop|from|out|cart|basket|bag)\b/gi,
    agent: /cart|order/,
  },
  {
    name: "cart",
    asks: /\b(?:cart|basket|shopping bag)\b/i,
    tool: [
      ["cart", "basket"],
      ["get", "show", "view", "list"],
    ],
    about: "nothing",
    agent: /cart|order/,
  },
  {
    name: "change price",
    asks: /\b(?:set|change|update|raise|lower|reduce|increase)\b.{0,40}\bprice\b/i,
    tool: [["price"], ["update", "set", "change"]],
    about: "product",
    strip: /\b(?:set|change|update|raise|lower|reduce|increase|price|by)\b/gi,
    agent: /product|catalog/,
  },
  {
    name: "change stock",
    asks: /\b(?:set|change|update|add|adjust)\b.{0,40}\b(?:stock|inventory|units)\b/i,
    tool: [
      ["stock", "inventory"],
      ["update", "set", "adjust"],
    ],
    about: "product",
    strip: /\b(?:set|change|update|add|adjust|stock|inventory|units?|east|west|central|warehouse)\b/gi,
    agent: /stock|inventory/,
  },
  {
    name: "my sales",
    asks: /\b(?:my|our) (?:sales|revenue|earnings|turnover|seller stats|shop(?:'s)? (?:stats|figures))\b|\bhow (?:much|many) (?:did|have) i (?:sell|sold|earn|earned)\b|\bhow is my (?:shop|store) doing\b/i,
    tool: [
      ["seller", "sales"],
      ["stats", "revenue", "sales", "figures"],
    ],
    about: "nothing",
    agent: /product|sell/,
  },
  {
    name: "orders of my products",
    asks: /\b(?:orders?|sales) (?:of|for) my (?:products|items|listings)\b|\b(?:seller|incoming|customer) orders\b|\bwhat (?:must|should|do) i (?:have to )?(?:ship|send out)\b/i,
    tool: [["seller"], ["orders"]],
    about: "nothing",
    agent: /order/,
  },
  {
    name: "my products",
    asks: /\bmy (?:products|listings|catalog(?:ue)?)\b|\b(?:products|items) (?:that |do )?i(?:'m| am)? sell(?:ing)?\b/i,
    tool: [
      ["my", "seller"],
      ["products", "listings"],
    ],
    about: "nothing",
    agent: /product|catalog/,
  },
  {
    name: "details",
    asks: /^(?!.*\b(?:orders?|i|my|me|spen[dt])\b).*(?:\bprice of\b|\bhow much (?:is|are|does|do)\b|\bwhat (?:does|do) .{1,60} cost\b|\bcost of\b)/i,
    tool: [["product"], ["details", "get", "show"]],
    not: ["reviews", "similar"],
    about: "product",
    agent: /product|catalog/,
    instead: "search",
  },
  {
    name: "search",
    asks: /(?!)/,
    tool: [["products"], ["search", "find", "list", "browse"]],
    not: ["my", "compare"],
    about: "nothing",
    agent: /product|catalog/,
  },
  {
    name: "order",
    asks: /(?!)/,
    tool: [["order"], ["details", "get"]],
    not: ["cancel", "tracking"],
    about: "order",
    agent: /order/,
  },
  {
    name: "profile",
    asks: /(?!)/,
    tool: [["profile", "account", "whoami"]],
    about: "nothing",
    agent: /profile|account|order/,
  },
];

const wordsOf = (tool: ToolView): Set<string> => new Set(tool.name.toLowerCase().split(/[^a-z]+/));

/** The offered tool that does the task itself. */
function ownTool(task: Task, tools: readonly ToolView[]): ToolView | undefined {
  return tools
    .filter((tool) => {
      const words = wordsOf(tool);
      return (
        task.tool.every((group) => group.some((word) => words.has(word))) &&
        !(task.not ?? []).some((word) => words.has(word)) &&
        (!namesPerson(tool) || words.has("staff"))
      );
    })
    .toSorted((a, b) => a.name.length - b.name.length || a.name.localeCompare(b.name))[0];
}

/** The tool that does it, or that of the task that answers instead. */
export function toolForTask(
  task: Task,
  tools: readonly ToolView[],
): { task: Task; tool: ToolView } | undefined {
  const seen = new Set<string>();
  for (let at: Task | undefined = task; at && !seen.has(at.name);) {
    seen.add(at.name);
    const tool = ownTool(at, tools);
    // How it is asked stays that of the first: several products, or one.
    if (tool) return { task: at, tool };
    const next: string | undefined = at.instead;
    at = TASKS.find(({ name }) => name === next);
  }
  return undefined;
}

/** The tasks that a clause may ask for, the most telling first. */
export function tasksOf(text: string): Task[] {
  return TASKS.filter(({ asks }) => asks.test(text));
}
