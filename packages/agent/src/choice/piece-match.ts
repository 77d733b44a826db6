/**
 * How well the pieces of a request fit those of a tool's description, one by one: each piece looks for the one most like it on the
 * other side (late interaction, Khattab and Zaharia, 2020), and a piece that most texts have counts little. A sentence vector is
 * a mean, in which one telling word of a long request drowns; here it does not.
 *
 * Pieces are compared on few axes: those in which they spread most, without the very first, which all of them share.
 */
import type { Pieces } from "../embeddings/embedder.ts";

export interface PieceSpace {
  readonly requestMean: Float32Array;
  readonly toolMean: Float32Array;
  /** Unit vectors, one after the other. */
  readonly axes: Float32Array;
  /** What a point of `pieceMatch` weighs against one of `wordMatch`. */
  readonly weight: number;
}

export interface PlacedPieces {
  readonly weights: Float32Array;
  readonly total: number;
  readonly vectors: Float32Array;
  /** Numbers a vector. */
  readonly size: number;
}

/** Pieces as unit vectors on the axes; `kind` says whose they are. */
export function placedPieces(space: PieceSpace, pieces: Pieces, kind: "request" | "tool"): PlacedPieces {
  const mean = kind === "request" ? space.requestMean : space.toolMean;
  const from = mean.length;
  const size = space.axes.length / from;
  const vectors = new Float32Array(pieces.weights.length * size);
  for (let piece = 0; piece < pieces.weights.length; piece += 1) {
    let squares = 0;
    for (let axis = 0; axis < size; axis += 1) {
      let sum = 0;
      for (let at = 0; at < from; at += 1)
        sum +=
          ((pieces.vectors[piece * from + at] as number) - (mean[at] as number)) *
          (space.axes[axis * from + at] as number);
      vectors[piece * size + axis] = sum;
      squares += sum * sum;
    }
    const length = Math.sqrt(squares);
    for (let axis = 0; length > 0 && axis < size; axis += 1)
      vectors[piece * size + axis] = (vectors[piece * size + axis] as number) / length;
  }
  return { weights: pieces.weights, total: pieces.weights.reduce((sum, one) => sum + one, 0), vectors, size };
}

/** From -2 to 2: the mean of what each request's piece finds, and that of each tool's piece; 0 where one side has none. */
export function pieceMatch(request: PlacedPieces, tool: PlacedPieces): number {
  const { size } = request;
  if (request.total === 0 || tool.total === 0 || tool.size !== size) return 0;
  const found = new Float32Array(tool.weights.length).fill(-1);
  let asked = 0;
  for (let one = 0; one < request.weights.length; one += 1) {
    let most = -1;
    for (let other = 0; other < found.length; other += 1) {
      let sum = 0;
      for (let axis = 0; axis < size; axis += 1)
        sum += (request.vectors[one * size + axis] as number) * (tool.vectors[other * size + axis] as number);
      if (sum > most) most = sum;
      if (sum > (found[other] as number)) found[other] = sum;
    }
    asked += most * (request.weights[one] as number);
  }
  const told = found.reduce((sum, best, at) => sum + best * (tool.weights[at] as number), 0);
  return asked / request.total + told / tool.total;
}

/** So many of the best by words and sentences are compared piece by piece, which costs most. */
const COMPARED = 48;

/**
 * Scores with what the pieces say of the best of them; the others get the least of that, so that they stay behind. `told` says it of
 * the tool at a place: undefined where nothing is known.
 */
export function withPieces(
  scores: readonly number[],
  told: (tool: number) => number | undefined,
): readonly number[] {
  const least = scores.toSorted((a, b) => b - a)[COMPARED - 1] ?? Number.NEGATIVE_INFINITY;
  const said = scores.map((score, at) => (score >= least ? told(at) : undefined));
  const lowest = Math.min(...said.flatMap((one) => one ?? []));
  return scores.map((score, at) => score + (said[at] ?? (Number.isFinite(lowest) ? lowest : 0)));
}
