/**
 * The log in a data folder or of a running server: prove an entry, write a dump; log-verify.ts verifies it. Loaded by
 * `deputize audit` only when asked for: it brings the database.
 */
import { closeSync, existsSync, openSync, rmSync, writeSync } from "node:fs";
import { DeputizeError } from "@deputize/core";
import { dumpLog, noteSigner, proveEntry, proveFromFiles } from "@deputize/audit";
import type { Queryable, Store } from "@deputize/store";
import { type OperatorOptions, openOperator, readStream } from "./connection.ts";
import { openData } from "./open-data.ts";

/** With `url`, the running server there. */
export interface SourceOptions extends OperatorOptions {
  readonly data?: string;
}

export interface OpenLog {
  readonly store: Store;
  readonly publicKey: string;
  readonly anchorFile: string;
  /** What the server makes the codes of entries with. */
  readonly auditSecret: string | undefined;
}

/** The log in a data folder or of `DATABASE_URL`. Throws `config_invalid` when there is none. */
export async function openLog(options: SourceOptions): Promise<OpenLog> {
  const { settings, secrets, store } = await openData(options);
  return {
    store,
    publicKey: noteSigner(settings.auditOrigin, secrets.auditKey).verifierKey,
    anchorFile: settings.auditAnchorFile,
    auditSecret: settings.auditSecret,
  };
}

/** The role that may read the log's tables. */
function reader(store: Store): Queryable {
  const pool = store.pool("sequencer");
  return { query: (text, params = []) => pool.query(text, params as unknown[]) as never };
}

/** Throws `config_invalid` naming the first of the files that is not there. */
export function requireFiles(files: readonly string[]): void {
  const missing = files.find((file) => !existsSync(file));
  if (missing !== undefined) throw new DeputizeError("config_invalid", `there is no ${missing}`);
}

/** Prints the receipt of an entry. Throws `not_found`. */
export async function prove(
  entryId: string,
  options: SourceOptions & { readonly file?: readonly string[] },
): Promise<void> {
  if (options.file !== undefined) {
    requireFiles(options.file);
    const receipt = await proveFromFiles(options.file, entryId);
    if (!receipt) throw new DeputizeError("not_found", `the log has no entry ${entryId}`);
    console.log(JSON.stringify(receipt, null, 2));
    return;
  }
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

/** Where a running server gives its log. */
export const EXPORT = "/v1/admin/audit/export";

/** A file that is there may be the only copy of an older dump: it is never overwritten. Answers how many lines. */
export async function writeNew(file: string, parts: AsyncIterable<Uint8Array>): Promise<number> {
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
