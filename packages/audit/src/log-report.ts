/**
 * What verifying a log says: its problems, each with a name and a place, and what could not be checked.
 */

/** Closed: a program may decide by them. docs/operating.md says what each means and what to do. */
export type LogProblemKind =
  | "edited"
  | "inserted"
  | "duplicate"
  | "missing"
  | "missing_start"
  | "reordered"
  | "spliced"
  | "malformed"
  | "node_wrong"
  | "checkpoint_wrong"
  | "bad_signature"
  | "wrong_key"
  | "rebuilt"
  | "bad_mac"
  | "unkeyed"
  | "unsigned"
  | "truncated"
  | "forked"
  | "unwitnessed"
  | "anchor_missing";

export interface LogProblem {
  readonly kind: LogProblemKind;
  /** Zero-based place of the entry where it shows. */
  readonly seq: number;
  readonly entryId?: string;
  /** Where it shows in a file; the first line is 1. */
  readonly line?: number;
  readonly file?: string;
  readonly message: string;
}

export interface LogWarning {
  /** `unanchored`: nothing held elsewhere to compare with. `crash_fragment`: a last line that was never finished. `unkeyed_start`:
   * the first entries have no code of their own; the chain to the later ones holds them. */
  readonly kind: "unanchored" | "crash_fragment" | "unkeyed_start";
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
  /** The newest checkpoint that fits the tree: keep it elsewhere. */
  readonly newest?: string;
  /** True when a checkpoint kept elsewhere was there to compare with. */
  readonly anchored: boolean;
  /** The first hundred. */
  readonly problems: readonly LogProblem[];
  readonly warnings: readonly LogWarning[];
}

const PROBLEMS_MAX = 100;

/** Where the reader is, for problems in files. */
export interface LinePlace {
  readonly line: number;
  readonly file?: string;
}

/** `place` is that of entry `seq` unless given. */
export type Report = (
  kind: LogProblemKind,
  seq: number,
  message: string,
  entryId?: string,
  place?: LinePlace,
) => void;

/** Gathers problems: one a place, since what follows from a finding is no news. */
export function collectProblems() {
  const problems: LogProblem[] = [];
  const places = new Map<number, LinePlace>();
  const add: Report = (kind, seq, message, entryId, place = places.get(seq)) => {
    problems.push({ kind, seq, message, ...(entryId !== undefined && { entryId }), ...place });
  };
  return {
    /** The line of entry `seq`; those of the last two are enough, since findings look one entry back. */
    at: (seq: number, place: LinePlace): void => {
      places.set(seq, place);
      if (places.size > 4) places.delete([...places.keys()][0] as number);
    },
    place: (seq: number): LinePlace | undefined => places.get(seq),
    report: ((kind, seq, message, entryId, place) => {
      if (problems.length >= PROBLEMS_MAX || problems.some((known) => known.seq === seq)) return;
      add(kind, seq, message, entryId, place);
    }) as Report,
    /** What is wrong with the log as a whole is said whatever else stands at its place. */
    reportWhole: add,
    /** A finding whose line was noted earlier. */
    later: (problem: LogProblem): void => {
      if (problems.length >= PROBLEMS_MAX || problems.some((known) => known.seq === problem.seq)) return;
      problems.push(problem);
    },
    none: (): boolean => problems.length === 0,
    sorted: (): LogProblem[] => problems.toSorted((a, b) => a.seq - b.seq),
  };
}
