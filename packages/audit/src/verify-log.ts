/**
 * Verifies a whole log, entry by entry, from the store, a dump or a file, with nothing but the log's public key.
 *
 * Guarantees: finds every edited, inserted, repeated, moved or missing entry and says where; recomputes the tree and
 * compares it with every checkpoint, stored and held; with the secret, checks each entry's own code too.
 * Does not: notice, by itself, that the end was cut off or that everything was rewritten with the log's key. Only
 * a checkpoint kept elsewhere shows that; `anchored` says whether there was one [SR-20].
 */
import type { Checkpoint } from "./checkpoint.ts";
import {
  type LinePlace,
  type LogProblemKind,
  type LogReport,
  type LogWarning,
  collectProblems,
} from "./log-report.ts";
import { macWatch } from "./mac-watch.ts";
import { formatVerifierKey, openNote, parseVerifierKey } from "./note.ts";
import { orderWatch, readLeaf } from "./order-watch.ts";
import { growTree, leafHash } from "./tree.ts";
import { type LoadedKey, loadKeys, openSigned } from "./verifier-keys.ts";

/** What a log is read as: entries in order, each checkpoint after the last entry that it covers. */
export type LogItem = LogEntryItem | LogCheckpointItem | LogHeaderItem | LogMalformedItem;

export interface LogEntryItem extends Partial<LinePlace> {
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

export interface LogCheckpointItem extends Partial<LinePlace> {
  readonly kind: "checkpoint";
  readonly note: string;
  /** As stored beside the note. */
  readonly stored?: { readonly size: number; readonly root: Buffer };
  /** Peaks of the tree, largest first, hex, as a file has them. */
  readonly peaks?: readonly string[] | undefined;
}

/** The first line of a dump or file: which log it says it is. */
export interface LogHeaderItem extends LinePlace {
  readonly kind: "header";
  readonly publicKey: string;
}

/** A line that is none of the others; `unfinished` when it is the last and has no end. */
export interface LogMalformedItem extends LinePlace {
  readonly kind: "malformed";
  readonly unfinished: boolean;
}

export interface VerifyLogOptions {
  /** The log's verifier key, or several when it was changed, the newest last. */
  readonly publicKey: string | readonly string[];
  /** Checkpoints kept elsewhere: by the anchor file, browsers, SDKs. */
  readonly held?: readonly string[];
  /** Secrets of a keyed log: then each entry must carry a code made with one of them. */
  readonly secrets?: readonly string[];
  /** Verifier keys of witnesses; then each held checkpoint must carry the cosignature of one of them. */
  readonly witnesses?: readonly string[];
  /** Said when `held` should have had something and the place for it was empty or gone. */
  readonly anchorMissing?: string;
}

const ZERO_HASH = "0".repeat(64);

/** Reads the whole log once, in order, in constant memory. Throws `TypeError` for a key that is none. */
export async function verifyItems(
  items: AsyncIterable<LogItem>,
  options: VerifyLogOptions,
): Promise<LogReport> {
  const keys = await loadKeys(options.publicKey);
  const held = await openHeld(options, keys);
  const check = new LogCheck(keys, held, options);
  for await (const item of items) check.take(item);
  return check.end(options.anchorMissing);
}

/** A checkpoint that stands before the last entry it was signed for. */
interface Ahead {
  readonly size: number;
  readonly at: number;
  readonly place: LinePlace | undefined;
}

function placeOf({ line, file }: Partial<LinePlace>): LinePlace | undefined {
  return line === undefined ? undefined : { line, ...(file !== undefined && { file }) };
}

class LogCheck {
  readonly #keys: readonly LoadedKey[];
  readonly #held: Held;
  readonly #problems = collectProblems();
  readonly #warnings: LogWarning[] = [];
  readonly #tree = growTree();
  readonly #order = orderWatch(this.#problems.report);
  readonly #macs: ReturnType<typeof macWatch> | undefined;
  #prev = ZERO_HASH;
  #checkpoints = 0;
  #signedSize = 0;
  #lastGood = 0;
  #newest: string | undefined;
  #last: Checkpoint | undefined;
  #ahead: Ahead | undefined;
  #begun = false;
  /** Checkpoints and headers of keys that are not the log's. */
  #foreign = 0;
  #forked = false;

