/**
 * The small model: for each head one weight for each place of the hashed features, and a bias; the score is the logistic function of their sum.
 * Fitted by `npm run fit:injection`; the weights file holds no text.
 *
 * File: `DPIJ`, version (u8), heads (u8), 2 bytes of zero; for each head bias, scale and threshold (3 × f32); then for each head its weights
 * (i8, one a bucket). All little-endian.
 */
import { readFileSync } from "node:fs";
import { BUCKETS, type Features } from "./features.ts";

/** `direct`: an attack in what a person sent; `jailbreak`: a role without limits; `planted`: one passage of a document. */
export const HEADS = ["direct", "jailbreak", "planted"] as const;
export type Head = (typeof HEADS)[number];

export interface Model {
  score(head: Head, features: Features): number;
  threshold(head: Head): number;
}

export interface HeadWeights {
  readonly bias: number;
  readonly threshold: number;
  readonly weights: Float32Array;
}

const MAGIC = "DPIJ";
const VERSION = 1;
const HEADER = 8;
const PER_HEAD = 12;

export const logistic = (sum: number): number => 1 / (1 + Math.exp(-sum));

/** The weights file of fitted heads. */
export function writeModel(heads: Readonly<Record<Head, HeadWeights>>): Buffer {
  const file = Buffer.alloc(HEADER + HEADS.length * (PER_HEAD + BUCKETS));
  file.write(MAGIC, 0, "latin1");
  file.writeUInt8(VERSION, 4);
  file.writeUInt8(HEADS.length, 5);
  for (const [i, head] of HEADS.entries()) {
    const { bias, threshold, weights } = heads[head];
    let most = 1e-6;
    for (const weight of weights) most = Math.max(most, Math.abs(weight));
    const scale = most / 127;
    const at = HEADER + i * PER_HEAD;
    file.writeFloatLE(bias, at);
    file.writeFloatLE(scale, at + 4);
    file.writeFloatLE(threshold, at + 8);
    const base = HEADER + HEADS.length * PER_HEAD + i * BUCKETS;
    for (let k = 0; k < BUCKETS; k += 1) file.writeInt8(Math.round((weights[k] as number) / scale), base + k);
  }
  return file;
}

/** Throws when the file is not one of this version: a detector without its model must not pass for one that found nothing. */
export function readModel(file: Buffer): Model {
  const size = HEADER + HEADS.length * (PER_HEAD + BUCKETS);
  if (file.length !== size || file.toString("latin1", 0, 4) !== MAGIC || file[4] !== VERSION) {
    throw new Error("the injection model's weights file is damaged or of another version");
  }
  const heads = new Map(
    HEADS.map((head, i) => {
      const at = HEADER + i * PER_HEAD;
      const base = HEADER + HEADS.length * PER_HEAD + i * BUCKETS;
      return [
        head,
        {
          bias: file.readFloatLE(at),
          scale: file.readFloatLE(at + 4),
          threshold: file.readFloatLE(at + 8),
          weights: new Int8Array(file.buffer, file.byteOffset + base, BUCKETS),
        },
      ] as const;
    }),
  );
  type Stored = NonNullable<ReturnType<typeof heads.get>>;
  return {
    threshold: (head) => (heads.get(head) as Stored).threshold,
    score(head, { places, values }) {
      const { bias, scale, weights } = heads.get(head) as Stored;
      let sum = 0;
      for (let i = 0; i < places.length; i += 1)
        sum += (weights[places[i] as number] as number) * (values[i] as number);
      return logistic(bias + sum * scale);
    },
  };
}

let shipped: Model | undefined;

/** The model that ships with the package, read once. */
export function shippedModel(): Model {
  shipped ??= readModel(readFileSync(new URL("./weights.bin", import.meta.url)));
  return shipped;
}
