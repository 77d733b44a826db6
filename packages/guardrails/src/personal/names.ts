/**
 * Names of people, where words say that one follows: a title in front, or "my name is". Nothing is said of names without such
 * words, since whoever guesses them is wrong too often to act on.
 */
import type { Finding } from "../detector.ts";

const NAME = String.raw`(?!(?:Apt|Suite|Unit|Ltd|Inc)\b)\p{Lu}[\p{L}\p{M}'’-]{1,24}`;
const FULL = String.raw`${NAME}(?: (?:\p{Lu}\.|${NAME}|(?:van|von|de|der|den|del|della|di|da|dos|bin|al|el|la|le) ${NAME})){0,3}`;
const CUES: readonly { readonly pattern: RegExp; readonly score: number }[] = [
  {
    pattern: new RegExp(String.raw`(?<![\p{L}\p{N}])(?:Mr|Mrs|Ms|Miss|Dr|Prof)\.? (${FULL})`, "gu"),
    score: 0.8,
  },
  {
    pattern: new RegExp(
      String.raw`(?<![\p{L}\p{N}])(?:[Mm]y (?:full )?name is|[Nn]ame:|[Ff]ull name:|[Dd]ear|[Hh]ello, this is|[Ss]igned by|[Cc]ustomer:|[Pp]atient:|[Ee]mployee:) (${FULL})`,
      "gu",
    ),
    score: 0.75,
  },
];
/** What may stand in the place of a name and is none. */
const NO_NAMES =
  /^(?:Sir|Madam|All|Team|Customer|Support|Friends?|The|Your|Hiring|Colleagues?|Everyone|Not|N\/A|Dr|Mrs?|Ms)\b/;

export function findNames(text: string): Finding[] {
  const found: Finding[] = [];
  for (const { pattern, score } of CUES) {
    for (const match of text.matchAll(pattern)) {
      const [whole, name = ""] = match;
      if (NO_NAMES.test(name)) continue;
      const start = match.index + whole.length - name.length;
      found.push({ type: "PERSON", start, end: start + name.length, score });
    }
  }
  return found;
}
