/**
 * Which of several models said what.
 *
 * Guarantees: what one provider said only for itself (reasoning, ids of its own) is not sent to another, which would not know
 * the ids, or take them for forged.
 * How: a chain marks what its models say by the metadata that the SDK carries along, from an answer into the next request.
 */
import type {
  LanguageModelV4CallOptions,
  LanguageModelV4Message,
  LanguageModelV4StreamPart,
} from "@ai-sdk/provider";
import type { ResolvedModel } from "./resolve-model.ts";

const KEY = "deputize";

export const mark = (name: string): { readonly [KEY]: { readonly model: string } } => ({
  [KEY]: { model: name },
});

/** The member of `model` that gave the answer with this metadata; `model` itself where it has none. */
export function answeredBy(
  model: ResolvedModel,
  metadata: Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined,
): ResolvedModel {
  const name = metadata?.[KEY]?.["model"];
  return model.members?.find((member) => member.name === name) ?? model;
}

/** A part of a stream, with who says it, where it ends up in a message. */
export function marked(part: LanguageModelV4StreamPart, name: string): LanguageModelV4StreamPart {
  switch (part.type) {
    case "text-start":
    case "text-end":
    case "reasoning-start":
    case "reasoning-end":
    case "tool-call":
    case "finish":
      return { ...part, providerMetadata: { ...part.providerMetadata, ...mark(name) } };
    default:
      return part;
  }
}

/** The request as `name` may read it. */
export function forModel(asked: LanguageModelV4CallOptions, name: string): LanguageModelV4CallOptions {
  const prompt = asked.prompt.flatMap((message): LanguageModelV4Message[] => {
    if (message.role !== "assistant") return [message];
    const content = message.content.flatMap((part): (typeof part)[] => {
      if (part.providerOptions?.[KEY]?.["model"] === name) return [part];
      if (part.type === "reasoning" || part.type === "reasoning-file") return [];
      const { providerOptions: _, ...plain } = part;
      return [plain];
    });
    return content.length === 0 ? [] : [{ ...message, content }];
  });
  return { ...asked, prompt };
}
