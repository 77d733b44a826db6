/**
 * Telephone numbers. Written with a country's prefix they are told by their form; as people write them at home they look like many
 * other numbers, so either a word stands beside them or a numbering plan knows them just as they are grouped.
 */
import { createRequire } from "node:module";
import type * as Plans from "libphonenumber-js/min";
import type { Finding } from "../detector.ts";
import { calledOtherwise, wordsOf } from "./context.ts";

const require = createRequire(import.meta.url);
let plans: typeof Plans | undefined;
/** The numbering plans, read when the first number is met that asks for them. */
const numberingPlans = (): typeof Plans => (plans ??= require("libphonenumber-js/min") as typeof Plans);

const EXTENSION = String.raw`(?:\s?(?:x|ext\.?|extension|#)\s?\d{1,6})?`;
/** 7 to 16 digits in groups, a prefix in front or not; a date, an address or a sum of money has other signs between. */
const CANDIDATE = new RegExp(
  String.raw`(?<![\p{L}\p{N}_/$€£#@%=-]|\p{N}[.,:])(?:\+|00)?\(?\d{1,4}\)?(?:[ .\-/]{0,2}\(?\d{1,5}\)?){1,6}${EXTENSION}(?![\p{N}_@%]|[.,:/-]\d|\p{L}{2})`,
  "gu",
);
const NOT_PHONES =
  /^(?:(?:19|20)\d{2}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:19|20)?\d{2}$|\d{3}-\d{2}-\d{4}$|\d{1,3}(?:\.\d{1,3}){3}$|\d{5}-\d{4}$|(?:19|20)\d{2} ?- ?(?:19|20)\d{2}$)/;

/** What a number behind it is. */
const STRONG = new Set(
  "phone phones telephone telefon telefono teléfono telefone tel tlf téléphone mobile mobil móvil cell cellphone handy fax desk landline hotline whatsapp sms viber signal pager dial call calling phoned rufnummer numero".split(
    " ",
  ),
);
/** What a number may follow that somebody is reached at; one without groups would be too many other things. */
const WEAK = new Set(
  "at on to registered number reach contact text office home work me ring answering".split(" "),
);
const BESIDE = new Set("office fax mobile cell home work desk phone tel landline".split(" "));

/** National numbers are tried in these plans: the ones that people group so that they stand out. */
const PLANS = [
  "US",
  "GB",
  "FR",
  "CH",
  "DE",
  "IT",
  "ES",
  "NL",
  "BE",
  "SE",
  "AU",
  "NZ",
  "ZA",
  "IN",
  "BR",
] as const;
const NORTH_AMERICA =
  /^(?:\+?1[-. ]?)?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-. ])[2-9]\d{2}[-. ]\d{4}(?:\s?(?:x|ext)|$)/;

export function findPhones(text: string, words: ReturnType<typeof wordsOf>): Finding[] {
  const found: Finding[] = [];
  CANDIDATE.lastIndex = 0;
  for (let match = CANDIDATE.exec(text); match; match = CANDIDATE.exec(text)) {
    const { index: start } = match;
    let [number] = match;
    let score = scoreOf(text, words, number, start);
    // Another number may stand behind it.
    while (score === 0 && number !== "") {
      number = number.slice(0, Math.max(0, number.lastIndexOf(" ")));
      score = number === "" ? 0 : scoreOf(text, words, number, start);
    }
    if (score === 0) continue;
    found.push({ type: "PHONE_NUMBER", start, end: start + number.length, score });
    CANDIDATE.lastIndex = start + number.length;
  }
  return found;
}

function scoreOf(text: string, words: ReturnType<typeof wordsOf>, number: string, start: number): number {
  const [bare = ""] = number.split(/\s?[x#e]/);
  const digits = bare.replaceAll(/\D/g, "");
  if (digits.length < 7 || digits.length > 16 || NOT_PHONES.test(bare) || /^(\d)\1+$/.test(digits)) return 0;
  if (calledOtherwise(words, start)) return 0;
  const end = start + number.length;
  const before =
    /(?:[\p{L}\p{M}]+\W{1,4}){0,4}$/u.exec(text.slice(Math.max(0, start - 40), start))?.[0].toLowerCase() ??
    "";
  const behind = /^\W{0,3}([\p{L}]+)/u.exec(text.slice(end, end + 20))?.[1]?.toLowerCase() ?? "";
  const near = before.match(/[\p{L}\p{M}]+/gu) ?? [];
  const isCalledPhone = near.some((word) => STRONG.has(word)) || BESIDE.has(behind);

  const prefix = /^(?:\+|00)/.exec(bare)?.[0];
  if (prefix) {
    const international = `+${digits.slice(prefix === "00" ? 2 : 0)}`.replace(/\(0\)/, "");
    if (/\(0\)/.test(bare) || numberingPlans().isPossiblePhoneNumber(international))
      return prefix === "+" || isCalledPhone ? 0.95 : 0.85;
    return isCalledPhone ? 0.8 : 0;
  }
  if (isCalledPhone) return 0.9;
  const grouped = /\d[ .\-/)]{1,2}\(?\d/.test(bare);
  if (!grouped) return 0;
  if (NORTH_AMERICA.test(bare)) return 0.8;
  // What goes on with a word is the beginning of an address: "at 704 1436 Redbud Drive".
  if (/^,? {0,4}\p{L}/u.test(text.slice(end, end + 8))) return 0;
  const last = near.at(-1);
  if (
    last !== undefined &&
    WEAK.has(last) &&
    digits.length <= 13 &&
    !/[./]/.test(bare.replaceAll(/\d{2}\.(?=\d{2})/g, ""))
  )
    return 0.7;
  // A trunk zero and groups, in a plan that there is.
  return /^\(?0[1-9]/.test(bare) &&
    digits.length >= 9 &&
    PLANS.some((plan) => numberingPlans().isValidPhoneNumber(digits, plan))
    ? 0.7
    : 0;
}
