/** What is unsafe about a project's files: who reads them, and what stands in them. */
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { credentialsDetector, looksSecret } from "@deputize/guardrails";
import { overshadowed } from "../config-file.ts";
import { pathText } from "../config-issues.ts";
import { othersMayRead } from "../env-files.ts";
import type { Project } from "../read-project.ts";
import type { Note, Notes } from "./note.ts";

export function ofFiles({ file, folder, environmentFiles, env }: Project, { errors, warnings }: Notes): void {
  for (const path of environmentFiles) {
    const name = path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : path;
    if (othersMayRead(path))
      errors.push({
        id: "readable-env",
        setting: name,
        says: `others on this machine can read it; run chmod 600 ${name}`,
      });
    if (!isIgnored(folder, name))
      warnings.push({
        id: "env-in-git",
        setting: name,
        says: `git may take it along; add ${name} to .gitignore`,
      });
  }
  const secrets = join(folder, env["DEPUTIZE_DATA"] || "data", "secrets.json");
  if (existsSync(secrets) && othersMayRead(secrets))
    errors.push({
      id: "readable-secrets",
      setting: secrets,
      says: `others can read it; run chmod 600 ${secrets}`,
    });
  const others = overshadowed(file);
  if (others.length > 0)
    warnings.push({
      id: "two-configurations",
      setting: others.join(", "),
      says: `counts for nothing beside ${basename(file)}; delete it, or name it with --config`,
    });
}

/** Whether a rule of the nearest `.gitignore` is for this file. Rules with a `!` are not read: better one warning too many. */
function isIgnored(folder: string, name: string): boolean {
  for (let at = folder; ; at = dirname(at)) {
    const file = join(at, ".gitignore");
    if (existsSync(file)) {
      const rules = readFileSync(file, "utf8")
        .split(/\r?\n/)
        .map((line) => line.trim());
      if (rules.some((rule) => [name, `/${name}`, ".env*", "*.env"].includes(rule))) return true;
    }
    if (at === dirname(at) || existsSync(join(at, ".git"))) return false;
  }
}

/** Secrets that stand in the file, by how they look and what they are called. */
export async function ofSecretsInFile({ written, file }: Project, errors: Note[]): Promise<void> {
  const detector = credentialsDetector();
  await detector.warmup?.();
  const visit = async (value: unknown, path: readonly PropertyKey[]): Promise<void> => {
    if (typeof value === "object" && value !== null) {
      for (const [key, one] of Object.entries(value))
        await visit(one, [...path, Array.isArray(value) ? Number(key) : key]);
      return;
    }
    if (typeof value !== "string" || path[0] === "$schema") return;
    const inAddress = /^[a-z+]+:\/\/[^/@\s]*:[^/@\s$]+@/i.test(value);
    const found = await detector.scan(`${String(path.at(-1))}: "${value}"`, "input");
    if (!inAddress && found.length === 0 && !looksSecret(value)) return;
    errors.push({
      id: "secret-in-file",
      setting: pathText(path),
      says: `a secret stands in ${basename(file)}, which goes into git and images; put it into .env, and write $NAME here`,
    });
  };
  // Code has what it reads from the environment in it.
  if (file.endsWith(".json")) await visit(written, []);
}
