/**
 * Which tools a request is about: the match of words, of meaning as a whole and, for the best by these, of meaning piece by
 * piece (`piece-match.ts`), added.
 *
 * Guarantees: ranks what it is given and nothing else, so whoever asks filters by permission first [PR-D44]; equal scores stay
 * in the order given. Without its embedder it ranks by words, and `onFault` is told.
 * Does not: read more than 2,000 characters of a text.
 */
import { type Embedder, type Pieces, embedAll } from "../embeddings/embedder.ts";
import { type PlacedPieces, pieceMatch, placedPieces, withPieces } from "./piece-match.ts";
import { type RequestSpace, dot, placed, requestSpaceOf } from "./request-space.ts";
import { type NamedTool, type ToolText, toolText } from "./tool-text.ts";
import { wordMatch } from "./word-match.ts";

export interface ToolRankerOptions {
  readonly embedder: Embedder;
  /** Told what the embedder failed with. */
  readonly onFault?: (error: unknown) => void;
}

export interface ToolRanker {
  /** For each request, the score of each tool, in the order of `tools`. More is better; only a request's own can be compared. */
  scores(tools: readonly NamedTool[], requests: readonly string[]): Promise<readonly (readonly number[])[]>;
  /** For each request, the `count` tools that fit best, the best first. */
  rank<T extends NamedTool>(
    tools: readonly T[],
    requests: readonly string[],
    count: number,
  ): Promise<readonly (readonly T[])[]>;
}

interface Known {
  readonly text: ToolText;
  place?: Float32Array;
  pieces?: PlacedPieces;
}

const KNOWN_MAX = 4_096;
const REQUEST_MAX = 2_000;

export function toolRanker({ embedder, onFault }: ToolRankerOptions): ToolRanker {
  const space = requestSpaceOf(embedder.name);
  const known = new Map<string, Known>();

  function knowing(tool: NamedTool): Known {
    const key = JSON.stringify([tool.name, tool.description, tool.inputSchema]);
    let found = known.get(key);
    if (!found) {
      found = { text: toolText(tool) };
      if (known.size >= KNOWN_MAX) known.delete(known.keys().next().value ?? "");
      known.set(key, found);
    }
    return found;
  }

  /** Each text's vector, and its pieces where they can be had. */
  async function read(
    texts: readonly string[],
  ): Promise<readonly { vector: ArrayLike<number>; pieces?: Pieces }[]> {
    if (space.pieces && embedder.pieces)
      return (await embedder.pieces(texts)).map((pieces) => ({ vector: pieces.mean, pieces }));
    return (await embedAll(embedder, texts)).map((vector) => ({ vector }));
  }

  function meaningOf(
    text: { vector: ArrayLike<number>; pieces?: Pieces } | undefined,
    kind: "request" | "tool",
  ): Meaning {
    const place = placed(space, text?.vector ?? [], kind);
    return text?.pieces && space.pieces
      ? { place, pieces: placedPieces(space.pieces, text.pieces, kind) }
      : { place };
  }

  async function meanings(tools: readonly Known[], requests: readonly string[]): Promise<readonly Meaning[]> {
    try {
      const fresh = tools.filter(({ place }) => !place);
      const texts = await read([...requests, ...fresh.map(({ text }) => text.sentence)]);
      for (const [at, tool] of fresh.entries())
        Object.assign(tool, meaningOf(texts[requests.length + at], "tool"));
      return requests.map((_, at) => meaningOf(texts[at], "request"));
    } catch (error) {
      onFault?.(error);
      return [];
    }
  }

  const ranker: ToolRanker = {
    async scores(tools, asked) {
      const requests = asked.map((request) => request.slice(0, REQUEST_MAX));
      const all = tools.map(knowing);
      const meant = await meanings(all, requests);
      return requests.map((request, at) => {
        const byWords = wordMatch(
          request,
          all.map(({ text }) => text),
          space.common,
        );
        const asked = meant[at];
        const scores = all.map(
          ({ place }, index) => (byWords[index] ?? 0) + cosineOf(space, asked?.place, place),
        );
        return withPieces(scores, (index) => {
          const own = all[index]?.pieces;
          return asked?.pieces && own && space.pieces
            ? pieceMatch(asked.pieces, own) * space.pieces.weight
            : undefined;
        });
      });
    },
    async rank(tools, requests, count) {
      return (await ranker.scores(tools, requests)).map((scores) =>
        tools
          .map((tool, at) => ({ tool, score: scores[at] ?? 0 }))
          .toSorted((a, b) => b.score - a.score)
          .slice(0, count)
          .map(({ tool }) => tool),
      );
    },
  };
  return ranker;
}

interface Meaning {
  readonly place: Float32Array;
  readonly pieces?: PlacedPieces;
}

function cosineOf(
  space: RequestSpace,
  request: Float32Array | undefined,
  tool: Float32Array | undefined,
): number {
  return request && tool && request.length === tool.length ? dot(request, tool) * space.cosineWeight : 0;
}
