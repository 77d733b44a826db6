/**
 * For tests: a model that plays a script, and nothing else.
 *
 * Guarantees: a call beyond the script fails with an error of its own, and `assertComplete` fails when some of
 * the script was not played, so that a test cannot pass because the model was never asked.
 */
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4StreamPart,
} from "@ai-sdk/provider";
import type { ResolvedModel } from "./models/resolve-model.ts";

export interface ScriptedCall {
  readonly tool: string;
  /** An object, or raw text for arguments that are no JSON. */
  readonly args?: Readonly<Record<string, unknown>> | string;
  /** The model's own id of the call; hostile models repeat them. */
  readonly id?: string;
  /** The model claims that its provider ran the tool. */
  readonly providerExecuted?: boolean;
}

export interface ScriptedTurn {
  readonly text?: string;
  readonly calls?: readonly ScriptedCall[];
  /** Thrown instead of an answer. */
  readonly error?: Error;
  /** Held back until this resolves. */
  readonly after?: Promise<unknown>;
  /** Raw stream parts before the rest, for what a hostile provider may send. */
  readonly parts?: readonly LanguageModelV4StreamPart[];
  readonly tokens?: number;
  /** Why the model ended, where it was not done. */
  readonly cut?: "length" | "content-filter";
}

export class ScriptError extends Error {
  override readonly name = "ScriptError";
}

export interface ScriptedModel extends ResolvedModel {
  /** What the model was asked, call by call. */
  readonly asked: readonly LanguageModelV4CallOptions[];
  /** Throws `ScriptError` unless each turn was played. */
  assertComplete(): void;
}

export type Script = readonly (ScriptedTurn | ((asked: LanguageModelV4CallOptions) => ScriptedTurn))[];

/** A model that answers with `script`, one turn a call. */
export function scriptedModel(script: Script): ScriptedModel {
  const asked: LanguageModelV4CallOptions[] = [];

  function* play(turn: ScriptedTurn): Generator<LanguageModelV4StreamPart> {
    yield { type: "stream-start", warnings: [] };
    yield* turn.parts ?? [];
    if (turn.text !== undefined) {
      yield { type: "text-start", id: "t" };
      yield { type: "text-delta", id: "t", delta: turn.text };
      yield { type: "text-end", id: "t" };
    }
    for (const [index, call] of (turn.calls ?? []).entries()) {
      yield {
        type: "tool-call",
        toolCallId: call.id ?? `call-${asked.length}-${index}`,
        toolName: call.tool,
        input: typeof call.args === "string" ? call.args : JSON.stringify(call.args ?? {}),
        ...(call.providerExecuted && { providerExecuted: true }),
      };
    }
    const tokens = turn.tokens ?? 10;
    yield {
      type: "finish",
      finishReason: { unified: turn.cut ?? (turn.calls?.length ? "tool-calls" : "stop"), raw: undefined },
      usage: {
        inputTokens: { total: tokens, noCache: tokens, cacheRead: undefined, cacheWrite: undefined },
        outputTokens: { total: tokens, text: tokens, reasoning: undefined },
      },
    };
  }

  const model: LanguageModelV4 = {
    specificationVersion: "v4",
    provider: "deputize-testing",
    modelId: "scripted",
    supportedUrls: {},
    doGenerate: () => Promise.reject(new ScriptError("the scripted model only streams")),
    async doStream(options) {
      const next = script[asked.length];
      asked.push(options);
      if (next === undefined)
        throw new ScriptError(
          `the model was asked ${asked.length} times, its script has ${script.length} turns`,
        );
      const turn = typeof next === "function" ? next(options) : next;
      if (turn.after) await untilAborted(turn.after, options.abortSignal);
      options.abortSignal?.throwIfAborted();
      if (turn.error) throw turn.error;
      const parts = [...play(turn)];
      return {
        stream: new ReadableStream({
          start(controller) {
            for (const part of parts) controller.enqueue(part);
            controller.close();
          },
        }),
      };
    },
  };

  return {
    model,
    name: "scripted",
    offline: true,
    asked,
    assertComplete() {
      if (asked.length !== script.length) {
        throw new ScriptError(
          `the model was asked ${asked.length} times, its script has ${script.length} turns`,
        );
      }
    },
  };
}

async function untilAborted(work: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  await Promise.race([
    work,
    new Promise((_, reject) =>
      signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true }),
    ),
  ]);
}
