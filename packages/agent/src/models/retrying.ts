/**
 * Tries a model again, a few times, where that can help.
 *
 * Guarantees: at most three tries a call; none after something was said, since a stream that began is the model's answer; the
 * wait grows and is drawn by lot, so that many callers do not come back together. A provider that says when to come back is
 * not asked before; where that is longer than a person would wait, the call fails at once and says when.
 */
import { randomInt } from "node:crypto";
import type { LanguageModelV4, LanguageModelV4CallOptions } from "@ai-sdk/provider";
import { type Clock, systemClock } from "@deputize/core";
import { ModelFault } from "./model-fault.ts";

export interface RetryOptions {
  /** Calls of the provider for one call of the model. 3 unless set. */
  readonly tries?: number;
  /** The first wait in milliseconds; each later one is twice as long. 500 unless set. */
  readonly backoffMs?: number;
  /** The longest wait in milliseconds that a provider can ask for within a call. 10,000 unless set. */
  readonly maxWaitMs?: number;
  readonly clock?: Clock;
}

/** Wraps a `watchedModel`. Throws what its last try threw. */
export function retrying(model: LanguageModelV4, name: string, options: RetryOptions = {}): LanguageModelV4 {
  const { tries = 3, backoffMs = 500, maxWaitMs = 10_000, clock = systemClock } = options;
  let restUntilMs = 0;

  async function call<T>(signal: AbortSignal | undefined, ask: () => PromiseLike<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      await rest(signal);
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof ModelFault) || !error.retryable) throw error;
        const askedMs = (error.retryAfterSeconds ?? 0) * 1000;
        // All callers wait for what one was told.
        if (error.kind === "rate_limited") restUntilMs = Math.max(restUntilMs, clock.monotonicMs() + askedMs);
        if (attempt >= tries || askedMs > maxWaitMs) throw error;
        const grownMs = backoffMs * 2 ** (attempt - 1);
        await sleep(Math.max(askedMs, (grownMs * randomInt(50, 101)) / 100), signal);
      }
    }
  }

  async function rest(signal: AbortSignal | undefined): Promise<void> {
    const leftMs = restUntilMs - clock.monotonicMs();
    if (leftMs > maxWaitMs)
      throw new ModelFault("rate_limited", name, { retryAfterSeconds: Math.ceil(leftMs / 1000) });
    if (leftMs > 0) await sleep(leftMs, signal);
  }

  return {
    specificationVersion: "v4",
    provider: model.provider,
    modelId: model.modelId,
    supportedUrls: model.supportedUrls,
    doGenerate: (asked: LanguageModelV4CallOptions) => call(asked.abortSignal, () => model.doGenerate(asked)),
    doStream: (asked: LanguageModelV4CallOptions) => call(asked.abortSignal, () => model.doStream(asked)),
  };
}

/** Rejects with the signal's reason when it ends first. */
async function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
