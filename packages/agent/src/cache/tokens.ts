/**
 * A message as tokens in which nothing that tells two questions apart is lost: words, numbers, dates, ids, addresses, quoted
 * text, symbols. What only dresses a message (case, spaces, closing marks, ways to write a number) is made equal.
 */

/** Marks that nobody sees, and that a model reads. */
export const UNSEEN = /[\u00AD\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/g;

/** What stands for a space inside of a quoted token. */
export const QUOTED_SPACE = "\u0001";

const TOKEN = new RegExp(
  [
    String.raw`["“”«»„](?<quoted>[^"“”«»„]+)["“”«»„]|(?<![\p{L}\d])'(?<single>[^']+)'(?![\p{L}\d])`,
    String.raw`(?<address>\p{L}[\p{L}\d+.-]*:\/\/\S*[\p{L}\d/]|[\p{L}\d._%+-]+@[\p{L}\d-]+(?:\.[\p{L}\d-]+)+)`,
    String.raw`(?<number>(?<![\p{L}\d])[+-]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?![\p{L}\d]|[-_.,:/][\p{L}\d]))`,
    String.raw`(?<word>#?[\p{L}\d][\p{L}\p{M}\d]*(?:'\p{L}+)*(?:(?:[-_./:]|(?<=\d),(?=\d))[\p{L}\d][\p{L}\p{M}\d]*)*[+#]*)`,
    // Feet and inches, a factorial, `.NET`; anywhere else these marks say nothing.
    String.raw`(?<symbol>[!<>=]=|\.{2,3}(?=\d)|(?<=\d)['"!]|(?<![\p{L}\d.])\.(?=\p{L}))|['"“”«»„¿¡]`,
    // Digits of other scripts are no `\d`.
    String.raw`(?<mark>[.,;:!?…—]+|[\n\r\u2028\u2029]+)|(?<other>\p{N}+|\S)`,
  ].join("|"),
  "gu",
);

const EXPANSIONS: Readonly<Record<string, string>> = {
  "can't": "can not",
  cannot: "can not",
  cant: "can not",
  "won't": "will not",
  wont: "will not",
  "shan't": "shall not",
  "let's": "let us",
  "i'm": "i is",
  "i'd": "i would",
  im: "i is",
  whats: "what is",
  wheres: "where is",
  "e-mail": "email",
  "e-mails": "emails",
  okay: "ok",
  "&": "and",
  are: "is",
  am: "is",
  were: "was",
  does: "do",
  has: "have",
  an: "a",
  canceled: "cancelled",
  canceling: "cancelling",
  color: "colour",
  colors: "colours",
  catalog: "catalogue",
  favorite: "favourite",
  tv: "television",
};

/** Pronouns and question words after which `'s` is a verb; after a noun it says whose something is. */
const BEFORE_IS = /^(?:what|where|how|when|why|that|it|there|here)'s$/;
const NOT_WITHOUT_APOSTROPHE = /^(?:do|does|did|is|are|was|were|could|should|would|has|have|had)nt$/;

/** Words that are others when written with a capital: `us` and `US`. */
const CASED: ReadonlySet<string> = new Set(
  "the us it may march who polish turkey china apple amazon windows word excel aids sat mark bill will rose grace jack frank pat sue dick rob august jersey hope joy art drew gene guy job lance mike nick ray rich rod stew ward".split(
    " ",
  ),
);

const MARKS: ReadonlySet<string> = new Set([",", "—", "…", ":"]);

/** The tokens of a message, lower-cased where case says nothing. */
export function tokensOf(message: string): string[] {
  const text = message
    .normalize("NFC")
    .replace(/[\uFF01-\uFF5E]/g, (wide) => String.fromCodePoint((wide.codePointAt(0) ?? 0) - 0xfee0))
    .replace(/[‘’ʼ]/g, "'")
    .replace(/[−‐‑–]/g, "-")
    .replace(UNSEEN, "");
  const tokens: string[] = [];
  const cased = caseSpeaks(text);
  let begins = true;
  for (const { groups = {} } of text.matchAll(TOKEN)) {
    const { single, quoted = single, address, number, word, mark, symbol = groups["other"] } = groups;
    if (quoted !== undefined) tokens.push(`"${quoted.replace(/\s/g, QUOTED_SPACE)}"`);
    else if (address !== undefined) tokens.push(address.includes("@") ? address.toLowerCase() : address);
    else if (number !== undefined) tokens.push(readNumber(number, tokens.at(-1)));
    else if (word !== undefined) tokens.push(...readWord(word, { cased, begins }, tokens.at(-1)));
    else if (symbol !== undefined) tokens.push(EXPANSIONS[symbol] ?? symbol);
    // "No, cancel it" is not "No cancel it", and 5—7 not 5, 7. At the end of a message a mark says nothing.
    else if (mark !== undefined && tokens.length > 0 && !MARKS.has(tokens.at(-1) ?? ""))
      tokens.push(/\.\.|…/.test(mark) ? "…" : (/[—:]/.exec(mark)?.[0] ?? ","));
    if (mark === undefined) begins = false;
    else if (/[.!?…\n\r\u2028\u2029]/.test(mark)) begins = true;
  }
  if (MARKS.has(tokens.at(-1) ?? "")) tokens.pop();
  return joinDates(joinNumberWords(tokens));
}

/** `1,000` is `1000`. Only of money are closing zeros nothing: version 3.10 is not version 3.1. */
function readNumber(number: string, before: string | undefined): string {
  const plain = /^\d{1,3}(?:\.\d{3})+$/.test(number) ? number : number.replaceAll(",", "");
  return before !== undefined && /^\p{Sc}$/u.test(before) && /\.\d{1,2}$/.test(plain)
    ? plain.replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "")
    : plain;
}

