/** `deputize doctor`: what is unsafe about a project, each with the fix. */
import { resolve } from "node:path";
import { Command } from "commander";
import { plain, print, printJson } from "../cli/print.ts";
import { type ServeProjectOptions, withServing } from "../cli/project-options.ts";

interface DoctorOptions extends ServeProjectOptions {
  readonly strict?: boolean;
}

export function doctorCommand(): Command {
  const command = new Command("doctor")
    .description("say what is unsafe about a project's settings, each with the fix; nothing of it is run")
    .option("--strict", "exit 1 for warnings, too")
    .addHelpText(
      "after",
      `
Exit code: 0 nothing that stops a start or would be unsafe, 1 errors. --host and --port: as it is going to be served.

Example:
  MODE=production PUBLIC_URL=https://agents.example deputize doctor support-desk --json`,
    );
  return withServing(command).action(async (folder: string, options: DoctorOptions) => {
    const { diagnose } = await import("@deputize/server/agent-server");
    const { file, findings } = await diagnose({
      folder: resolve(folder),
      file: options.config,
      env: process.env,
      host: options.host,
      port: options.port,
      allowAnonymous: options.allowAnonymous,
    });
    const errors = findings.filter(({ level }) => level === "error").length;
    const bad = options.strict ? findings.length > 0 : errors > 0;
    process.exitCode = bad ? 1 : 0;
    if (options.json) return printJson({ file: file ?? null, safe: !bad, findings });
    for (const { level, setting, says } of findings)
      print(`${level === "error" ? "error  " : "warning"}  ${plain(setting)}: ${plain(says)}`);
    const warnings = findings.length - errors;
    print(
      findings.length === 0
        ? `${plain(file)}: nothing unsafe was found`
        : `${errors} ${errors === 1 ? "error" : "errors"}, ${warnings} ${warnings === 1 ? "warning" : "warnings"}`,
    );
  });
}
