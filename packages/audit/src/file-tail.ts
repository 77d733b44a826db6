/**
 * What the end of a log's file says: the tree so far, and what a crash left behind it. Called under the file's lock.
 *
 * Guarantees: it goes on only from a checkpoint that the log's own key signed, and takes only entries that fit the chain
 * and carry their code. A broken end that no checkpoint covers was never acknowledged, and is said to be a fragment;
 * anything broken before a checkpoint is damage, and stops the log.
 * Does not: read what the last checkpoint covers; `deputize audit verify` does.
 */
import type { FileHandle } from "node:fs/promises";
import { type RawLine, LINE_BYTES_MAX, formatLine, lineSplitter, parseLine } from "./log-lines.ts";
import { type EntryMac, macFits } from "./mac.ts";
import { readLeaf } from "./order-watch.ts";
import { fatal } from "./sequencer.ts";
import { type GrowingTree, growTree, leafHash } from "./tree.ts";
import { type LoadedKey, openSigned } from "./verifier-keys.ts";

export interface FileTail {
  /** Bytes of the file that are good. */
  end: number;
  /** Identity of the file: a lock holds nothing together when another is put in its place. */
  readonly inode: number;
  tree: GrowingTree;
  lastHash: Buffer;
  signedSize: number;
  note: string | undefined;
}

export interface TailKeys {
  readonly key: LoadedKey;
  readonly publicKey: string;
  readonly mac: EntryMac;
}

const PIECE_BYTES = 1_048_576;

/** The tail of a file that is seen for the first time. Throws `audit_unavailable` for one that is another log's. */
export async function openTail(file: FileHandle, keys: TailKeys): Promise<FileTail> {
  const { size, ino } = await file.stat();
  const tail = {
    end: 0,
    inode: ino,
    tree: growTree(),
    lastHash: Buffer.alloc(32),
    signedSize: 0,
    note: undefined,
  };
  const header = Buffer.from(`${headerLine(keys.publicKey)}\n`);
  const start = await readAt(file, 0, Math.min(size, header.length));
  if (start.equals(header)) tail.end = header.length;
  // Half a first line is a crash before there was a log; anything else belongs to somebody else.
  else if (start.length === header.length || !header.subarray(0, start.length).equals(start)) {
    throw fatal("the audit file begins as another log, or the log of another key");
  }
  return (await lastSigned(file, size, tail, keys)) ?? tail;
}

export function headerLine(publicKey: string): string {
  return formatLine({ log: publicKey.split("+")[0] ?? "", public_key: publicKey });
}

/** Reads what was added behind the tail. Returns how many bytes at the end are a fragment. */
export async function followTail(file: FileHandle, tail: FileTail, keys: TailKeys): Promise<number> {
  const { size, ino } = await file.stat();
  if (size < tail.end || ino !== tail.inode) throw fatal("the audit file was cut off or exchanged");
  const splitter = lineSplitter();
  let broken = false;
  for (let at = tail.end; at < size; at += PIECE_BYTES) {
    const piece = await readAt(file, at, Math.min(PIECE_BYTES, size - at));
    for (const line of splitter.push(piece)) {
      if (!broken && take(line, tail, keys)) continue;
      broken = true;
      // Only what no checkpoint follows can be what a crash left.
      if (isCheckpoint(line)) throw fatal("the audit file has a broken entry before a checkpoint");
    }
  }
  return size - tail.end;
}

/** One more line of the log; false when it does not fit. */
function take(raw: RawLine, tail: FileTail, keys: TailKeys): boolean {
  const line = raw.text === undefined ? undefined : parseLine(raw.text);
  if (!line || raw.text === undefined) return false;
  const bytes = Buffer.byteLength(raw.text) + 1;
  if ("leaf" in line) {
    const leaf = readLeaf(line.leaf);
    if (!leaf || leaf.seq !== tail.tree.size || line.seq !== leaf.seq) return false;
    if (leaf.prev !== tail.lastHash.toString("hex")) return false;
    if (typeof leaf.mac !== "string" || !macFits(line.leaf, leaf.mac, [keys.mac])) return false;
    tail.lastHash = leafHash(Buffer.from(line.leaf));
    tail.tree.append(tail.lastHash);
  } else if ("checkpoint" in line) {
    const { checkpoint } = openSigned(line.checkpoint, [keys.key]);
    if (checkpoint?.size !== tail.tree.size || !tail.tree.root().equals(checkpoint.root)) return false;
    tail.signedSize = checkpoint.size;
    tail.note = line.checkpoint;
  } else return false;
  tail.end += bytes;
  return true;
}

function isCheckpoint(raw: RawLine): boolean {
  const line = raw.text === undefined ? undefined : parseLine(raw.text);
  return line !== undefined && "checkpoint" in line;
}

/** Goes back from the end to the last signed checkpoint and the entry before it: what came before need not be read. */
async function lastSigned(
  file: FileHandle,
  size: number,
  empty: FileTail,
  keys: TailKeys,
): Promise<FileTail | undefined> {
  let from = size;
  for (let wanted = PIECE_BYTES; from > 0; wanted *= 2) {
    from = Math.max(0, size - wanted);
    const bytes = await readAt(file, from, size - from);
    for (let at = bytes.lastIndexOf(CHECKPOINT); at >= 0; at = before(bytes, at)) {
      const tail = await tailAt(bytes, at, empty, keys);
      if (tail) return { ...tail, end: from + tail.end };
    }
    // Entries of gigabytes without any checkpoint are not ours; reading all of them is then right, if slow.
    if (wanted > LINE_BYTES_MAX * 8_192) return undefined;
  }
  return undefined;
}

const CHECKPOINT = Buffer.from('\n{"checkpoint":');

function before(bytes: Buffer, at: number): number {
  return at === 0 ? -1 : bytes.lastIndexOf(CHECKPOINT, at - 1);
}

async function tailAt(
  bytes: Buffer,
  at: number,
  empty: FileTail,
  keys: TailKeys,
): Promise<FileTail | undefined> {
  const lineEnd = bytes.indexOf(0x0a, at + 1);
  const entryStart = at === 0 ? -1 : bytes.lastIndexOf(0x0a, at - 1);
  if (lineEnd < 0 || entryStart < 0) return undefined;
  const line = parseLine(bytes.toString("utf8", at + 1, lineEnd));
  const entry = parseLine(bytes.toString("utf8", entryStart + 1, at));
  if (!line || !("checkpoint" in line) || !line.peaks || !entry || !("leaf" in entry)) return undefined;
  const { checkpoint } = openSigned(line.checkpoint, [keys.key]);
  const leaf = readLeaf(entry.leaf);
  if (!checkpoint || leaf?.seq !== checkpoint.size - 1) return undefined;
  let tree: GrowingTree;
  try {
    tree = growTree(
      checkpoint.size,
      line.peaks.map((peak) => Buffer.from(peak, "hex")),
    );
  } catch {
    return undefined;
  }
  if (!tree.root().equals(checkpoint.root)) return undefined;
  const lastHash = leafHash(Buffer.from(entry.leaf));
  const { note, size } = { note: line.checkpoint, size: checkpoint.size };
  return { end: lineEnd + 1, inode: empty.inode, tree, lastHash, signedSize: size, note };
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}
