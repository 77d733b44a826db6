/**
 * `npm run fit:tools -- --data FOLDER [--judge]`: fits the map by which requests and descriptions of tools are compared
 * (packages/agent/src/choice/request-space.ts) and writes `request-space.json` beside it. FOLDER holds `tool-catalog.json`, an
 * array of `{ name, description }`, and `tool-queries.jsonl`, lines of `{ query, tool }`.
 *
 * Judged first, by tools that were left out: ten times, a tenth of the tools with all of their requests is put aside, the map is
 * fitted on the rest, and the requests put aside look for their tools among all. Then by random halves of the tools, as often as
 * tells how much the figures owe to which tools they are of. Once more by a map that knows nothing of FOLDER: it is fitted on
 * `bench/choice/invented-tools.txt`, whose tools do not exist; so are the axes on which pieces are compared. `--judge` stops there.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Pieces, sentenceEmbedder } from "@deputize/agent";
import {
  type Sample,
  fitPieceSpace,
  fitRequestSpace,
  recallAt,
} from "../packages/agent/src/choice/fit-request-space.ts";
import { pieceMatch, placedPieces, withPieces } from "../packages/agent/src/choice/piece-match.ts";
import {
  type RequestSpace,
  dot,
  packSpace,
  placed,
  unpackSpace,
} from "../packages/agent/src/choice/request-space.ts";
import { type NamedTool, toolText } from "../packages/agent/src/choice/tool-text.ts";
import { wordMatch } from "../packages/agent/src/choice/word-match.ts";
import { random } from "../bench/injection/data.ts";

const FOLDS = 10;
const HALVES = 5;
/** Chosen by the tools left out; anything from 18 to 30 gives nearly the same, for both. */
const COSINE_WEIGHT = 22;
const PIECE_WEIGHT = 22;
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
const piecesOf = async (sentences: readonly string[]): Promise<readonly Pieces[]> => {
  if (!embedder.pieces) throw new Error("the embedder tells no pieces apart");
  const found: Pieces[] = [];
  for (let at = 0; at < sentences.length; at += 256)
    found.push(...(await embedder.pieces(sentences.slice(at, at + 256))));
  return found;
};
const texts = catalogue.map(toolText);
const tools = await piecesOf(texts.map(({ sentence }) => sentence));
const toolVectors = tools.map(({ mean }) => mean);
const asked = await piecesOf(requests.map(({ query }) => query));
const samples: readonly Sample[] = requests.map(({ query, tool }, at) => {
  const own = catalogue.findIndex(({ name }) => name === tool);
  if (own < 0) throw new Error(`no tool ${tool} in the catalogue`);
  return { query, request: asked[at]?.mean ?? new Float32Array(), tool: own };
});

const inventedTools = readFileSync(INVENTED, "utf8")
  .trim()
  .split("\n")
  .map((line) => line.split(" | "));
const inventedTold = await piecesOf(
  inventedTools.map(([name = "", description = ""]) => toolText({ name, description }).sentence),
);
const inventedQueries = inventedTools.flatMap(([, , ...queries], tool) =>
  queries.map((query) => ({ query, tool })),
);
const inventedAsked = await piecesOf(inventedQueries.map(({ query }) => query));
const pieceSpace = fitPieceSpace(inventedAsked, inventedTold, PIECE_WEIGHT);

const fit = (
  some: readonly Sample[],
  among: readonly Float32Array[] = toolVectors,
  pieces: typeof pieceSpace | undefined = pieceSpace,
): RequestSpace =>
  unpackSpace(
    packSpace(
      fitRequestSpace({
        embedder: embedder.name,
        samples: some,
        tools: among,
        cosineWeight: COSINE_WEIGHT,
        ...(pieces && { pieces }),
      }),
    ),
  );
const plain: RequestSpace = {
  embedder: embedder.name,
  requestMean: new Float32Array(),
  toolMean: new Float32Array(),
  directions: [],
  cosineWeight: COSINE_WEIGHT,
  common: new Map(),
};
const whole = fit(samples);

/** What the pieces of each request say of each tool: the same whichever requests were fitted on. */
const pieceScores = ((): readonly (readonly number[])[] => {
  const { pieces = pieceSpace } = whole;
  const told = tools.map((tool) => placedPieces(pieces, tool, "tool"));
  return asked.map((request) => {
    const here = placedPieces(pieces, request, "request");
    return told.map((tool) => pieceMatch(here, tool) * pieces.weight);
  });
})();

