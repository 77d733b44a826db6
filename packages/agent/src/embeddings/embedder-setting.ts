/**
 * Which embedder there is, from one setting: `DEPUTIZE_EMBEDDER`.
 *
 * | setting | embedder |
 * |---|---|
 * | `embedded`, or none | `sentenceEmbedder`: offline, by meaning |
 * | `hashed` | `hashedNgrams`: offline, by spelling |
 * | `openai:<model>` | OpenAI's, with `OPENAI_API_KEY` (and `OPENAI_BASE_URL`) |
 * | `compatible:<model>` | `DEPUTIZE_EMBEDDER_URL`, with `DEPUTIZE_EMBEDDER_API_KEY` where it wants a key |
 * | `local:<folder>` | `transformersEmbedder` |
 */
import { DeputizeError } from "@deputize/core";
import type { Embedder } from "./embedder.ts";
import { hashedNgrams } from "./hashed-embedder.ts";
import { endpointEmbedder } from "./model-embedder.ts";
import { sentenceEmbedder, transformersEmbedder } from "./threaded-embedder.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The embedder that the environment names. Throws `config_invalid` with the fix; keys are in no message. */
export function resolveEmbedder(env: Environment, options: { readonly fetch?: typeof fetch } = {}): Embedder {
  const setting = env["DEPUTIZE_EMBEDDER"]?.trim() || "embedded";
  if (setting === "embedded") return sentenceEmbedder();
  if (setting === "hashed") return hashedNgrams();
  const [kind, named] = parts(setting);
  if (named !== "" && kind === "local") return transformersEmbedder(named);
  if (named !== "" && kind === "openai") {
    const apiKey = required(env, "OPENAI_API_KEY");
    const baseURL = address("OPENAI_BASE_URL", env["OPENAI_BASE_URL"]?.trim() || "https://api.openai.com/v1");
    return { ...endpointEmbedder({ baseURL, model: named, apiKey, ...options }), name: setting };
  }
  if (named !== "" && kind === "compatible") {
    const baseURL = address("DEPUTIZE_EMBEDDER_URL", required(env, "DEPUTIZE_EMBEDDER_URL"));
    const apiKey = env["DEPUTIZE_EMBEDDER_API_KEY"]?.trim();
    return endpointEmbedder({ baseURL, model: named, ...(apiKey && { apiKey }), ...options });
  }
  // Not repeated: someone may have pasted a key here.
  throw new DeputizeError(
    "config_invalid",
    "DEPUTIZE_EMBEDDER must be `embedded`, `hashed`, openai:<model>, compatible:<model> or local:<folder>",
  );
}

function parts(setting: string): readonly [string, string] {
  const colon = setting.indexOf(":");
  return colon < 1 ? ["", ""] : [setting.slice(0, colon), setting.slice(colon + 1).trim()];
}

function required(env: Environment, name: string): string {
  const value = env[name]?.trim();
  if (value) return value;
  throw new DeputizeError("config_invalid", `set ${name} for the embedder that DEPUTIZE_EMBEDDER names`);
}

function address(name: string, value: string): string {
  const protocol = URL.parse(value)?.protocol ?? "";
  if (["http:", "https:"].includes(protocol)) return value.replace(/\/+$/, "");
  throw new DeputizeError(
    "config_invalid",
    `${name} must be an http or https address, such as http://localhost:11434/v1`,
  );
}
