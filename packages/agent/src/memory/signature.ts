/**
 * Signatures of vectors: the side of each of 1,024 fixed random hyperplanes on which a vector lies (Charikar, "Similarity
 * estimation techniques from rounding algorithms", 2002). The share of bits in which two differ is the angle between the vectors,
 * so the nearest vectors are among those with the fewest bits that differ.
 *
 * Guarantees: the same vector has the same signature on every machine and in every version; stored ones rest on that.
 */
const SIGNATURE_BITS = 1_024;

const WORDS = SIGNATURE_BITS / 32;
/** A dimension's part in each hyperplane, one bit each: plus or minus one (Achlioptas, 2003). */
const planes = new Map<number, Uint32Array>();

function planesOf(dimension: number): Uint32Array {
  const known = planes.get(dimension);
  if (known) return known;
  const words = new Uint32Array(WORDS);
  // splitmix32, begun anew for each dimension.
  let state = Math.imul(dimension + 1, 0x9e37_79b9) >>> 0;
  for (let at = 0; at < WORDS; at += 1) {
    state = (state + 0x9e37_79b9) >>> 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0_aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a_2d97);
    words[at] = (mixed ^ (mixed >>> 15)) >>> 0;
  }
  planes.set(dimension, words);
  return words;
}

/** The signature as text of zeros and ones, which Postgres takes for `bit(1024)`. */
export function signatureOf(vector: readonly number[]): string {
  const sums = new Float64Array(SIGNATURE_BITS);
  for (const [dimension, value] of vector.entries()) {
    if (value === 0) continue;
    let bit = 0;
    for (let word of planesOf(dimension)) {
      for (let of = 0; of < 32; of += 1, bit += 1, word >>>= 1)
        sums[bit] = (sums[bit] ?? 0) + (word & 1 ? value : -value);
    }
  }
  let text = "";
  for (const sum of sums) text += sum > 0 ? "1" : "0";
  return text;
}
