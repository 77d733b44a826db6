/**
 * The log in a data folder or in a dump: verify it, prove an entry, write a dump. Loaded by `deputize audit` only when
 * asked for: it brings the database.
 */
import { closeSync, existsSync, openSync, readFileSync, writeSync } from "node:fs";
import { DeputizeError } from "@deputize/core";
import { type LogReport, dumpLog, noteSigner, proveEntry, verifyDump, verifyLog } from "@deputize/audit";
import { readSecrets, readSettings } from "@deputize/server/config";
import { type Queryable, type Store, openStore } from "@deputize/store";

export interface SourceOptions {
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

/** Verifies a dump, or the log in a data folder. Sets the exit code to 1 when it is not whole. */
export async function verifyOffline(options: SourceOptions): Promise<void> {
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
    finish(await verifyLog({ store, publicKey: options.key ?? publicKey, held, anchorFile }), options.json);
  } finally {
    await log.store.close();
  }
}

/** Prints the receipt of an entry. Throws `not_found`. */
export async function proveOffline(entryId: string, options: SourceOptions): Promise<void> {
  const log = await openLog(options);
  try {
    const receipt = await proveEntry(entryId, { db: reader(log.store), publicKey: log.publicKey });
    if (!receipt) throw new DeputizeError("not_found", `the log has no entry ${entryId}`);
    console.log(JSON.stringify(receipt, null, 2));
  } finally {
    await log.store.close();
  }
}

/** Writes a dump to a new file. */
export async function exportOffline(file: string, options: SourceOptions): Promise<void> {
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
}
