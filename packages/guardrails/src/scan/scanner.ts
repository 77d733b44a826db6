/**
 * The scanner: detectors, what is done about what they find, and the texts that go on.
 *
 * Guarantees: fails closed: a detector that throws, takes too long or is missing refuses the text [PR-D38]. What is found is told by
 * place and type and never repeated [PR-D39]. Text is read as it is written and, where that differs, as it is read (NFKC, without
 * invisible characters).
 * Does not: prove that a text is harmless. What protects data and money stands behind it: grants, guards, row-level security.
 */
import { DeputizeError } from "@deputize/core";
import type { Detector, Direction, Finding } from "../detector.ts";
import { normalise } from "../normalise.ts";
import { type Placeholders, createPlaceholders } from "./placeholders.ts";
import { type ActionPolicy, INJECTION_TYPES, actionsFor, partOf } from "./policy.ts";
import { type ScannedFinding, resolve, withPlaceholders } from "./resolve.ts";
import { type TextStream, createTextStream } from "./stream.ts";
import { GuardrailViolationError, refuseBlocked } from "./violation.ts";

export interface ScannerOptions {
  readonly detectors: readonly (Detector | undefined)[];
  /** Names of detectors without which nothing passes, such as `injection`. */
  readonly requires?: readonly string[];
  readonly actions?: ActionPolicy;
  /** A line for the instructions of the agents that this scanner guards; see `createCanary`. */
  readonly instructions?: string;
  /** Of one detector on one text, in milliseconds. 5,000 unless set. */
  readonly timeoutMs?: number;
}

export interface Scanned {
  /** Whether the text may not go on. */
  readonly blocked: boolean;
  /** In the order of the text, none in the place of another. */
  readonly findings: readonly ScannedFinding[];
  /** The text to go on with: what is to be hidden has placeholders. Of a blocked text too. */
  readonly text: string;
  /** The text with everything hidden that was found in a place, whatever is done about it. */
  masked(): string;
}

export interface Scanner {
  readonly instructions?: string;
  /** Loads what the first scan would otherwise wait for. Throws what a detector throws. */
  warmup(): Promise<void>;
  /** Throws `GuardrailViolationError` with the code `unavailable` when it cannot tell. */
  scan(text: string, direction: Direction, placeholders?: Placeholders): Promise<Scanned>;
  /** The text to go on with. Throws `GuardrailViolationError`. */
  check(text: string, direction: Direction, placeholders?: Placeholders): Promise<string>;
  /** For an answer that comes in pieces: what is held back is given at the end. */
  stream(placeholders?: Placeholders, onFound?: (findings: readonly ScannedFinding[]) => void): TextStream;
}

/** Throws `config_invalid`. */
export function createScanner(options: ScannerOptions): Scanner {
  const { requires = [], timeoutMs = 5_000 } = options;
  const actionOf = actionsFor(options.actions ?? {});
  const detectors = options.detectors.filter((one) => one !== undefined);
  const names = new Set(detectors.map(({ name }) => name));
  if (names.size !== detectors.length)
    throw new DeputizeError("config_invalid", "two detectors have one name; leave one out");
  const missing =
    detectors.length === options.detectors.length ? requires.find((name) => !names.has(name)) : "a detector";

  const refuseMissing = (direction: Direction): void => {
    if (missing === undefined) return;
    throw new GuardrailViolationError("unavailable", direction, [], {
      cause: new TypeError(`missing: ${missing}`),
    });
  };

  /** What one detector finds; a promise only where the detector answers by one. */
  function ask(
    detector: Detector,
    text: string,
    direction: Direction,
  ): ScannedFinding[] | Promise<ScannedFinding[]> {
    const dressed = (found: readonly Finding[], map?: ReturnType<typeof normalise>): ScannedFinding[] =>
      found.map((finding) => {
        const { type, score } = finding;
        const { start, end } = map ? map.span(finding.start, finding.end) : finding;
        if (!(start >= 0 && end >= start && end <= text.length))
          throw new TypeError("a finding outside of the text");
        const part = partOf(detector.name, type);
        return { type, start, end, score, part, action: actionOf(direction, part, type) };
      });
    const failed = (): never => {
      // The cause may quote the text, so that none is kept.
      throw new GuardrailViolationError("unavailable", direction, [], {
        cause: new TypeError(`the detector \`${detector.name}\` failed`),
      });
    };
    try {
      const found = detector.scan(text, direction);
      if (found instanceof Promise)
        return inTime(found, timeoutMs)
          .then((all) => dressed(all))
          .catch(failed);
      const read = READ_TWICE.has(detector.name) && NOT_PLAIN.test(text) ? normalise(text) : undefined;
      if (!read || read.text === text) return dressed(found);
      const again = detector.scan(read.text, direction);
      if (again instanceof Promise) return failed();
      return [...dressed(found), ...dressed(again, read)];
    } catch {
      return failed();
    }
  }

  function conclude(text: string, found: readonly ScannedFinding[], placeholders: Placeholders): Scanned {
    const { findings, places } = resolve(found);
    return {
      blocked: findings.some(({ action }) => action === "block"),
      findings,
      text: withPlaceholders(
        text,
        places,
        placeholders,
        ({ action }) => action === "redact" || action === "block",
      ),
      masked: () => withPlaceholders(text, places, placeholders, () => true),
    };
  }

  const scanner: Scanner = {
    ...(options.instructions !== undefined && { instructions: options.instructions }),
    async warmup() {
      for (const detector of detectors) await detector.warmup?.();
    },
    async scan(text, direction, placeholders = createPlaceholders()) {
      refuseMissing(direction);
      const found = await Promise.all(detectors.map(async (detector) => ask(detector, text, direction)));
      return conclude(text, found.flat(), placeholders);
    },
    async check(text, direction, placeholders) {
      const scanned = await scanner.scan(text, direction, placeholders);
      refuseBlocked(scanned.findings, direction);
      return scanned.text;
    },
    stream(placeholders = createPlaceholders(), onFound) {
      refuseMissing("output");
      return createTextStream({
        detectors,
        ask: (detector, text) => ask(detector, text, "output"),
        // Any type that a policy hides may be one of a detector's, but injection's are known.
        mayHide: ({ name }) =>
          [name, ...(name === "injection" ? INJECTION_TYPES : [])].some((type) =>
            STRONG.has(actionOf("output", partOf(name, type), type)),
          ) ||
          (name !== "injection" &&
            Object.values(options.actions?.output ?? {}).some((action) => STRONG.has(action))),
        placeholders,
        onFound,
      });
    },
  };
  return scanner;
}

/** Those that look at the letters as they stand; others normalise by themselves. */
const READ_TWICE: ReadonlySet<string> = new Set(["personal_data", "credentials", "exfiltration"]);
const NOT_PLAIN = /[^\t\n\r\x20-\x7e]/;
const STRONG: ReadonlySet<string> = new Set(["block", "redact"]);

async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      work,
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error("took too long")), ms);
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
}
