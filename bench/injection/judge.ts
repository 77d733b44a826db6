/**
 * Judges the injection detector by texts that it was not fitted to: by folds, near-duplicates in one fold only, and by whole sources
 * left out; and chooses the heads' thresholds by these held-out scores.
 */
import { decodedViews, normalise } from "@deputize/guardrails";
import type { Head } from "../../packages/guardrails/src/injection/model.ts";
import { matchRules } from "../../packages/guardrails/src/injection/rules.ts";
import { type Example, hashOf, material, plantedMaterial, prose, publicData } from "./data.ts";
import { fit, scores } from "./fit.ts";

const FOLDS = 8;

export interface Judged {
  readonly example: Example;
  /** The row of the table that it counts in. */
  readonly row: string;
  readonly rule: boolean;
  readonly direct: number;
  readonly jailbreak: number;
  readonly planted: number;
}

export type Thresholds = Readonly<Record<Head, number>>;

/** Everything that the model is fitted to. Without a folder of prose, documents come from the public data alone. */
export function corpus(data: string, proseFolder: string | undefined): Example[] {
  const given = publicData(data);
  const paragraphs = proseFolder === undefined ? [] : prose(proseFolder, 9_000);
  const requests = given
    .filter(({ source, text }) => (source === "BFCL" || source === "MetaTool") && text.length < 200)
    .map(({ text }) => text);
  const asks = [
    "Summarise this text: ",
    "Translate into English:\n",
    "Please correct: ",
    "What does this mean? ",
  ];
  return [
    ...given,
    ...material(12),
    ...paragraphs.map((text): Example => ({ text, kind: "document", source: "prose", group: text })),
    ...paragraphs.slice(0, 800).map((text, i): Example => ({
      text: `${asks[i % asks.length] as string}${text}\n${paragraphs[(i * 7 + 3) % paragraphs.length] as string}`,
      kind: "benign",
      source: "own-long",
      group: text,
    })),
    ...plantedMaterial(paragraphs.slice(1_000, 4_500), requests, 3),
  ];
}

const isDocument = ({ kind }: Example): boolean => kind === "planted" || kind === "document";

function ruled(example: Example): boolean {
  const direction = isDocument(example) ? "tool_result" : "input";
  const read = normalise(example.text);
  return [read, ...decodedViews(read).views].some(({ text }) => matchRules(text, direction).length > 0);
}

const rowOf = ({ kind, source }: Example): string => {
  if (kind === "direct" || kind === "indirect")
    return source === "CyberSecEval" ? "direct + indirect" : `${source}: attacks`;
  if (kind === "benign") {
    const names: Record<string, string> = {
      NotInject: "trigger-words",
      MetaTool: "tool-request",
      BFCL: "everyday",
    };
    return names[source] ?? `${source}: benign`;
  }
  return source === "BIPIA" || source === "garak" ? kind : `${source}: ${kind}`;
};

export function judge(fitted: ReturnType<typeof fit>, examples: readonly Example[], row = rowOf): Judged[] {
  return examples.map((example) => ({
    example,
    row: row(example),
    rule: ruled(example),
    ...scores(fitted, example),
  }));
}

/** Each public text, scored by a model that was fitted without its fold. `apart` "near-duplicates" keeps those in one fold, "texts" only the same text. */
export function byFolds(all: readonly Example[], apart: "near-duplicates" | "texts"): Judged[] {
  const foldOf = (example: Example): number =>
    hashOf(`${apart === "texts" && example.source !== "own-planted" ? example.text : example.group}/`) %
    FOLDS;
  const given = all.filter(({ source }) => !source.startsWith("own") && source !== "prose");
  const isProse = all.filter(({ source }, i) => source === "prose" && i % 5 === 0);
  return Array.from({ length: FOLDS }, (_, fold) => {
    const held = [...given, ...isProse].filter((example) => foldOf(example) === fold);
    // An attacked document is left out with the document that it was made of.
    const hosts = new Set(held.filter(isDocument).map(({ text }) => text));
    const fitted = fit(
      all.filter(
        (example) =>
          foldOf(example) !== fold &&
          !(example.planted?.host !== undefined && hosts.has(example.planted.host)),
      ),
    );
    return judge(fitted, held);
  }).flat();
}

