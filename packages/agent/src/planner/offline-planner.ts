/**
 * The offline planner: a language model of the AI SDK (provider specification v4) that needs no network and no
 * key. It answers shopping questions with the tools that it is offered, always the same way.
 *
 * Guarantees: it is deterministic; it calls only tools that were offered; text in tool results never becomes
 * an instruction. It says that it is offline in its model id and in each answer's metadata.
 * Does not: understand language as a model does. It is a working stand-in, not a test double.
 */
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
} from "@ai-sdk/provider";
import { viewTool } from "./capability.ts";
import { readConversation } from "./conversation.ts";
import { type Plan, plan } from "./plan.ts";

const METADATA = { deputize: { offline: true } } as const;

interface Answer {
  readonly content: LanguageModelV4Content[];
  readonly finishReason: LanguageModelV4FinishReason;
  readonly usage: LanguageModelV4Usage;
}

function think(options: LanguageModelV4CallOptions): Answer {
  const conversation = readConversation(options.prompt);
  const tools = (options.tools ?? []).flatMap((tool) => (tool.type === "function" ? [viewTool(tool)] : []));
  const next: Plan = plan(conversation, tools);
  const written = next.kind === "say" ? next.text : JSON.stringify(next.args);
  const usage = usageOf(JSON.stringify(options.prompt).length, written.length);
  if (next.kind === "say") {
    return {
      content: [{ type: "text", text: next.text }],
      finishReason: { unified: "stop", raw: undefined },
      usage,
    };
  }
  // One call a step and at most one of each tool and agent a turn, so the number of answers makes the id unique.
  const toolCallId = `offline-${conversation.answers.length + 1}`;
  return {
    content: [{ type: "tool-call", toolCallId, toolName: next.tool, input: JSON.stringify(next.args) }],
    finishReason: { unified: "tool-calls", raw: undefined },
    usage,
  };
}

/** About four characters a token, so that limits and displays have something to work with. */
function usageOf(charactersIn: number, charactersOut: number): LanguageModelV4Usage {
  const input = Math.ceil(charactersIn / 4);
  const output = Math.ceil(charactersOut / 4);
  return {
    inputTokens: { total: input, noCache: input, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: output, text: output, reasoning: undefined },
  };
}

/** Text in pieces of a few words, so that a page shows it growing. */
function pieces(text: string): string[] {
  return text.match(/\S+\s*(?:\S+\s*)?/g) ?? [text];
}

function* parts({ content, finishReason, usage }: Answer): Generator<LanguageModelV4StreamPart> {
  yield { type: "stream-start", warnings: [] };
  for (const part of content) {
    if (part.type === "text") {
      yield { type: "text-start", id: "1" };
      for (const delta of pieces(part.text)) yield { type: "text-delta", id: "1", delta };
      yield { type: "text-end", id: "1" };
    } else if (part.type === "tool-call") {
      yield part;
    }
  }
  yield { type: "finish", finishReason, usage, providerMetadata: METADATA };
}

/** The planner as a model. It keeps nothing between calls. */
export function offlinePlanner(): LanguageModelV4 {
  return {
    specificationVersion: "v4",
    provider: "deputize",
    modelId: "offline",
    supportedUrls: {},
    doGenerate: async (options) => ({ ...think(options), warnings: [], providerMetadata: METADATA }),
    doStream: async (options) => {
      options.abortSignal?.throwIfAborted();
      const steps = parts(think(options));
      const stream = new ReadableStream<LanguageModelV4StreamPart>({
        pull(controller) {
          if (options.abortSignal?.aborted) return controller.error(options.abortSignal.reason);
          const next = steps.next();
          if (next.done) controller.close();
          else controller.enqueue(next.value);
        },
      });
      return { stream };
    },
  };
}
