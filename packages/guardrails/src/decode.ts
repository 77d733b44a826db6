/**
 * What a text also says to a reader who decodes it: letters written as digits, spaced out, reversed or rotated by thirteen, and passages in base64,
 * hexadecimal, binary, Morse, percent, entity or escape form, nested too.
 *
 * In: a normalised text. Out: `View`s, each a text with a map back to the text that was given first.
 * Bound: `VIEWS_MAX` views, `DEPTH_MAX` decodings deep, and together no more than `GROWTH` times the text (at least `ROOM` units), counted in
 * `Views.work`; what does not fit is not decoded, and `complete` says so.
 */
import { type Mapped, Traced, normalise } from "./normalise.ts";

export type ViewKind =
  | "base64"
  | "binary"
  | "entities"
  | "escapes"
  | "hex"
  | "leet"
  | "morse"
  | "percent"
  | "reversed"
  | "rot13"
  | "spaced";

export interface View extends Mapped {
  readonly kind: ViewKind;
}

export interface Views {
  readonly views: readonly View[];
  /** Units that were read and written to make them. */
  readonly work: number;
  /** False when there was more to decode than the bound allows. */
  readonly complete: boolean;
}

const VIEWS_MAX = 24;
const DEPTH_MAX = 3;
const GROWTH = 8;
const ROOM = 65_536;

/** A passage in another form: how it is found, and what it says (undefined: not that form after all). */
interface Encoding {
  readonly kind: ViewKind;
  /** Linear in the text: one class of characters, with bounded repeats inside. */
  readonly pattern: RegExp;
  decode(found: string): string | undefined;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Bytes as a text that somebody could have written, or undefined. */
function prose(bytes: Uint8Array): string | undefined {
  if (bytes.length < 6) return undefined;
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return undefined;
  }
  let letters = 0;
  for (const char of text) {
    if (/[\p{L}\p{M}\s]/u.test(char)) letters += 1;
    else if (/\p{C}/u.test(char)) return undefined;
  }
  return letters * 10 >= [...text].length * 6 ? text : undefined;
}

const bytesOf = (digits: string, radix: 2 | 16): Uint8Array => {
  const size = radix === 2 ? 8 : 2;
  return Uint8Array.from({ length: Math.floor(digits.length / size) }, (_, i) =>
    Number.parseInt(digits.slice(i * size, i * size + size), radix),
  );
};

const NAMED: Readonly<Record<string, string>> = {
  lt: "<",
  gt: ">",
  amp: "&",
  quot: '"',
  apos: "'",
  nbsp: " ",
};

const codePoint = (code: number): string =>
  code > 0x1f && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : " ";

/** International Morse code (ITU-R M.1677) of the letters a to z. */
const MORSE = new Map(
  ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.."
    .split(" ")
    .map((sign, i) => [sign, String.fromCharCode(97 + i)]),
);

const ENCODINGS: readonly Encoding[] = [
  {
    kind: "base64",
    pattern: /[A-Za-z0-9+/_-]{16,}={0,2}/g,
    decode: (found) =>
      // A word of letters alone is a word.
      /[A-Z]/.test(found) && /[a-z]/.test(found)
        ? prose(Buffer.from(found.replace(/-/g, "+").replace(/_/g, "/"), "base64"))
        : undefined,
  },
  {
    kind: "hex",
    pattern: /(?:(?:0x|\\x)?[0-9a-fA-F]{2}[ ,:]?){8,}/g,
    decode: (found) => prose(bytesOf(found.replace(/0x|\\x|[ ,:]/g, ""), 16)),
  },
  {
    kind: "binary",
    pattern: /(?:[01]{8}[ ,]?){6,}/g,
    decode: (found) => prose(bytesOf(found.replace(/[ ,]/g, ""), 2)),
  },
  {
    kind: "morse",
    pattern: /(?:[.-]{1,7}[ /|]{1,3}){10,}[.-]{0,7}/g,
    decode: (found) => {
      const said = found
        .trim()
        .split(/ ?[/|] ?| {2,3}/)
        .map((word) =>
          word
            .split(" ")
            .map((sign) => MORSE.get(sign) ?? "")
            .join(""),
        )
        .join(" ");
      return prose(Buffer.from(said));
    },
  },
  {
    kind: "percent",
    pattern: /(?:%[0-9a-fA-F]{2}|[A-Za-z0-9+._~-]){12,}/g,
    decode: (found) => {
      if ((found.match(/%/g) ?? []).length < 2) return undefined;
      try {
        return decodeURIComponent(found.replace(/\+/g, " "));
      } catch {
        return undefined;
      }
    },
  },
  {
    kind: "entities",
    pattern: /(?:&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|[a-z]{2,6});[\w ]{0,20}){4,}/gi,
    decode: (found) =>
      found.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,6}));/gi, (all, ten, sixteen, name) =>
        name === undefined
          ? codePoint(ten === undefined ? Number.parseInt(sixteen, 16) : Number(ten))
          : (NAMED[String(name).toLowerCase()] ?? all),
      ),
  },
  {
    kind: "escapes",
    pattern: /(?:\\u(?:[0-9a-fA-F]{4}|\{[0-9a-fA-F]{1,6}\})[\w ]{0,20}){4,}/g,
    decode: (found) =>
      found.replace(/\\u(?:([0-9a-f]{4})|\{([0-9a-f]{1,6})\})/gi, (_, four, braced) =>
        codePoint(Number.parseInt(four ?? braced, 16)),
      ),
  },
];

