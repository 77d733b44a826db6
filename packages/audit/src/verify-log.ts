/**
 * Verifies a whole log, entry by entry, from the store or from a dump, with nothing but the log's public key.
 *
 * Guarantees: finds every edited, inserted, reordered or missing entry and says where; recomputes the tree and
 * compares it with every checkpoint, stored and held.
 * Does not: notice, by itself, that the end was cut off or that everything was rewritten with the log's key. Only
 * a checkpoint kept elsewhere shows that; `anchored` says whether there was one [SR-20].
 */
import { type KeyObject, createPublicKey, verify as verifySignature } from "node:crypto";
import { type Checkpoint, parseCheckpoint } from "./checkpoint.ts";
import { toBase64Url } from "./bytes.ts";
import { type VerifierKey, parseNote, parseVerifierKey } from "./note.ts";
import { growTree, leafHash } from "./tree.ts";

export type LogProblemKind =
  | "edited"
  | "inserted"
  | "missing"
  | "reordered"
  | "node_wrong"
  | "checkpoint_wrong"
  | "unsigned"
  | "truncated"
  | "forked";

export interface LogProblem {
  readonly kind: LogProblemKind;
  /** Zero-based place of the entry where it shows. */
  readonly seq: number;
  readonly entryId?: string;
  readonly message: string;
}

export interface LogReport {
  readonly ok: boolean;
  /** Entries read. */
  readonly size: number;
  /** Root of what was read, hex. */
  readonly root: string;
  /** Stored checkpoints compared with the tree. */
  readonly checkpoints: number;
  /** True when a checkpoint kept elsewhere was there to compare with. */
  readonly anchored: boolean;
  /** The first hundred. */
  readonly problems: readonly LogProblem[];
}

/** What a log is read as: entries in order, each checkpoint after the last entry that it covers. */
export type LogItem = LogEntryItem | LogCheckpointItem;

export interface LogEntryItem {
  readonly kind: "entry";
  readonly seq: number;
  readonly leaf: string;
  /** As stored beside the leaf; a dump has none of these. */
  readonly stored?: {
    readonly id: string;
    readonly at: string;
    readonly leafHash: Buffer;
    readonly prevHash: Buffer;
    readonly completed: Buffer;
  };
}

export interface LogCheckpointItem {
  readonly kind: "checkpoint";
  readonly note: string;
  /** As stored beside the note. */
  readonly stored?: { readonly size: number; readonly root: Buffer };
}

export interface VerifyLogOptions {
  /** The log's verifier key, or several when it was changed, the newest last. */
  readonly publicKey: string | readonly string[];
  /** Checkpoints kept elsewhere: by the anchor file, browsers, SDKs. */
  readonly held?: readonly string[];
}

const PROBLEMS_MAX = 100;

const ZERO_HASH = "0".repeat(64);

interface Leaf {
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly prev: string;
}

/** Reads the whole log once, in order, in constant memory. */
export async function verifyItems(
  items: AsyncIterable<LogItem>,
  options: VerifyLogOptions,
): Promise<LogReport> {
  const keys = await loadKeys(options.publicKey);
  const problems: LogProblem[] = [];
  const report = (kind: LogProblemKind, seq: number, message: string, entryId?: string): void => {
    // One finding a place: what follows from it is no news.
    if (problems.length >= PROBLEMS_MAX || problems.some((known) => known.seq === seq)) return;
    problems.push({ kind, seq, message, ...(entryId !== undefined && { entryId }) });
  };

  const held = openHeld(options.held ?? [], keys);
  const tree = growTree();
  const order = orderWatch(report);
  let prev = ZERO_HASH;
  let checkpoints = 0;
  let signedSize = 0;
  let lastGood = 0;

  for await (const item of items) {
    if (item.kind === "entry") {
      const seq = tree.size;
      const leaf = readLeaf(item.leaf);
      const hash = leafHash(Buffer.from(item.leaf));
      order.stored(seq, item.seq);
      if (!leaf) {
        report("edited", seq, "the entry is no leaf", item.stored?.id);
      } else {
        const { stored } = item;
        if (stored && (!stored.leafHash.equals(hash) || stored.id !== leaf.id || stored.at !== leaf.at)) {
          report("edited", seq, "the entry is not the one that its hash, id and time are of", leaf.id);
        }
        order.see(seq, leaf, prev);
      }
      const completed = Buffer.concat(tree.append(hash));
      // Once an entry is wrong, every node above it is: only the first finding says where.
      if (
        problems.length === 0 &&
        item.stored &&
        (!item.stored.completed.equals(completed) || item.stored.prevHash.toString("hex") !== prev)
      ) {
        report("node_wrong", seq, "hashes stored beside the entry are not those of the tree", leaf?.id);
      }
      prev = hash.toString("hex");
      for (const checkpoint of held.bySize.get(tree.size) ?? []) {
        if (!tree.root().equals(checkpoint.root)) {
          report(
            "forked",
            seq,
            `the tree of ${tree.size} entries is another than the one signed in a held checkpoint`,
            leaf?.id,
          );
        }
      }
    } else {
      checkpoints += 1;
      const at = Math.max(tree.size - 1, 0);
      const checkpoint = openCheckpointSync(item.note, keys);
      const size = item.stored?.size ?? checkpoint?.size;
      if (
        !checkpoint ||
        checkpoint.size !== size ||
        (item.stored && !item.stored.root.equals(checkpoint.root))
      ) {
        report(
          "checkpoint_wrong",
          at,
          `the stored checkpoint of size ${size ?? "unknown"} is not signed by the log's key`,
        );
        continue;
      }
      signedSize = Math.max(signedSize, checkpoint.size);
      if (checkpoint.size > tree.size) {
        report(
          "truncated",
          tree.size,
          `a checkpoint was signed for ${checkpoint.size} entries, and ${tree.size} are there`,
        );
      } else if (checkpoint.size === tree.size && tree.root().equals(checkpoint.root)) {
        lastGood = checkpoint.size;
      } else if (problems.length === 0 && order.settled()) {
        report("edited", at, `entries ${lastGood} to ${at} are not the ones that were signed`);
      }
    }
  }
  order.end();
  for (const [size, list] of held.bySize) {
    if (size > tree.size && list.length > 0) {
      report(
        "truncated",
        tree.size,
        `a held checkpoint was signed for ${size} entries, and ${tree.size} are there`,
      );
    }
  }
  if (held.malformed > 0) {
    report(
      "checkpoint_wrong",
      tree.size,
      `${held.malformed} held checkpoints are not signed by the log's key`,
    );
  }
  if (tree.size > signedSize) {
    report("unsigned", signedSize, `entries from ${signedSize} on are in no signed tree`);
  }
  return {
    ok: problems.length === 0,
    size: tree.size,
    root: tree.root().toString("hex"),
    checkpoints,
    anchored: held.bySize.size > 0,
    problems: problems.toSorted((a, b) => a.seq - b.seq),
  };
}

