/**
 * Code of a project, by the places that its configuration names: `./auth/custom.ts#MyAuth`, `auth.custom:MyAuth`.
 *
 * Guarantees: only files within the project are loaded; what does not load is told in one line with the setting, the file and the
 * place in it, and without a value.
 */
import { existsSync, realpathSync } from "node:fs";
import { isAbsolute, relative, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { DeputizeError, faultInOneLine } from "@deputize/core";
import { nearest } from "../../config/nearest.ts";

const EXTENSIONS = [".ts", ".mts", ".js", ".mjs", "/index.ts", "/index.js"] as const;

interface Place {
  /** Absolute, and there. */
  readonly file: string;
  /** The export; the default one, or the only one, where undefined. */
  readonly name: string | undefined;
}

/** The file of a place of code. Throws `config_invalid` for one that is not there or not within the project. */
function findCode(folder: string, place: string, setting: string): Place {
  const [path = "", name] = place.includes("#") ? place.split("#") : dotted(place);
  const base = resolve(folder, path);
  const candidates = /\.[cm]?[jt]s$/.test(path) ? [base] : EXTENSIONS.map((one) => `${base}${one}`);
  const file = candidates.find((one) => existsSync(one));
  if (file === undefined)
    throw new DeputizeError("config_invalid", `${setting}: there is no ${candidates[0]}`);
  const inside = relative(realpathSync(folder), realpathSync(file));
  if (inside === ".." || inside.startsWith(`..${sep}`) || isAbsolute(inside))
    throw new DeputizeError("config_invalid", `${setting}: ${file} is not within the project`);
  return { file, name };
}

/** `auth.custom:MyAuth` is `auth/custom` and `MyAuth`. */
function dotted(place: string): [string, string | undefined] {
  const [module = "", name] = place.split(":");
  return /\.[cm]?[jt]s$/.test(module) ? [module, name] : [module.replaceAll(".", "/"), name];
}

/** What a place of code exports. Throws `config_invalid`. */
export async function loadCode(folder: string, place: string, setting: string): Promise<unknown> {
  const { file, name } = findCode(folder, place, setting);
  const module = await importFile(file, setting);
  if (name !== undefined) {
    if (Object.hasOwn(module, name)) return module[name];
    const known = Object.keys(module);
    const hint = known.length > 0 ? `; did you mean ${nearest(name, known)}?` : "";
    throw new DeputizeError("config_invalid", `${setting}: ${file} exports no ${name}${hint}`);
  }
  if (Object.hasOwn(module, "default")) return module["default"];
  const [only, ...more] = Object.keys(module);
  if (only !== undefined && more.length === 0) return module[only];
  throw new DeputizeError(
    "config_invalid",
    `${setting}: ${file} has no default export; name the one that is meant, as in ${place.split(/[#:]/)[0]}#name`,
  );
}

/** A module of the project. Throws `config_invalid` with the reason and its place in one line. */
export async function importFile(file: string, setting?: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (cause) {
    const where = setting === undefined ? "" : `${setting}: `;
    throw new DeputizeError("config_invalid", `${where}${file} does not load: ${faultInOneLine(cause)}`, {
      cause,
    });
  }
}
