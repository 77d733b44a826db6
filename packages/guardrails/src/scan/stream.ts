/**
 * An answer that comes in pieces, passed on so that nothing of what is to be hidden leaves, wherever the pieces are cut [PR-D38].
 *
 * The end of what has come is held back: a finding may begin in it, and words behind a number may say what it is. What leaves has
 * been read with `BACK` characters before it and `AHEAD` behind it, which is more than any detector looks; a string without spaces
 * leaves whole or not at all. A detector that answers by a promise reads the whole at the end, and everything waits for it. One
 * whose findings are only reported is not asked.
 */
import type { Detector } from "../detector.ts";
import type { Placeholders } from "./placeholders.ts";
import { type ScannedFinding, resolve, withPlaceholders } from "./resolve.ts";
import { GuardrailViolationError, refuseBlocked } from "./violation.ts";

export interface TextStream {
  /** What may leave now. Throws `GuardrailViolationError`. */
  push(text: string): string;
  /** What was held back; a promise where a detector needs time. Throws, or rejects, as `push`. */
  end(): string | Promise<string>;
}

interface StreamOptions {
  readonly detectors: readonly Detector[];
  ask(detector: Detector, text: string): ScannedFinding[] | Promise<ScannedFinding[]>;
  /** Whether what a detector finds would be hidden or stop the answer. */
  mayHide(detector: Detector): boolean;
  readonly placeholders: Placeholders;
  /** Told what was found, as it leaves or stops the answer. */
  readonly onFound: ((findings: readonly ScannedFinding[]) => void) | undefined;
}

const BACK = 512;
const AHEAD = 400;
/** Less than this is not looked at by itself: a token at a time would be read a hundred times. */
const STEP = 48;
/** A string without spaces, or a key of many lines, beyond which an answer is none. */
const HELD_MAX = 65_536;

export function createTextStream({
  detectors: all,
  ask,
  mayHide,
  placeholders,
  onFound,
}: StreamOptions): TextStream {
  const detectors = all.filter(mayHide);
  /** What came: some that has left, for what follows to be read with, and what has not. */
  let text = "";
  /** How much of `text` has left. */
  let left = 0;
  let looked = 0;
  let dead: unknown;
  let hasLeft = false;
  const slow = new Set<Detector>();

  function found(): ScannedFinding[] {
    return detectors.flatMap((detector) => {
      if (slow.has(detector)) return [];
      const answer = ask(detector, text);
      if (!(answer instanceof Promise)) return answer;
      answer.catch(() => {});
      // It was quick before, and what it did not read then has left.
      if (hasLeft) throw new GuardrailViolationError("unavailable", "output", []);
      slow.add(detector);
      return [];
    });
  }

  function refuse(findings: readonly ScannedFinding[]): void {
    const stops = findings.filter(({ action }) => action === "block");
    if (stops.length > 0) onFound?.(stops);
    refuseBlocked(stops, "output");
  }

  /** Lets out what stands before `limit`. */
  function leave(findings: readonly ScannedFinding[], limit: number): string {
    refuse(findings);
    if (onFound) {
      const shown = resolve(findings).findings.filter(({ start }) => start >= left && start < limit);
      if (shown.length > 0) onFound(shown);
    }
    // What began in what has left is hidden from here on.
    const places = resolve(findings)
      .places.filter(({ end, start }) => end > left && start < limit)
      .map(({ finding, start, end }) => ({ finding, start: Math.max(start, left), end }));
    const out = withPlaceholders(text.slice(0, limit), places, placeholders, hides).slice(left);
    const keepFrom = boundary(text, Math.max(0, limit - BACK));
    text = text.slice(keepFrom);
    left = limit - keepFrom;
    hasLeft = true;
    return out;
  }

  const guarded = <T>(work: () => T): T => {
    if (dead !== undefined) throw dead;
    try {
      return work();
    } catch (error) {
      dead = error;
      text = "";
      throw error;
    }
  };

  return {
    push: (piece) =>
      guarded(() => {
        text += piece;
        looked += piece.length;
        if (looked < STEP || text.length - left <= AHEAD) return "";
        looked = 0;
        const findings = found();
        if (slow.size > 0) {
          refuse(findings);
          return "";
        }
        let limit = boundary(text, text.length - AHEAD);
        for (let before = -1; before !== limit;) {
          before = limit;
          for (const { start, end } of findings) if (start < limit && limit < end + 1) limit = start;
        }
        if (limit > left) return leave(findings, limit);
        if (text.length - left > HELD_MAX) throw new GuardrailViolationError("unavailable", "output", []);
        refuse(findings);
        return "";
      }),
    end: () =>
      guarded(() => {
        const findings = found();
        const rest = (more: readonly ScannedFinding[]): string => {
          const out = leave([...findings, ...more], text.length);
          text = "";
          left = 0;
          looked = 0;
          hasLeft = false;
          return out;
        };
        if (slow.size === 0) return rest([]);
        // Nothing has left since the last end, so that `text` is all of it.
        return Promise.all([...slow].map(async (detector) => ask(detector, text)))
          .then((answers) => rest(answers.flat()))
          .catch((error: unknown) => {
            dead = error;
            throw error;
          });
      }),
  };
}

const hides = ({ action }: ScannedFinding): boolean => action === "redact" || action === "block";

/** The next place before, where no string without spaces is cut. Signs outside of ASCII are in no secret. */
function boundary(text: string, from: number): number {
  let at = from;
  while (at > 0 && at < text.length && isSign(text.charCodeAt(at - 1)) && isSign(text.charCodeAt(at)))
    at -= 1;
  // No half of a pair leaves by itself.
  if (at > 0 && at < text.length && (text.charCodeAt(at) & 0xfc00) === 0xdc00) at -= 1;
  return at;
}

const isSign = (code: number): boolean => code > 0x20 && code < 0x7f;
