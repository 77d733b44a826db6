/** `deputize test`: a project's own tests, by Node's test runner, on the command's own copy where the project has installed none. */
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { withConfig } from "../cli/project-options.ts";

const LENT = fileURLToPath(new URL("../cli/own-copy.ts", import.meta.url));

export function testCommand(): Command {
  const command = new Command("test")
    .description("run a project's tests with Node's test runner; no network, nothing to install")
    .addHelpText(
      "after",
      '\nThey are *.test.ts in tests/, or where `"test": { "path": … }` of the file says.\n\nExample:\n  deputize test support-desk',
    );
  return withConfig(command).action(async (folder: string, options: { readonly config?: string }) => {
    const { readTestSetting } = await import("@deputize/server/agent-server");
    const project = await readTestSetting({
      folder: resolve(folder),
      file: options.config,
      env: process.env,
    });
    const { path, coverage, threshold } = project.test;
    const args = [
      "--import",
      LENT,
      "--test",
      ...(coverage === true ? ["--experimental-test-coverage"] : []),
      ...(threshold === undefined ? [] : [`--test-coverage-lines=${threshold}`]),
      `${path ?? "tests"}/**/*.test.{ts,js,mts,mjs}`,
    ];
    const child = spawn(process.execPath, args, {
      cwd: project.folder,
      stdio: "inherit",
      env: { ...process.env, DEPUTIZE_LEND: "1" },
    });
    process.exitCode = await new Promise<number>((done) => child.on("exit", (code) => done(code ?? 1)));
  });
}
