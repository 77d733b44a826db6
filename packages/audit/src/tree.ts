/**
 * Building a Merkle tree (RFC 6962, RFC 9162): roots as leaves come, and O(log n) proofs from stored hashes.
 *
 * A tree of n leaves is a row of complete subtrees, its peaks, largest first. A *node* here is always the root
 * of a complete subtree, at (level, index): it covers leaves index·2^level up to (index+1)·2^level and never
 * changes once they exist. That is what makes it worth storing. The leaf that completes it is
 * (index+1)·2^level - 1, so nodes are stored with that entry and need no table of their own.
 */
import { hash } from "node:crypto";
import { HASH_BYTES, leafInput, nodeInput } from "./merkle.ts";

export function leafHash(leaf: Uint8Array): Buffer {
  return hash("sha256", leafInput(leaf), "buffer");
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return hash("sha256", nodeInput(left, right), "buffer");
}

/** The root of no leaves: the hash of nothing. */
export const EMPTY_ROOT: Buffer = hash("sha256", Buffer.alloc(0), "buffer");

export interface NodeAddress {
  readonly level: number;
  readonly index: number;
}

/** Where the peaks of a tree of `size` are, largest first. */
export function peakAddresses(size: number): NodeAddress[] {
  const peaks: NodeAddress[] = [];
  let covered = 0;
  while (covered < size) {
    const level = Math.floor(Math.log2(size - covered));
    peaks.push({ level, index: covered / 2 ** level });
    covered += 2 ** level;
  }
  return peaks;
}

/** The entry that completes a node, and which of the nodes that it completes this is (1 is the lowest). */
export function completedBy(node: NodeAddress): { seq: number; level: number } {
  return { seq: (node.index + 1) * 2 ** node.level - 1, level: node.level };
}

/** A growing tree, held as its peaks. */
export interface GrowingTree {
  readonly size: number;
  /** Adds a leaf; returns the nodes above level 0 that it completes, lowest first. */
  append(leafHash: Buffer): Buffer[];
  root(): Buffer;
  /** Its peaks, largest first: all that `growTree` needs to go on from here. */
  peaks(): readonly Buffer[];
}

/** Goes on from a tree of `size` with these peaks, largest first; an empty tree unless told. */
export function growTree(size = 0, peaks: readonly Buffer[] = []): GrowingTree {
  const levels = peakAddresses(size).map((peak) => peak.level);
  const hashes = [...peaks];
  if (levels.length !== hashes.length) throw new RangeError("a tree needs one hash for each peak");
  let count = size;
  return {
    get size() {
      return count;
    },
    append(leaf) {
      const completed: Buffer[] = [];
      let level = 0;
      let node = leaf;
      while (levels.at(-1) === level) {
        node = nodeHash(hashes.pop() as Buffer, node);
        levels.pop();
        level += 1;
        completed.push(node);
      }
      levels.push(level);
      hashes.push(node);
      count += 1;
      return completed;
    },
    root: () => foldPeaks(hashes),
    peaks: () => hashes,
  };
}

function foldPeaks(hashes: readonly Buffer[]): Buffer {
  const last = hashes.at(-1);
  return last ? hashes.slice(0, -1).reduceRight((right, left) => nodeHash(left, right), last) : EMPTY_ROOT;
}

/** Fetches nodes, in one round trip; the answer keeps the order. */
export type ReadNodes = (addresses: readonly NodeAddress[]) => Promise<Buffer[]>;

/** The root of the first `size` leaves. */
export async function rootAt(size: number, read: ReadNodes): Promise<Buffer> {
  return foldPeaks(await read(peakAddresses(size)));
}

/** Proof that leaf `index` is in the tree of `size` (RFC 9162 §2.1.3.1). */
export function inclusionProof(index: number, size: number, read: ReadNodes): Promise<Buffer[]> {
  return resolve(inclusionRanges(index, 0, size), read);
}

/** Proof that the tree of `newSize` extends that of `oldSize` (RFC 9162 §2.1.4.1). */
export function consistencyProof(oldSize: number, newSize: number, read: ReadNodes): Promise<Buffer[]> {
  if (oldSize === newSize) return Promise.resolve([]);
  return resolve(consistencyRanges(oldSize, 0, newSize, true), read);
}

/** A run of leaves, [from, to), whose root is one hash of a proof. */
type Range = readonly [from: number, to: number];

function inclusionRanges(index: number, from: number, to: number): Range[] {
  if (to - from === 1) return [];
  const middle = from + splitPoint(to - from);
  return index < middle
    ? [...inclusionRanges(index, from, middle), [middle, to]]
    : [...inclusionRanges(index, middle, to), [from, middle]];
}

function consistencyRanges(oldSize: number, from: number, to: number, rootKnown: boolean): Range[] {
  if (oldSize === to - from) return rootKnown ? [] : [[from, to]];
  const split = splitPoint(to - from);
  return oldSize <= split
    ? [...consistencyRanges(oldSize, from, from + split, rootKnown), [from + split, to]]
    : [...consistencyRanges(oldSize - split, from + split, to, false), [from, from + split]];
}

/** The largest power of two smaller than `n`. */
function splitPoint(n: number): number {
  return 2 ** Math.floor(Math.log2(n - 1));
}

/** Each range starts where a subtree starts, so it is a row of peaks like a tree of its own. */
async function resolve(ranges: readonly Range[], read: ReadNodes): Promise<Buffer[]> {
  const parts = ranges.map(([from, to]) =>
    peakAddresses(to - from).map(({ level, index }) => ({ level, index: index + from / 2 ** level })),
  );
  const hashes = await read(parts.flat());
  let at = 0;
  return parts.map((part) => foldPeaks(hashes.slice(at, (at += part.length))));
}

/** Splits what one entry completed into its hashes. */
export function splitHashes(joined: Buffer): Buffer[] {
  return Array.from({ length: joined.length / HASH_BYTES }, (_, i) =>
    joined.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  );
}
