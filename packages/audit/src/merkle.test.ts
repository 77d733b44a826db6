import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { verifyConsistency, verifyInclusion } from "./merkle.ts";
import {
  EMPTY_ROOT,
  type ReadNodes,
  completedBy,
  consistencyProof,
  growTree,
  inclusionProof,
  leafHash,
  nodeHash,
  peakAddresses,
  rootAt,
} from "./tree.ts";

const shared = process.env["SHARED_DIR"] ?? resolve(import.meta.dirname, "../../../../shared");
const vectorFile = resolve(shared, "data/vectors/merkle.json");

interface Vector {
  name: string;
  wantErr: boolean;
  proof: string[] | null;
}
interface Vectors {
  inclusion: (Vector & { leafIdx: number; treeSize: number; root: string; leafHash: string })[];
  consistency: (Vector & { size1: number; size2: number; root1: string; root2: string })[];
}

const base64 = (text: string | null) => Buffer.from(text ?? "", "base64");

// Where everything must run, vectors that are missing are a failure and no silence.
if (existsSync(vectorFile) || process.env["DEPUTIZE_TEST_STRICT"] === "1") {
  describe("the vectors of transparency-dev/merkle", () => {
    const vectors = existsSync(vectorFile)
      ? (JSON.parse(readFileSync(vectorFile, "utf8")) as Vectors)
      : { inclusion: [], consistency: [] };

    it("accepts the right inclusion proofs and refuses the wrong ones", async () => {
      for (const v of vectors.inclusion) {
        const claim = {
          index: v.leafIdx,
          size: v.treeSize,
          leafHash: base64(v.leafHash),
          root: base64(v.root),
        };
        const passed = await verifyInclusion({ ...claim, proof: (v.proof ?? []).map(base64) });
        expect(passed, v.name).toBe(!v.wantErr);
      }
      expect(vectors.inclusion).toHaveLength(98);
    });

    it("accepts the right consistency proofs and refuses the wrong ones", async () => {
      for (const v of vectors.consistency) {
        const claim = {
          oldSize: v.size1,
          newSize: v.size2,
          oldRoot: base64(v.root1),
          newRoot: base64(v.root2),
        };
        const passed = await verifyConsistency({ ...claim, proof: (v.proof ?? []).map(base64) });
        expect(passed, v.name).toBe(!v.wantErr);
      }
      expect(vectors.consistency).toHaveLength(98);
    });
  });
}

/** The root as RFC 6962 §2.1 defines it, without any cleverness. */
function plainRoot(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return EMPTY_ROOT;
  if (leaves.length === 1) return leaves[0] as Buffer;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return nodeHash(plainRoot(leaves.slice(0, split)), plainRoot(leaves.slice(split)));
}

/** A tree with its nodes kept where the store keeps them: with the entry that completed them. */
function grown(size: number) {
  const leaves = Array.from({ length: size }, (_, i) => leafHash(Buffer.from(`entry ${i}`)));
  const tree = growTree();
  const stored = leaves.map((leaf) => [leaf, ...tree.append(leaf)]);
  let read = 0;
  const nodes: ReadNodes = async (addresses) => {
    read += addresses.length;
    return addresses.map((address) => {
      const { seq, level } = completedBy(address);
      return stored[seq]?.[level] as Buffer;
    });
  };
  return { leaves, tree, nodes, reads: () => read };
}

describe("a growing tree", () => {
  it("has the root of RFC 6962 at each size", () => {
    for (let size = 0; size <= 70; size += 1) {
      const { leaves, tree } = grown(size);
      expect(tree.root().equals(plainRoot(leaves))).toBe(true);
      expect(tree.size).toBe(size);
    }
  });

  it("goes on from its peaks as if it had never stopped", async () => {
    const { leaves, nodes } = grown(100);
    for (const size of [0, 1, 7, 64, 99]) {
      const resumed = growTree(size, await nodes(peakAddresses(size)));
      for (const leaf of leaves.slice(size)) resumed.append(leaf);
      expect(resumed.root().equals(plainRoot(leaves))).toBe(true);
    }
  });

  it("refuses to go on from the wrong number of peaks", () => {
    expect(() => growTree(3, [EMPTY_ROOT])).toThrow(RangeError);
  });

  it("proves every entry in every tree, and nothing else", async () => {
    const { leaves, nodes } = grown(33);
    for (let size = 1; size <= 33; size += 1) {
      const root = await rootAt(size, nodes);
      for (let index = 0; index < size; index += 1) {
        const proof = await inclusionProof(index, size, nodes);
        const claim = { index, size, root, proof, leafHash: leaves[index] as Buffer };
        expect(await verifyInclusion(claim)).toBe(true);
        expect(await verifyInclusion({ ...claim, leafHash: leafHash(Buffer.from("another")) })).toBe(false);
      }
    }
  });

  it("proves that each tree extends each earlier one, and no other", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 0, max: 199 }),
        async (newSize, less) => {
          const oldSize = Math.max(1, newSize - less);
          const { nodes } = grown(newSize);
          const [oldRoot, newRoot] = [await rootAt(oldSize, nodes), await rootAt(newSize, nodes)];
          const proof = await consistencyProof(oldSize, newSize, nodes);
          expect(await verifyConsistency({ oldSize, newSize, oldRoot, newRoot, proof })).toBe(true);
          expect(await verifyConsistency({ oldSize, newSize, oldRoot: EMPTY_ROOT, newRoot, proof })).toBe(
            false,
          );
          expect(
            await verifyConsistency({ oldSize, newSize, oldRoot, newRoot, proof: [...proof, newRoot] }),
          ).toBe(false);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("reads O(log² n) nodes at most for a proof, O(log n) hashes long", async () => {
    const { nodes, reads } = grown(5000);
    const proof = await inclusionProof(1234, 4999, nodes);
    expect(proof.length).toBeLessThanOrEqual(13);
    expect(reads()).toBeLessThanOrEqual(13 + 13);
  });
});
