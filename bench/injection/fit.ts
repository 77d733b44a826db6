/**
 * Fits the heads of the small model: logistic regression on hashed features by AdaGrad (Duchi et al. 2011), seeded, the same weights from the same data.
 */
import { BUCKETS, type Features, featuresOf } from "../../packages/guardrails/src/injection/features.ts";
import {
  HEADS,
  type Head,
  type HeadWeights,
  logistic,
} from "../../packages/guardrails/src/injection/model.ts";
import { passagesOf } from "../../packages/guardrails/src/injection/passages.ts";
import { normalise } from "@deputize/guardrails";
import { type Example, random } from "./data.ts";

export interface Row {
  readonly features: Features;
  readonly attack: boolean;
  readonly weight: number;
  readonly example: Example;
}

const EPOCHS = 15;
const RATE = 0.3;
const SHRINK = 5e-5;
/** The weights are the mean of those after each of the last epochs. */
const AVERAGED = 8;

export function fitHead(rows: readonly Row[], seed = 5): Omit<HeadWeights, "threshold"> {
  const weights = new Float32Array(BUCKETS);
  const sums = new Float32Array(BUCKETS).fill(1e-3);
  let bias = 0;
  const mean = new Float32Array(BUCKETS);
  const next = random(seed);
  const order = Array.from(rows.keys());
  for (let epoch = 0; epoch < EPOCHS; epoch += 1) {
    for (let i = order.length - 1; i > 0; i -= 1) {
      const k = Math.floor(next() * (i + 1));
      [order[i], order[k]] = [order[k] as number, order[i] as number];
    }
    for (const at of order) {
      const { features, attack, weight } = rows[at] as Row;
      const { places, values } = features;
      let sum = bias;
      for (let i = 0; i < places.length; i += 1)
        sum += (weights[places[i] as number] as number) * (values[i] as number);
      const wrong = (logistic(sum) - (attack ? 1 : 0)) * weight;
      bias -= 0.01 * wrong;
      if (Math.abs(wrong) < 0.002) continue;
      for (let i = 0; i < places.length; i += 1) {
        const place = places[i] as number;
        const slope = wrong * (values[i] as number) + SHRINK * (weights[place] as number);
        sums[place] = (sums[place] as number) + slope * slope;
        weights[place] = (weights[place] as number) - (RATE * slope) / Math.sqrt(sums[place] as number);
      }
    }
    if (epoch < EPOCHS - AVERAGED) continue;
    for (let i = 0; i < BUCKETS; i += 1) mean[i] = (mean[i] as number) + (weights[i] as number) / AVERAGED;
  }
  return { bias, weights: mean };
}

export const scoreOf = (
  { bias, weights }: Omit<HeadWeights, "threshold">,
  { places, values }: Features,
): number => {
  let sum = bias;
  for (let i = 0; i < places.length; i += 1)
    sum += (weights[places[i] as number] as number) * (values[i] as number);
  return logistic(sum);
};

const cache = new Map<string, Features>();
const wholeFeatures = (text: string): Features => {
  let found = cache.get(text);
  if (found === undefined) cache.set(text, (found = featuresOf(normalise(text).text)));
  return found;
};

/** A document's passages as rows; the one that was planted is an attack. */
const passageCache = new Map<string, { features: Features; start: number; end: number }[]>();
export function passageRows(example: Example): Row[] {
  let found = passageCache.get(example.text);
  if (found === undefined) {
    found = passagesOf(example.text).map(({ text, around, start, end }) => ({
      features: featuresOf(normalise(text).text, around),
      start,
      end,
    }));
    passageCache.set(example.text, found);
  }
  const { planted } = example;
  return found.map(({ features, start, end }) => ({
    features,
    example,
    weight: 1,
    attack:
      planted !== undefined &&
      Math.min(end, planted.end) - Math.max(start, planted.start) > (end - start) * 0.5,
  }));
}

/** The rows that each head learns from. */
export function rowsOf(head: Head, examples: readonly Example[]): Row[] {
  if (head === "planted") {
    return examples
      .filter(({ kind }) => kind === "planted" || kind === "document")
      .flatMap((example) =>
        passageRows(example).map((row) => ({
          ...row,
          weight: row.attack ? (example.source === "BIPIA" ? 3 : 1) : 1,
        })),
      );
  }
  const wanted = head === "direct" ? ["direct", "indirect"] : ["jailbreak"];
  return examples
    .filter(
      ({ kind, source }) =>
        wanted.includes(kind) || kind === "benign" || (kind === "document" && source !== "BIPIA"),
    )
    .flatMap((example): Row[] => {
      const attack = wanted.includes(example.kind);
      const given = !example.source.startsWith("own");
      const row: Row = {
        features: wholeFeatures(example.text),
        attack,
        example,
        weight: attack ? (given ? 4 : 1.5) : example.source === "NotInject" ? 5 : 1,
      };
      // Of a long attack its beginning is one too: short ones are rarer in the data than among people.
      if (head !== "jailbreak" || !attack || example.text.length < 800) return [row];
      return [row, { ...row, features: wholeFeatures(example.text.slice(0, 400)), weight: 1.5 }];
    });
}

export type Fitted = Record<Head, Omit<HeadWeights, "threshold">>;

/** Heads that are not asked for find nothing. */
export function fit(examples: readonly Example[], heads: readonly Head[] = HEADS): Fitted {
  const fitted = (head: Head): Omit<HeadWeights, "threshold"> =>
    heads.includes(head)
      ? fitHead(rowsOf(head, examples))
      : { bias: -100, weights: new Float32Array(BUCKETS) };
  return Object.fromEntries(HEADS.map((head) => [head, fitted(head)])) as Fitted;
}

/** The scores of a text: the heads of its direction. */
export function scores(
  fitted: Fitted,
  example: Example,
): { direct: number; jailbreak: number; planted: number } {
  if (example.kind === "planted" || example.kind === "document") {
    const planted = Math.max(
      0,
      ...passageRows(example).map(({ features }) => scoreOf(fitted.planted, features)),
    );
    return { direct: 0, jailbreak: 0, planted };
  }
  const features = wholeFeatures(example.text);
  return {
    direct: scoreOf(fitted.direct, features),
    jailbreak: scoreOf(fitted.jailbreak, features),
    planted: 0,
  };
}