/** Whether a capital tells anything: in a title, or where all is in capitals, it does not. */
function caseSpeaks(text: string): boolean {
  const [, ...words] = text.match(/\p{L}+/gu) ?? [];
  return words.length < 3 || words.some((word) => /^\p{Ll}/u.test(word));
}

/** Units that differ by case alone, such as mW and MW. */
const SHORT_UNIT = /^\p{L}{1,2}$/u;

/** Where a word stands: in a message whose capitals tell something, and at the beginning of a sentence. */
interface Stands {
  readonly cased: boolean;
  readonly begins: boolean;
}
const ANYWHERE: Stands = { cased: false, begins: false };

function readWord(word: string, { cased, begins }: Stands, before?: string): string[] {
  const lower = word.toLowerCase();
  const measured = /^(?<amount>[1-9]\d*(?:\.\d+)?)(?<unit>\p{L}+)$/u.exec(word)?.groups;
  if (measured) {
    const { amount = "", unit = "" } = measured;
    if (/^(?:st|nd|rd|th)$/i.test(unit)) return [lower];
    if (unit === "k") return [String(Math.round(Number(amount) * 1_000))];
    return [amount, SHORT_UNIT.test(unit) ? unit : unit.toLowerCase()];
  }
  // An id in both cases is another one in other cases.
  if (/\d/.test(lower)) return [word === word.toUpperCase() ? lower : word];
  if (SHORT_UNIT.test(word) && /^[-+]?[\d.]+$/.test(before ?? "")) return [word];
  // `US` and `IT` are hardly written otherwise, so they are kept apart even where case says nothing.
  if (CASED.has(lower) && word !== lower && ((cased && before !== undefined) || /^(?:US|IT)$/.test(word)))
    return [word];
  const known = Object.hasOwn(EXPANSIONS, lower) ? EXPANSIONS[lower] : undefined;
  if (known !== undefined) return known.split(" ");
  if (lower.includes("-")) return readParts(lower);
  if (NOT_WITHOUT_APOSTROPHE.test(lower)) return [...readWord(lower.slice(0, -2), ANYWHERE), "not"];
  const [, stem, ending] = /^(.+)('t|'re|'ve|'ll|'s)$/.exec(lower.replace(/n't$/, "'t")) ?? [];
  // A capital within a sentence is that of a name: an Orange phone need not be orange.
  const named = cased && !begins && /^\p{Lu}/u.test(word) && !/^I(?:'|$)/.test(word);
  if (stem === undefined) return [named ? word : lower];
  if (ending === "'s") return BEFORE_IS.test(lower) ? [stem, "is"] : [named ? word : lower];
  const verb = { "'t": "not", "'re": "is", "'ve": "have", "'ll": "will" }[ending ?? ""];
  return verb === undefined ? [lower] : [...readWord(stem, ANYWHERE), verb];
}

