/** Fitting of `RequestSpace` on requests whose tool is known, and the measure by which it is judged. Deterministic. */
import { type RequestSpace, dot } from "./request-space.ts";

export interface Sample {
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
}

/** Few directions hold what requests have in common; more of them fit the tools instead. */
const DIRECTIONS = 32;
/** How much of the mean spread is taken for granted in every direction. */
const PRIOR = 4;
const ROUNDS = 20;

/** Fits the map. At least as many samples as directions are needed for it to mean anything. */
export function fitRequestSpace({ embedder, samples, tools, cosineWeight }: FitOptions): RequestSpace {
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

/** The directions in which the vectors spread most, by orthogonal iteration from a fixed start. */
function mainDirections(vectors: readonly Float32Array[], count: number): readonly Float32Array[] {
  const dimensions = vectors[0]?.length ?? 0;
  let found = orthonormal(
    Array.from({ length: count }, (_, row) =>
      Float32Array.from({ length: dimensions }, (__, at) =>
        Math.sin((row + 1) * 12.9898 + (at + 1) * 78.233),
      ),
    ),
  );
  for (let round = 0; round < ROUNDS; round += 1) {
    const next = found.map(() => new Float32Array(dimensions));
    for (const vector of vectors) {
      for (const [row, direction] of found.entries()) {
        const part = dot(vector, direction);
        const target = next[row] ?? new Float32Array();
        for (let at = 0; at < dimensions; at += 1) target[at] = (target[at] ?? 0) + part * (vector[at] ?? 0);
      }
    }
    found = orthonormal(next);
  }
  return found;
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
