/**
 * `deputize start`: serves a project until it is told to end.
 *
 * Guarantees: what is wrong with the project is told in one line before anything is served; SIGINT and SIGTERM let open requests finish,
 * and end it within ten seconds.
 */
import { resolve } from "node:path";
import { Command } from "commander";
import { ender } from "../cli/ender.ts";
import { lendOwnCopy } from "../cli/own-copy.ts";
import { print, printJson } from "../cli/print.ts";
import { type ServeProjectOptions, orderOf, sayServing, withServing } from "../cli/project-options.ts";

export function startCommand(): Command {
  const command = new Command("start").description("serve an agent project").addHelpText(
    "after",
    `
In production set MODE=production and PUBLIC_URL=https://…, and look at what deputize doctor says.

Example:
  deputize start support-desk --port 8000`,
  );
  return withServing(command).action(async (folder: string, options: ServeProjectOptions) => {
    lendOwnCopy();
    const { startProject } = await import("@deputize/server/agent-server");
    const { close, ...started } = await startProject(orderOf(resolve(folder), options));
    const end = ender(close);
    process.on("SIGINT", () => end(0));
    process.on("SIGTERM", () => end(0));
    if (options.json) return printJson(started);
    sayServing(started);
    print("", "Ctrl-C ends it.");
  });
}
