/**
 * Finds instructions to a model where none belong: attempts to override what it was told, to give it a role without limits, to get at its prompt or
 * at secrets, and instructions planted in what a tool returned.
 *
 * In: a text and the way it goes. Out: findings of type `prompt_injection` and `jailbreak` with their places in the given text. A finding is
 * returned only when it is sure enough for its direction, so that whoever blocks on any of them decides as the published figures do.
 * Rules read the text and all that it says when decoded (`decode.ts`); the small model reads what a person sent as a whole, and
 * documents passage by passage. On the way out only rules are asked: an answer that quotes an attack is not one.
 * Does not: stop injection. What a model was made to want is stopped by labels and approvals; this finds much of it early.
 */
import { type ViewKind, decodedViews } from "../decode.ts";
import type { Detector, Direction, Finding } from "../detector.ts";
import { type Mapped, normalise } from "../normalise.ts";
import { READ_MAX, featuresOf } from "./features.ts";
import { type Head, type Model, shippedModel } from "./model.ts";
import { isReadable, passagesOf } from "./passages.ts";
import { type InjectionType, matchRules } from "./rules.ts";

export interface InjectionOptions {
  /** False: rules alone. Default: the model that ships with the package. */
  readonly model?: boolean;
  /** A finding of the model counts from this score on, by head; default: as the weights were fitted. */
  readonly thresholds?: Partial<Readonly<Record<Head, number>>>;
}

/** A longer text is read in pieces of `READ_MAX` that overlap by a quarter. */
const STEP = Math.floor(READ_MAX * 0.75);
/** A decoded passage that is shorter is left to the rules. */
const DECODED_MIN = 24;
const HIDDEN_MANY = 12;
/** Forms that hide a text from who reads it. Addresses are in percent form, and digits stand for letters, for other reasons. */
const HIDING: ReadonlySet<ViewKind> = new Set([
  "base64",
  "binary",
  "entities",
  "escapes",
  "hex",
  "morse",
  "reversed",
  "rot13",
  "spaced",
]);

class InjectionDetector implements Detector {
  readonly name = "injection";
  readonly #thresholds: Partial<Readonly<Record<Head, number>>>;
  readonly #useModel: boolean;
  #model: Model | undefined;

  constructor({ model = true, thresholds = {} }: InjectionOptions) {
    this.#useModel = model;
    this.#thresholds = thresholds;
  }

  async warmup(): Promise<void> {
    this.#loaded();
  }

  #loaded(): Model | undefined {
    if (this.#useModel) this.#model ??= shippedModel();
    return this.#model;
  }

  scan(text: string, direction: Direction): readonly Finding[] {
    const read = normalise(text);
    const { views, complete } = decodedViews(read);
    const findings: Finding[] = [];
    const hiding = views.filter(({ kind }) => HIDING.has(kind));
    // What is hidden so often or so deep that it is not read to its end is not passed on unread.
    if (!complete && hiding.length >= HIDDEN_MANY) {
      findings.push({ type: "prompt_injection", start: 0, end: text.length, score: 0.6 });
    }
    for (const view of [read, ...views]) {
      for (const { type, start, end, score } of matchRules(view.text, direction)) {
        findings.push({ type, ...view.span(start, end), score });
      }
    }
    const model = direction === "output" ? undefined : this.#loaded();
    if (model !== undefined) {
      const hidden = hiding.filter(({ text: said }) => said.length >= DECODED_MIN);
      for (const view of [read, ...hidden]) findings.push(...this.#judge(model, view, direction));
    }
    return merged(findings);
  }

  /** What the model finds in one reading of the text. */
  *#judge(model: Model, view: Mapped, direction: Direction): Generator<Finding> {
    const sure = (head: Head, score: number): boolean =>
      score >= (this.#thresholds[head] ?? model.threshold(head));
    if (direction === "tool_result") {
      for (const { text, start, end, around } of passagesOf(view.text)) {
        const score = model.score("planted", featuresOf(text, around));
        if (sure("planted", score)) yield { type: "prompt_injection", ...view.span(start, end), score };
      }
      return;
    }
    for (let at = 0; at === 0 || at + READ_MAX - STEP < view.text.length; at += STEP) {
      const piece = view.text.slice(at, at + READ_MAX);
      if (!isReadable(piece)) continue;
      const features = featuresOf(piece);
      const span = view.span(at, at + piece.length);
      const heads: [Head, InjectionType][] = [
        ["direct", "prompt_injection"],
        ["jailbreak", "jailbreak"],
      ];
      for (const [head, type] of heads) {
        const score = model.score(head, features);
        if (sure(head, score)) yield { type, ...span, score };
      }
    }
  }
}

const FINDINGS_MAX = 50;

/** Findings of one type that touch are one, with the higher score; of too many the surest keep their own places, and the rest are one. */
function merged(findings: readonly Finding[]): Finding[] {
  const kept: Finding[] = [];
  const ordered = findings.toSorted((a, b) => a.start - b.start || b.end - a.end);
  const last = new Map<string, number>();
  for (const finding of ordered) {
    const at = last.get(finding.type);
    const before = at === undefined ? undefined : kept[at];
    if (at !== undefined && before !== undefined && finding.start <= before.end) {
      kept[at] = {
        ...before,
        end: Math.max(before.end, finding.end),
        score: Math.max(before.score, finding.score),
      };
    } else {
      last.set(finding.type, kept.length);
      kept.push(finding);
    }
  }
  if (kept.length <= FINDINGS_MAX) return kept;
  const surest = kept.toSorted((a, b) => b.score - a.score);
  const rest = surest.slice(FINDINGS_MAX - 1);
  return [...surest.slice(0, FINDINGS_MAX - 1), around(rest)].toSorted((a, b) => a.start - b.start);
}

/** One finding for many, over all their places: whoever hides by place leaves none of them. */
function around(findings: readonly Finding[]): Finding {
  const some: Finding = { type: "prompt_injection", start: Infinity, end: 0, score: 0 };
  return findings.reduce(
    (all, { start, end, score }) => ({
      ...all,
      start: Math.min(all.start, start),
      end: Math.max(all.end, end),
      score: Math.max(all.score, score),
    }),
    some,
  );
}

/** Detects prompt injection and jailbreaks, offline and without a setting. */
export function injectionDetector(options: InjectionOptions = {}): Detector {
  return new InjectionDetector(options);
}
