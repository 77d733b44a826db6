/** Fitting of `RequestSpace` on requests whose tool is known, and the measure by which it is judged. Deterministic. */
import type { Pieces } from "../embeddings/embedder.ts";
import type { PieceSpace } from "./piece-match.ts";
import { type RequestSpace, dot } from "./request-space.ts";
import { stemOf, tellingWords } from "./words.ts";

export interface Sample {
  readonly query: string;
  readonly request: Float32Array;
  /** Of the tool that the request is for. */
  readonly tool: number;
}

export interface FitOptions {
  readonly embedder: string;
  readonly samples: readonly Sample[];
  /** The vector of each tool's description, those without samples too. */
  readonly tools: readonly Float32Array[];
  readonly cosineWeight: number;
  readonly pieces?: PieceSpace;
}

/** Few directions hold what requests have in common; more of them fit the tools instead. */
const DIRECTIONS = 32;
/** How much of the mean spread is taken for granted in every direction. */
const PRIOR = 4;
const ROUNDS = 20;
/** The axes on which pieces are compared, and how many of the first are left out. */
const AXES = 128;
const SHARED_AXES = 3;
/** A stem that this share of requests has counts half, if requests for so many tools have it: less is a subject. */
const HALF_SHARE = 0.01;
const SUBJECTS_MIN = 3;

/** Fits the map. At least as many samples as directions are needed for it to mean anything. */
export function fitRequestSpace({
  embedder,
  samples,
  tools,
  cosineWeight,
  pieces,
}: FitOptions): RequestSpace {
  const requestMean = mean(samples.map(({ request }) => request));
  const toolMean = mean(tools);
  const differences = samples.map(({ request, tool }) => {
    const own = tools[tool] ?? toolMean;
    return request.map(
      (value, at) => value - (requestMean[at] ?? 0) - ((own[at] ?? 0) - (toolMean[at] ?? 0)),
    );
  });
  const spread =
    differences.reduce((sum, one) => sum + dot(one, one), 0) / differences.length / toolMean.length;
  const usual = PRIOR * spread;
  return {
    embedder,
    cosineWeight,
    requestMean,
    toolMean,
    ...(pieces && { pieces }),
    common: commonStems(samples),
    directions: mainDirections(differences, DIRECTIONS).map((vector) => {
      const here = differences.reduce((sum, one) => sum + dot(one, vector) ** 2, 0) / differences.length;
      return { vector, shrink: 1 - Math.sqrt(usual / (here + usual)) };
    }),
  };
}

/** The share of requests whose own tool is among the first `count`; of tools with equal scores, the own one counts as the last. */
export function recallAt(
  results: readonly { readonly scores: readonly number[]; readonly tool: number }[],
  count: number,
): number {
  const found = results.filter(({ scores, tool }) => {
    const own = scores[tool] ?? Number.NEGATIVE_INFINITY;
    return scores.filter((score, at) => at !== tool && score >= own).length < count;
  });
  return found.length / Math.max(1, results.length);
}

function mean(vectors: readonly Float32Array[]): Float32Array {
  const sum = new Float32Array(vectors[0]?.length ?? 0);
  for (const vector of vectors)
    for (let at = 0; at < sum.length; at += 1) sum[at] = (sum[at] ?? 0) + (vector[at] ?? 0);
  return sum.map((value) => value / Math.max(1, vectors.length));
}

/** The space in which pieces are compared, by those of requests and of descriptions that need not belong together. */
export function fitPieceSpace(
  requests: readonly Pieces[],
  tools: readonly Pieces[],
  weight: number,
): PieceSpace {
  const rows = (texts: readonly Pieces[]): readonly Float32Array[] =>
    texts.flatMap(({ weights, vectors, mean: whole }) =>
      Array.from(weights, (_, at) => vectors.subarray(at * whole.length, (at + 1) * whole.length)),
    );
  const [asked, told] = [rows(requests), rows(tools)];
  const [requestMean, toolMean] = [mean(asked), mean(told)];
  const centred = [
    ...asked.map((row) => row.map((value, at) => value - (requestMean[at] ?? 0))),
    ...told.map((row) => row.map((value, at) => value - (toolMean[at] ?? 0))),
  ];
  const axes = mainDirections(centred, SHARED_AXES + AXES).slice(SHARED_AXES);
  return {
    requestMean,
    toolMean,
    axes: Float32Array.from(axes.flatMap((axis) => [...axis])),
    weight,
  };
}

/** What a stem counts that requests for many tools have. */
function commonStems(samples: readonly Sample[]): ReadonlyMap<string, number> {
  const having = new Map<string, { requests: number; readonly tools: Set<number> }>();
  for (const { query, tool } of samples) {
    for (const stem of new Set(tellingWords(query).map(stemOf))) {
      const so = having.get(stem) ?? { requests: 0, tools: new Set() };
      so.requests += 1;
      so.tools.add(tool);
      having.set(stem, so);
    }
  }
  return new Map(
    [...having]
      .filter(([, { tools }]) => tools.size >= SUBJECTS_MIN)
      .map(([stem, { requests }]) => [stem, HALF_SHARE / (HALF_SHARE + requests / samples.length)]),
  );
}

/** The directions in which the vectors spread most, by orthogonal iteration from a fixed start. */
function mainDirections(vectors: readonly Float32Array[], count: number): readonly Float32Array[] {
  const dimensions = vectors[0]?.length ?? 0;
  const spread = covariance(vectors, dimensions);
  let found = orthonormal(
    Array.from({ length: count }, (_, row) =>
      Float32Array.from({ length: dimensions }, (__, at) =>
        Math.sin((row + 1) * 12.9898 + (at + 1) * 78.233),
      ),
    ),
  );
  for (let round = 0; round < ROUNDS; round += 1) {
    found = orthonormal(
      found.map((direction) =>
        Float32Array.from({ length: dimensions }, (_, at) => dot(spread[at] ?? direction, direction)),
      ),
    );
  }
  return found;
}

function covariance(vectors: readonly Float32Array[], dimensions: number): readonly Float32Array[] {
  const rows = Array.from({ length: dimensions }, () => new Float32Array(dimensions));
  for (const vector of vectors) {
    for (const [at, row] of rows.entries()) {
      const here = vector[at] as number;
      for (let other = 0; other < dimensions; other += 1)
        row[other] = (row[other] as number) + here * (vector[other] as number);
    }
  }
  return rows;
}

/** Gram and Schmidt. */
function orthonormal(vectors: readonly Float32Array[]): readonly Float32Array[] {
  const done: Float32Array[] = [];
  for (const vector of vectors) {
    let rest = vector;
    for (const earlier of done) {
      const part = dot(rest, earlier);
      rest = rest.map((value, at) => value - part * (earlier[at] ?? 0));
    }
    const length = Math.sqrt(dot(rest, rest));
    done.push(length > 0 ? rest.map((value) => value / length) : rest);
  }
  return done;
}
