/**
 * Which model answers, from one setting: `DEPUTIZE_MODEL=<provider>:<model>`, or nothing for the offline planner.
 *
 * Guarantees: keys come from the environment only and are in no name, error or log; a setting that cannot work
 * fails at start-up, with the fix in the message, instead of at the first question. Providers are asked to keep nothing of
 * what they were sent, where they would unless asked.
 * Does not: call the provider. A wrong key shows at the first turn.
 */
import { createAnthropic } from "@ai-sdk/anthropic";
import { createAzure } from "@ai-sdk/azure";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import type { LanguageModelV4, LanguageModelV4CallOptions } from "@ai-sdk/provider";
import { DeputizeError } from "@deputize/core";
import { offlinePlanner } from "../planner/offline-planner.ts";
import { type ModelPrice, priceFrom } from "./price.ts";
import { type RetryOptions, retrying } from "./retrying.ts";
import { type ModelPatience, watchedModel } from "./watched-model.ts";

export interface ResolvedModel {
  readonly model: LanguageModelV4;
  /** As it was set, such as `openai:gpt-5-mini`, or `offline`. Never holds a key. */
  readonly name: string;
  readonly offline: boolean;
  /** For budgets and accounts; without it a cost is not known. */
  readonly price?: ModelPrice;
  /** `model` without its retries, for a chain that asks its next model instead of waiting. Fails with `ModelFault`. */
  readonly attempt?: LanguageModelV4;
  /** The models of a fallback chain; each has its own name and price, and the chain itself has none. */
  readonly members?: readonly ResolvedModel[];
}

export interface ModelOptions {
  /** For tests and for hosts with a network policy of their own. */
  readonly fetch?: typeof fetch;
  readonly price?: ModelPrice;
  readonly patience?: Partial<ModelPatience>;
  readonly retries?: RetryOptions;
}

type Environment = Readonly<Record<string, string | undefined>>;

const PROVIDERS = ["openai", "azure", "anthropic", "google", "compatible"] as const;
type ProviderName = (typeof PROVIDERS)[number];

const invalid = (message: string): DeputizeError => new DeputizeError("config_invalid", message);

function required(env: Environment, ...names: readonly string[]): string {
  for (const name of names) {
    const value = env[name]?.trim();
    if (value) return value;
  }
  throw invalid(`set ${names.join(" or ")} for the model that is named (DEPUTIZE_MODEL), or name another`);
}

function httpUrl(name: string, value: string): string {
  const url = URL.parse(value);
  if (!url || !["http:", "https:"].includes(url.protocol)) {
    throw invalid(`${name} must be an http or https address, such as http://localhost:11434/v1`);
  }
  return value.replace(/\/+$/, "");
}

const OFFLINE: ResolvedModel = {
  model: offlinePlanner(),
  name: "offline",
  offline: true,
  price: { inputPerMillion: 0, outputPerMillion: 0 },
};

/** The setting, with the older names LLM_PROVIDER and LLM_MODEL read as an alias. */
function settingOf(env: Environment): string {
  const own = env["DEPUTIZE_MODEL"]?.trim();
  if (own) return own;
  const provider = env["LLM_PROVIDER"]?.trim();
  if (!provider) return "offline";
  if (provider === "scripted" || provider === "offline") return "offline";
  // On Azure a model is asked by the name of its deployment.
  const deployment = provider === "azure" ? env["AZURE_OPENAI_DEPLOYMENT"]?.trim() : undefined;
  const model = deployment || env["LLM_MODEL"]?.trim();
  if (!model) throw invalid("LLM_PROVIDER is set without LLM_MODEL; set DEPUTIZE_MODEL=<provider>:<model>");
  return `${provider}:${model}`;
}

const MAKE: Readonly<
  Record<ProviderName, (model: string, env: Environment, send: typeof fetch) => LanguageModelV4>
