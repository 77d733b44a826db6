/**
 * How well the words of a request fit each tool: BM25 (Robertson and Walker, 1994) over stems, where a word of the name counts
 * more. A word that is written into a name without a mark (`airquality`) counts as one of its words. What `common` says of a stem
 * is what it counts: "specific" is rare in descriptions, but not since it tells much.
 */
import { NAME_WEIGHT, type ToolText } from "./tool-text.ts";
import { stemOf, tellingWords } from "./words.ts";

/** Both chosen on requests for tools, and of little influence. */
const SATURATION = 1.2;
const LENGTH_SHARE = 0.6;
const INNER_WORD_MIN = 4;
const NAMED_WEIGHT = 2;
const WORDS_MAX = 64;

/** For each tool, 0 or more; 0 where no word is shared. */
export function wordMatch(
  request: string,
  tools: readonly ToolText[],
  common: ReadonlyMap<string, number> = new Map(),
): readonly number[] {
  const scores = tools.map(() => 0);
  const mean = tools.reduce((sum, { length }) => sum + length, 0) / Math.max(1, tools.length);
  const seen = new Set<string>();
  for (const word of tellingWords(request).slice(0, WORDS_MAX)) {
    const stem = stemOf(word);
    if (seen.has(stem)) continue;
    seen.add(stem);
    const counts = tools.map(({ stems, compactName }) => {
      const written = word.length >= INNER_WORD_MIN && compactName.includes(word);
      return Math.max(stems.get(stem) ?? 0, written ? NAME_WEIGHT : 0);
    });
    const having = counts.filter((count) => count > 0).length;
    if (having === 0) continue;
    const rarity = Math.log(1 + (tools.length - having + 0.5) / (having + 0.5)) * (common.get(stem) ?? 1);
    for (const [at, count] of counts.entries()) {
      if (count === 0) continue;
      const length = (tools[at]?.length ?? 0) / Math.max(1, mean);
      const damped = count + SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * length);
      scores[at] = (scores[at] ?? 0) + (rarity * count * (SATURATION + 1)) / damped;
    }
  }
  // A request that says all of a name is about it, however common its words are: `get_order` for "order 17".
  return scores.map(
    (score, at) => score + NAMED_WEIGHT * spokenShare(seen, tools[at]?.nameStems ?? new Set()),
  );
}

function spokenShare(request: ReadonlySet<string>, name: ReadonlySet<string>): number {
  let spoken = 0;
  for (const stem of name) if (request.has(stem)) spoken += 1;
  return spoken / Math.max(1, name.size);
}
