/**
 * `deputize audit …`: verify a log with only its public key, prove that one entry is in it, write a dump that
 * anybody can keep and verify.
 */
import { closeSync, existsSync, openSync, readFileSync, writeSync } from "node:fs";
import { Command } from "commander";
import { type OperatorOptions, openOperator } from "../cli/connection.ts";
import { eventsCommand, tailCommand } from "./audit-events.ts";
import { DeputizeError } from "@deputize/core";
import { type LogReport, dumpLog, noteSigner, proveEntry, verifyDump, verifyLog } from "@deputize/audit";
import { readSecrets, readSettings } from "@deputize/server/config";
import { type Queryable, type Store, openStore } from "@deputize/store";

interface SourceOptions {
  readonly data?: string;
  readonly file?: string;
  readonly key?: string[];
  readonly held?: string[];
  readonly json?: boolean;
}

interface OpenLog {
  readonly store: Store;
  readonly publicKey: string;
  readonly anchorFile: string;
}

async function openLog(options: SourceOptions): Promise<OpenLog> {
  const settings = readSettings(process.env, options.data === undefined ? {} : { dataDir: options.data });
  const secrets = readSecrets(settings.secretsFile);
  if (!secrets) {
    throw new DeputizeError(
      "config_invalid",
      `there is no ${settings.secretsFile}; name the data folder with --data, or a dump with --file`,
    );
  }
  const store = await openStore({
    secrets: secrets.store,
    migrations: [],
    ...(settings.rolePrefix !== undefined && { rolePrefix: settings.rolePrefix }),
    ...(settings.databaseUrl === undefined
      ? { dataDir: settings.databaseDir }
      : { url: settings.databaseUrl }),
  });
  return {
    store,
    publicKey: noteSigner(settings.auditOrigin, secrets.auditKey).verifierKey,
    anchorFile: settings.auditAnchorFile,
  };
}

/** The role that may read the log's tables. */
function reader(store: Store): Queryable {
  const pool = store.pool("sequencer");
  return { query: (text, params = []) => pool.query(text, params as unknown[]) as never };
}

function explain(report: LogReport): string[] {
  const lines = [
    report.ok
      ? `The log is whole: ${report.size} entries, ${report.checkpoints} checkpoints, root ${report.root.slice(0, 16)}….`
      : `The log is NOT whole: ${report.problems.length} finding${report.problems.length === 1 ? "" : "s"} in ${report.size} entries.`,
    ...report.problems.map(
      (p) => `  entry ${p.seq}${p.entryId ? ` (${p.entryId})` : ""}: ${p.kind}: ${p.message}`,
    ),
  ];
  if (!report.anchored) {
    lines.push(
      "Unanchored: no checkpoint kept elsewhere was given, so a cut-off end or a rewritten log would not show. Give one with --held.",
    );
  }
  return lines;
}

function finish(report: LogReport, json: boolean | undefined): void {
  console.log(json ? JSON.stringify(report) : explain(report).join("\n"));
  if (!report.ok) process.exitCode = 1;
}

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
      const held = (options.held ?? []).map((file) => readFileSync(file, "utf8"));
      if (options.file !== undefined) {
        if (!options.key)
          throw new DeputizeError(
            "config_invalid",
            "a dump cannot vouch for its own key; give the log's with --key",
          );
        finish(await verifyDump(options.file, { publicKey: options.key, held }), options.json);
        return;
      }
      const log = await openLog(options);
      try {
        const { publicKey, store, anchorFile } = log;
        finish(
          await verifyLog({ store, publicKey: options.key ?? publicKey, held, anchorFile }),
          options.json,
        );
      } finally {
        await log.store.close();
      }
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
      const log = await openLog(options);
      try {
        const receipt = await proveEntry(entryId, { db: reader(log.store), publicKey: log.publicKey });
        if (!receipt) throw new DeputizeError("not_found", `the log has no entry ${entryId}`);
        console.log(JSON.stringify(receipt, null, 2));
      } finally {
        await log.store.close();
      }
    });
}

function exportCommand(): Command {
  return new Command("export")
    .description("write the log as JSON lines that verify with only its public key; holds nothing personal")
    .argument("<file>")
    .option("--data <dir>", "data folder of the installation (DATABASE_URL is used when set)")
    .addHelpText("after", "\nExample:\n  deputize audit export log.jsonl --data ./data")
    .action(async (file: string, options: SourceOptions) => {
      if (existsSync(file)) throw new DeputizeError("config_invalid", `${file} exists; name another file`);
      const log = await openLog(options);
      try {
        // A file that is there may be the only copy of an older dump: it is never overwritten.
        const handle = openSync(file, "wx", 0o600);
        let lines = 0;
        try {
          for await (const line of dumpLog({ store: log.store, publicKey: log.publicKey })) {
            writeSync(handle, `${line}\n`);
            lines += 1;
          }
        } finally {
          closeSync(handle);
        }
        console.log(`${file}: ${lines} lines\npublic key: ${log.publicKey}`);
      } finally {
        await log.store.close();
      }
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
