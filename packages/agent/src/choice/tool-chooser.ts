/**
 * Which tools a model is shown for its next step, and how much of each.
 *
 * | level | what is shown |
 * |---|---|
 * | `off` | everything, whole |
 * | `minimal` | every tool; texts of 200 characters at most, nothing that only people read |
 * | `standard` | every tool; 150 characters, arguments three levels deep, only the upper two described |
 * | `semantic` | the tools that the conversation is about; 150 characters, two levels deep |
 *
 * Guarantees: only what the caller may call is ranked and shown, since only that is handed in [PR-D44]; what is not shown is
 * refused by the loop when a model names it [PR-D43], and shown from then on, since it is the caller's; a semantic choice that has no embedder goes by words.
 * Does not: decide what may be called. A tool that is shown may still be refused by its server.
 */
import { DeputizeError } from "@deputize/core";
import type { ModelMessage } from "ai";
import { z } from "zod";
import type { Embedder } from "../embeddings/embedder.ts";
import { sentenceEmbedder } from "../embeddings/threaded-embedder.ts";
import type { OfferedTool } from "../tools/tool-source.ts";
import type { ToolChooser } from "../turn/ports.ts";
import { MORE_TOOLS, moreTools, needsIn } from "./more-tools.ts";
import { type Shortening, shortTool } from "./short-tool.ts";
import { toolRanker } from "./tool-ranker.ts";
import { tellingWords } from "./words.ts";

export type ToolLevel = "off" | "minimal" | "standard" | "semantic";

export interface ToolChoiceOptions {
  readonly level: ToolLevel;
  /** Of `semantic`: how many tools are shown besides those that are kept. 8 unless set. */
  readonly maxTools?: number;
  /** Of `semantic`; `sentenceEmbedder()` unless set. */
  readonly embedder?: Embedder;
  /** Names of tools that are always shown. */
  readonly preserve?: readonly string[];
  /** Told what the embedder failed with; the choice goes on by words. */
  readonly onFault?: (error: unknown) => void;
}

const OPTIONS = z.strictObject({
  level: z.enum(["off", "minimal", "standard", "semantic"]),
  maxTools: z.number().int().min(1).max(100).optional(),
  embedder: z.custom<Embedder>().optional(),
  preserve: z.array(z.string()).max(100).readonly().optional(),
  onFault: z.custom<(error: unknown) => void>().optional(),
});

const SHORTENED: Readonly<Record<Exclude<ToolLevel, "off">, Shortening>> = {
  minimal: { text: 200, depth: 8, described: 8 },
  standard: { text: 150, depth: 3, described: 2 },
  semantic: { text: 150, depth: 2, described: 1 },
};
const MAX_TOOLS = 8;
/** On top of the chosen ones: what was called, kept or asked for. */
const EXTRA_MAX = 32;
const SHOWN_MAX = 100;
/** What the person said last, and before that: "and cancel it" is about what was spoken of. */
const TURN_WEIGHTS = [1, 0.4, 0.2];

/** A chooser; undefined for `off`. Throws `config_invalid`. */
export function toolChooser(setting: ToolLevel | ToolChoiceOptions): ToolChooser | undefined {
  const parsed = OPTIONS.safeParse(typeof setting === "string" ? { level: setting } : setting);
  if (!parsed.success)
    throw new DeputizeError("config_invalid", `optimizeTools: ${z.prettifyError(parsed.error)}`);
  const { level } = parsed.data;
  if (level === "off") return undefined;
  const short = (tools: readonly OfferedTool[]): readonly OfferedTool[] =>
    tools.map((tool) => shortTool(tool, SHORTENED[level]));
  if (level !== "semantic") return { choose: async (tools) => short(tools) };

  const { maxTools = MAX_TOOLS, embedder = sentenceEmbedder(), preserve = [], onFault } = parsed.data;
  const ranker = toolRanker({ embedder, ...(onFault && { onFault }) });
  const kept = new Set(preserve);
  return {
    source: moreTools,
    async choose(tools, { messages, called }) {
      const ranked = tools.filter(({ name }) => name !== MORE_TOOLS);
      // With all of them on the table there is nothing more to ask for.
      if (ranked.length <= maxTools) return short(ranked);
      const turns = personTurns(messages)
        .filter((turn) => tellingWords(turn).length > 0)
        .slice(0, TURN_WEIGHTS.length);
      const needs = needsIn(messages).slice(0, Math.ceil(EXTRA_MAX / maxTools));
      const scores = await ranker.scores(ranked, [...turns, ...needs]);
      const spoken = ranked.map((_, at) =>
        TURN_WEIGHTS.reduce(
          (sum, weight, turn) => sum + weight * (turn < turns.length ? (scores[turn]?.[at] ?? 0) : 0),
          0,
        ),
      );
      const shown = new Set(best(ranked, spoken, maxTools));
      const extra = [
        ...ranked.filter(({ name }) => kept.has(name)),
        ...needs.flatMap((_, at) => best(ranked, scores[turns.length + at] ?? [], maxTools)),
        ...ranked.filter(({ name }) => called.has(name)),
      ];
      for (const tool of extra) if (shown.size < Math.min(maxTools + EXTRA_MAX, SHOWN_MAX)) shown.add(tool);
      // In the order given, so that the same choice is the same prompt.
      return short(tools.filter((tool) => tool.name === MORE_TOOLS || shown.has(tool)));
    },
  };
}

function best(
  tools: readonly OfferedTool[],
  scores: readonly number[],
  count: number,
): readonly OfferedTool[] {
  return tools
    .map((tool, at) => ({ tool, score: scores[at] ?? 0 }))
    .toSorted((a, b) => b.score - a.score)
    .slice(0, count)
    .map(({ tool }) => tool);
}

/** What stands in the person's place, the newest first. */
function personTurns(messages: readonly ModelMessage[]): readonly string[] {
  return messages
    .flatMap((message) => {
      if (message.role !== "user") return [];
      if (typeof message.content === "string") return [message.content];
      return [message.content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n")];
    })
    .toReversed();
}
