/**
 * Files of the environment: `.env`, and what `env` names in its place.
 *
 * Guarantees: what the environment holds already wins over every file, and an earlier file over a later one; a file that is named
 * and not there is a fault; nothing is put into this process unless somebody asks.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { parseEnv } from "node:util";
import { DeputizeError } from "@deputize/core";

type Environment = Readonly<Record<string, string | undefined>>;

export interface ReadEnvironment {
  /** The environment with what the files add. */
  readonly env: Environment;
  /** Only what the files add. */
  readonly added: Readonly<Record<string, string>>;
  /** The files that were read, absolute. */
  readonly files: readonly string[];
}

/** The files that `env` of a configuration names: `.env` where it is there, unless told. Throws `config_invalid`. */
export function environmentFiles(folder: string, setting: unknown): string[] {
  if (setting === null) return [];
  if (setting === undefined) return [resolve(folder, ".env")].filter((file) => existsSync(file));
  const named = [setting].flat().filter((one) => typeof one === "string");
  return named.map((name) => {
    const file = resolve(folder, name);
    if (existsSync(file)) return file;
    throw new DeputizeError("config_invalid", `env: there is no ${file}`);
  });
}

/** The environment with the files below it. Throws `config_invalid` for one that cannot be read. */
export function readEnvironment(env: Environment, files: readonly string[]): ReadEnvironment {
  const added: Record<string, string> = {};
  for (const file of files) {
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
      throw new DeputizeError(
        "config_invalid",
        `cannot read ${file} (${code}); check the path and who owns it`,
        {
          cause: error,
        },
      );
    }
    for (const [name, value] of Object.entries(parseEnv(text)))
      if (env[name] === undefined && added[name] === undefined && value !== undefined) added[name] = value;
  }
  return { env: { ...env, ...added }, added, files };
}

/** Whether others on this machine may read or change a file. */
export function othersMayRead(file: string): boolean {
  return process.platform !== "win32" && (statSync(file).mode & 0o077) !== 0;
}
