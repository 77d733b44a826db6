/**
 * The passages of a document, each with what its surroundings say about it: an instruction to an assistant that was planted in a mail, a table or a page
 * is one passage that does not belong there.
 *
 * In: a normalised text. Out: passages of at most `PASSAGE_MAX` units, in order: the whole text without the spaces between them
 * and without what is no text (data of pictures, rules of tables).
 */
import { UNSPACED } from "./lexicon.ts";

export interface Passage {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** Features for the model, besides the words. */
  readonly around: readonly string[];
}

const PASSAGE_MAX = 600;
/** A run without a space that is longer is no word: data of a picture, a key. */
const RUN_MAX = 80;

/** False for what has no words that the model could judge by. */
export function isReadable(text: string): boolean {
  return /\p{L}/u.test(text) && (text.length <= RUN_MAX || /\s/.test(text.trim()) || UNSPACED.test(text));
}
/** Ends of sentences and of lines. Abbreviations cut too much, which costs a passage, not a finding. */
const END = /[.!?]+["')\]]*(?=\s)|[。！？]+|\n+/g;

interface Piece {
  readonly start: number;
  readonly end: number;
  readonly ownLine: boolean;
}

function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let start = 0;
  const put = (end: number): void => {
    for (let from = start; from < end; from += PASSAGE_MAX) {
      const part = text.slice(from, Math.min(end, from + PASSAGE_MAX));
      const lead = part.length - part.trimStart().length;
      const body = part.trim();
      if (!isReadable(body)) continue;
      const at = from + lead;
      const after = at + body.length;
      const before = text.slice(Math.max(0, at - 2), at);
      const ownLine =
        (at === 0 || before.includes("\n")) && /^\s*(?:\n|$)/.test(text.slice(after, after + 4));
      found.push({ start: at, end: after, ownLine });
    }
    start = end;
  };
  for (const match of text.matchAll(END)) put(match.index + match[0].length);
  put(text.length);
  return found;
}

const WORD = /[\p{L}\p{N}]{4,}/gu;
const wordsOf = (text: string): string[] => [...text.toLowerCase().matchAll(WORD)].map(([word]) => word);

export function passagesOf(text: string): Passage[] {
  const parts = pieces(text);
  const counts = new Map<string, number>();
  for (const word of wordsOf(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const table = parts.filter(({ start }) => text[start] === "|").length * 2 > parts.length;
  return parts.map(({ start, end, ownLine }, i) => {
    const body = text.slice(start, end);
    const own = new Map<string, number>();
    for (const word of wordsOf(body)) own.set(word, (own.get(word) ?? 0) + 1);
    let shared = 0;
    for (const [word, times] of own) if ((counts.get(word) ?? 0) > times) shared += 1;
    const around = [
      parts.length === 1 ? "alone" : i === 0 ? "first" : i === parts.length - 1 ? "last" : "within",
      own.size === 0 ? "no words" : `shared${Math.floor((shared * 4) / own.size)}`,
    ];
    if (ownLine) around.push("own line");
    if (table) around.push(body.startsWith("|") ? "row" : "prose in a table");
    return { text: body, start, end, around };
  });
}
