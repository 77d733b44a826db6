/**
 * Receipts of the entries in a log's file: the same that a store gives, made of nothing but the file.
 *
 * Guarantees: a proof is made only for a tree whose root is the one that was signed.
 * Does not: believe the key in the file for anybody; whoever checks the receipt brings the key that they know.
 */
import { DeputizeError } from "@deputize/core";
import { openCheckpoint } from "./checkpoint.ts";
import { openingsFile, readOpenings } from "./file-openings.ts";
import { readLogFiles } from "./log-lines.ts";
import { parseVerifierKey } from "./note.ts";
import { readLeaf } from "./order-watch.ts";
import { assembleReceipt } from "./receipt.ts";
import type { Openings, Receipt } from "./receipt-shape.ts";
import { type NodeAddress, inclusionProof, leafHash, nodeHash, rootAt } from "./tree.ts";

/**
 * The receipt of an entry in a file, or in several that are pieces of one log, in order; undefined when there is none. Reads the whole log,
 * and keeps a hash of each entry. Throws `audit_unavailable` for a log that is not the one that was signed.
 */
export async function proveFromFiles(
  files: readonly string[],
  entryId: string,
): Promise<Receipt | undefined> {
  const hashes: Buffer[] = [];
  let publicKey: string | undefined;
  let note: string | undefined;
  let found: { readonly seq: number; readonly leaf: string } | undefined;
  for await (const item of readLogFiles(files)) {
    if (item.kind === "header") publicKey ??= item.publicKey;
    if (item.kind === "checkpoint") note = item.note;
    if (item.kind !== "entry") continue;
    if (readLeaf(item.leaf)?.id === entryId) found = { seq: hashes.length, leaf: item.leaf };
    hashes.push(leafHash(Buffer.from(item.leaf)));
  }
  if (!found || publicKey === undefined) return undefined;
  const base = { id: entryId, publicKey, leaf: found.leaf, openings: await openingsOf(files, entryId) };
  if (note === undefined) return assembleReceipt(base);
  const key = await parseVerifierKey(publicKey);
  const signed = key && (await openCheckpoint(note, key));
  if (signed && signed.size <= found.seq) return assembleReceipt(base);
  const read = nodesOf(hashes);
  if (!signed || signed.size > hashes.length || !(await rootAt(signed.size, read)).equals(signed.root)) {
    throw new DeputizeError(
      "audit_unavailable",
      "the entries in the file are not the ones that were signed; run `deputize audit verify`",
    );
  }
  const proof = await inclusionProof(found.seq, signed.size, read);
  return assembleReceipt({
    ...base,
    place: { index: found.seq, size: signed.size, proof, checkpoint: note },
  });
}

async function openingsOf(files: readonly string[], id: string): Promise<Openings | undefined> {
  for (const file of files)
    for await (const line of readOpenings(openingsFile(file))) if (line.id === id) return line.openings;
  return undefined;
}

/** Nodes of a tree whose leaves are all at hand. */
function nodesOf(leaves: readonly Buffer[]) {
  const node = ({ level, index }: NodeAddress): Buffer => {
    if (level === 0) return leaves[index] ?? Buffer.alloc(0);
    const half = { level: level - 1, index: index * 2 };
    return nodeHash(node(half), node({ ...half, index: half.index + 1 }));
  };
  return (addresses: readonly NodeAddress[]): Promise<Buffer[]> => Promise.resolve(addresses.map(node));
}
