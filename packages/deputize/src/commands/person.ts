/** `deputize person …`: what is kept of a person, at the machine that keeps it. */
import { Command } from "commander";

export interface PersonOptions {
  readonly data?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
  readonly out?: string;
}

const DATA = "data folder of the installation (DATABASE_URL is used when set)";

function eraseCommand(): Command {
  return new Command("erase")
    .description(
      "erase a person everywhere: what they may do ends, then conversations, tool state, usage, credentials, name and address go, and the log forgets who they were and still verifies; says how much would go, and does it with --yes, with a receipt",
    )
    .argument("<email-or-id>")
    .option("--data <dir>", DATA)
    .option("--yes", "do it; nothing brings it back, and backups and dumps keep what they have")
    .option("--json", "one JSON document on stdout, errors as JSON on stderr")
    .addHelpText("after", "\nExample:\n  deputize person erase alice@example.com --yes --json > receipt.json")
    .action(async (person: string, options: PersonOptions) => {
      const { erase } = await import("../cli/person-work.ts");
      await erase(person, options);
    });
}

function exportCommand(): Command {
  return new Command("export")
    .description("write everything that is kept of a person as one JSON document")
    .argument("<email-or-id>")
    .requiredOption("--out <file>", "a new private file")
    .option("--data <dir>", DATA)
    .option("--json", "one JSON document on stdout, errors as JSON on stderr")
    .addHelpText("after", "\nExample:\n  deputize person export alice@example.com --out alice.json")
    .action(async (person: string, options: PersonOptions & { readonly out: string }) => {
      const { exportTo } = await import("../cli/person-work.ts");
      await exportTo(person, options);
    });
}

export function personCommand(): Command {
  return new Command("person")
    .description("erase a person everywhere, or write out what is kept of them; at the machine that keeps it")
    .addCommand(eraseCommand())
    .addCommand(exportCommand());
}
