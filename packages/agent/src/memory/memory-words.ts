/** The words by which memories are found. */
import type { Embedder } from "../embeddings/embedder.ts";

/** English words that are in every sentence: a shared one says nothing about what two texts are about. */
const COMMON: ReadonlySet<string> = new Set(
  (
    "a an and are as at be but by can could did do does for from had has have he her his how i if in is it its me my of on or " +
    "our please she should so some that the their them then there these they this to us was we were what when where which who " +
    "why will with would you your"
  ).split(" "),
);

/** The words of a text in lower case, without common ones unless there are no others. */
export function wordsOf(text: string): string[] {
  const all =
    text
      .normalize("NFKC")
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  const telling = all.filter((word) => !COMMON.has(word));
  return telling.length > 0 ? telling : all;
}

const plain = (text: string): string =>
  (
    text
      .normalize("NFKC")
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  ).join(" ");

/** What a request to remember begins with. */
const OPENER = /^(?:please )?(?:remember|note|keep in mind|don t forget) (?:that )?/;

/** Whether a text is a whole sentence of a message, as it was said or without the words that ask to remember it. */
export function isWholeSentence(text: string, message: string): boolean {
  const words = plain(text);
  return message
    .split(/(?<=[.!?])\s+|\n+/u)
    .map(plain)
    .some((sentence) => words !== "" && (sentence === words || sentence.replace(OPENER, "") === words));
}

/** The vector of what a text is about. */
export function embedWords(embedder: Embedder, text: string): Promise<readonly number[]> {
  return embedder.embed(wordsOf(text).join(" "));
}

/** The share of `asked` that is among `words`, from 0 to 1. */
export function wordShare(asked: ReadonlySet<string>, words: ReadonlySet<string>): number {
  if (asked.size === 0) return 0;
  let found = 0;
  for (const word of asked) if (words.has(word)) found += 1;
  return found / asked.size;
}