  constructor(keys: readonly LoadedKey[], held: Held, options: VerifyLogOptions) {
    this.#keys = keys;
    this.#held = held;
    this.#macs = options.secrets?.length
      ? macWatch(options.secrets, [options.publicKey].flat(), this.#problems)
      : undefined;
  }

  take(item: LogItem): void {
    const place = placeOf(item);
    if (place && item.kind !== "checkpoint") this.#problems.at(this.#tree.size, place);
    if (place && !this.#begun && item.kind !== "header") {
      this.#problems.report("malformed", 0, "the first line does not say which log this is");
    }
    if (item.kind === "entry") this.#entry(item);
    else if (item.kind === "checkpoint") this.#checkpoint(item);
    else if (item.kind === "header") this.#readHeader(item);
    else this.#malformed(item);
    this.#begun = true;
  }

  #entry(item: LogEntryItem): void {
    const seq = this.#tree.size;
    const { report } = this.#problems;
    const leaf = readLeaf(item.leaf);
    const hash = leafHash(Buffer.from(item.leaf));
    const { stored } = item;
    if (stored) this.#order.stored(seq, item.seq);
    if (!leaf) {
      report("edited", seq, "the entry is no leaf", stored?.id);
    } else {
      if (stored && (!stored.leafHash.equals(hash) || stored.id !== leaf.id || stored.at !== leaf.at)) {
        report("edited", seq, "the entry is not the one that its hash, id and time are of", leaf.id);
      }
      if (!stored && leaf.seq !== item.seq) {
        report("edited", seq, "the line's number is not the entry's", leaf.id);
      }
      this.#order.see(seq, leaf, hash, this.#prev);
      this.#macs?.see(seq, item.leaf, leaf);
    }
    const completed = Buffer.concat(this.#tree.append(hash));
    // Once an entry is wrong, every node above it is: only the first finding says where.
    if (
      stored &&
      this.#problems.none() &&
      (!stored.completed.equals(completed) || stored.prevHash.toString("hex") !== this.#prev)
    ) {
      report("node_wrong", seq, "hashes stored beside the entry are not those of the tree", leaf?.id);
    }
    this.#prev = hash.toString("hex");
    for (const checkpoint of this.#held.bySize.get(this.#tree.size) ?? []) {
      if (this.#tree.root().equals(checkpoint.root)) continue;
      this.#forked = true;
      const what = `the tree of ${this.#tree.size} entries is another than the one signed in a held checkpoint`;
      report("forked", seq, what, leaf?.id);
    }
  }

  #checkpoint(item: LogCheckpointItem): void {
    this.#checkpoints += 1;
    const tree = this.#tree;
    const at = Math.max(tree.size - 1, 0);
    const place = placeOf(item);
    const report = (kind: LogProblemKind, message: string): void =>
      this.#problems.report(kind, at, message, undefined, place);
    const opened = openSigned(item.note, this.#keys);
    const { checkpoint } = opened;
    const size = item.stored?.size ?? checkpoint?.size ?? opened.claimed?.size;
    if (opened.problem === "wrong_key") {
      this.#foreign += 1;
      return;
    }
    const storedWrong = item.stored && checkpoint && !item.stored.root.equals(checkpoint.root);
    if (!checkpoint || checkpoint.size !== size || storedWrong) {
      const what = `the stored checkpoint of size ${size ?? "unknown"} is not the one that the log's key signed`;
      report(opened.problem ?? "checkpoint_wrong", what);
      return;
    }
    const last = this.#last;
    this.#last = checkpoint;
    if (last?.size === checkpoint.size) {
      if (!Buffer.from(last.root).equals(checkpoint.root)) {
        const what = `two different trees of ${checkpoint.size} entries were signed`;
        this.#problems.reportWhole("forked", at, what, undefined, place);
      } else if (!item.stored)
        report("duplicate", `the checkpoint of size ${checkpoint.size} stands here twice`);
      return;
    }
    this.#signedSize = Math.max(this.#signedSize, checkpoint.size);
    if (checkpoint.size > tree.size) {
      if (checkpoint.size > (this.#ahead?.size ?? 0))
        this.#ahead = { size: checkpoint.size, at: tree.size, place };
    } else if (checkpoint.size === tree.size && tree.root().equals(checkpoint.root)) {
      this.#lastGood = checkpoint.size;
      this.#newest = item.note;
      if (!this.#peaksFit(item)) {
        report("node_wrong", "the hashes beside the checkpoint are not those of the tree");
      }
    } else if (this.#problems.none() && this.#order.settled()) {
      if (checkpoint.size < tree.size && !item.stored) {
        report("reordered", `the checkpoint of size ${checkpoint.size} stands after another entry`);
      } else report("edited", `entries ${this.#lastGood} to ${at} are not the ones that were signed`);
    }
  }

  #peaksFit({ peaks }: LogCheckpointItem): boolean {
    return (
      !peaks ||
      peaks.join() ===
        this.#tree
          .peaks()
          .map((hash) => hash.toString("hex"))
          .join()
    );
  }

  #readHeader(item: LogHeaderItem): void {
    const seq = this.#tree.size;
    if (this.#begun) {
      this.#problems.report(
        "spliced",
        seq,
        "the first line of a log stands here: another log was joined to it",
      );
    }
    if (this.#keys.every((key) => item.publicKey !== formatVerifierKey(key))) this.#foreign += 1;
  }

  #malformed(item: LogMalformedItem): void {
    const { line } = item;
    if (item.unfinished) {
      const message = `line ${line} was never finished, as after a crash; nothing in it was acknowledged`;
      this.#warnings.push({ kind: "crash_fragment", message });
    } else this.#problems.report("malformed", this.#tree.size, "the line is none of a log");
  }

  end(anchorMissing: string | undefined): LogReport {
    const tree = this.#tree;
    const { report, reportWhole } = this.#problems;
    this.#order.end();
    const numbered = tree.size + this.#order.shift();
    let cut = false;
    if (this.#ahead && this.#ahead.size > numbered) {
      report(
        "truncated",
        tree.size,
        `a checkpoint was signed for ${this.#ahead.size} entries, and ${tree.size} are there`,
      );
      cut = true;
    } else if (this.#ahead && this.#problems.none()) {
      const { size, at, place } = this.#ahead;
      report("reordered", at, `the checkpoint of size ${size} stands before its entries`, undefined, place);
    }
    for (const size of this.#held.bySize.keys()) {
      if (size <= numbered) continue;
      cut = true;
      report(
        "truncated",
        tree.size,
        `a held checkpoint was signed for ${size} entries, and ${tree.size} are there`,
      );
    }
    if (this.#foreign > 0) {
      const rebuilt = this.#signedSize === 0 && (this.#forked || cut);
      const what = rebuilt
        ? "the log was built anew and signed with another key: it is not the one that the held checkpoints are of"
        : `${this.#foreign} of its checkpoints and first lines name another key than the log's`;
      reportWhole(rebuilt ? "rebuilt" : "wrong_key", 0, what);
    } else if (tree.size > this.#signedSize) {
      report("unsigned", this.#signedSize, `entries from ${this.#signedSize} on are in no signed tree`);
    }
    this.#macs?.end(tree.size, this.#warnings);
    for (const problem of this.#held.problems) reportWhole(problem.kind, tree.size, problem.message);
    if (anchorMissing !== undefined) reportWhole("anchor_missing", tree.size, anchorMissing);
    const anchored = this.#held.bySize.size > 0;
    if (!anchored) {
      this.#warnings.push({
        kind: "unanchored",
        message:
          "no checkpoint kept elsewhere was given, so a cut-off end or a log rewritten with its own key would not show",
      });
    }
    return {
      ok: this.#problems.none(),
      size: tree.size,
      root: tree.root().toString("hex"),
      checkpoints: this.#checkpoints,
      ...(this.#newest !== undefined && { newest: this.#newest }),
      anchored,
      problems: this.#problems.sorted(),
      warnings: this.#warnings,
    };
  }
}

interface Held {
  readonly bySize: Map<number, Checkpoint[]>;
  readonly problems: readonly {
    kind: "wrong_key" | "bad_signature" | "checkpoint_wrong" | "unwitnessed";
    message: string;
  }[];
}

async function openHeld(options: VerifyLogOptions, keys: readonly LoadedKey[]): Promise<Held> {
  const bySize = new Map<number, Checkpoint[]>();
  const problems = new Map<string, Held["problems"][number]>();
  const witnesses = await Promise.all((options.witnesses ?? []).map(witnessKey));
  for (const note of options.held ?? []) {
    const { checkpoint, problem } = openSigned(note, keys);
    if (!checkpoint) {
      const message = `a held checkpoint is not signed by the log's key${problem === "wrong_key" ? ", but by another: give the earlier key too if it was changed" : ""}`;
      problems.set(problem, { kind: problem, message });
      continue;
    }
    const seen = await Promise.all(witnesses.map((key) => openNote(note, key)));
    if (witnesses.length > 0 && seen.every((text) => text === undefined)) {
      const message = `the held checkpoint of size ${checkpoint.size} has no cosignature of a witness that was named`;
      problems.set("unwitnessed", { kind: "unwitnessed", message });
      continue;
    }
    bySize.set(checkpoint.size, [...(bySize.get(checkpoint.size) ?? []), checkpoint]);
  }
  return { bySize, problems: [...problems.values()] };
}

async function witnessKey(text: string) {
  const key = await parseVerifierKey(text);
  if (!key) throw new TypeError("the witness's key is not a C2SP verifier key");
  return key;
}
