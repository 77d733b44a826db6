/**
 * `deputize audit …`: read a log, verify it with only its public key, keep and cosign its checkpoints, prove that one entry is
 * in it, write a dump that anybody can keep and verify.
 */
import { Command } from "commander";
import { systemClock } from "@deputize/core";
import type { CosignOptions, VerifyOptions } from "../cli/log-verify.ts";
import type { SourceOptions } from "../cli/log-work.ts";
import type { EraseOptions } from "../cli/restore-work.ts";
import { UsageError } from "../cli/usage-error.ts";
import { eventsCommand, tailCommand } from "./audit-events.ts";

const FILE = "the file of a tool server instead; several are pieces of one log, in order";

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

/** Which log, and what is known of it. */
function withChecks(command: Command): Command {
  return withSource(command)
    .option(
      "--file <file...>",
      "a dump, or the file of a tool server; several are pieces of one log, in order. Needs --key or the secret",
    )
    .option(
      "--key <verifier-key...>",
      "the log's public key, and earlier ones; with --data it is taken from the secrets file, else it is needed",
    )
    .option(
      "--audit-secret-file <file...>",
      "the secret of the entries' codes, and earlier ones (with --file and --data else DEPUTIZE_AUDIT_SECRET)",
    )
    .option("--held <file...>", "checkpoints kept elsewhere: one signed note a file, or an anchor file")
    .option(
      "--witness <verifier-key...>",
      "believe a held checkpoint only with a cosignature of one of these",
    )
    .option("--json", "one JSON document on stdout");
}

const EXIT_CODES = `
Exit codes: 0 the log is whole; 1 it is not, or it could not be read; 2 the command makes no sense.
Problems: edited, inserted, duplicate, missing, missing_start, reordered, spliced, malformed, node_wrong, checkpoint_wrong,
bad_signature, wrong_key, rebuilt, bad_mac, unkeyed, unsigned, truncated, forked, unwitnessed, anchor_missing.
Warnings: unanchored, crash_fragment, unkeyed_start.
`;

function verifyCommand(): Command {
  return withChecks(new Command("verify"))
    .description(
      "check every entry, the tree and every checkpoint; names and locates whatever was done to the log",
    )
    .addHelpText(
      "after",
      `${EXIT_CODES}
Example:
  deputize audit verify --data ./data --held last-checkpoint.txt
  deputize audit verify --file data/audit.jsonl --held last-checkpoint.txt`,
    )
    .action(async (options: VerifyOptions) => {
      const { verify } = await import("../cli/log-verify.ts");
      await verify(options);
    });
}

function checkpointCommand(): Command {
  return withChecks(new Command("checkpoint"))
    .description(
      "verify the log and print its newest signed checkpoint, to be kept elsewhere and given as --held",
    )
    .addHelpText(
      "after",
      "\nExample:\n  deputize audit checkpoint --data ./data --held last.txt > new.txt && mv new.txt last.txt",
    )
    .action(async (options: VerifyOptions) => {
      const { checkpoint } = await import("../cli/log-verify.ts");
      await checkpoint(options);
    });
}

function cosignCommand(): Command {
  return withChecks(new Command("cosign"))
    .description(
      "be a witness: cosign the newest checkpoint of a log that is whole and extends the one cosigned last",
    )
    .requiredOption("--name <name>", "the witness's name, such as witness.example")
    .requiredOption("--witness-key <file>", "its private key, made when there is none")
    .requiredOption("--state <file>", "where the checkpoint cosigned last is kept")
    .addHelpText(
      "after",
      "\nExample:\n  deputize audit cosign --url http://127.0.0.1:8080 --key KEY --name witness.example --witness-key w.pem --state w.txt",
    )
    .action(async (options: CosignOptions) => {
      const { cosign } = await import("../cli/log-verify.ts");
      await cosign(options, systemClock);
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
  const any = withSource(command).option("--file <file...>", FILE);
  return any.action(async (entryId: string, options: SourceOptions & { file?: string[] }) => {
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

function eraseCommand(): Command {
  return new Command("erase")
    .description(
      "make the log forget who somebody is: what was done stays, and verifies; nobody can find out by whom. Needs the data folder, and no server on it; says how many entries, and does it with --yes",
    )
    .option("--data <dir>", "data folder of the installation (DATABASE_URL is used when set)")
    .option("--person <email-or-id>", "a person, or the id of any principal")
    .option("--agent-id <spiffe-id>", "or a worker by its name")
    .option("--task-id <task>", "or a task by its name; what apps called their launch tokens stays")
    .option("--yes", "do it; nothing brings it back, and backups and dumps keep what they have")
    .option("--json", "one JSON document on stdout, errors as JSON on stderr")
    .addHelpText("after", "\nExample:\n  deputize audit erase --data ./data --person alice@example.com --yes")
    .action(async (options: EraseOptions) => {
      const named = [options.person, options.agentId, options.taskId].filter((one) => one !== undefined);
      if (named.length !== 1 || named[0] === "") {
        throw new UsageError("name one of --person, --agent-id and --task-id");
      }
      const { eraseFromLog } = await import("../cli/restore-work.ts");
      await eraseFromLog(options);
    });
}

export function auditCommand(): Command {
  return new Command("audit")
    .description(
      "the tamper-evident log: read it, verify it, keep and cosign checkpoints, prove an entry, export it, erase who it names",
    )
    .addCommand(eventsCommand())
    .addCommand(tailCommand())
    .addCommand(verifyCommand())
    .addCommand(checkpointCommand())
    .addCommand(cosignCommand())
    .addCommand(proveCommand())
    .addCommand(exportCommand())
    .addCommand(eraseCommand());
}
