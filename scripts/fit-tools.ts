/**
 * `npm run fit:tools -- --data FOLDER [--judge]`: fits the map by which requests and descriptions of tools are compared
 * (packages/agent/src/choice/request-space.ts) and writes `request-space.json` beside it. FOLDER holds `tool-catalog.json`, an
 * array of `{ name, description }`, and `tool-queries.jsonl`, lines of `{ query, tool }`.
 *
 * Judged first, by tools that were left out: ten times, a tenth of the tools with all of their requests is put aside, the map is
 * fitted on the rest, and the requests put aside look for their tools among all. Once more by a map that knows nothing of
 * FOLDER: it is fitted on `bench/choice/invented-tools.txt`, whose tools do not exist. `--judge` stops there.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { embedAll, sentenceEmbedder } from "@deputize/agent";
import { type Sample, fitRequestSpace, recallAt } from "../packages/agent/src/choice/fit-request-space.ts";
import {
  type RequestSpace,
  dot,
  packSpace,
  placed,
  unpackSpace,
} from "../packages/agent/src/choice/request-space.ts";
import { type NamedTool, toolText } from "../packages/agent/src/choice/tool-text.ts";
import { wordMatch } from "../packages/agent/src/choice/word-match.ts";

const FOLDS = 10;
/** Chosen by the tools left out; anything from 20 to 40 gives nearly the same. */
const COSINE_WEIGHT = 30;
const OUTPUT = new URL("../packages/agent/src/choice/request-space.json", import.meta.url);
/** Lines of `name | description | request | request …`. */
const INVENTED = new URL("../bench/choice/invented-tools.txt", import.meta.url);

const { values } = parseArgs({
  options: { data: { type: "string" }, judge: { type: "boolean", default: false } },
});
if (values.data === undefined) {
  console.error("say where tool-catalog.json and tool-queries.jsonl are: npm run fit:tools -- --data FOLDER");
  process.exit(2);
}
const catalogue = JSON.parse(readFileSync(join(values.data, "tool-catalog.json"), "utf8")) as NamedTool[];
const requests = readFileSync(join(values.data, "tool-queries.jsonl"), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as { query: string; tool: string });

const embedder = sentenceEmbedder();
const texts = catalogue.map(toolText);
const vectorsOf = async (sentences: readonly string[]): Promise<readonly Float32Array[]> =>
  (await embedAll(embedder, sentences)).map((vector) => Float32Array.from(vector));
const tools = await vectorsOf(texts.map(({ sentence }) => sentence));
const vectors = await vectorsOf(requests.map(({ query }) => query));
const samples: readonly (Sample & { words: readonly number[] })[] = requests.map(({ query, tool }, at) => {
  const own = catalogue.findIndex(({ name }) => name === tool);
  if (own < 0) throw new Error(`no tool ${tool} in the catalogue`);
  return { request: vectors[at] ?? new Float32Array(), tool: own, words: wordMatch(query, texts) };
});

const fit = (some: readonly Sample[], among: readonly Float32Array[] = tools): RequestSpace =>
  unpackSpace(
    packSpace(
      fitRequestSpace({ embedder: embedder.name, samples: some, tools: among, cosineWeight: COSINE_WEIGHT }),
    ),
  );
const plain: RequestSpace = {
  embedder: embedder.name,
  requestMean: new Float32Array(),
  toolMean: new Float32Array(),
  directions: [],
  cosineWeight: COSINE_WEIGHT,
};

/** The tools of each fold: the known ones in the order of their names, dealt out one by one. */
const known = [...new Set(samples.map(({ tool }) => tool))].toSorted((a, b) => a - b);
const folds = Array.from(
  { length: FOLDS },
  (_, fold) => new Set(known.filter((__, at) => at % FOLDS === fold)),
);
const left = folds.map((aside) => fit(samples.filter(({ tool }) => !aside.has(tool))));
const none = folds.map(() => plain);
const invented = await inventedSpace();
const outside = folds.map(() => invented);

/** The map fitted on invented tools alone. */
async function inventedSpace(): Promise<RequestSpace> {
  const lines = readFileSync(INVENTED, "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split(" | "));
  const described = lines.map(([name = "", description = ""]) => toolText({ name, description }).sentence);
  const asked = lines.flatMap(([, , ...queries], tool) => queries.map((query) => ({ query, tool })));
  const requested = await vectorsOf(asked.map(({ query }) => query));
  return fit(
    asked.map(({ tool }, at) => ({ tool, request: requested[at] ?? new Float32Array() })),
    await vectorsOf(described),
  );
}

function judge(
  said: string,
  weigh: (words: number, cosine: number) => number,
  spaces: readonly RequestSpace[],
): void {
  const results = folds.flatMap((aside, fold) => {
    const space = spaces[fold] ?? plain;
    const places = tools.map((vector) => placed(space, [...vector], "tool"));
    return samples
      .filter(({ tool }) => aside.has(tool))
      .map(({ request, tool, words }) => {
        const here = placed(space, [...request], "request");
        return { tool, scores: places.map((place, at) => weigh(words[at] ?? 0, dot(here, place))) };
      });
  });
  const recalls = [1, 5, 8].map((count) => `@${count} ${recallAt(results, count).toFixed(3)}`);
  console.log(`${said.padEnd(44)} ${recalls.join("  ")}`);
}

console.log(
  `${requests.length} requests for ${known.length} of ${catalogue.length} tools, judged by tools left out`,
);
judge("words alone", (words) => words, none);
judge("sentence model alone", (_, cosine) => cosine, none);
judge("fitted map alone", (_, cosine) => cosine, left);
judge("words and sentence model", (words, cosine) => words + COSINE_WEIGHT * cosine, none);
judge("words and map fitted on invented tools", (words, cosine) => words + COSINE_WEIGHT * cosine, outside);
judge("words and fitted map (what is shipped)", (words, cosine) => words + COSINE_WEIGHT * cosine, left);

if (!values.judge) {
  writeFileSync(OUTPUT, `${JSON.stringify(packSpace(fit(samples)), null, 1)}\n`);
  console.log("wrote packages/agent/src/choice/request-space.json");
}