> = {
  openai: (model, env, fetch) => {
    const baseURL = env["OPENAI_BASE_URL"]?.trim();
    const apiKey = required(env, "OPENAI_API_KEY");
    return createOpenAI({ apiKey, fetch, ...(baseURL && { baseURL: httpUrl("OPENAI_BASE_URL", baseURL) }) })(
      model,
    );
  },
  azure: (model, env, fetch) => {
    const apiKey = required(env, "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_KEY");
    const endpoint = httpUrl("AZURE_OPENAI_ENDPOINT", required(env, "AZURE_OPENAI_ENDPOINT"));
    const resource = endpoint.replace(/\/openai(\/v1)?$/, "");
    const apiVersion = env["AZURE_OPENAI_API_VERSION"]?.trim() || "v1";
    // Dated versions are those of the older API, which has an address for each deployment.
    if (/^\d{4}-\d\d-\d\d/.test(apiVersion)) {
      const baseURL = `${resource}/openai`;
      return createAzure({ apiKey, baseURL, apiVersion, useDeploymentBasedUrls: true, fetch }).chat(model);
    }
    return createAzure({ apiKey, baseURL: `${resource}/openai/v1`, fetch })(model);
  },
  anthropic: (model, env, fetch) => {
    const baseURL = env["ANTHROPIC_BASE_URL"]?.trim();
    const apiKey = required(env, "ANTHROPIC_API_KEY");
    const address = baseURL && { baseURL: httpUrl("ANTHROPIC_BASE_URL", baseURL) };
    return createAnthropic({ apiKey, fetch, ...address })(model);
  },
  google: (model, env, fetch) =>
    createGoogleGenerativeAI({
      apiKey: required(env, "GOOGLE_GENERATIVE_AI_API_KEY", "GEMINI_API_KEY"),
      fetch,
    })(model),
  compatible: (model, env, fetch) => {
    const baseURL = httpUrl("DEPUTIZE_MODEL_URL", required(env, "DEPUTIZE_MODEL_URL"));
    // Local servers often need no key; nothing is sent then.
    const apiKey = env["DEPUTIZE_MODEL_API_KEY"]?.trim();
    return createOpenAICompatible({
      name: "compatible",
      baseURL,
      includeUsage: true,
      fetch,
      ...(apiKey && { apiKey }),
    })(model);
  },
};

/** The model that the environment names, with the price that it names; offline where it names none. Throws `config_invalid`. */
export function resolveModel(env: Environment, options: ModelOptions = {}): ResolvedModel {
  const price = options.price ?? priceFrom(env);
  return modelFrom(settingOf(env), env, { ...options, ...(price && { price }) });
}

/**
 * A model by its setting: `offline`, or `<provider>:<model>` such as `openai:gpt-5-mini`, with the provider's key from `env`.
 * Or one that the AI SDK made. Throws `config_invalid`. A call throws `ModelFault`.
 */
export function modelFrom(
  setting: string | LanguageModelV4,
  env: Environment,
  options: ModelOptions = {},
): ResolvedModel {
  if (setting === "offline") return OFFLINE;
  const { name, made } =
    typeof setting === "string"
      ? make(setting, env, staying(options.fetch ?? globalThis.fetch))
      : { name: `${setting.provider}:${setting.modelId}`, made: setting };
  const own = name.startsWith("compatible:") ? OWN_SERVER : undefined;
  const attempt = watchedModel(keepNothing(made), name, { ...own, ...options.patience });
  return {
    attempt,
    model: retrying(attempt, name, options.retries),
    name,
    offline: false,
    ...(options.price && { price: options.price }),
  };
}

function make(
  setting: string,
  env: Environment,
  send: typeof fetch,
): { name: string; made: LanguageModelV4 } {
  const colon = setting.indexOf(":");
  const provider = PROVIDERS.find((known) => known === setting.slice(0, colon));
  const model = setting.slice(colon + 1).trim();
  if (colon < 1 || !provider || model === "" || /\s/.test(model)) {
    // Not repeated: someone may have pasted a key here.
    throw invalid(
      `a model (DEPUTIZE_MODEL) must be \`offline\` or <provider>:<model> with ${PROVIDERS.join(", ")}`,
    );
  }
  return { name: `${provider}:${model}`, made: MAKE[provider](model, env, send) };
}

/** One's own server may have to load the model first, and reads a long question before it says a word. */
const OWN_SERVER: ModelPatience = { headersMs: 300_000, silenceMs: 300_000 };

/** Follows no redirect: it would carry the key away, which most providers want in a header that `fetch` does not drop. */
const staying =
  (send: typeof fetch): typeof fetch =>
  (input, init) =>
    send(input, { ...init, redirect: "error" });

/** The responses API keeps what it is sent unless told not to; other providers do not read this. */
function keepNothing(model: LanguageModelV4): LanguageModelV4 {
  const told = <O extends LanguageModelV4CallOptions>(asked: O): O => ({
    ...asked,
    providerOptions: {
      ...asked.providerOptions,
      openai: { ...asked.providerOptions?.["openai"], store: false },
    },
  });
  return {
    specificationVersion: "v4",
    provider: model.provider,
    modelId: model.modelId,
    supportedUrls: model.supportedUrls,
    doGenerate: (asked) => model.doGenerate(told(asked)),
    doStream: (asked) => model.doStream(told(asked)),
  };
}
