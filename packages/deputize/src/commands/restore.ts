/** `deputize restore`: after a backup was put back, before anything serves it. */
import { Command } from "commander";

export function restoreCommand(): Command {
  return new Command("restore")
    .description(
      "after putting a backup back, before serving it: end every token, session, launch token and open approval that it brought back, with a new epoch and signing key; says what it would do, and does it with --yes",
    )
    .option("--data <dir>", "data folder of the installation (DATABASE_URL is used when set)")
    .option("--reason <text>", "what the log says", "restored from a backup")
    .option("--yes", "do it")
    .option("--json", "one JSON document on stdout, errors as JSON on stderr")
    .addHelpText(
      "after",
      "\nExample:\n  deputize restore --data ./data --yes && deputize serve --data ./data",
    )
    .action(async (options: { data?: string; reason: string; yes?: boolean; json?: boolean }) => {
      const { restore } = await import("../cli/restore-work.ts");
      await restore(options);
    });
}
