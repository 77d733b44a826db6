/**
 * The embedder that knows spelling, not meaning: hashed features (words, pairs of words, and character n-grams within words,
 * as in fastText), sublinear term frequency, signed feature hashing (Weinberger et al., 2009) into a fixed number of
 * dimensions, unit length. It needs no model and no thread, and the same text gives the same vector on every machine.
 */
import type { Embedder } from "./embedder.ts";

const DIMENSIONS = 512;
const PAIR_WEIGHT = 0.4;
const GRAM_WEIGHT = 0.5;

/** The offline embedder. */
export function hashedNgrams(): Embedder {
  return { name: `hashed-ngrams-1:${DIMENSIONS}`, embed: async (text) => vectorOf(text) };
}

function vectorOf(text: string): readonly number[] {
  const words = text.split(" ").filter((word) => word !== "");
  const counts = new Map<string, { count: number; weight: number }>();
  const add = (feature: string, weight: number): void => {
    const seen = counts.get(feature);
    if (seen) seen.count += 1;
    else counts.set(feature, { count: 1, weight });
  };
  for (const [index, word] of words.entries()) {
    add(`w ${word}`, 1);
    if (index > 0) add(`p ${words[index - 1]} ${word}`, PAIR_WEIGHT);
    const padded = [..."<", ...word, ">"];
    for (const size of [3, 4]) {
      for (let at = 0; at + size <= padded.length; at += 1)
        add(`g ${padded.slice(at, at + size).join("")}`, GRAM_WEIGHT);
    }
  }
  const vector = Array.from({ length: DIMENSIONS }, () => 0);
  for (const [feature, { count, weight }] of counts) {
    const hash = fnv1a(feature);
    const index = hash % DIMENSIONS;
    vector[index] = (vector[index] ?? 0) + (hash & 0x8000_0000 ? -1 : 1) * weight * (1 + Math.log(count));
  }
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}

/** FNV-1a, 32 bits, over UTF-16 code units, with a final mix so that all bits depend on all of the text. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
