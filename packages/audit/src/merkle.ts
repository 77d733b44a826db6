/**
 * Checking proofs of a Merkle tree as RFC 6962 and RFC 9162 define it. Safe in a browser: hashes by WebCrypto.
 *
 * Guarantees: a proof passes only if it leads from the leaf (or the old root) to the root, with nothing left
 * over. A consistency proof from an empty tree is refused: it would say nothing.
 * Does not: build proofs (tree.ts), or say whether a root is the log's (checkpoint.ts).
 * Attack answered: a log that shows different histories to different readers [SR-20].
 */
import { type Bytes, concat, sameBytes } from "./bytes.ts";

export const HASH_BYTES = 32;

/** What is hashed for a leaf. The prefix keeps a leaf from being passed off as a node (RFC 6962 §2.1). */
export function leafInput(leaf: Uint8Array): Bytes {
  return concat(Uint8Array.of(0), leaf);
}

/** What is hashed for an inner node. */
export function nodeInput(left: Uint8Array, right: Uint8Array): Bytes {
  return concat(Uint8Array.of(1), left, right);
}

async function sha256(bytes: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

export function hashLeaf(leaf: Uint8Array): Promise<Bytes> {
  return sha256(leafInput(leaf));
}

function hashNode(left: Uint8Array, right: Uint8Array): Promise<Bytes> {
  return sha256(nodeInput(left, right));
}

export interface InclusionClaim {
  readonly index: number;
  readonly size: number;
  readonly leafHash: Uint8Array;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** True when `proof` shows that `leafHash` is at `index` of the tree of `size` with `root` (RFC 9162 §2.1.3.2). */
export async function verifyInclusion(claim: InclusionClaim): Promise<boolean> {
  const { index, size, leafHash, root, proof } = claim;
  if (!isSize(size) || !isSize(index) || index >= size) return false;
  if (![leafHash, root, ...proof].every(isHash)) return false;
  let hash = leafHash;
  let position = index;
  let last = size - 1;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (position % 2 === 1 || position === last) {
      hash = await hashNode(sibling, hash);
      while (position % 2 === 0 && position !== 0) {
        position = half(position);
        last = half(last);
      }
    } else {
      hash = await hashNode(hash, sibling);
    }
    position = half(position);
    last = half(last);
  }
  return last === 0 && sameBytes(hash, root);
}

export interface ConsistencyClaim {
  readonly oldSize: number;
  readonly newSize: number;
  readonly oldRoot: Uint8Array;
  readonly newRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** True when `proof` shows that the new tree begins with the whole old one (RFC 9162 §2.1.4.2). */
export async function verifyConsistency(claim: ConsistencyClaim): Promise<boolean> {
  const { oldSize, newSize, oldRoot, newRoot, proof } = claim;
  if (!isSize(oldSize) || !isSize(newSize) || oldSize === 0 || oldSize > newSize) return false;
  if (oldSize === newSize) return proof.length === 0 && sameBytes(oldRoot, newRoot);
  if (![oldRoot, newRoot, ...proof].every(isHash)) return false;

  // A complete old tree is itself a node of the new one, so its root is not repeated in the proof.
  const [seed, ...path] = isPowerOfTwo(oldSize) ? [oldRoot, ...proof] : proof;
  if (!seed) return false;
  let position = oldSize - 1;
  let last = newSize - 1;
  while (position % 2 === 1) {
    position = half(position);
    last = half(last);
  }
  let oldHash = seed;
  let newHash = seed;
  for (const sibling of path) {
    if (last === 0) return false;
    if (position % 2 === 1 || position === last) {
      oldHash = await hashNode(sibling, oldHash);
      newHash = await hashNode(sibling, newHash);
      while (position % 2 === 0 && position !== 0) {
        position = half(position);
        last = half(last);
      }
    } else {
      newHash = await hashNode(newHash, sibling);
    }
    position = half(position);
    last = half(last);
  }
  return last === 0 && sameBytes(oldHash, oldRoot) && sameBytes(newHash, newRoot);
}

/** Sizes pass 2^31, so no bit operators here. */
function half(n: number): number {
  return Math.floor(n / 2);
}

function isPowerOfTwo(n: number): boolean {
  while (n % 2 === 0) n /= 2;
  return n === 1;
}

function isSize(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0;
}

function isHash(bytes: Uint8Array): boolean {
  return bytes.length === HASH_BYTES;
}
