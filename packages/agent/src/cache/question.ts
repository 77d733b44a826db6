/**
 * Which messages ask the same. Two do only when they say the same words in the same order, once what merely dresses a question
 * is taken off: politeness, framing ("could you tell me where …"), articles, contractions, spelling, ways to write a number.
 *
 * Guarantees: every other word counts. Another number, name, unit, negation, pronoun, tense, plural, direction or order of the
 * same words is another question [PR-D33]. Similarity of meaning alone never makes two messages one: "a red lamp" and "a
 * green lamp" are close in every embedding.
 * Does not: find all paraphrases. One that it does not know costs a model call, never a wrong answer.
 */
import { QUOTED_SPACE, tokensOf } from "./tokens.ts";

export interface Question {
  /** The words that tell this question from others. */
  readonly signature: string;
  /** What is compared by similarity: the question without its dress. */
  readonly text: string;
}

/** Words that a deployment holds for one another, such as `parcel` for `package`: each by the one that stands for it. */
export type Synonyms = ReadonlyMap<string, string>;

/** A greeting is one before a mark or the beginning of a sentence: "Hello Kitty lamps" are none. */
const GREETING =
  /^(?:hi|hello|hey|good (?:morning|afternoon|evening))(?: there)?(?: , | (?=(?:what|where|when|who|whose|which|why|how|can|could|would|will|do|is|was|i|we|my|please|tell|show) ))/;
const START = /^(?:please|pls|plz|kindly)(?: ,)? /;
/** Politeness at the end, unless it is what the message is about, as in "the French word for please". */
const END =
  /(?<!(?:^|[ "])(?:for|of|say|says|said|saying|word|words|is|was|to|a|the|and|or|mean|means|with|write|type|called|not|no|by|in|as))(?: ,)? (?:please|pls|plz|thanks|thx|thank you(?: (?:very|so) much)?|thanks (?:in advance|a lot)|many thanks)$/;
const ASKS = "(?:can|could|would|will) you (?:please )?";
/** Not `when`: "tell me when it is ready" asks to be told then. */
const WH = "(?:what|where|who|whose|whom|which|why|how)";

/** What stands before a question without being part of it, and what is left of it. */
const FRAMES: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`^(?:${ASKS})?tell me (?=${WH} )`), ""],
  [
    new RegExp(
      `^(?:i (?:want|need|would like) to know|i wonder|i is wondering|do you know)(?: ,)? (?=${WH} )`,
    ),
    "",
  ],
  [new RegExp(`^(?:${ASKS})?tell me (?=(?:the|my|our) )`), "what is "],
  [new RegExp(`^(?:${ASKS})?(?:show me|list me) `), "show "],
  [/^(?:i (?:want|would like) to see|let me see|display|list) (?=(?:the|my|our|all) )/, "show "],
  [/^(?:can|could|would|will) you please /, ""],
  [/^how can i (?=\S)/, "how do i "],
  [/^(?:how much|what) do (.+) cost$/, "what is price of $1"],
  // Turns that change something are never kept, so that a wish and an order to do it may be one question.
  [/^i (?:want|need|would like) to (?=(?:cancel|change|update|return) my )/, ""],
  [/^track (?=my order$)/, "where is "],
];

const ATTRIBUTE = "(?:price|status|balance|weight|size|colour|length|height|width)";
/**
 * `what is red lamp's price` is `what is price of red lamp`, as long as nothing else hangs from it. Neither is `what is red lamp
 * price`: the net's weight is not the net weight.
 */
const ATTRIBUTES_OWNER = new RegExp(
  `^what is ((?:(?!\\b(?:of|and|or|for|in|at|on|with|without|than|if|when|that|which|who|to|from|not|by|is|was)\\b).)+)'s (${ATTRIBUTE})$`,
);

/** Before these it says something: the last year is not last year, and not everybody who has time knows the time. */
const AFTER_THE =
  /^(?:last|next|past|previous|following|coming|time|while|more|most|less|least|few|little|only|\d.*)$/;

