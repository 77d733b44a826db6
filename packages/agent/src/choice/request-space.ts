/**
 * Where requests and descriptions can be compared: a linear map on sentence vectors.
 *
 * A request ("Can you help me plan a trip?") and the description of its tool ("Explore flights, hotels and more!") differ in
 * ways that have nothing to do with which tool it is: one asks, the other advertises. Over many requests for known tools, the
 * directions in which request and own description differ most are those. So both are centred, each by its own kind's mean, and
 * these directions are shrunk (within-class covariance normalisation, Hatch and Stolcke, 2006; the rest is held to be alike in
 * all directions). Nothing in it names a tool, so it holds for tools that it was not fitted on.
 *
 * `npm run fit:tools -- --data FOLDER` makes `request-space.json` and judges it by tools that were left out.
 */
import { readFileSync } from "node:fs";
import type { PieceSpace } from "./piece-match.ts";

export interface RequestSpace {
  /** The embedder that it is for. */
  readonly embedder: string;
  readonly requestMean: Float32Array;
  readonly toolMean: Float32Array;
  /** Unit vectors, and by how much of it each direction is shrunk, from 0 to 1. */
  readonly directions: readonly { readonly vector: Float32Array; readonly shrink: number }[];
  /** What a point of cosine weighs against one of `wordMatch`. */
  readonly cosineWeight: number;
  /** Where the embedder tells the pieces of a text apart. */
  readonly pieces?: PieceSpace;
  /** Of stems that requests have whatever they are about, what one of them counts, below 1. */
  readonly common: ReadonlyMap<string, number>;
}

/** Numbers as signed bytes and their unit, since the map needs no more. */
interface Packed {
  readonly unit: number;
  readonly bytes: string;
}

export interface PackedRequestSpace {
  readonly embedder: string;
  readonly cosineWeight: number;
  readonly requestMean: Packed;
  readonly toolMean: Packed;
  readonly directions: readonly (Packed & { readonly shrink: number })[];
  readonly pieces?: {
    readonly requestMean: Packed;
    readonly toolMean: Packed;
    readonly axes: Packed;
    readonly weight: number;
  };
  readonly common: Readonly<Record<string, number>>;
}

const COSINE_WEIGHT = 30;

let shipped: RequestSpace | undefined;

/** The fitted map of this embedder; for another, the one that changes nothing. */
export function requestSpaceOf(embedder: string): RequestSpace {
  shipped ??= unpackSpace(
    JSON.parse(readFileSync(new URL("./request-space.json", import.meta.url), "utf8")) as PackedRequestSpace,
  );
  const none = new Float32Array();
  return shipped.embedder === embedder
    ? shipped
    : {
        embedder,
        requestMean: none,
        toolMean: none,
        directions: [],
        cosineWeight: COSINE_WEIGHT,
        common: shipped.common,
      };
}

/** A sentence's unit vector in the space; `kind` says what the sentence is. */
export function placed(
  space: RequestSpace,
  vector: ArrayLike<number>,
  kind: "request" | "tool",
): Float32Array {
  const mean = kind === "request" ? space.requestMean : space.toolMean;
  const centred = Float32Array.from(vector, (value, at) => value - (mean[at] ?? 0));
  const moved = Float32Array.from(centred);
  for (const direction of space.directions) {
    const part = dot(centred, direction.vector) * direction.shrink;
    for (let at = 0; at < moved.length; at += 1)
      moved[at] = (moved[at] ?? 0) - part * (direction.vector[at] ?? 0);
  }
  const length = Math.sqrt(dot(moved, moved));
  return length > 0 ? moved.map((value) => value / length) : moved;
}

export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at += 1) sum += (a[at] ?? 0) * (b[at] ?? 0);
  return sum;
}

export function packSpace(space: RequestSpace): PackedRequestSpace {
  return {
    embedder: space.embedder,
    cosineWeight: space.cosineWeight,
    requestMean: pack(space.requestMean),
    toolMean: pack(space.toolMean),
    directions: space.directions.map(({ vector, shrink }) => ({
      shrink: Number(shrink.toFixed(4)),
      ...pack(vector),
    })),
    ...(space.pieces && {
      pieces: {
        requestMean: pack(space.pieces.requestMean),
        toolMean: pack(space.pieces.toolMean),
        axes: pack(space.pieces.axes),
        weight: space.pieces.weight,
      },
    }),
    common: Object.fromEntries([...space.common].map(([stem, weight]) => [stem, Number(weight.toFixed(2))])),
  };
}

export function unpackSpace(packed: PackedRequestSpace): RequestSpace {
  return {
    embedder: packed.embedder,
    cosineWeight: packed.cosineWeight,
    requestMean: unpack(packed.requestMean),
    toolMean: unpack(packed.toolMean),
    directions: packed.directions.map((one) => ({ shrink: one.shrink, vector: unpack(one) })),
    ...(packed.pieces && {
      pieces: {
        requestMean: unpack(packed.pieces.requestMean),
        toolMean: unpack(packed.pieces.toolMean),
        axes: unpack(packed.pieces.axes),
        weight: packed.pieces.weight,
      },
    }),
    common: new Map(Object.entries(packed.common)),
  };
}

function pack(values: Float32Array): Packed {
  const unit = Number(
    (values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127).toPrecision(5),
  );
  const bytes = Int8Array.from(values, (value) => Math.round(value / unit));
  return { unit, bytes: Buffer.from(bytes.buffer).toString("base64") };
}

function unpack({ unit, bytes }: Packed): Float32Array {
  return Float32Array.from(new Int8Array(Buffer.from(bytes, "base64")), (value) => value * unit);
}
