/**
 * The setting `observability`: where traces go. Secrets come from the environment alone.
 *
 * Guarantees: one receiver at a time; a receiver that is wanted and whose key is missing stops the start.
 */
import { DeputizeError } from "@deputize/core";
import type { Project } from "./read-project.ts";

const RECEIVERS = {
  logfire: {
    url: "https://logfire-api.pydantic.dev",
    path: "/v1/traces",
    key: "LOGFIRE_TOKEN",
    header: "Authorization",
  },
  langsmith: {
    url: "https://api.smith.langchain.com",
    path: "/otel/v1/traces",
    key: "LANGSMITH_API_KEY",
    header: "x-api-key",
  },
} as const;
/** Another address of a receiver, such as one in another region. */
const ADDRESS = { logfire: "LOGFIRE_BASE_URL", langsmith: "LANGSMITH_ENDPOINT" } as const;

/** The `OTEL_…` settings that count. The exporter reads headers from this process, where they are put. Throws `config_invalid`. */
export function tracingEnvironment({ config, env }: Project): Readonly<Record<string, string | undefined>> {
  const { otlp, ...wanted } = config.observability ?? {};
  const receivers = (["logfire", "langsmith"] as const).filter((name) => wanted[name] === true);
  const own = Object.keys(env).some(
    (name) => /^OTEL_EXPORTER_OTLP_(TRACES_)?ENDPOINT$/.test(name) && env[name],
  );
  const [receiver, second] = receivers;
  if (second !== undefined || (receiver !== undefined && otlp === true))
    throw new DeputizeError(
      "config_invalid",
      "observability: traces go to one of `otlp`, `logfire`, `langsmith`",
    );
  if (receiver === undefined) {
    if (otlp === true && !own)
      throw new DeputizeError(
        "config_invalid",
        "observability.otlp: set OTEL_EXPORTER_OTLP_ENDPOINT to where traces go",
      );
    return otlp === false ? { ...env, ...SILENT } : env;
  }
  const { url, path, key, header } = RECEIVERS[receiver];
  const secret = env[key];
  if (secret === undefined || secret === "")
    throw new DeputizeError("config_invalid", `observability.${receiver}: set ${key} in the environment`);
  process.env["OTEL_EXPORTER_OTLP_TRACES_HEADERS"] = `${header}=${encodeURIComponent(secret)}`;
  const base = (env[ADDRESS[receiver]] || url).replace(/\/+$/, "");
  return { ...env, ...SILENT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${base}${path}` };
}

const SILENT = { OTEL_EXPORTER_OTLP_ENDPOINT: undefined, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: undefined };
