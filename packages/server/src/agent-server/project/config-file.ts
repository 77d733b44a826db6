/**
 * The configuration of a project, found and read: `deputize.json`, or `deputize.config.ts` where somebody wants types.
 *
 * Guarantees: which file counts is decided by one order; a file that is named has to be there; every fault is told at once, with the
 * file and the exact place, and never with a value; `$NAME` that the environment does not hold is a fault.
 */
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, extname, resolve } from "node:path";
import { DeputizeError } from "@deputize/core";
import { configIssues, pathText } from "./config-issues.ts";
import { importFile } from "./import-code.ts";
import { ProjectConfig } from "./project-config.ts";

/** Looked for in this order. The names of the original come last, for projects that move. */
const CONFIG_NAMES = [
  "deputize.json",
  ".deputize.json",
  "deputize.config.json",
  "deputize.config.ts",
  "deputize.config.mts",
  "deputize.config.js",
  "deputize.config.mjs",
  "agentflow.json",
  ".agentflow.json",
  "agentflow.config.json",
] as const;

/** `$NAME`, `${NAME}`, `$$`. */
const REFERENCE = /\$(?:\$|([A-Z_][A-Z0-9_]*)|\{([A-Z_][A-Z0-9_]*)\})/g;

type Environment = Readonly<Record<string, string | undefined>>;

export interface ConfigPlace {
  /** The folder to look in. */
  readonly folder: string;
  /** Named by `--config`. */
  readonly file?: string | undefined;
  /** `GRAPH_PATH` names a file where `file` does not. */
  readonly env: Environment;
}

/** The file that counts, absolute. Throws `config_invalid` when there is none. */
export function findConfigFile({ folder, file, env }: ConfigPlace): string {
  const named = file ?? (env["GRAPH_PATH"] || undefined);
  if (named !== undefined) {
    const path = resolve(folder, named);
    if (existsSync(path)) return path;
    throw new DeputizeError("config_invalid", `there is no ${path}; make a project with deputize init NAME`);
  }
  const found = CONFIG_NAMES.map((name) => resolve(folder, name)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new DeputizeError(
    "config_invalid",
    `there is no deputize.json in ${folder}; make a project with deputize init NAME, or name a file with --config`,
  );
}

/** Names of the order above that are there and do not count, because an earlier one does. */
export function overshadowed(file: string): string[] {
  return CONFIG_NAMES.filter((name) => name !== basename(file) && existsSync(resolve(dirname(file), name)));
}

/** What the file holds, before it is checked. Throws `config_invalid`. */
export async function readConfigValue(file: string): Promise<unknown> {
  if (extname(file) !== ".json") {
    const module = await importFile(file);
    if (module["default"] !== undefined) return module["default"];
    throw new DeputizeError(
      "config_invalid",
      `${file} has no default export; write export default defineConfig({ … })`,
    );
  }
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw new DeputizeError("config_invalid", `cannot read ${file} (${code})`, { cause: error });
  }
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    // The parser quotes what it read, which may be a secret: of its words only the place is kept.
    const at = /\(line (\d+) column (\d+)\)/.exec(String(error));
    throw new DeputizeError(
      "config_invalid",
      `${file} is not JSON${at ? ` (line ${at[1]}, column ${at[2]})` : ""}; comments and commas before a closing bracket are not allowed`,
    );
  }
}

/** The checked configuration of a value. Throws `config_invalid` naming each fault and its place. */
export function parseConfig(value: unknown, env: Environment, name = "deputize.json"): ProjectConfig {
  const unresolved = new Map<string, string>();
  const expanded = expand(value, env, [], unresolved);
  const read = ProjectConfig.safeParse(expanded);
  const wrong = read.success ? [] : configIssues(read.error);
  // What has no value has no form either.
  const others = wrong.filter((one) => ![...unresolved.keys()].some((path) => one.startsWith(`${path}: `)));
  const faults = [...[...unresolved].map(([path, says]) => `${path}: ${says}`), ...others];
  if (read.success && faults.length === 0) return read.data;
  throw new DeputizeError("config_invalid", `${name}: ${faults.join("; ")}`);
}

/** Texts with `$NAME` or `${NAME}` replaced; `$$` is a dollar. */
function expand(
  value: unknown,
  env: Environment,
  path: readonly PropertyKey[],
  unresolved: Map<string, string>,
): unknown {
  if (typeof value === "string") {
    return value.replaceAll(REFERENCE, (whole, plain, braced) => {
      if (whole === "$$") return "$";
      const name = String(plain ?? braced);
      const found = env[name];
      if (found !== undefined && found !== "") return found;
      unresolved.set(pathText(path), `$${name} is not set; set it in the environment or in .env`);
      return "";
    });
  }
  if (Array.isArray(value)) return value.map((one, at) => expand(one, env, [...path, at], unresolved));
  if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [
        key,
        key === "$schema" ? one : expand(one, env, [...path, key], unresolved),
      ]),
    );
  }
  return value;
}
