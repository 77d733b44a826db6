/**
 * Which model answers, from one setting: `DEPUTIZE_MODEL=<provider>:<model>`, or nothing for the offline planner.
 *
 * Guarantees: keys come from the environment only and are in no name, error or log; a setting that cannot work
 * fails at start-up, with the fix in the message, instead of at the first question.
 * Does not: call the provider. A wrong key shows at the first turn.
 */
import { createAnthropic } from "@ai-sdk/anthropic";
import { createAzure } from "@ai-sdk/azure";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import type { LanguageModelV4 } from "@ai-sdk/provider";
import { DeputizeError } from "@deputize/core";
import { offlinePlanner } from "../planner/offline-planner.ts";

export interface ResolvedModel {
  readonly model: LanguageModelV4;
  /** As it was set, such as `openai:gpt-5-mini`, or `offline`. Never holds a key. */
  readonly name: string;
  readonly offline: boolean;
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
  throw invalid(`set ${names.join(" or ")} for the model that DEPUTIZE_MODEL names, or unset DEPUTIZE_MODEL`);
}

function httpUrl(name: string, value: string): string {
  const url = URL.parse(value);
  if (!url || !["http:", "https:"].includes(url.protocol)) {
    throw invalid(`${name} must be an http or https address, such as http://localhost:11434/v1`);
  }
  return value.replace(/\/+$/, "");
}

/** The setting, with the older names LLM_PROVIDER and LLM_MODEL read as an alias. */
function settingOf(env: Environment): string {
  const own = env["DEPUTIZE_MODEL"]?.trim();
  if (own) return own;
  const provider = env["LLM_PROVIDER"]?.trim();
  if (!provider) return "offline";
  if (provider === "scripted" || provider === "offline") return "offline";
  const model =
    env["LLM_MODEL"]?.trim() ?? (provider === "azure" ? env["AZURE_OPENAI_DEPLOYMENT"]?.trim() : undefined);
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
    const baseURL = endpoint.endsWith("/openai") ? endpoint : `${endpoint}/openai`;
    const apiVersion = env["AZURE_OPENAI_API_VERSION"]?.trim() || "v1";
    return createAzure({ apiKey, baseURL, apiVersion, fetch })(model);
  },
  anthropic: (model, env, fetch) =>
    createAnthropic({ apiKey: required(env, "ANTHROPIC_API_KEY"), fetch })(model),
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

/**
 * The model that the environment names. Throws `config_invalid`. `fetch` is for tests and for hosts with a
 * network policy of their own.
 */
export function resolveModel(
  env: Environment,
  options: { readonly fetch?: typeof fetch } = {},
): ResolvedModel {
  const setting = settingOf(env);
  if (setting === "offline") return { model: offlinePlanner(), name: "offline", offline: true };
  const colon = setting.indexOf(":");
  const provider = PROVIDERS.find((known) => known === setting.slice(0, colon));
  const model = setting.slice(colon + 1).trim();
  if (colon < 1 || !provider || model === "" || /\s/.test(model)) {
    // Not repeated: someone may have pasted a key here.
    throw invalid(`DEPUTIZE_MODEL must be \`offline\` or <provider>:<model> with ${PROVIDERS.join(", ")}`);
  }
  return {
    model: MAKE[provider](model, env, options.fetch ?? globalThis.fetch),
    name: `${provider}:${model}`,
    offline: false,
  };
}
