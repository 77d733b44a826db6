/**
 * Leaves say their own place and who was before them. From how these disagree with the order in which they stand, this
 * tells an inserted entry from a missing, a moved, a repeated and an edited one. It looks one entry ahead for that.
 */
import type { Report } from "./log-report.ts";

export interface Leaf {
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly prev: string;
  readonly action?: unknown;
  readonly outcome?: unknown;
  readonly mac?: unknown;
}

/** How many entries back a copy is known as one; a copy of an older entry is an inserted one. */
const REMEMBERED = 65_536;

interface Open {
  readonly place: number;
  readonly shift: number;
  readonly id: string;
  /** An entry that was seen before stands here again. */
  readonly copy: boolean;
}

export function orderWatch(report: Report) {
  let shift = 0;
  let gap = 0;
  let before: (Leaf & { readonly place: number; readonly shift: number }) | undefined;
  let open: Open | undefined;
  const hashes = Buffer.alloc(REMEMBERED * 32);
  let seen = 0;

  /** `hash` is that of the entry that said to be number `seq`, if it is remembered. */
  function isKnown(seq: number, hash: Buffer): boolean {
    if (seq >= seen || seq < seen - REMEMBERED) return false;
    const at = (seq % REMEMBERED) * 32;
    return hashes.compare(hash, 0, 32, at, at + 32) === 0;
  }

  function remember(seq: number, hash: Buffer): void {
    if (seq < seen || seq > seen + REMEMBERED) return;
    hash.copy(hashes, (seq % REMEMBERED) * 32);
    seen = seq + 1;
  }

  /** The place of a leaf was off by a new amount: is it one leaf, or all from here on? */
  function settle(next: number | undefined): void {
    if (!open) return;
    const { place, copy, id } = open;
    const lone = next !== undefined && next !== open.shift;
    if (copy && (lone || next === undefined || open.shift === shift - 1)) {
      report("duplicate", place, `entry ${place + open.shift} stands here again`, id);
      shift -= 1;
    } else if (lone) {
      report("reordered", place, `the entry says that it is number ${place + open.shift}`, id);
    } else if (copy || (place > 0 && place + open.shift === 0)) {
      report("spliced", place, "an older piece of a log, or another log, begins here", id);
      shift = open.shift;
    } else if (open.shift > shift) {
      report(
        place === 0 ? "missing_start" : "missing",
        place,
        `${open.shift - shift} entries are missing before this one`,
        id,
      );
      shift = open.shift;
    } else {
      report("inserted", place - 1, `${shift - open.shift} entries were inserted before this place`);
      shift = open.shift;
    }
    open = undefined;
  }

  return {
    /** The row at `place` is stored as number `found`. */
    stored: (place: number, found: number): void => {
      if (found - place !== gap) {
        const kind = place === 0 ? "missing_start" : "missing";
        report(kind, place, `entry ${place} is missing; the next one there is ${found}`);
      }
      gap = found - place;
    },
    see: (place: number, leaf: Leaf, hash: Buffer, prev: string): void => {
      const off = leaf.seq - place;
      settle(off);
      if (off !== shift) open = { place, shift: off, id: leaf.id, copy: isKnown(leaf.seq, hash) };
      else if (leaf.prev !== prev && before?.shift === off) {
        // The chain broke between two neighbours that both say they are in place: the earlier is not what it was.
        const why = "the next entry was appended after another one than this";
        report("edited", Math.max(place - 1, 0), why, before.id);
      } else if (leaf.prev !== prev && place === 0) {
        report("missing_start", 0, "the first entry was appended after another one", leaf.id);
      }
      remember(leaf.seq, hash);
      before = { ...leaf, place, shift: off };
    },
    /** False while it waits for the next entry before it says what is wrong. */
    settled: (): boolean => open === undefined,
    /** How far entries say they are from where they stand, as far as that was reported. */
    shift: (): number => shift,
    end: (): void => settle(undefined),
  };
}

/** Reads what a leaf says of its place; undefined when it is none. */
export function readLeaf(text: string): Leaf | undefined {
  try {
    const leaf = JSON.parse(text) as Partial<Leaf>;
    if (!Number.isSafeInteger(leaf.seq) || typeof leaf.id !== "string") return undefined;
    if (typeof leaf.at !== "string" || typeof leaf.prev !== "string") return undefined;
    return leaf as Leaf;
  } catch {
    return undefined;
  }
}
