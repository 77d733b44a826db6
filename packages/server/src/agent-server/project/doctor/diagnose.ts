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
  judgeServing,
  readProject,
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

/** What a start would refuse, and how the project would be served. */
function servable(project: Project, overrides: ServeOverrides): Notes {
  try {
    const { settings, faults } = judgeServing(project, overrides);
    return { errors: [...faults], warnings: [], serving: settings };
  } catch (error) {
    if (!isDeputizeError(error)) throw error;
    const { config, env } = project;
    const setting = /^[A-Z][A-Z_]+/.exec(error.message)?.[0] ?? "the environment";
    return {
      errors: [{ id: setting === "ORIGINS" ? "cors-wildcard" : "setting", setting, says: error.message }],
      warnings: [],
      serving: {
        production: env["MODE"] === "production",
        host: overrides.host ?? config.host ?? "127.0.0.1",
        publicUrl: env["PUBLIC_URL"] ?? config.public_url,
      },
    };
  }
}
