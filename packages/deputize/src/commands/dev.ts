/** `deputize dev`: serves a project, and starts it anew when something of it is saved. */
import { resolve } from "node:path";
import { Command } from "commander";
import { plain, print, printJson } from "../cli/print.ts";
import { type ServeProjectOptions, orderOf, sayServing, withServing } from "../cli/project-options.ts";

export function devCommand(): Command {
  const command = new Command("dev")
    .description(
      "serve an agent project while writing it: what is saved is served, at the same address; what is broken is told",
    )
    .addHelpText("after", "\nExample:\n  deputize init support-desk --yes && deputize dev support-desk");
  return withServing(command).action(async (folder: string, options: ServeProjectOptions) => {
    const { serveProject } = await import("../cli/project-dev.ts");
    const { stop } = serveProject(orderOf(resolve(folder), options), {
      listening: (started) => {
        if (options.json) return printJson(started);
        sayServing(started);
        print("", "Saving a file starts it anew. Ctrl-C ends it.");
      },
      failed: (why) => {
        process.stderr.write(
          options.json
            ? `${JSON.stringify({ error: { code: "config_invalid", message: why } })}\n`
            : `deputize: ${plain(why)}; waiting for the next save\n`,
        );
      },
    });
    const end = () => void stop().finally(() => process.exit(0));
    process.on("SIGINT", end);
    process.on("SIGTERM", end);
  });
}
