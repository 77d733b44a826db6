/**
 * Forgiving search: what a person wrote, turned into words the index knows.
 *
 * Guarantees: nothing of the text reaches SQL but as a parameter; length and number of words are bounded.
 */

/** Bounds the work of one search. */
const SEARCH_LIMITS = { queryLength: 200, words: 12 } as const;

/** Words that say "show me" and nothing about the thing. */
const FILLERS = new Set(
  "a an and any are around best buy can cheap cheaper could find for from get give good great have i in is like looking me my need of on or please product products recommend search shop show some something that the thing things to want what with you your under below less than over above about dollar dollars usd price priced".split(
    " ",
  ),
);

/** The words of a query that name a thing; sums of money such as `$200` and fillers are dropped. */
export function searchWords(query: string): string[] {
  const words = query
    .slice(0, SEARCH_LIMITS.queryLength)
    .toLowerCase()
    .replaceAll(/\$\s?[0-9][0-9.,]*|\b(?:under|below|over|above|than)\s+[0-9][0-9.,]*/g, " ")
    .replaceAll(/['’]s?\b/g, "")
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word.length > 0 && !FILLERS.has(word));
  return [...new Set(words)].slice(0, SEARCH_LIMITS.words);
}

/** How alike two words are, from 0 to 1: shared letter pairs over all letter pairs (Dice). */
export function similarity(a: string, b: string): number {
  const pairs = (word: string): string[] =>
    Array.from({ length: word.length + 1 }, (_, i) => ` ${word} `.slice(i, i + 2));
  const left = pairs(a);
  const right = pairs(b);
  let shared = 0;
  for (const pair of left) {
    const at = right.indexOf(pair);
    if (at < 0) continue;
    shared++;
    right.splice(at, 1);
  }
  return (2 * shared) / (left.length + shared + right.length);
}

/** The known word that a misspelt one most likely meant, or undefined when none is near. */
export function nearestWord(word: string, vocabulary: Iterable<string>): string | undefined {
  if (word.length < 4) return undefined;
  let best: string | undefined;
  let score = 0.55;
  for (const known of vocabulary) {
    if (Math.abs(known.length - word.length) > 3) continue;
    const alike = similarity(word, known);
    if (alike > score) [best, score] = [known, alike];
  }
  return best;
}
