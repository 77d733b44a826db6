/**
 * What this browser remembers of the audit log: the newest checkpoint it has seen, and nothing else.
 *
 * Guarantees: a newer checkpoint replaces the held one only if it provably extends it; one that does not is an
 * alarm that stays until the person clears it, because the held checkpoint stays too [SR-20].
 * Does not: help a browser that has never seen the log (it says so), or one whose storage was wiped.
 */
import type { CheckpointUpdate, HeldCheckpoint, Receipt, VerifyProblem } from "@deputize/audit/verify";
import { advanceCheckpoint, verifyReceipt } from "@deputize/audit/verify";

const KEY = "deputize.checkpoint";

export interface Memory {
  read(): HeldCheckpoint | undefined;
  write(held: HeldCheckpoint): void;
  clear(): void;
}

/** In: a `Storage`-like object. An unreadable value counts as none: it can hide no alarm, for it proves nothing. */
export function checkpointMemory(storage: Pick<Storage, "getItem" | "setItem" | "removeItem">): Memory {
  return {
    read() {
      try {
        const value: unknown = JSON.parse(storage.getItem(KEY) ?? "null");
        if (typeof value !== "object" || value === null) return undefined;
        const { checkpoint, public_key } = value as Record<string, unknown>;
        return typeof checkpoint === "string" && typeof public_key === "string"
          ? { checkpoint, public_key }
          : undefined;
      } catch {
        return undefined;
      }
    },
    write(held) {
      try {
        storage.setItem(KEY, JSON.stringify(held));
      } catch {
        // Without storage each visit starts unanchored, and the receipt says so.
      }
    },
    clear() {
      try {
        storage.removeItem(KEY);
      } catch {
        // As above.
      }
    },
  };
}

/** Asks the shop for its newest checkpoint and the proof that it extends the tree of `oldSize`. */
export type FetchCheckpoint = (oldSize: number | undefined) => Promise<CheckpointUpdate>;

export type LogCheck =
  | { kind: "anchored"; size: number; before: number }
  | { kind: "first"; size: number }
  | { kind: "alarm"; problem: VerifyProblem }
  /** This browser cannot check signatures, which says nothing about the log. */
  | { kind: "unable" };

/** The tree size that a held note names; it was checked when it was stored. */
function sizeOf(held: HeldCheckpoint): number {
  const size = Number(held.checkpoint.split("\n")[1]);
  return Number.isSafeInteger(size) ? size : 0;
}

/** Demands that the log's newest checkpoint extends the one held, then holds the new one. */
export async function checkLog(memory: Memory, fetchCheckpoint: FetchCheckpoint): Promise<LogCheck> {
  const held = memory.read();
  const before = held === undefined ? undefined : sizeOf(held);
  const update = await fetchCheckpoint(before === 0 ? undefined : before);
  const result = await advanceCheckpoint(held, update);
  if (!result.ok) {
    return result.problem === "crypto_unavailable"
      ? { kind: "unable" }
      : { kind: "alarm", problem: result.problem };
  }
  const { size } = result.checkpoint;
  memory.write({ checkpoint: update.checkpoint, public_key: update.public_key });
  return before === undefined ? { kind: "first", size } : { kind: "anchored", size, before };
}

export type ReceiptCheck =
  | { kind: "pending" }
  | { kind: "verified"; log: LogCheck & { kind: "anchored" | "first" } }
  | { kind: "failed"; problem: VerifyProblem; about: "receipt" | "log" | "browser" };

const ABOUT: Partial<Record<VerifyProblem, "log" | "browser">> = {
  key_changed: "log",
  crypto_unavailable: "browser",
};

/**
 * Checks a receipt three ways: its own proof, that the tree it leads to is a beginning of the log's newest one,
 * and that the newest one extends what this browser holds. The middle step stops a shop that signs a special
 * tree for one receipt.
 */
export async function checkReceipt(
  receipt: Receipt,
  memory: Memory,
  fetchCheckpoint: FetchCheckpoint,
): Promise<ReceiptCheck> {
  if (receipt.status === "pending") return { kind: "pending" };
  const held = memory.read();
  const own = await verifyReceipt(receipt, held === undefined ? {} : { publicKey: held.public_key });
  if (!own.ok) return { kind: "failed", problem: own.problem, about: ABOUT[own.problem] ?? "receipt" };
  const log = await checkLog(memory, fetchCheckpoint);
  if (log.kind === "unable") return { kind: "failed", problem: "crypto_unavailable", about: "browser" };
  if (log.kind === "alarm") return { kind: "failed", problem: log.problem, about: "log" };
  const problem = await extendsReceiptTree(receipt, memory, fetchCheckpoint);
  return problem === undefined ? { kind: "verified", log } : { kind: "failed", problem, about: "log" };
}

/** The log grows while we look, so the two checkpoints are compared at one size, in at most a few attempts. */
async function extendsReceiptTree(
  receipt: Receipt,
  memory: Memory,
  fetchCheckpoint: FetchCheckpoint,
): Promise<VerifyProblem | undefined> {
  const tree: HeldCheckpoint = { checkpoint: receipt.checkpoint ?? "", public_key: receipt.public_key };
  for (let attempt = 0; attempt < 4; attempt += 1) {
    const update = await fetchCheckpoint(receipt.size);
    const result = await advanceCheckpoint(tree, update);
    if (!result.ok) return result.problem;
    if (memory.read()?.checkpoint === update.checkpoint) return undefined;
    // A newer one than we hold: take it in (its extension of ours is demanded too) and compare again.
    const log = await checkLog(memory, fetchCheckpoint);
    if (log.kind === "alarm") return log.problem;
  }
  return undefined;
}
