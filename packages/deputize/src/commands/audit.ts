/**
 * `deputize audit …`: read a log, verify it with only its public key, prove that one entry is in it, write a dump that
 * anybody can keep and verify.
 */
import { Command } from "commander";
import { type OperatorOptions, openOperator } from "../cli/connection.ts";
import type { SourceOptions } from "../cli/offline-log.ts";
import { eventsCommand, tailCommand } from "./audit-events.ts";

function verifyCommand(): Command {
  return new Command("verify")
    .description(
      "check every entry, the tree and every checkpoint; finds edits, insertions, reordering, truncation, forks",
    )
    .option("--data <dir>", "data folder of the installation (DATABASE_URL is used when set)")
    .option("--file <dump>", "verify a dump made by `deputize audit export` instead; needs --key")
    .option("--key <verifier-key...>", "the log's public key; with --data it is taken from the secrets file")
    .option("--held <file...>", "checkpoints kept elsewhere, one signed note a file")
    .option("--json", "one JSON report on stdout")
    .addHelpText("after", "\nExample:\n  deputize audit verify --data ./data --held last-checkpoint.txt")
    .action(async (options: SourceOptions) => {
      const { verifyOffline } = await import("../cli/offline-log.ts");
      await verifyOffline(options);
    });
}

function proveCommand(): Command {
  return new Command("prove")
    .description("print the receipt of one entry: the entry, its inclusion proof and the signed checkpoint")
    .argument("<entry-id>")
    .option("--data <dir>", "data folder of the installation (DATABASE_URL is used when set)")
    .option("--url <url>", "ask a running server instead, as operator")
    .option(
      "--secret-file <file>",
      "with --url: holds the admin secret (else DEPUTIZE_ADMIN_SECRET, else a prompt)",
    )
    .addHelpText(
      "after",
      "\nExample:\n  deputize audit prove 0199f0c0-1111-7222-8333-444455556666 > receipt.json",
    )
    .action(async (entryId: string, options: SourceOptions & OperatorOptions) => {
      if (options.url !== undefined) {
        const client = await openOperator(options);
        const path = `/v1/admin/audit/receipts/${encodeURIComponent(entryId)}`;
        console.log(JSON.stringify(await client.request("GET", path), null, 2));
        return;
      }
      const { proveOffline } = await import("../cli/offline-log.ts");
      await proveOffline(entryId, options);
    });
}

function exportCommand(): Command {
  return new Command("export")
    .description("write the log as JSON lines that verify with only its public key; holds nothing personal")
    .argument("<file>")
    .option("--data <dir>", "data folder of the installation (DATABASE_URL is used when set)")
    .addHelpText("after", "\nExample:\n  deputize audit export log.jsonl --data ./data")
    .action(async (file: string, options: SourceOptions) => {
      const { exportOffline } = await import("../cli/offline-log.ts");
      await exportOffline(file, options);
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
