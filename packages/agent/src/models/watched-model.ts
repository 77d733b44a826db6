/**
 * One try of one model: bounded in time, and failing with errors of our own.
 *
 * Guarantees: a stream begins only once the model has said something, so that whoever asks may ask again, or another model,
 * without anything being said twice. Headers that do not come, and silence in the middle, end the try and its connection. An
 * answer that breaks off is a fault, never a short answer. Ending the caller's signal ends the provider's request.
 * Does not: try again; see `retrying`.
 */
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4StreamPart,
} from "@ai-sdk/provider";
import { ModelFault, modelFault } from "./model-fault.ts";

export interface ModelPatience {
  /** Until the provider answers with headers, in milliseconds. 60,000 unless set; 300,000 for a server of one's own. */
  readonly headersMs: number;
  /** Between two parts of an answer, in milliseconds. 100,000 unless set; 300,000 for a server of one's own. */
  readonly silenceMs: number;
}

const PATIENCE: ModelPatience = { headersMs: 60_000, silenceMs: 100_000 };

/** Wraps `model`, whose failures are told under `name`. Throws `ModelFault`, or the reason of the caller's signal. */
export function watchedModel(
  model: LanguageModelV4,
  name: string,
  patience: Partial<ModelPatience> = {},
): LanguageModelV4 {
  const { headersMs, silenceMs } = { ...PATIENCE, ...patience };

  return {
    specificationVersion: "v4",
    provider: model.provider,
    modelId: model.modelId,
    supportedUrls: model.supportedUrls,

    async doGenerate(options) {
      const attempt = begin(options, name);
      try {
        return await attempt.within(headersMs + silenceMs, model.doGenerate(attempt.options));
      } catch (error) {
        throw attempt.fail(error);
      }
    },

    async doStream(options) {
      const attempt = begin(options, name);
      try {
        const result = await attempt.within(headersMs, model.doStream(attempt.options));
        const reader = result.stream.getReader();
        const next = async (): Promise<LanguageModelV4StreamPart> => {
          const { done, value } = await attempt.within(silenceMs, reader.read());
          if (done) throw new ModelFault("broken", name);
          if (value.type === "error") throw value.error;
          if (value.type === "finish" && isBrokenOff(value)) throw new ModelFault("broken", name);
          return value;
        };
        const held: LanguageModelV4StreamPart[] = [];
        do held.push(await next());
        while (!isOutput(held.at(-1)));
        return { ...result, stream: goOn(held, next, attempt) };
      } catch (error) {
        throw attempt.fail(error);
      }
    },
  };
}

interface Attempt {
  readonly options: LanguageModelV4CallOptions;
  /** Waits for `work` that long at most. */
  within<T>(ms: number, work: PromiseLike<T>): Promise<T>;
  /** Ends the request. What to throw: the caller's own reason where it ended the try, a fault otherwise. */
  fail(error: unknown): unknown;
}

function begin(options: LanguageModelV4CallOptions, name: string): Attempt {
  const controller = new AbortController();
  const { abortSignal } = options;
  const signal = abortSignal ? AbortSignal.any([abortSignal, controller.signal]) : controller.signal;
  return {
    options: { ...options, abortSignal: signal },
    async within(ms, work) {
      let end = (): void => {};
      const ended = new Promise<never>((_, reject) => {
        const timer = setTimeout(() => controller.abort(new ModelFault("timeout", name)), ms);
        const onAbort = (): void => reject(signal.reason);
        if (signal.aborted) onAbort();
        signal.addEventListener("abort", onAbort, { once: true });
        end = () => {
          clearTimeout(timer);
          signal.removeEventListener("abort", onAbort);
        };
      });
      try {
        return await Promise.race([work, ended]);
      } finally {
        end();
        Promise.resolve(work).catch(() => {});
      }
    },
    fail(error) {
      const why: unknown = abortSignal?.aborted
        ? abortSignal.reason
        : controller.signal.aborted
          ? controller.signal.reason
          : modelFault(error, name);
      controller.abort(why);
      return why;
    },
  };
}

/** What was held back, and then the rest as it comes. */
function goOn(
  held: readonly LanguageModelV4StreamPart[],
  next: () => Promise<LanguageModelV4StreamPart>,
  attempt: Attempt,
): ReadableStream<LanguageModelV4StreamPart> {
  let ended = held.at(-1)?.type === "finish";
  return new ReadableStream({
    start(controller) {
      for (const part of held) controller.enqueue(part);
      if (ended) controller.close();
    },
    async pull(controller) {
      try {
        const part = await next();
        controller.enqueue(part);
        ended = part.type === "finish";
      } catch (error) {
        controller.enqueue({ type: "error", error: attempt.fail(error) });
        ended = true;
      }
      if (ended) controller.close();
    },
    cancel(reason) {
      attempt.fail(reason);
    },
  });
}

/** From here on somebody may have seen, or may carry out, a part of the answer. */
function isOutput(part: LanguageModelV4StreamPart | undefined): boolean {
  switch (part?.type) {
    case "text-delta":
      return part.delta !== "";
    case "stream-start":
    case "response-metadata":
    case "text-start":
    case "text-end":
    case "reasoning-start":
    case "reasoning-delta":
    case "reasoning-end":
    case "raw":
      return false;
    default:
      return true;
  }
}

/** The SDK ends the stream of a connection that was cut with a reason that no provider gave. */
function isBrokenOff({ finishReason }: Extract<LanguageModelV4StreamPart, { type: "finish" }>): boolean {
  const { unified, raw } = finishReason;
  return unified === "interrupted" || unified === "error" || (unified === "other" && raw === undefined);
}