interface Split {
  readonly aside: ReadonlySet<number>;
  readonly space: RequestSpace;
}

/** The known tools, in the order of the catalogue. */
const known = [...new Set(samples.map(({ tool }) => tool))].toSorted((a, b) => a - b);
const without = (aside: ReadonlySet<number>): Split => ({
  aside,
  space: fit(samples.filter(({ tool }) => !aside.has(tool))),
});
const folds = Array.from({ length: FOLDS }, (_, fold) =>
  without(new Set(known.filter((__, at) => at % FOLDS === fold))),
);
const halves = Array.from({ length: HALVES }, (_, seed) => {
  const next = random(seed + 1);
  const mixed = known
    .map((tool) => ({ tool, key: next() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ tool }) => tool);
  const middle = Math.floor(mixed.length / 2);
  return [mixed.slice(0, middle), mixed.slice(middle)].map((half) => without(new Set(half)));
}).flat();
const inventedSpace = fit(
  inventedQueries.map(({ query, tool }, at) => ({
    query,
    tool,
    request: inventedAsked[at]?.mean ?? new Float32Array(),
  })),
  inventedTold.map(({ mean }) => mean),
);

type Parts = Readonly<Record<"words" | "cosine" | "pieces", boolean>>;

function resultsOf(
  { aside, space }: Split,
  use: Parts,
): readonly { readonly scores: readonly number[]; readonly tool: number }[] {
  const places = toolVectors.map((vector) => placed(space, vector, "tool"));
  return samples.flatMap(({ query, request, tool }, at) => {
    if (!aside.has(tool)) return [];
    const here = placed(space, request, "request");
    const words = use.words ? wordMatch(query, texts, space.common) : [];
    const scores = places.map(
      (place, index) => (words[index] ?? 0) + (use.cosine ? space.cosineWeight * dot(here, place) : 0),
    );
    const told = (index: number): number => pieceScores[at]?.[index] ?? 0;
    if (!use.pieces) return [{ tool, scores }];
    return [
      {
        tool,
        scores: use.words || use.cosine ? withPieces(scores, told) : scores.map((_, index) => told(index)),
      },
    ];
  });
}

const shown = (at: readonly number[]): string =>
  [1, 5, 8].map((count, index) => `@${count} ${(at[index] ?? 0).toFixed(3)}`).join("  ");

function judge(said: string, use: Partial<Parts>, spaces: readonly Split[]): void {
  const parts = { words: false, cosine: false, pieces: false, ...use };
  const results = spaces.flatMap((split) => resultsOf(split, parts));
  console.log(`${said.padEnd(44)} ${shown([1, 5, 8].map((count) => recallAt(results, count)))}`);
}

console.log(
  `${requests.length} requests for ${known.length} of ${catalogue.length} tools, judged by tools left out`,
);
const all = { words: true, cosine: true, pieces: true };
const as = (space: RequestSpace): readonly Split[] => folds.map(({ aside }) => ({ aside, space }));
judge("words alone", { words: true }, as(plain));
judge("words, the common ones less", { words: true }, folds);
judge("sentence model alone", { cosine: true }, as(plain));
judge("fitted map alone", { cosine: true }, folds);
judge("pieces alone", { pieces: true }, folds);
judge("words and fitted map", { words: true, cosine: true }, folds);
judge("all, fitted on invented tools alone", all, as(inventedSpace));
judge("all, fitted (what is shipped)", all, folds);
const each = halves.map((split) => {
  const results = resultsOf(split, all);
  return [1, 5, 8].map((count) => recallAt(results, count));
});
const column = (index: number): number[] => each.map((one) => one[index] ?? 0);
const average = (values: readonly number[]): number =>
  values.reduce((sum, one) => sum + one, 0) / values.length;
console.log(
  `${HALVES} random halves, each judged by the other   ${shown([0, 1, 2].map((index) => average(column(index))))}`,
);
console.log(
  `  lowest                                     ${shown([0, 1, 2].map((index) => Math.min(...column(index))))}`,
);
console.log(
  `  highest                                    ${shown([0, 1, 2].map((index) => Math.max(...column(index))))}`,
);

if (!values.judge) {
  writeFileSync(OUTPUT, `${JSON.stringify(packSpace(whole), null, 1)}\n`);
  console.log("wrote packages/agent/src/choice/request-space.json");
}