type Report = (kind: LogProblemKind, seq: number, message: string, entryId?: string) => void;

/**
 * Leaves say their own place and who was before them. From how these disagree with the order in which they stand, tells
 * an inserted entry from a missing, a moved and an edited one. It looks one entry ahead for that.
 */
function orderWatch(report: Report) {
  let shift = 0;
  let gap = 0;
  let before: (Leaf & { readonly place: number; readonly shift: number }) | undefined;
  let open: { readonly place: number; readonly shift: number; readonly id: string } | undefined;

  /** The place of a leaf was off by a new amount: is it one leaf, or all from here on? */
  function settle(next: number): void {
    if (!open) return;
    if (next !== open.shift) {
      report("reordered", open.place, `the entry says that it is number ${open.place + open.shift}`, open.id);
    } else if (open.shift > shift) {
      report("missing", open.place, `${open.shift - shift} entries are missing before this one`, open.id);
      shift = open.shift;
    } else {
      report("inserted", open.place - 1, `${shift - open.shift} entries were inserted before this place`);
      shift = open.shift;
    }
    open = undefined;
  }

  return {
    /** The row at `place` is stored as number `found`. */
    stored: (place: number, found: number): void => {
      if (found - place !== gap)
        report("missing", place, `entry ${place} is missing; the next one there is ${found}`);
      gap = found - place;
    },
    see: (place: number, leaf: Leaf, prev: string): void => {
      const off = leaf.seq - place;
      settle(off);
      if (off !== shift) open = { place, shift: off, id: leaf.id };
      else if (leaf.prev !== prev && before?.shift === off) {
        // The chain broke between two neighbours that both say they are in place: the earlier is not what it was.
        report(
          "edited",
          Math.max(place - 1, 0),
          "the next entry was appended after another one than this",
          before.id,
        );
      } else if (leaf.prev !== prev && place === 0) {
        report("missing", 0, "the first entry was appended after another one", leaf.id);
      }
      before = { ...leaf, place, shift: off };
    },
    /** False while it waits for the next entry before it says what is wrong. */
    settled: (): boolean => open === undefined,
    end: (): void => settle(open?.shift ?? 0),
  };
}

function readLeaf(text: string): Leaf | undefined {
  try {
    const leaf = JSON.parse(text) as Partial<Leaf>;
    if (!Number.isSafeInteger(leaf.seq) || typeof leaf.id !== "string") return undefined;
    if (typeof leaf.at !== "string" || typeof leaf.prev !== "string") return undefined;
    return leaf as Leaf;
  } catch {
    return undefined;
  }
}

interface LoadedKey extends VerifierKey {
  readonly key: KeyObject;
}

async function loadKeys(texts: string | readonly string[]): Promise<LoadedKey[]> {
  const keys = await Promise.all([texts].flat().map(parseVerifierKey));
  return keys.map((key) => {
    if (!key) throw new TypeError("the log's public key is not a C2SP verifier key");
    const jwk = { kty: "OKP", crv: "Ed25519", x: toBase64Url(key.publicKey) };
    return { ...key, key: createPublicKey({ key: jwk, format: "jwk" }) };
  });
}

/** As `openCheckpoint`, synchronous: there may be a checkpoint for each entry. */
function openCheckpointSync(note: string, keys: readonly LoadedKey[]): Checkpoint | undefined {
  const parsed = parseNote(note);
  const checkpoint = parsed && parseCheckpoint(parsed.text);
  if (!checkpoint) return undefined;
  const signed = keys.some((key) => {
    const line = parsed.signatures.find((s) => s.name === key.name && Buffer.from(key.id).equals(s.keyId));
    return (
      line &&
      checkpoint.origin === key.name &&
      verifySignature(null, Buffer.from(parsed.text), key.key, line.signature)
    );
  });
  return signed ? checkpoint : undefined;
}

function openHeld(notes: readonly string[], keys: readonly LoadedKey[]) {
  const bySize = new Map<number, Checkpoint[]>();
  let malformed = 0;
  for (const note of notes) {
    const checkpoint = openCheckpointSync(note, keys);
    if (!checkpoint) malformed += 1;
    else bySize.set(checkpoint.size, [...(bySize.get(checkpoint.size) ?? []), checkpoint]);
  }
  return { bySize, malformed };
}
