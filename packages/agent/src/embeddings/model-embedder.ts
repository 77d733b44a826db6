/**
 * Embedders behind a network address: a model of the AI SDK, or any server that speaks `POST /embeddings` as OpenAI does
 * (Ollama, vLLM, llama.cpp, text-embeddings-inference).
 *
 * Guarantees: a request ends with its time; no redirect is followed, since it would carry the key away; the key is in no name
 * and no error.
 */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { DeputizeError } from "@deputize/core";
import { type EmbeddingModel, embed, embedMany } from "ai";
import type { Embedder } from "./embedder.ts";

export interface EndpointOptions {
  /** With its version, such as `http://localhost:11434/v1`. */
  readonly baseURL: string;
  readonly model: string;
  readonly apiKey?: string;
  /** 5,000 unless told. */
  readonly timeoutMs?: number;
  readonly fetch?: typeof fetch;
}

/** A model of the AI SDK as embedder; its requests end with `timeoutMs` (5,000 unless told). Throws `unavailable`. */
export function modelEmbedder(model: EmbeddingModel, { timeoutMs = 5_000 } = {}): Embedder {
  const name = typeof model === "string" ? model : `${model.provider}:${model.modelId}`;
  const asked = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      throw new DeputizeError("unavailable", `the embedding model ${name} did not answer`, { cause });
    }
  };
  return {
    name,
    embed: (value) =>
      asked(
        async () => (await embed({ model, value, abortSignal: AbortSignal.timeout(timeoutMs) })).embedding,
      ),
    embedMany: (values) =>
      asked(async () => {
        const abortSignal = AbortSignal.timeout(timeoutMs);
        return (await embedMany({ model, values: [...values], abortSignal, maxParallelCalls: 2 })).embeddings;
      }),
  };
}

/** A server of the wire form of OpenAI's embeddings. A wrong key or address shows at the first text. */
export function endpointEmbedder({
  baseURL,
  model,
  apiKey,
  timeoutMs,
  fetch: send = fetch,
}: EndpointOptions): Embedder {
  const provider = createOpenAICompatible({
    name: "compatible",
    baseURL,
    fetch: (input, init) => send(input, { ...init, redirect: "error" }),
    ...(apiKey !== undefined && { apiKey }),
  });
  const embedder = modelEmbedder(provider.embeddingModel(model), {
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
  return { ...embedder, name: `compatible:${model}` };
}
