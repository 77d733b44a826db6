/**
 * `deputize audit verify`, `checkpoint` and `cosign`: the three read a whole log, wherever it is, and compare it with the
 * checkpoints that were kept elsewhere. The last two go on only when nothing is wrong with it.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type LogProblem,
  type LogReport,
  type VerifyLogOptions,
  auditSecretFrom,
  readAnchor,
  readLogFiles,
  readOrMakeKey,
  verifyDump,
  verifyLog,
  witness,
} from "@deputize/audit";
import { type Clock, DeputizeError, nowSeconds } from "@deputize/core";
import { writePrivateFile } from "@deputize/store";
import { readStream } from "./connection.ts";
import { EXPORT, type SourceOptions, openLog, requireFiles, writeNew } from "./log-work.ts";
import { plain } from "./print.ts";
import { requireSecret } from "./secret-input.ts";

export interface VerifyOptions extends SourceOptions {
  readonly file?: string[];
  readonly key?: string[];
  readonly held?: string[];
  readonly witness?: string[];
  readonly auditSecretFile?: string[];
}

type Checks = Omit<VerifyLogOptions, "publicKey">;

const SECRET_VARIABLE = "DEPUTIZE_AUDIT_SECRET";

/** Reads the notes of `--held` files: one signed note each, or an anchor file of many. */
async function readHeld(files: readonly string[]): Promise<Pick<Checks, "held" | "anchorMissing">> {
  const held: string[] = [];
  for (const file of files) {
    const text = existsSync(file) ? readFileSync(file, "utf8") : "";
    if (text.trim() === "")
      return { held, anchorMissing: `the held checkpoint ${file} is not there, or empty` };
    held.push(...(text.trimStart().startsWith('"') ? await readAnchor(file) : [text]));
  }
  return { held };
}

/** Secrets of the entries' codes: from files, or for a log's file from the environment that its server has. */
async function readSecrets({ file: log, auditSecretFile }: VerifyOptions): Promise<string[]> {
  if (!auditSecretFile) {
    const inEnvironment = log && auditSecretFrom(process.env);
    return inEnvironment === undefined ? [] : [inEnvironment];
  }
  const source = {
    variables: [SECRET_VARIABLE],
    fileFlag: "--audit-secret-file",
    name: "audit secret",
  } as const;
  return Promise.all(auditSecretFile.map((file) => requireSecret({ ...source, file })));
}

/** The key that a file's first line names. Only codes made with the secret make it believable. */
async function keyInFile(file: string): Promise<string | undefined> {
  for await (const item of readLogFiles([file])) return item.kind === "header" ? item.publicKey : undefined;
  return undefined;
}

async function verifyFiles(
  files: readonly string[],
  options: VerifyOptions,
  checks: Checks,
): Promise<LogReport> {
  requireFiles(files);
  const vouched = checks.secrets?.length && files[0] !== undefined ? await keyInFile(files[0]) : undefined;
  const publicKey = options.key ?? vouched;
  if (publicKey === undefined) throw withoutKey();
  return verifyDump(files, { ...checks, publicKey });
}

function withoutKey(): DeputizeError {
  return new DeputizeError(
    "config_invalid",
    `neither a file nor a server can vouch for its own key; give the log's with --key, or its secret with ${SECRET_VARIABLE}`,
  );
}

