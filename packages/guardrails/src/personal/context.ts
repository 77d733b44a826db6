/**
 * Words beside a number. One pass over a text finds all words that any kind waits for, so that a kind whose words are absent
 * costs nothing, and so that "order 123456789" is no passport [PR-D36].
 */

/** Where a kind's words stand, and how far in front of its number they may. */
const BEFORE = 50;
const AFTER = 20;

interface Phrase {
  /** The words after the first. */
  readonly rest: readonly string[];
  /** Which requirement it meets: the kind's place, and which part of which alternative. */
  readonly kind: number;
  readonly alternative: number;
  readonly part: number;
}

/** Of one kind in one text: the places of its words, by alternative and part. */
export interface Beside {
  readonly kind: number;
  readonly hits: readonly {
    readonly alternative: number;
    readonly part: number;
    readonly start: number;
    readonly end: number;
  }[];
}

interface Word {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const WORD = /[\p{L}\p{M}\p{N}]+/gu;
/** Scripts that put no spaces between words, so that a phrase is looked for anywhere. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/u;
const NOT_ASCII = /[^\0-\x7f]/;

/** Of words that say what the number behind them is: nobody's. */
const OTHER_NUMBERS = new Set(
  (
    "order orders invoice ticket tracking sku item items article product serial model version build issue pr case ref reference transaction confirmation booking reservation shipment parcel package delivery receipt batch barcode ean upc gtin rma page room line port " +
    "bestellung bestellnummer auftragsnummer rechnung rechnungsnummer artikelnummer sendungsnummer commande factura pedido ordernummer ordernr beställning beställningsnummer faktura fakturanummer artikel sändning kvitto bestelling bestelnummer ordre ordrenummer tilaus ordine spedizione zamówienie"
  ).split(" "),
);
const FILLERS = new Set([
  "number",
  "no",
  "nr",
  "id",
  "is",
  "was",
  "num",
  "code",
  "for",
  "the",
  "my",
  "nummer",
  "n",
]);

export function wordsOf(text: string): readonly Word[] {
  const words: Word[] = [];
  for (const found of text.matchAll(WORD)) {
    words.push({ text: found[0].toLowerCase(), start: found.index, end: found.index + found[0].length });
  }
  return words;
}

/** An index of what all kinds wait for. `contexts`: of each kind, its alternatives, whose parts are joined by ` + `. */
export function contextIndex(contexts: readonly (readonly string[])[]) {
  const byFirst = new Map<string, Phrase[]>();
  const anywhere: { readonly text: string; readonly phrase: Omit<Phrase, "rest"> }[] = [];
  /** How many parts each alternative of each kind has. */
  const parts: number[][] = [];
  for (const [kind, alternatives] of contexts.entries()) {
    parts.push(alternatives.map((alternative) => alternative.split(" + ").length));
    for (const [alternative, whole] of alternatives.entries()) {
      for (const [part, phrase] of whole.split(" + ").entries()) {
        const [first, ...rest] = wordsOf(phrase).map(({ text }) => text);
        if (first === undefined) throw new TypeError(`no word in the context \`${phrase}\``);
        if (UNSPACED.test(phrase)) {
          anywhere.push({ text: phrase, phrase: { kind, alternative, part } });
          continue;
        }
        const known = byFirst.get(first) ?? [];
        known.push({ rest, kind, alternative, part });
        byFirst.set(first, known);
      }
    }
  }

  /** What of the index stands in a text. */
  function find(text: string, words: readonly Word[]): ReadonlyMap<number, Beside> {
    const found = new Map<number, { kind: number; hits: Beside["hits"][number][] }>();
    const add = ({ kind, alternative, part }: Omit<Phrase, "rest">, start: number, end: number): void => {
      const beside = found.get(kind) ?? { kind, hits: [] };
      beside.hits.push({ alternative, part, start, end });
      found.set(kind, beside);
    };
    for (const [at, word] of words.entries()) {
      for (const phrase of byFirst.get(word.text) ?? []) {
        const { rest } = phrase;
        if (!rest.every((next, step) => words[at + 1 + step]?.text === next)) continue;
        add(phrase, word.start, words[at + rest.length]?.end ?? word.end);
      }
    }
    if (NOT_ASCII.test(text)) {
      for (const { text: sought, phrase } of anywhere) {
        for (let at = text.indexOf(sought); at !== -1; at = text.indexOf(sought, at + 1))
          add(phrase, at, at + sought.length);
      }
    }
    return found;
  }

  /** How far the nearest of a kind's words is from a place, in characters; undefined when none is near enough. */
  function distance(beside: Beside | undefined, start: number, end: number): number | undefined {
    if (!beside) return undefined;
    let nearest: number | undefined;
    const near = new Map<number, { readonly met: Set<number>; far: number }>();
    for (const hit of beside.hits) {
      const gap = hit.end <= start ? start - hit.end : hit.start - end;
      if (gap < 0 || gap > (hit.end <= start ? BEFORE : AFTER)) continue;
      const so = near.get(hit.alternative) ?? { met: new Set<number>(), far: 0 };
      so.met.add(hit.part);
      so.far = Math.max(so.far, gap);
      near.set(hit.alternative, so);
      if (so.met.size === parts[beside.kind]?.[hit.alternative])
        nearest = Math.min(nearest ?? Number.POSITIVE_INFINITY, gap);
    }
    return nearest;
  }

  return { find, distance };
}

/** Whether the words right in front of a place call it an order, an invoice and the like. */
export function calledOtherwise(words: readonly Word[], start: number): boolean {
  let at = lastBefore(words, start);
  for (let step = 0; step < 3; step++, at--) {
    const word = words[at];
    if (!word || start - word.end > 24) return false;
    if (OTHER_NUMBERS.has(word.text)) return true;
    if (!FILLERS.has(word.text)) return false;
  }
  return false;
}

/** The last word that ends at or before a place. */
function lastBefore(words: readonly Word[], place: number): number {
  let [low, high] = [0, words.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((words[middle]?.end ?? 0) <= place) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The parts of a text that lie near a kind's words, to be searched instead of all of it. */
export function surroundings(text: string, beside: Beside): readonly (readonly [number, number])[] {
  const parts: [number, number][] = [];
  // A number has 40 signs at most; what begins in the window may end behind it.
  for (const { start, end } of beside.hits) {
    const from = toSpace(text, start - AFTER - 40, -1);
    const to = toSpace(text, end + BEFORE + 40, 1);
    const last = parts.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else parts.push([from, to]);
  }
  return parts;
}

/** From a place on to the next space, but not far, so that no number is cut in two. */
function toSpace(text: string, place: number, step: 1 | -1): number {
  let at = Math.max(0, Math.min(text.length, place));
  for (let count = 0; count < 80 && at > 0 && at < text.length; count++, at += step) {
    const code = text.charCodeAt(step === 1 ? at : at - 1);
    if (code === 32 || code === 10) break;
  }
  return at;
}
