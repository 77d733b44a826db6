/**
 * `deputize audit …`: read a log, verify it with only its public key, prove that one entry is in it, write a dump that
 * anybody can keep and verify.
 */
import { Command } from "commander";
import type { SourceOptions } from "../cli/log-work.ts";
import { eventsCommand, tailCommand } from "./audit-events.ts";

/** Which log. */
function withSource(command: Command): Command {
  return command
    .option("--data <dir>", "data folder of the installation (DATABASE_URL is used when set)")
    .option("--url <url>", "the log of a running server instead")
    .option(
      "--secret-file <file>",
      "with --url: holds the admin secret (else DEPUTIZE_ADMIN_SECRET, else a prompt)",
    );
}

function verifyCommand(): Command {
  const command = new Command("verify").description(
    "check every entry, the tree and every checkpoint; finds edits, insertions, reordering, truncation, forks",
  );
  return withSource(command)
    .option("--file <dump>", "verify a dump made by `deputize audit export` instead; needs --key")
    .option(
      "--key <verifier-key...>",
      "the log's public key; with --data it is taken from the secrets file, with --url and --file it is needed",
    )
    .option("--held <file...>", "checkpoints kept elsewhere, one signed note a file")
    .option("--json", "one JSON report on stdout")
    .addHelpText("after", "\nExample:\n  deputize audit verify --data ./data --held last-checkpoint.txt")
    .action(async (options: SourceOptions) => {
      const { verify } = await import("../cli/log-work.ts");
      await verify(options);
    });
}

function proveCommand(): Command {
  const command = new Command("prove")
    .description("print the receipt of one entry: the entry, its inclusion proof and the signed checkpoint")
    .argument("<entry-id>", "`entry_id` of an event")
    .addHelpText(
      "after",
      "\nExample:\n  deputize audit prove 0199f0c0-1111-7222-8333-444455556666 > receipt.json",
    );
  return withSource(command).action(async (entryId: string, options: SourceOptions) => {
    const { prove } = await import("../cli/log-work.ts");
    await prove(entryId, options);
  });
}

function exportCommand(): Command {
  const command = new Command("export")
    .description("write the log as JSON lines that verify with only its public key; holds nothing personal")
    .argument("<file>")
    .addHelpText("after", "\nExample:\n  deputize audit export log.jsonl --url http://127.0.0.1:8080");
  return withSource(command).action(async (file: string, options: SourceOptions) => {
    const { exportLog } = await import("../cli/log-work.ts");
    await exportLog(file, options);
  });
}

export function auditCommand(): Command {
  return new Command("audit")
    .description("the tamper-evident log: read it, verify it, prove an entry, export it")
    .addCommand(eventsCommand())
    .addCommand(tailCommand())
    .addCommand(verifyCommand())
    .addCommand(proveCommand())
    .addCommand(exportCommand());
}