/** Requests of each benign source, and attacks and requests of half of the languages in turn, by models that saw nothing of these. */
export function bySources(all: readonly Example[]): Judged[] {
  const rest = all.filter(
    (example) => example.kind !== "planted" && (example.kind !== "document" || example.source === "prose"),
  );
  const sources = ["BFCL", "MetaTool", "NotInject", "presidio"].map((left) => {
    const fitted = fit(
      rest.filter(({ source }) => source !== left),
      ["direct", "jailbreak"],
    );
    return judge(
      fitted,
      rest.filter(({ source, kind }) => source === left && kind === "benign"),
      () => `left out: ${left}`,
    );
  });
  const languages = [0, 1].map((half) => {
    const held = ({ source }: Example): boolean =>
      /^own-[a-z]{2}$/.test(source) && hashOf(`${source}x`) % 2 === half;
    const fitted = fit(
      rest.filter((example) => !held(example)),
      ["direct", "jailbreak"],
    );
    return judge(fitted, rest.filter(held), ({ kind }) =>
      kind === "benign" ? "left out: requests in other languages" : "left out: attacks in other languages",
    );
  });
  return [...sources, ...languages].flat();
}

/** The highest share of benign texts of a row that may be flagged, by the heads of `input` and rules together. */
const FLAGGED: Readonly<Record<string, number>> = {
  "trigger-words": 0.03,
  "tool-request": 0.005,
  "left out: BFCL": 0.03,
  "left out: MetaTool": 0.03,
  "left out: presidio": 0.03,
};
/** The lowest share of attacks of a row that is to be caught. */
const CAUGHT: Readonly<Record<string, number>> = {
  "direct + indirect": 0.9,
  jailbreak: 0.98,
  "left out: attacks in other languages": 0.7,
};
const DOCUMENTS_FLAGGED: Readonly<Record<string, number>> = { document: 0.012, "prose: document": 0.02 };
const STEPS = Array.from({ length: 56 }, (_, i) => 0.03 * 1.05 ** i);

/** The chance that a sample like one with `count` faults has at most `most`, where faults come singly (Poisson). */
function chanceOf(count: number, most: number): number {
  const expected = count + 0.5;
  let term = Math.exp(-expected);
  let sum = 0;
  for (let faults = 0; faults <= most; faults += 1) {
    sum += term;
    term *= expected / (faults + 1);
  }
  return sum;
}

/**
 * The thresholds by which another sample of the same sizes would most likely keep all limits, judged in each of the given ways; of equal
 * ones the highest. Whoever stays just within a limit on the texts at hand breaks it on every second sample.
 * Nobody's hand is in them: the same data choose the same.
 */
export function chooseThresholds(...ways: readonly (readonly Judged[])[]): Thresholds {
  const rowsOf = (names: readonly string[]): Judged[][] =>
    ways.flatMap((judged) =>
      names.map((name) => judged.filter(({ row }) => row === name)).filter(({ length }) => length > 0),
    );
  const planted = Math.max(
    0.05,
    ...Object.entries(DOCUMENTS_FLAGGED).flatMap(([name, most]) =>
      rowsOf([name]).map((row) => {
        const ranked = row.map((one) => one.planted).toSorted((x, y) => y - x);
        return (ranked[Math.floor(most * ranked.length)] ?? 0) + 1e-4;
      }),
    ),
  );
  const limits = Object.entries(FLAGGED).flatMap(([name, share]) =>
    rowsOf([name]).map((row) => ({ row, faults: true, share })),
  );
  const goals = Object.entries(CAUGHT).flatMap(([name, share]) =>
    rowsOf([name]).map((row) => ({ row, faults: false, share: 1 - share })),
  );
  let best: Thresholds = { direct: 0.5, jailbreak: 0.5, planted };
  let most = Number.NEGATIVE_INFINITY;
  for (const direct of STEPS.toReversed()) {
    for (const jailbreak of STEPS.toReversed()) {
      const tried = { direct, jailbreak, planted };
      let worth = 0;
      for (const { row, faults, share } of [...limits, ...goals]) {
        const count = row.filter((one) => isFlagged(one, tried) === faults).length;
        worth += Math.log(chanceOf(count, Math.floor(share * row.length + 1e-9)) + 1e-12);
      }
      if (worth <= most + 1e-9) continue;
      most = worth;
      best = tried;
    }
  }
  return best;
}

export const isFlagged = (one: Judged, { direct, jailbreak, planted }: Thresholds): boolean =>
  one.rule || one.direct >= direct || one.jailbreak >= jailbreak || one.planted >= planted;

/** `row → [flagged, of]`. */
export function table(judged: readonly Judged[], thresholds: Thresholds): Map<string, [number, number]> {
  const rows = new Map<string, [number, number]>();
  for (const one of judged) {
    const [flagged, of] = rows.get(one.row) ?? [0, 0];
    rows.set(one.row, [flagged + (isFlagged(one, thresholds) ? 1 : 0), of + 1]);
  }
  return rows;
}
