/**
 * Checks the codes of a keyed log's entries (mac.ts).
 *
 * Guarantees: from the first entry with a code on, each needs one, and the newest too: stripping codes shows. The entries
 * before the first are held by the chain, so they are named in a warning and no more.
 */
import type { LogProblem, LogWarning, collectProblems } from "./log-report.ts";
import { entryMac, macFits } from "./mac.ts";
import type { Leaf } from "./order-watch.ts";

/** Runs of wrong codes that are kept; the report shows a hundred problems at most. */
const RUNS_MAX = 100;

export function macWatch(
  secrets: readonly string[],
  publicKeys: readonly string[],
  problems: ReturnType<typeof collectProblems>,
) {
  const macs = secrets.flatMap((secret) => publicKeys.map((key) => entryMac(secret, key)));
  const wrong: LogProblem[] = [];
  let right = 0;
  let without = 0;
  let keyed = false;
  let fits = true;

  function note(kind: "bad_mac" | "unkeyed", seq: number, leaf: Leaf, message: string): void {
    // One finding a run: whoever redid the chain without the secret made all codes wrong from there on.
    if (fits && wrong.length < RUNS_MAX)
      wrong.push({ kind, seq, entryId: leaf.id, message, ...problems.place(seq) });
    fits = false;
  }

  return {
    see: (seq: number, text: string, leaf: Leaf): void => {
      if (leaf.mac === undefined) {
        without += 1;
        if (keyed) note("unkeyed", seq, leaf, "the entry has no code, and entries before it have one");
        return;
      }
      keyed = true;
      if (typeof leaf.mac === "string" && macFits(text, leaf.mac, macs)) {
        right += 1;
        fits = true;
      } else note("bad_mac", seq, leaf, "the entry's code was not made with the secret");
    },
    end: (size: number, warnings: LogWarning[]): void => {
      if (size === 0) return;
      if (!keyed) {
        problems.reportWhole(
          "unkeyed",
          0,
          "no entry has a code: this is not a log that the secret was used for",
        );
      } else if (right === 0) {
        problems.reportWhole("wrong_key", 0, "no entry's code was made with the secret");
      } else {
        for (const problem of wrong) problems.later(problem);
        const first = wrong.some(({ kind }) => kind === "unkeyed") ? 0 : without;
        if (first > 0) {
          const message = `the first ${first} entries have no code; the chain to the later ones holds them`;
          warnings.push({ kind: "unkeyed_start", message });
        }
      }
    },
  };
}