const SMALL =
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split(
    " ",
  );
const TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split(" ");

const isNumberWord = (word: string): boolean =>
  SMALL.includes(word) || TENS.includes(word) || /^(?:hundred|thousand)$/.test(word);

/** `two-year-old` and `five-packs` stay one: "twenty five-packs" are no twenty-five packs. */
function readParts(hyphened: string): string[] {
  const parts = hyphened.split("-");
  return isNumberWord(parts[0] ?? "") && !parts.every(isNumberWord)
    ? [hyphened]
    : parts.flatMap((part) => readWord(part, ANYWHERE));
}

/** Written-out numbers as digits: `two hundred and five` is `205`, `one two` stays two numbers. */
function joinNumberWords(tokens: readonly string[]): string[] {
  const joined: string[] = [];
  let at = 0;
  const small = (): number | undefined => {
    const tens = TENS.indexOf(tokens[at] ?? "");
    if (tens < 0) {
      const unit = SMALL.indexOf(tokens[at] ?? "");
      if (unit < 0) return undefined;
      at += 1;
      return unit;
    }
    at += 1;
    const unit = SMALL.indexOf(tokens[at] ?? "");
    if (unit < 1 || unit > 9) return 20 + 10 * tens;
    at += 1;
    return 20 + 10 * tens + unit;
  };
  const group = (): number | undefined => {
    const first = small();
    if (first === undefined || tokens[at] !== "hundred") return first;
    at += 1;
    const back = at;
    if (tokens[at] === "and") at += 1;
    const rest = small();
    if (rest === undefined) at = back;
    return first * 100 + (rest ?? 0);
  };
  while (at < tokens.length) {
    let value = group();
    if (value !== undefined && tokens[at] === "thousand") {
      at += 1;
      const back = at;
      if (tokens[at] === "and") at += 1;
      const rest = group();
      if (rest === undefined) at = back;
      value = value * 1_000 + (rest ?? 0);
    }
    joined.push(value === undefined ? (tokens[at++] ?? "") : String(value));
  }
  return joined;
}

const MONTHS = "january february march april may june july august september october november december".split(
  " ",
);

/** The month that a token names, from 1. `may` and `march` only with a capital. */
function monthOf(token: string | undefined): number {
  if (token === undefined || ["may", "march", "august"].includes(token)) return 0;
  return MONTHS.indexOf(token.toLowerCase()) + 1;
}

const dayOf = (token: string | undefined): number => {
  const day = Number(/^(\d{1,2})(?:st|nd|rd|th)?$/.exec(token ?? "")?.[1] ?? 0);
  return day <= 31 ? day : 0;
};

const BEFORE_A_DATE = /^(?:on|by|until|till|before|after|since|from|to|for|between|and|of)$/;

/** `5 May 2026`, `May 5th, 2026` and `2026-05-05` are one token. "My 3 July orders" are three. */
function joinDates(tokens: readonly string[]): string[] {
  const two = (value: number): string => String(value).padStart(2, "0");
  const joined: string[] = [];
  for (let at = 0; at < tokens.length; at += 1) {
    const next = tokens[at + 1] === "of" ? at + 2 : at + 1;
    const [month, day, used] = monthOf(tokens[at])
      ? [monthOf(tokens[at]), dayOf(tokens[at + 1]), at + 2]
      : [monthOf(tokens[next]), dayOf(tokens[at]), next + 1];
    if (month === 0 || day === 0) {
      joined.push(tokens[at] ?? "");
      continue;
    }
    const yearAt = tokens[used] === "," ? used + 1 : used;
    const dayFirst = used === next + 1 && !monthOf(tokens[at]);
    const year = /^[12]\d{3}$/.test(tokens[yearAt] ?? "") ? `${tokens[yearAt]}-` : "";
    const counts = dayFirst && next === at + 1 && year === "" && /^\d+$/.test(tokens[at] ?? "");
    if (counts && used < tokens.length && !BEFORE_A_DATE.test(tokens[at - 1] ?? "")) {
      joined.push(tokens[at] ?? "");
      continue;
    }
    joined.push(`${year}${two(month)}-${two(day)}`);
    at = year === "" ? used - 1 : yearAt;
  }
  return joined;
}
