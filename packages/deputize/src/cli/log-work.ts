/**
 * The log in a data folder, in a dump, or of a running server: verify it, prove an entry, write a dump. Loaded by
 * `deputize audit` only when asked for: it brings the database.
 */
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DeputizeError } from "@deputize/core";
import { type LogReport, dumpLog, noteSigner, proveEntry, verifyDump, verifyLog } from "@deputize/audit";
import { readSecrets, readSettings } from "@deputize/server/config";
import { type Queryable, type Store, openStore } from "@deputize/store";
import { type OperatorOptions, openOperator, readStream } from "./connection.ts";

/** With `url`, the running server there. */
export interface SourceOptions extends OperatorOptions {
  readonly data?: string;
  readonly file?: string;
  readonly key?: string[];
  readonly held?: string[];
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

/** Verifies a dump, or the log in a data folder or of a server. Sets the exit code to 1 when it is not whole. */
export async function verify(options: SourceOptions): Promise<void> {
  const held = (options.held ?? []).map((file) => readFileSync(file, "utf8"));
  const check = async (file: string): Promise<void> => {
    if (!options.key) {
      throw new DeputizeError(
        "config_invalid",
        "neither a dump nor a server can vouch for its own key; give the log's with --key",
      );
    }
    finish(await verifyDump(file, { publicKey: options.key, held }), options.json);
  };
  if (options.file !== undefined) return check(options.file);
  if (options.url !== undefined) {
    const folder = mkdtempSync(join(tmpdir(), "deputize-log-"));
    try {
      const file = join(folder, "log.jsonl");
      if (options.key) await writeNew(file, readStream(options, EXPORT));
      return await check(file);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
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
export async function prove(entryId: string, options: SourceOptions): Promise<void> {
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
}

const EXPORT = "/v1/admin/audit/export";

/** A file that is there may be the only copy of an older dump: it is never overwritten. Answers how many lines. */
async function writeNew(file: string, parts: AsyncIterable<Uint8Array>): Promise<number> {
  const handle = openSync(file, "wx", 0o600);
  let lines = 0;
  try {
    for await (const part of parts) {
      for (let at = 0; at < part.length;) at += writeSync(handle, part, at);
      for (const byte of part) if (byte === 0x0a) lines += 1;
    }
  } catch (error) {
    // Half a dump looks like a log whose end was cut off.
    rmSync(file, { force: true });
    throw error;
  } finally {
    closeSync(handle);
  }
  return lines;
}

async function* asBytes(lines: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  for await (const line of lines) yield Buffer.from(`${line}\n`, "utf8");
}

/** Writes a dump to a new file. Throws `config_invalid` when the file exists. */
export async function exportLog(file: string, options: SourceOptions): Promise<void> {
  if (existsSync(file)) throw new DeputizeError("config_invalid", `${file} exists; name another file`);
  if (options.url !== undefined) {
    const lines = await writeNew(file, readStream(options, EXPORT));
    console.log(`${file}: ${lines} lines`);
    return;
  }
  const log = await openLog(options);
  try {
    const { store, publicKey } = log;
    const lines = await writeNew(file, asBytes(dumpLog({ store, publicKey })));
    console.log(`${file}: ${lines} lines\npublic key: ${publicKey}`);
  } finally {
    await log.store.close();
  }
}
