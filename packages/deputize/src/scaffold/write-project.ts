/**
 * Writes a project into a folder of its own.
 *
 * Guarantees: nothing that is there is written over; a folder with anything in it is refused before anything is written.
 */
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { DeputizeError } from "@deputize/core";
import { writePrivateFile } from "@deputize/store";
import { type AuthChoice, type ProjectFile, projectFiles } from "./project-files.ts";

export interface PlannedProject {
  /** Absolute. */
  readonly folder: string;
  readonly name: string;
  readonly files: readonly ProjectFile[];
}

/** `place` is a name or a path. Throws `config_invalid` for a folder that holds something, and for a name that is none. */
export function planProject(place: string, auth: AuthChoice): PlannedProject {
  const folder = resolve(place);
  const name = basename(folder);
  if (!/^[a-z0-9][a-z0-9._-]{0,99}$/.test(name))
    throw new DeputizeError(
      "config_invalid",
      "a project is called by small letters, digits, `-`, `_` and `.`, such as support-desk",
    );
  if (existsSync(folder)) {
    if (!statSync(folder).isDirectory())
      throw new DeputizeError("config_invalid", `${folder} is a file; name another`);
    if (readdirSync(folder).length > 0)
      throw new DeputizeError(
        "config_invalid",
        `${folder} holds something already; name a folder that is empty or new`,
      );
  }
  return { folder, name, files: projectFiles(name, auth) };
}

/** Throws what writing throws. */
export function writeProject({ folder, files }: PlannedProject): void {
  for (const { path, text, secret } of files) {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    if (secret === true) writePrivateFile(target, text, "new");
    else writeFileSync(target, text, { flag: "wx" });
  }
}
