/**
 * Reads a text as a person or a model would, whatever Unicode it is dressed in, and remembers where each part came from.
 *
 * In: any string. Out: a `Mapped` text and, for a span of it, the span of the given text, in UTF-16 units. What is undone:
 * compatibility forms (NFKC, Unicode annex 15: full-width, mathematical and circled letters), characters that show nothing
 * (zero-width, soft hyphen, bidirectional controls, variation selectors), letters hidden as tag characters (U+E0000 block),
 * and letters of another script that look Latin (the idea of Unicode standard 39's skeletons, with the few letters that words are
 * written in). A word in Cyrillic or Greek stays as it is: only a word that mixes scripts, or one of look-alikes alone in a
 * Latin text, is folded.
 * Bound: one pass over the text, `MARKS_MAX` marks to a letter; the result is at most `GROWTH_MAX` times as long.
 */

/** A text that was made of another one. */
export interface Mapped {
  readonly text: string;
  /** The span of the given text that `[start, end)` of `text` was made of. */
  span(start: number, end: number): { readonly start: number; readonly end: number };
}

/** Combining marks beyond this on one letter are decoration and are left out. */
const MARKS_MAX = 4;
/** One character may stand for a whole phrase (U+FDFA is eighteen letters); no more of it than this is kept. */
const GROWTH_MAX = 18;

/** Shows nothing: joiners, controls of direction, selectors, fillers, and controls other than tab and line ends. */
const INVISIBLE = /^(?:\p{Default_Ignorable_Code_Point}|\p{Cf}|(?![\t-\r\u0085])\p{Cc})$/u;
const MARK = /^\p{M}$/u;
const PLAIN = /^[\t\n\r\x20-\x7e]*$/;

const pairs = (from: string, to: string): [string, string][] => {
  const target = [...to];
  return [...from].map((letter, i) => [letter, target[i] as string]);
};

/** Cyrillic, Greek and Armenian letters that are read as Latin ones. */
const LOOK_ALIKES = new Map([
  ...pairs("аеорсухіјѕһԁԛԝѵӏгпт", "aeopcyxijshdqwvlrnt"),
  ...pairs("АВЕЗКМНОРСТУХІЈЅҮԌԜ", "ABE3KMHOPCTYXIJSYGW"),
  ...pairs("αβεγικνορτυχω", "abeyiknoptuxw"),
  ...pairs("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"),
  ...pairs("օսոհց", "ounhg"),
]);
/** Of these alone no word is folded unless Latin letters stand in it: real words of Russian are made of them. */
const WEAK = new Set("гптвзкмнυνωγβι");
/** Small capitals, turned and barred letters, which NFKC leaves alone. */
const LATIN_FORMS = new Map([
  ...pairs("ᴀʙᴄᴅᴇғɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnopqrstuvwyz"),
  ...pairs("ɑɡɐǝɹʇʌʍʎ", "agaertvwy"),
  ...pairs("‘’‚‛“”„‟‹›«»", "''''\"\"\"\"''\"\""),
  ...pairs("‐‑‒–—―−", "-------"),
]);

class Identity implements Mapped {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  span(start: number, end: number): { start: number; end: number } {
    return { start, end };
  }
}

/** A text whose every unit knows the first and the last unit (not included) that it came from. */
export class Traced implements Mapped {
  readonly text: string;
  readonly #starts: ArrayLike<number>;
  readonly #ends: ArrayLike<number>;

  constructor(text: string, starts: ArrayLike<number>, ends: ArrayLike<number>) {
    this.text = text;
    this.#starts = starts;
    this.#ends = ends;
  }

  span(start: number, end: number): { start: number; end: number } {
    const last = this.text.length - 1;
    if (last < 0) return { start: 0, end: 0 };
    const from = this.#starts[Math.min(Math.max(start, 0), last)] as number;
    const to = this.#ends[Math.min(Math.max(end - 1, start, 0), last)] as number;
    return { start: from, end: Math.max(from, to) };
  }
}

/** A letter hidden as a tag character, or nothing. */
function hiddenLetter(letter: string): string {
  const code = letter.codePointAt(0) as number;
  return code >= 0xe0020 && code <= 0xe007e ? String.fromCharCode(code - 0xe0000) : "";
}

/** Letter by letter: what each shows, and where it was. */
function show(text: string): { shown: string[]; starts: number[]; ends: number[] } {
  const shown: string[] = [];
  const starts: number[] = [];
  const ends: number[] = [];
  let cluster = "";
  let from = 0;
  let marks = 0;
  const flush = (to: number): void => {
    if (cluster === "") return;
    const plain = PLAIN.test(cluster)
      ? cluster
      : [...cluster.normalize("NFKC")].slice(0, GROWTH_MAX).join("");
    for (const letter of plain) {
      const form = LATIN_FORMS.get(letter) ?? letter;
      shown.push(form);
      starts.push(from);
      ends.push(to);
    }
    cluster = "";
    marks = 0;
  };
  let at = 0;
  for (const letter of text) {
    const next = at + letter.length;
    if (INVISIBLE.test(letter)) {
      const hidden = hiddenLetter(letter);
      if (hidden !== "") {
        flush(at);
        cluster = hidden;
        from = at;
      }
    } else if (cluster !== "" && MARK.test(letter)) {
      marks += 1;
      if (marks <= MARKS_MAX) cluster += letter;
    } else {
      flush(at);
      cluster = letter;
      from = at;
    }
    at = next;
  }
  flush(at);
  return { shown, starts, ends };
}

const LETTER = /^\p{L}$/u;
const LATIN = /^[A-Za-z]$/;

/** Look-alikes of a word become Latin when the word mixes scripts, or when the text is Latin and the word is of look-alikes alone. */
function foldLookAlikes(shown: string[]): void {
  let latin = 0;
  let other = 0;
  for (const letter of shown) {
    if (LATIN.test(letter)) latin += 1;
    else if (LOOK_ALIKES.has(letter) || (letter > "\u02ff" && LETTER.test(letter))) other += 1;
  }
  if (latin === 0 || other === 0) return;
  const latinText = latin > other;
  for (let i = 0; i < shown.length;) {
    if (!LETTER.test(shown[i] as string)) {
      i += 1;
      continue;
    }
    let end = i;
    let hasLatin = false;
    let alike = 0;
    let weak = 0;
    while (end < shown.length && LETTER.test(shown[end] as string)) {
      const letter = shown[end] as string;
      if (LATIN.test(letter)) hasLatin = true;
      else if (WEAK.has(letter)) weak += 1;
      else if (LOOK_ALIKES.has(letter)) alike += 1;
      end += 1;
    }
    const whole = alike > 0 && alike + weak === end - i && end - i > 1;
    if ((hasLatin && alike + weak > 0) || (latinText && whole)) {
      for (let k = i; k < end; k += 1) shown[k] = LOOK_ALIKES.get(shown[k] as string) ?? (shown[k] as string);
    }
    i = end;
  }
}

/** The text as it is read. Case, spaces and line ends stay, so that a span of it is a span of words. */
export function normalise(text: string): Mapped {
  if (PLAIN.test(text)) return new Identity(text);
  const { shown, starts, ends } = show(text);
  foldLookAlikes(shown);
  const first: number[] = [];
  const last: number[] = [];
  for (const [i, letter] of shown.entries()) {
    for (let unit = 0; unit < letter.length; unit += 1) {
      first.push(starts[i] as number);
      last.push(ends[i] as number);
    }
  }
  return new Traced(shown.join(""), first, last);
}