async function verifyServer(options: VerifyOptions, checks: Checks): Promise<LogReport> {
  if (!options.key) throw withoutKey();
  const folder = mkdtempSync(join(tmpdir(), "deputize-log-"));
  try {
    const file = join(folder, "log.jsonl");
    await writeNew(file, readStream(options, EXPORT));
    return await verifyFiles([file], options, checks);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function examine(options: VerifyOptions, more: Checks = {}): Promise<LogReport> {
  const checks: Checks = {
    secrets: await readSecrets(options),
    witnesses: options.witness ?? [],
    ...(await readHeld(options.held ?? [])),
    ...more,
  };
  if (options.file !== undefined) return verifyFiles(options.file, options, checks);
  if (options.url !== undefined) return verifyServer(options, checks);
  const log = await openLog(options);
  try {
    const { publicKey, store, anchorFile, auditSecret } = log;
    const own = options.auditSecretFile || auditSecret === undefined ? {} : { secrets: [auditSecret] };
    return await verifyLog({ ...checks, ...own, store, publicKey: options.key ?? publicKey, anchorFile });
  } finally {
    await log.store.close();
  }
}

function explainProblem(problem: LogProblem): string {
  const { seq, entryId, kind, line, file, message } = problem;
  const place = [file, line === undefined ? undefined : `line ${line}`].filter((part) => part !== undefined);
  const where = `entry ${seq}${entryId ? ` (${plain(entryId)})` : ""}${place.length > 0 ? `, ${place.join(" ")}` : ""}`;
  return `  ${where}: ${kind}: ${message}`;
}

function explain(report: LogReport): string[] {
  const { problems, warnings, size, checkpoints, root } = report;
  return [
    report.ok
      ? `The log is whole: ${size} entries, ${checkpoints} checkpoints, root ${root.slice(0, 16)}….`
      : `The log is NOT whole: ${problems.length} finding${problems.length === 1 ? "" : "s"} in ${size} entries.`,
    ...problems.map(explainProblem),
    ...warnings.map(({ kind, message }) =>
      kind === "unanchored"
        ? `Unanchored: ${message}. Give one with --held.`
        : `Warning: ${kind}: ${message}.`,
    ),
  ];
}

/** Verifies a log. Sets the exit code to 1 when it is not whole. */
export async function verify(options: VerifyOptions): Promise<void> {
  const report = await examine(options);
  console.log(options.json ? JSON.stringify(report) : explain(report).join("\n"));
  if (!report.ok) process.exitCode = 1;
}

/** The newest checkpoint of a log that is whole; else says what is wrong, and sets the exit code. */
function newestOf(report: LogReport, json: boolean | undefined): string | undefined {
  if (report.ok && report.newest !== undefined) return report.newest;
  if (json) console.log(JSON.stringify(report));
  else console.error((report.ok ? ["The log is empty: nothing is signed yet."] : explain(report)).join("\n"));
  process.exitCode = 1;
  return undefined;
}

/** Prints the newest checkpoint, when the log is whole and extends those that are held. */
export async function checkpoint(options: VerifyOptions): Promise<void> {
  const report = await examine(options);
  const note = newestOf(report, options.json);
  if (note === undefined) return;
  const { size, root, anchored } = report;
  process.stdout.write(
    options.json ? `${JSON.stringify({ checkpoint: note, size, root, anchored })}\n` : note,
  );
}

export interface CosignOptions extends VerifyOptions {
  readonly name: string;
  readonly witnessKey: string;
  readonly state: string;
}

/**
 * Acts as a witness: when the log is whole and extends the checkpoint that was cosigned last, signs the newest with a key of
 * its own and remembers it. So one witness never signs two histories.
 */
export async function cosign(options: CosignOptions, clock: Clock): Promise<void> {
  const second = witness(options.name, readOrMakeKey(options.witnessKey));
  const before = existsSync(options.state) ? [options.state] : [];
  const report = await examine(options, await readHeld([...(options.held ?? []), ...before]));
  const note = newestOf(report, options.json);
  if (note === undefined) return;
  const cosigned = second.cosign(note, nowSeconds(clock));
  writePrivateFile(options.state, cosigned, "replace");
  const { size, root, anchored } = report;
  const whole = { checkpoint: cosigned, size, root, anchored, witness_key: second.verifierKey };
  process.stdout.write(options.json ? `${JSON.stringify(whole)}\n` : cosigned);
  if (!options.json) console.error(`witness key: ${second.verifierKey}`);
}
