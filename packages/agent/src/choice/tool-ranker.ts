/**
 * Which tools a request is about: the match of words and of meaning, added.
 *
 * Guarantees: ranks what it is given and nothing else, so whoever asks filters by permission first [PR-D44]; equal scores stay
 * in the order given. Without its embedder it ranks by words, and `onFault` is told.
 * Does not: read more than 2,000 characters of a text.
 */
import { type Embedder, embedAll } from "../embeddings/embedder.ts";
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

  async function meanings(
    tools: readonly Known[],
    requests: readonly string[],
  ): Promise<Meanings | undefined> {
    try {
      const fresh = tools.filter(({ place }) => !place);
      const sentences = [...requests, ...fresh.map(({ text }) => text.sentence)];
      const vectors = await embedAll(embedder, sentences);
      for (const [at, tool] of fresh.entries())
        tool.place = placed(space, vectors[requests.length + at] ?? [], "tool");
      return { space, requests: requests.map((_, at) => placed(space, vectors[at] ?? [], "request")) };
    } catch (error) {
      onFault?.(error);
      return undefined;
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
        );
        return all.map(({ place }, index) => (byWords[index] ?? 0) + meaning(meant, at, place));
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

interface Meanings {
  readonly space: RequestSpace;
  readonly requests: readonly Float32Array[];
}

function meaning(meant: Meanings | undefined, request: number, place: Float32Array | undefined): number {
  const vector = meant?.requests[request];
  return vector && place && vector.length === place.length
    ? dot(vector, place) * (meant?.space.cosineWeight ?? 0)
    : 0;
}
