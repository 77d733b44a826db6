/** `deputize build`: an image of a project, and two ways to run it. */
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { Command } from "commander";
import { DeputizeError } from "@deputize/core";
import { print, printJson } from "../cli/print.ts";
import { withConfig } from "../cli/project-options.ts";
import { withJson } from "../cli/connection.ts";

interface BuildOptions {
  readonly config?: string;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function buildCommand(): Command {
  const command = withConfig(new Command("build"))
    .description(
      "write a Dockerfile, a compose file and a Kubernetes manifest for a project; the image runs this command's own copy",
    )
    .option("--force", "write over files of these names")
    .option("--dry-run", "only say what would be written")
    .addHelpText(
      "after",
      `
The image is pinned, not root, and holds no secret: .env is given to it when it starts. MODE is production in it, so
PUBLIC_URL has to be the https address that people use.

Example:
  deputize build support-desk && cd support-desk && docker compose up --build`,
    );
  return withJson(command).action(async (place: string, options: BuildOptions) => {
    const { findProject } = await import("@deputize/server/agent-server");
    const { COPY_FOLDER, imageFiles } = await import("../scaffold/image-files.ts");
    const file = findProject({ folder: resolve(place), file: options.config, env: process.env });
    const folder = dirname(file);
    const files = imageFiles({ ...nameOf(folder), locked: existsSync(join(folder, "package-lock.json")) });
    const there = Object.keys(files).filter((name) => existsSync(join(folder, name)));
    if (there.length > 0 && options.force !== true)
      throw new DeputizeError(
        "config_invalid",
        `${there.join(", ")} ${there.length === 1 ? "is" : "are"} there already; write over with --force`,
      );
    const written = [...Object.keys(files), `${COPY_FOLDER}/`];
    if (options.dryRun !== true) {
      const { writeOwnCopy } = await import("../scaffold/own-copy-files.ts");
      // Whole or not at all: half a copy would be an image that fails later.
      const made = mkdtempSync(join(folder, `${COPY_FOLDER}-`));
      writeOwnCopy(made);
      rmSync(join(folder, COPY_FOLDER), { recursive: true, force: true });
      renameSync(made, join(folder, COPY_FOLDER));
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    }
    if (options.json) return printJson({ ...(options.dryRun && { dry_run: true }), folder, files: written });
    print(
      options.dryRun ? `would write into ${folder}:` : `${folder}: written`,
      ...written.map((name) => `  ${name}`),
      "",
      options.dryRun
        ? "nothing was written"
        : "write PUBLIC_URL=https://… into .env, and start it with: docker compose up --build",
    );
  });
}

/** Of the project's package.json where it has one. */
function nameOf(folder: string): { readonly name: string; readonly version: string } {
  const file = join(folder, "package.json");
  const { name, version } = (existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {}) as {
    name?: unknown;
    version?: unknown;
  };
  const called = typeof name === "string" ? name.replace(/^@[^/]+\//, "") : basename(folder);
  // What images and Kubernetes take for a name.
  const plain = called
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 50);
  return { name: plain || "agents", version: typeof version === "string" ? version : "0.1.0" };
}
