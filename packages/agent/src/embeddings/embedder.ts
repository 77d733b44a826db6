/** Texts as vectors, for saying how alike two wordings are. Which embedder there is, is a setting: `embedder-setting.ts`. */

/** A text's pieces, each as it is meant where it stands, and what all of them say together. */
export interface Pieces {
  /** What a piece tells: 1 for one that few texts have, near 0 for one that most have. */
  readonly weights: Float32Array;
  /** One vector after the other. */
  readonly vectors: Float32Array;
  /** Their mean by weight: a unit vector. */
  readonly mean: Float32Array;
}

export interface Embedder {
  /** Part of every cache key: vectors of different embedders are never compared. */
  readonly name: string;
  /** A vector of the text. Throws when it cannot. */
  embed(text: string): Promise<readonly number[]>;
  /** The same of many texts at once, in their order, where that costs less than one by one. */
  embedMany?(texts: readonly string[]): Promise<readonly (readonly number[])[]>;
  /** The pieces of each text, where the model can tell them apart; not kept, so that whoever needs them twice keeps them. */
  pieces?(texts: readonly string[]): Promise<readonly Pieces[]>;
}

/** Vectors of texts, in their order. */
export function embedAll(
  embedder: Embedder,
  texts: readonly string[],
): Promise<readonly (readonly number[])[]> {
  return embedder.embedMany?.(texts) ?? Promise.all(texts.map((text) => embedder.embed(text)));
}

/** Cosine of two vectors; 0 when they are of different kinds, or one is nothing. */
export function cosine(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length || a.length === 0) return 0;
  let dot = 0;
  for (const [index, value] of a.entries()) dot += value * (b[index] ?? 0);
  const lengths = Math.hypot(...a) * Math.hypot(...b);
  return Number.isFinite(dot) && lengths > 0 ? dot / lengths : 0;
}
