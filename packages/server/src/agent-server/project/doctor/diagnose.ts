/**
 * What is unsafe about a project, each with the setting and the fix (AF-F17).
 *
 * Guarantees: no code of the project is loaded, nothing is opened or sent, and no value of a setting is repeated. What would stop a
 * start is an error; what works and is unwise is a warning.
 */
import { isDeputizeError } from "@deputize/core";
import {
  type Project,
  type ReadProjectOptions,
  type ServeOverrides,
  readProject,
  serveSettings,
} from "../read-project.ts";
import { ofFiles, ofSecretsInFile } from "./file-checks.ts";
import type { Note, Notes } from "./note.ts";
import { ofLimits, ofOperation } from "./operation-checks.ts";
import { ofAuth, ofAuthorization } from "./sign-in-checks.ts";

export interface Finding extends Note {
  readonly level: "error" | "warning";
}

export interface Diagnosis {
  /** The file that counts; absent where none could be read. */
  readonly file?: string;
  readonly findings: readonly Finding[];
}

/** Looks at a project. Never throws for what is wrong with it. */
export async function diagnose(options: ReadProjectOptions & ServeOverrides): Promise<Diagnosis> {
  let project: Project;
  try {
    project = await readProject(options);
  } catch (error) {
    if (!isDeputizeError(error)) throw error;
    return { findings: [{ level: "error", id: "config", setting: "deputize.json", says: error.message }] };
  }
  const { errors, warnings, serving } = servable(project, options);
  const checks = [ofAuth, ofAuthorization, ofLimits, ofFiles, ofOperation];
  for (const check of checks) check(project, { errors, warnings, serving });
  await ofSecretsInFile(project, errors);
  return {
    file: project.file,
    findings: [
      ...errors.map((one) => ({ level: "error" as const, ...one })),
      ...warnings.map((one) => ({ level: "warning" as const, ...one })),
    ],
  };
}

/** What a start would refuse. Each fault is told, though a start stops at the first. */
function servable(project: Project, overrides: ServeOverrides): Notes {
  const errors: Note[] = [];
  const { config, env } = project;
  const production = env["MODE"] === "production";
  try {
    const settings = serveSettings(project, overrides);
    return { errors, warnings: [], serving: settings };
  } catch (error) {
    if (!isDeputizeError(error)) throw error;
    const setting =
      /^([A-Z][A-Z_]+) /.exec(error.message)?.[1] ?? (/`auth`/.test(error.message) ? "auth" : "public_url");
    errors.push({ id: setting === "auth" ? "anonymous" : idOf(setting), setting, says: error.message });
  }
  return {
    errors,
    warnings: [],
    serving: {
      production,
      host: overrides.host ?? config.host ?? "127.0.0.1",
      publicUrl: env["PUBLIC_URL"] ?? config.public_url,
    },
  };
}

const idOf = (setting: string): string =>
  ({ ORIGINS: "cors-wildcard", public_url: "plain-http", ALLOWED_HOST: "host-wildcard" })[setting] ??
  "setting";
