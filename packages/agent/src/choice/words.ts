/** The words of requests and of tools, as they are compared: in lower case, without those that every request has, by their stems. */

/** Words that say nothing about what a request is about, or what a tool is for. */
const COMMON: ReadonlySet<string> = new Set(
  (
    "a an and are as at be but by can could did do does for from had has have he her his how i if in is it its me my of on or " +
    "our please she should so some that the their them then there these they this to us was we were what when where which who " +
    "why will with would you your any get find help give provide using use need want show tell let about like able yes no ok okay sure thanks thank again"
  ).split(" "),
);

/** Longest first: the first that fits is taken off. */
const ENDINGS =
  "ational ization ations ation ingly ments ment ness ings ing ies ers ors er or ied ed es s ly e y".split(
    " ",
  );
const STEM_MIN = 3;

/** Words in lower case, in their order. */
function wordsIn(text: string): readonly string[] {
  return (
    text
      .normalize("NFKC")
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  );
}

/** Those that tell something. */
export function tellingWords(text: string): readonly string[] {
  return wordsIn(text).filter((word) => !COMMON.has(word));
}

/** `track_shipment`, `trackShipment` and `HTTPServer` are two words each; those that tell something, or all where none does. */
export function nameWords(name: string): readonly string[] {
  const all = wordsIn(
    name
      .replace(/([\p{Ll}\p{N}])(\p{Lu})/gu, "$1 $2")
      .replace(/(\p{Lu}+)(\p{Lu}\p{Ll})/gu, "$1 $2")
      .replaceAll("_", " "),
  );
  const telling = all.filter((word) => !COMMON.has(word));
  return telling.length > 0 ? telling : all;
}

/** A word without its ending: cancel, cancels and cancelling have one stem where that is cheap to see. */
export function stemOf(word: string): string {
  const ending = ENDINGS.find((one) => word.endsWith(one) && word.length - one.length >= STEM_MIN);
  return ending === undefined ? word : word.slice(0, -ending.length);
}
