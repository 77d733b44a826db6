/**
 * Several models as one: the first that answers, in their order.
 *
 * Guarantees: the next model is asked only while nothing was said yet, so no text and no tool call comes twice. A request
 * that one model calls bad (400, 413, 422) is not shown to the others, and neither that nor the caller's own end counts
 * against a model. A model that keeps failing, or asks to be left alone, is not asked for a while; see `createBreaker`. Each
 * process counts for itself.
 */
import type {
  LanguageModelV4,
  LanguageModelV4StreamPart,
  LanguageModelV4StreamResult,
} from "@ai-sdk/provider";
import { type Clock, DeputizeError, systemClock } from "@deputize/core";
import { type Breaker, type Pass, createBreaker } from "./breaker.ts";
import { ModelFault } from "./model-fault.ts";
import type { ResolvedModel } from "./resolve-model.ts";
import { type RetryOptions, retrying } from "./retrying.ts";
import { forModel, mark, marked } from "./speaker.ts";
import { watchedModel } from "./watched-model.ts";

export interface FallbackChainOptions {
  /** Failures in a row after which a model is left alone. 3 unless set. */
  readonly failures?: number;
  /** How long it is left alone, in milliseconds. 30,000 unless set. */
  readonly openMs?: number;
  /** How often the whole chain is tried for one call. */
  readonly retries?: RetryOptions;
  readonly clock?: Clock;
}

interface Member {
  readonly name: string;
  readonly model: LanguageModelV4;
  readonly breaker: Breaker;
}

/**
 * One model of several. Observers and budgets hear of the one that really answered, by its own name and price. Throws
 * `config_invalid` without models, or when two have one name. A call throws `unavailable`, or `rate_limited` where no more
 * than that keeps all from answering, naming what is wrong with each.
 */
export function fallbackChain(
  models: readonly ResolvedModel[],
  options: FallbackChainOptions = {},
): ResolvedModel {
  const { failures = 3, openMs = 30_000, clock = systemClock } = options;
  const links = models.flatMap((model) => model.members ?? [model]);
  const names = links.map(({ name }) => name);
  if (links.length === 0) throw new DeputizeError("config_invalid", "a fallback chain needs a model");
  if (new Set(names).size !== names.length)
    throw new DeputizeError("config_invalid", "the models of a fallback chain need names of their own");
  const members: Member[] = links.map((link) => ({
    name: link.name,
    model: link.attempt ?? watchedModel(link.model, link.name),
    breaker: createBreaker({ failures, openMs, clock }),
  }));

  async function first<T>(ask: (member: Member, pass: Pass) => Promise<T>): Promise<T> {
    const down: Down[] = [];
    for (const member of members) {
      const pass = member.breaker.enter();
      if ("waitMs" in pass) {
        down.push({ name: member.name, waitMs: pass.waitMs, fault: undefined });
        continue;
      }
      try {
        return await ask(member, pass);
      } catch (error) {
        if (!countsAgainst(error)) {
          pass.left();
          throw error;
        }
        pass.failed(restOf(error));
        down.push({ name: member.name, waitMs: (error.retryAfterSeconds ?? 0) * 1000, fault: error });
      }
    }
    throw noneAnswers(down);
  }

  const attempt: LanguageModelV4 = {
    specificationVersion: "v4",
    provider: "deputize",
    modelId: names.join(","),
    // What only some of them could fetch by themselves is sent along.
    supportedUrls: {},
    doGenerate: (asked) =>
      first(async ({ name, model }, pass) => {
        const result = await model.doGenerate(forModel(asked, name));
        pass.succeeded();
        return { ...result, providerMetadata: { ...result.providerMetadata, ...mark(name) } };
      }),
    doStream: (asked) =>
      first(async ({ name, model }, pass) =>
        followed(await model.doStream(forModel(asked, name)), name, pass),
      ),
  };
  const name = names.join(" > ");
  return {
    attempt,
    model: retrying(attempt, name, { clock, ...options.retries }),
    name,
    offline: links.every(({ offline }) => offline),
    members: links,
  };
}

const countsAgainst = (error: unknown): error is ModelFault =>
  error instanceof ModelFault && error.kind !== "bad_request";

const restOf = (fault: ModelFault): number | undefined =>
  fault.kind === "rate_limited" && fault.retryAfterSeconds ? fault.retryAfterSeconds * 1000 : undefined;

interface Down {
  readonly name: string;
  readonly waitMs: number;
  /** Absent: it was not asked. */
  readonly fault: ModelFault | undefined;
}

function noneAnswers(down: readonly Down[]): ModelFault {
  const waitMs = Math.min(...down.map((one) => one.waitMs));
  const limited = down.every(({ fault }) => fault?.kind === "rate_limited");
  return new NoModelAnswers(
    limited ? "rate_limited" : "down",
    down.map(({ name, fault }) => `${name} ${fault?.said ?? "is left alone after failures"}`),
    down.some(({ fault }) => fault?.retryable),
    Math.max(1, Math.ceil(waitMs / 1000)),
  );
}

/** Nobody in a chain answered. */
class NoModelAnswers extends ModelFault {
  override readonly message: string;
  override readonly retryable: boolean;
  constructor(
    kind: "rate_limited" | "down",
    reasons: readonly string[],
    retryable: boolean,
    retryAfterSeconds: number,
  ) {
    super(kind, "the fallback chain", { retryAfterSeconds });
    this.retryable = retryable;
    this.message = `no model answers now (${reasons.join("; ")}); nothing was lost, try again in ${retryAfterSeconds} s`;
  }
}

/** The stream, marked with who speaks; its end tells the breaker. */
function followed(
  result: LanguageModelV4StreamResult,
  name: string,
  pass: Pass,
): LanguageModelV4StreamResult {
  const reader = result.stream.getReader();
  const stream = new ReadableStream<LanguageModelV4StreamPart>({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) {
        pass.left();
        controller.close();
        return;
      }
      if (value.type === "finish") pass.succeeded();
      else if (value.type === "error") {
        if (countsAgainst(value.error)) pass.failed(restOf(value.error));
        else pass.left();
      }
      controller.enqueue(marked(value, name));
    },
    async cancel(reason) {
      pass.left();
      await reader.cancel(reason);
    },
  });
  return { ...result, stream };
}
