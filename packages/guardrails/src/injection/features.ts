/**
 * What the small model sees of a text: words and pairs of words, pieces of words, ideas (`lexicon.ts`) and how they follow each other, and the shape
 * of the text; each hashed to one of `BUCKETS` places (feature hashing, Weinberger et al. 2009, arXiv 0902.2206).
 *
 * In: a normalised text. Out: places and values, each place once. Work is linear in the text, at most `READ_MAX` units of it.
 */
import { ideaAt, ideaOf, UNSPACED } from "./lexicon.ts";

export const BUCKETS = 1 << 18;
export const READ_MAX = 6_000;

export interface Features {
  readonly places: Int32Array;
  readonly values: Float32Array;
}

/** FNV-1a, 32 bits, over UTF-16 units. */
function hash(text: string, seed: number): number {
  let value = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value ^= value >>> 15;
  return Math.imul(value, 0x2c1b3c6d) >>> 0;
}

const TOKEN = /[\p{L}\p{M}\p{N}_]+(?:['’-][\p{L}\p{M}\p{N}]+)*/gu;

interface Token {
  readonly word: string;
  readonly idea: number;
}

/** Words, or pairs of letters where words are not spaced, each with its idea. */
export function tokens(text: string): Token[] {
  const found: Token[] = [];
  for (const [word] of text.toLowerCase().matchAll(TOKEN)) {
    if (!UNSPACED.test(word)) {
      found.push({ word: /^\d+$/.test(word) ? `0${Math.min(word.length, 5)}` : word, idea: ideaOf(word) });
      continue;
    }
    for (let at = 0; at < word.length;) {
      const { idea, size } = ideaAt(word, at);
      found.push({ word: idea >= 0 ? word.slice(at, at + size) : word.slice(at, at + 2), idea });
      at += size;
    }
  }
  return found;
}

/** Groups of features, each scaled as a whole, so that a long text weighs no more than a short one. */
class Group {
  readonly seen = new Set<number>();
  readonly seed: number;
  constructor(seed: number) {
    this.seed = seed;
  }
  add(text: string): void {
    this.seen.add(hash(text, this.seed) & (BUCKETS - 1));
  }
}

const bucket = (value: number): number => (value <= 0 ? 0 : Math.floor(Math.log2(value + 1) * 1.5));
const PAIR_GAP = 7;

function ideaFeatures(found: readonly Token[], group: Group): void {
  const counts = new Map<number, number>();
  const placed: { idea: number; at: number }[] = [];
  for (const [at, { idea }] of found.entries()) {
    if (idea < 0) continue;
    counts.set(idea, (counts.get(idea) ?? 0) + 1);
    placed.push({ idea, at });
  }
  for (const [idea, count] of counts) {
    group.add(`i${idea}`);
    if (count > 1) group.add(`i${idea}x${Math.min(bucket(count), 6)}`);
  }
  group.add(`kinds${Math.min(counts.size, 14)}`);
  for (let i = 0; i < placed.length; i += 1) {
    const first = placed[i] as { idea: number; at: number };
    for (let k = i + 1; k < placed.length && k < i + 5; k += 1) {
      const second = placed[k] as { idea: number; at: number };
      if (second.at - first.at > PAIR_GAP) break;
      group.add(`p${first.idea}>${second.idea}`);
      const third = placed[k + 1];
      if (k === i + 1 && third !== undefined && third.at - first.at <= PAIR_GAP * 2) {
        group.add(`t${first.idea}>${second.idea}>${third.idea}`);
      }
    }
  }
}

const count = (text: string, pattern: RegExp): number => {
  let n = 0;
  for (const _ of text.matchAll(pattern)) n += 1;
  return n;
};

/** "By the way" in the languages of the lexicon: small talk that ends in a question for something else. */
const TOPIC_SWITCH =
  /\b(?:by the way|speaking of|on another note|that reminds me|por cierto|hablando de|au fait|à propos|en parlant de|übrigens|apropos|aliás|falando (?:em|de)|a proposito|parlando di|trouwens|over .{3,20} gesproken|förresten|tak w ogóle)(?!\p{L})|кстати|до речі|bu arada|بالمناسبة|顺便|對了|ところで|그런데 말|न वैसे|nhân tiện|ngomong-ngomong/iu;

/** Shapes that attacks of the published kinds have: turns that were made up, questions in a row, text over and over, parts to be joined, markup. */
function shapeFeatures(text: string, found: readonly Token[], group: Group): void {
  const size = found.length;
  group.add(`size${Math.min(bucket(size), 15)}`);
  const questions = count(text, /[?？؟]/g);
  group.add(`questions${Math.min(questions, 4)}`);
  const sentences = count(text, /[.!?。！？؟।](?:\s|$)|\n/g);
  if (questions >= 3 && questions * 2 > sentences) group.add("questions in a row");
  if (questions === 1 && sentences >= 3) group.add("question after talk");
  if (TOPIC_SWITCH.test(text)) group.add(sentences >= 2 ? "topic switch after talk" : "topic switch");
  const turns = count(text, /(?:^|[\s"'.?])(?:Q|A|User|Human|Assistant|AI|System|Question|Answer)\s?:/g);
  if (turns > 0) group.add(`turns${Math.min(turns, 4)}`);
  const distinct = new Set(found.map(({ word }) => word)).size;
  if (size >= 12) group.add(`repeats${Math.floor((distinct * 6) / size)}`);
  if (size >= 8 && distinct * 4 < size) group.add("over and over");
  const caps = count(text, /\b\p{Lu}{3,}\b/gu);
  if (caps > 0) group.add(`capitals${Math.min(bucket(caps), 5)}`);
  if (/<!--|<img|<\/?\w+>/.test(text)) group.add("markup");
  if (/[[<{]\|?(?:system|inst|im_start|user|assistant|input|prompt)/i.test(text)) group.add("delimiter");
  if (/\{\w+ \w+\}|\[\w+ \w+\]/.test(text)) group.add("braced name");
  if (count(text, /\b[a-z] ?= ?["']/g) >= 2) group.add("strings");
  if (/\bpart \d|\b[A-C] is ["']/i.test(text)) group.add("parts");
  if (/(?:[01]{8}\s?){3}/.test(text)) group.add("bits");
  const blanks = count(text, /\[[A-Za-z][\w ]{2,40}\]|<[a-z][a-z ]{2,40}>|\{\{?[a-z_ ]{2,40}\}/gi);
  if (blanks > 0) group.add(`blanks${Math.min(blanks, 3)}`);
  if (/["“'][^"“”'\n]{2,24}:["”']|\b\w{2,16}: \[/.test(text)) group.add("answers begin so");
  const letters = count(text, /\p{L}/gu);
  group.add(`letters${Math.floor((letters * 5) / Math.max(1, text.length))}`);
  const quoted = count(text, /["“”'‘’]/g);
  group.add(`quotes${Math.min(bucket(quoted), 4)}`);
  const lines = count(text, /\n/g);
  group.add(`lines${Math.min(bucket(lines), 6)}`);
  const second = found.filter(({ word }) => /^(?:you|your|yourself|you're|you'll)$/.test(word)).length;
  group.add(`you${Math.min(bucket(second), 6)}`);
  if (size > 0) group.add(`you-rate${Math.min(6, Math.floor((second * 60) / size))}`);
  const begin = found.slice(0, 3).map(({ word }) => word);
  group.add(`begin ${begin[0]}`);
  group.add(`begin ${begin[0]} ${begin[1]}`);
  const end = found.at(-1);
  if (end !== undefined) group.add(`end ${end.word}`);
  if (/[?？؟]\s*["']?$/.test(text.trimEnd())) group.add("ends in a question");
}

/** `extra`: features that only the asker knows, such as a sentence's place in its document. */
export function featuresOf(text: string, extra: readonly string[] = []): Features {
  const read = text.length > READ_MAX ? text.slice(0, READ_MAX) : text;
  const found = tokens(read);
  const words = new Group(1);
  const pieces = new Group(2);
  const ideas = new Group(3);
  const shape = new Group(4);
  let before = "^";
  for (const { word } of found) {
    words.add(word);
    words.add(`${before} ${word}`);
    before = word;
    if (word.length > 3 && word.length < 24) {
      const padded = `<${word}>`;
      for (let size = 4; size <= 5; size += 1) {
        for (let i = 0; i + size <= padded.length; i += 1) pieces.add(padded.slice(i, i + size));
      }
    }
  }
  ideaFeatures(found, ideas);
  shapeFeatures(read, found, shape);
  for (const one of extra) shape.add(one);
  const places: number[] = [];
  const values: number[] = [];
  const put = (group: Group, whole: number, each: number): void => {
    const value = Math.min(each, whole / Math.sqrt(Math.max(1, group.seen.size)));
    for (const place of group.seen) {
      places.push(place);
      values.push(value);
    }
  };
  put(words, 1.2, 0.4);
  put(pieces, 1.2, 0.2);
  put(ideas, 1.8, 0.4);
  put(shape, 1.4, 0.4);
  return { places: Int32Array.from(places), values: Float32Array.from(values) };
}