/** One text out of another, unit for unit or in parts, with the spans of the text that came before both. */
function trace(
  kind: ViewKind,
  parts: readonly (readonly [text: string, start: number, end: number])[],
  from: Mapped,
): View {
  const starts: number[] = [];
  const ends: number[] = [];
  for (const [text, start, end] of parts) {
    const span = from.span(start, end);
    for (let i = 0; i < text.length; i += 1) {
      starts.push(span.start);
      ends.push(span.end);
    }
  }
  const traced = new Traced(parts.map(([text]) => text).join(""), starts, ends);
  return { kind, text: traced.text, span: (start, end) => traced.span(start, end) };
}

const LEET: Readonly<Record<string, string>> = Object.fromEntries(
  [..."013457@$!|+€"].map((sign, i) => [sign, [..."oieastasilte"][i] as string]),
);
/** A word with digits or signs between its letters, that is no number with a unit and no name of a product. */
const LEET_WORD =
  /(?<![\w@$!|+€.-])(?=[\w@$!|+€]{3,40}(?![\w@$-]))[a-z]*(?:[013457@$!|+€]+[a-z]+)+[013457@$!|+€]*/gi;

function leet(text: string, from: Mapped): View | undefined {
  let words = 0;
  const undone = text.replace(LEET_WORD, (word) => {
    words += 1;
    return word.replace(/[0-9@$!|+€]/g, (sign) => LEET[sign] ?? sign);
  });
  if (words < 2) return undefined;
  return { kind: "leet", text: undone, span: (start, end) => from.span(start, end) };
}

/** "i g n o r e   a l l", "i.g.n.o.r.e": five single letters or more, between them one sign and always the same. */
const SPACED =
  /(?<![\p{L}\p{N}])[\p{L}\p{N}@$!](?:([ ._*|\-/\\~])[\p{L}\p{N}@$!](?![\p{L}\p{N}])|[ ]{2,4}[\p{L}\p{N}@$!](?![\p{L}\p{N}])){4,}/gu;

function spaced(text: string, from: Mapped): View | undefined {
  const parts: [string, number, number][] = [];
  let done = 0;
  for (const found of text.matchAll(SPACED)) {
    for (let i = done; i < found.index; i += 1) parts.push([text[i] as string, i, i + 1]);
    const run = found[0];
    for (let i = 0; i < run.length; i += 1) {
      const at = found.index + i;
      const char = run[i] as string;
      const alone = !/[ ._*|\-/\\~]/.test(char);
      // Several spaces part words; one sign parts letters.
      const gap = char === " " && run[i + 1] === " ";
      if (alone || gap) parts.push([char, at, at + 1]);
      if (gap) while (run[i + 1] === " ") i += 1;
    }
    done = found.index + run.length;
  }
  if (done === 0) return undefined;
  for (let i = done; i < text.length; i += 1) parts.push([text[i] as string, i, i + 1]);
  return trace("spaced", parts, from);
}

const turn = (letter: string): string => {
  const code = letter.charCodeAt(0);
  const base = code >= 97 ? 97 : 65;
  return String.fromCharCode(((code - base + 13) % 26) + base);
};
/** Words of an attack, rotated by thirteen and written backwards; whole texts are turned round only where one of them stands. */
const ROTATED =
  /\b(?:vtaber|vafgehpgvbaf?|cerivbhf|cebzcg|cnffjbeq|erirny|flfgrz|qvfertneq|sbetrg|cergraq|frperg)\b/i;
const REVERSED =
  /\b(?:erongi|snoitcurtsni|noitcurtsni|suoiverp|tpmorp|drowssap|laever|metsys|dragersid|tegrof|dneterp|terces)\b/i;

function turned(text: string, from: Mapped): View[] {
  const views: View[] = [];
  if (ROTATED.test(text)) {
    const back = text.replace(/[a-z]/gi, turn);
    views.push({ kind: "rot13", text: back, span: (start, end) => from.span(start, end) });
  }
  if (REVERSED.test(text)) {
    const size = text.length;
    const back = Array.from({ length: size }, (_, i) => text[size - 1 - i]).join("");
    views.push({ kind: "reversed", text: back, span: (start, end) => from.span(size - end, size - start) });
  }
  return views;
}

/** Each passage that is in one of the encodings, decoded. */
function* passages(from: Mapped): Generator<View> {
  for (const { kind, pattern, decode } of ENCODINGS) {
    for (const found of from.text.matchAll(pattern)) {
      const said = decode(found[0]);
      if (said === undefined || said === found[0]) continue;
      const span = from.span(found.index, found.index + found[0].length);
      const read = normalise(said);
      yield { kind, text: read.text, span: () => span };
    }
  }
}

/** All that can be read in a normalised text besides its words. */
export function decodedViews(given: Mapped): Views {
  const room = Math.max(ROOM, given.text.length * GROWTH);
  const views: View[] = [];
  let work = 0;
  let complete = true;
  let layer: Mapped[] = [given];
  for (let depth = 0; depth < DEPTH_MAX && layer.length > 0; depth += 1) {
    const next: View[] = [];
    for (const from of layer) {
      if (work + from.text.length > room || views.length + next.length >= VIEWS_MAX) {
        complete = false;
        break;
      }
      work += from.text.length;
      const found = function* (): Generator<View> {
        yield* passages(from);
        yield* [leet(from.text, from), spaced(from.text, from)].filter((view) => view !== undefined);
        yield* turned(from.text, from);
      };
      for (const view of found()) {
        work += view.text.length;
        if (work > room || views.length + next.length >= VIEWS_MAX) {
          complete = false;
          break;
        }
        next.push(view);
      }
    }
    views.push(...next);
    layer = next;
  }
  return { views, work, complete };
}