/** Words that may come and go; how much they matter is for the similarity to say. */
const SOFT: ReadonlySet<string> = new Set(["actually", "basically", "currently"]);

/** Reads a message. Never throws. */
export function readQuestion(message: string, synonyms: Synonyms = new Map()): Question {
  let text = tokensOf(message)
    .map((token) => synonyms.get(token) ?? token)
    .join(" ");
  text = undress(text);
  text = text.replace(ATTRIBUTES_OWNER, "what is $2 of $1");
  const words = text
    .split(" ")
    .filter((word, at, all) => word !== "the" || AFTER_THE.test(all[at + 1] ?? ""));
  const hard = words.filter((word) => !SOFT.has(word));
  return { signature: verbFirst(hard).join(" "), text: words.join(" ").replaceAll(QUOTED_SPACE, " ") };
}

/** Takes off dress after dress, as long as something is left. */
function undress(text: string): string {
  let bare = text;
  for (;;) {
    const before = bare;
    for (const pattern of [GREETING, START, END]) bare = bare.replace(pattern, "") || bare;
    const frame = FRAMES.find(([pattern]) => pattern.test(bare));
    if (frame) bare = bare.replace(frame[0], frame[1]) || bare;
    if (bare === before) return bare;
  }
}

/** `where my order is` is `where is my order`. Only from the very end: "how late is it" is not "how is it late". */
function verbFirst(words: readonly string[]): readonly string[] {
  const [asked = "", ...rest] = words;
  const verb = rest.at(-1);
  const moves =
    rest.length > 1 && (verb === "is" || verb === "was") && /^(?:where|what|who|why)$/.test(asked);
  return moves ? [asked, verb, ...rest.slice(0, -1)] : words;
}

const MOMENT =
  /^(?:now|today|tonight|tomorrow|yesterday|ago|overdue|heute|jetzt|morgen|gestern|hoy|ahora|mañana|ayer|aujourd'hui|maintenant|demain|hier|oggi|adesso|domani|ieri|hoje|agora|amanhã|ontem|сегодня|сейчас|завтра|вчера)$/i;
/** Written without spaces. */
const MOMENT_WITHIN = /今日|今天|明日|明天|昨日|昨天|現在|现在|오늘|내일|어제|지금/;
const PERIOD =
  "(?:second|minute|hour|day|night|morning|afternoon|evening|weekend|week|month|quarter|year|monday|tuesday|wednesday|thursday|friday|saturday|sunday)s?";
const MOMENT_ASKED = new RegExp(
  [
    "^(?:what|which) (?:is )?(?:the )?(?:current |exact |present )?(?:time|day|date|year|month)\\b",
    "^how late is it$",
    "\\b(?:have|got|tell) (?:me )?the time\\b",
    `\\b(?:this|last|next|past|previous|coming|current) (?:\\d+ )?${PERIOD}\\b`,
    `\\b(?:in|within) (?:\\d+|a) ${PERIOD}\\b`,
    "^how (?:long|many \\S+)(?: is it)? (?:until|till|before|since)\\b",
  ].join("|"),
  "i",
);

/** Whether the answer changes with the clock, which no version of data tells. Errs on the side of the clock. */
export function asksOfTheMoment({ signature }: Question): boolean {
  return (
    MOMENT_ASKED.test(signature) ||
    MOMENT_WITHIN.test(signature) ||
    signature.split(" ").some((word) => MOMENT.test(word))
  );
}

/** Groups of words that mean the same here. Throws nothing; a word in two groups belongs to the first. */
export function synonymsOf(groups: readonly (readonly string[])[]): Synonyms {
  const all = new Map<string, string>();
  for (const [first = "", ...others] of groups.map((group) => group.map((word) => word.toLowerCase()))) {
    const stands = all.get(first) ?? first;
    for (const word of [first, ...others]) if (!all.has(word)) all.set(word, stands);
  }
  return all;
}
