/**
 * Tools by which a person has something remembered, asks what is, and has it forgotten, in words.
 *
 * Guarantees: each is for the run's caller and nobody else. What is kept are words of the person's own message, or has the label of
 * all that the model had read, which a part of their sentence has too once somebody else's text is in that context: "ship there" may
 * be cut from "never ship there". Nothing that looks like a secret is kept. Where somebody else's text is in that context nothing is
 * forgotten, and nothing else kept than the person's own words [SR-06]: it could have asked for it. Only what the person's own words of this turn speak of is forgotten, one memory a call, so that a model cannot
 * empty what it was told to keep; that is the written exception from asking again. Nothing that was forgotten can be had back.
 * Does not: correct; that is the person's own act, by `memoryRoutes`.
 */
import { isDeputizeError } from "@deputize/core";
import { type Label, joinLabels, looksSecret, parseLabel, privateLabel } from "@deputize/guardrails";
import { z } from "zod";
import { localTools } from "../tools/local-tools.ts";
import type { ToolOutcome, ToolSource } from "../tools/tool-source.ts";
import type { FoundMemory, Memory, MemoryProvider } from "./memory-provider.ts";
import { isWholeSentence, wordsOf } from "./memory-words.ts";

export interface MemoryToolsOptions {
  /** The same that the agent's memory was made with. */
  readonly provider: MemoryProvider;
  /** From 0 to 1: what fits less is not told. 0.2 unless set. */
  readonly minScore?: number;
}

const CONTENT_CHARS = 1_000;
const OWN: Label = { integrity: "trusted", readers: "public", source: "memory" };

const Store = z.strictObject({
  content: z
    .string()
    .trim()
    .min(1)
    .max(CONTENT_CHARS)
    .describe("What to remember, as the person said it, such as: I wear shoes of size 43."),
});
const Recall = z.strictObject({
  query: z.string().trim().min(1).max(500).optional().describe("What it is about; all of it without."),
  limit: z.int().min(1).max(50).default(10).describe("How many at most."),
});
const Forget = z.strictObject({
  memory_id: z.uuid().describe("The id of one memory. Take it from recall_memories; never invent one."),
});

/** A source of three tools: `store_memory`, `recall_memories`, `forget_memory`. */
export function memoryTools({ provider, minScore = 0.2 }: MemoryToolsOptions): ToolSource {
  return localTools("memory", [
    {
      name: "store_memory",
      description:
        "Remembers something about the person for later conversations, when they ask for that. Never a password, a card number or another person's data.",
      input: Store,
      call: async ({ args, argumentSources }, context) => {
        const { content } = Store.parse(args);
        // What stands in the person's own message is kept as their message would be, whatever else was read.
        const ownWords = argumentSources["content"] === "you";
        if (!ownWords && context.label.integrity !== "trusted") return refused(TAINTED);
        const own = privateLabel(context.caller.subject, "person");
        const label = !ownWords
          ? context.label
          : context.label.integrity === "trusted" || isWholeSentence(content, context.personMessage)
            ? own
            : joinLabels(own, context.label);
        if (looksSecret(content)) return refused("this looks like a secret, and secrets are not remembered");
        const origin = {
          act: "explicit",
          agent: context.agent,
          conversation: context.personConversationId ?? context.conversationId,
          run: context.runId,
        } as const;
        return told(async () => {
          await provider.add(context.caller, { text: content, label, origin });
          return done({ remembered: content }, label);
        });
      },
    },
    {
      name: "recall_memories",
      description: "Shows what is remembered of the person: what fits a question best, or the newest.",
      input: Recall,
      call: async ({ args }, { caller, signal }) => {
        const { query, limit } = Recall.parse(args);
        return told(async () => {
          const found: readonly (Memory | FoundMemory)[] =
            query === undefined
              ? (await provider.list(caller, { limit })).memories
              : await provider.search(caller, query, { limit, minScore, signal });
          const memories = found.map(({ id, text, created }) => ({ id, text, kept: created.slice(0, 10) }));
          return done({ memories }, joinLabels(OWN, ...found.map(({ label }) => parseLabel(label))));
        });
      },
    },
    {
      name: "forget_memory",
      description: "Forgets one thing that is remembered of the person, for good, when they ask for that.",
      input: Forget,
      call: async ({ args }, context) => {
        const { memory_id } = Forget.parse(args);
        return told(async () => {
          if (context.label.integrity !== "trusted") return refused(TAINTED);
          const { text, label } = await provider.get(context.caller, memory_id);
          if (!speaksOf(context.personMessage, text))
            return refused(
              "the person did not say which memory; ask for its words, or point to the memory page",
            );
          await provider.delete(context.caller, memory_id);
          return done({ forgotten: text }, parseLabel(label));
        });
      },
    },
  ]);
}

const TAINTED =
  "text by others is in this conversation, so only the person's own words are remembered here, and nothing is forgotten; that works in a new conversation, or on the memory page";

/** Whether the person's words share one with the memory: the same, or one that begins alike (`prefer`, `prefers`). */
function speaksOf(said: string, memory: string): boolean {
  const stem = (word: string): string => (word.length > 4 ? word.slice(0, 4) : word);
  const stems = new Set(wordsOf(said).map(stem));
  return wordsOf(memory).some((word) => stems.has(stem(word)));
}

function done(content: object, label: Label): ToolOutcome {
  return { status: "done", content, label, cards: [] };
}

function refused(error: string): ToolOutcome {
  return { status: "refused", content: { error }, label: OWN, cards: [] };
}

/** What the provider refuses is told to the model in its safe words; its faults are no end of the run. */
async function told(work: () => Promise<ToolOutcome>): Promise<ToolOutcome> {
  try {
    return await work();
  } catch (error) {
    if (!isDeputizeError(error)) throw error;
    const status = error.code === "unavailable" ? "failed" : "refused";
    return { status, content: { code: error.code, error: error.message }, label: OWN, cards: [] };
  }
}
