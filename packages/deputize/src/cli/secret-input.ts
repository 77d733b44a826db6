/**
 * How secrets come in: from the environment, a private file, a pipe, or a hidden prompt. Never as an argument, which every
 * user of the machine can read in the process list and which stays in the shell's history.
 *
 * Guarantees: no message quotes what was given, whatever was given it for.
 */
import { openSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { DeputizeError } from "@deputize/core";
import { readPrivateText } from "@deputize/store/private-file";
import { UsageError } from "./usage-error.ts";

const SECRET_FLAGS = new Set([
  "--secret",
  "--admin-secret",
  "--client-secret",
  "--password",
  "--token",
  "--access-token",
  "--launch-token",
  "--api-key",
]);

/** A JWT or the beginning of one, an API key or refresh token of ours, or 64 hex digits as our secrets are; with anything around. */
const LOOKS_SECRET = /eyJ|(^|[^a-z])d(pk|ar|rt|ss)_|(^|[^0-9a-f])[0-9a-f]{64}($|[^0-9a-f])/i;

/** Longer words are no command, and may be a secret of any form. */
const QUOTED_CHARS = 24;

/** A message about arguments without those of them that may be a secret. */
export function withoutArguments(text: string, args: readonly string[]): string {
  return args
    .filter((arg) => arg.length > QUOTED_CHARS || LOOKS_SECRET.test(arg))
    .toSorted((one, other) => other.length - one.length)
    .reduce((told, arg) => told.replaceAll(arg, "…"), text);
}

/** Throws `UsageError` when an argument is, or would take, a secret. */
export function refuseSecretArguments(args: readonly string[]): void {
  for (const arg of args) {
    const flag = arg.split("=", 1)[0] ?? "";
    const what = SECRET_FLAGS.has(flag) ? flag : LOOKS_SECRET.test(arg) ? "a token or key" : undefined;
    if (what === undefined) continue;
    throw new UsageError(
      `${what} is not taken as an argument: it would show in the process list and stay in the shell's history. ` +
        "Set DEPUTIZE_ADMIN_SECRET (or DEPUTIZE_TOKEN), or name a private file with --secret-file (--token-file); - reads stdin",
    );
  }
}

function readSecretFile(file: string): string {
  let handle: number;
  try {
    handle = file === "-" ? 0 : openSync(file, "r");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    // A secret that was given where its file belongs is no path to repeat.
    const named = file.length > QUOTED_CHARS && !/^[.~]?\//.test(file) ? "the file that was named" : file;
    throw new DeputizeError("config_invalid", `cannot read ${named} (${code})`, { cause: error });
  }
  return readPrivateText(handle, file === "-" ? "stdin" : file);
}

/** Asks on the terminal without showing what is typed. */
async function ask(question: string): Promise<string> {
  process.stderr.write(`${question}: `);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const prompt = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return (await prompt.question("")).trim();
  } finally {
    prompt.close();
    process.stderr.write("\n");
  }
}

export interface SecretSource {
  /** Names of variables, the first of them ours. */
  readonly variables: readonly [string, ...string[]];
  /** Path, or `-` for stdin. Wins over the environment. */
  readonly file?: string | undefined;
  readonly fileFlag: string;
  /** What it is called in the prompt, such as `admin secret`. */
  readonly name: string;
}

/** The secret, or undefined when nobody gave one and nobody can be asked. Throws `config_invalid`. */
export async function findSecret(source: SecretSource): Promise<string | undefined> {
  if (source.file !== undefined) return readSecretFile(source.file);
  for (const name of source.variables) {
    const value = process.env[name];
    if (value !== undefined && value !== "") return value;
  }
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  return (await ask(source.name)) || undefined;
}

/** As `findSecret`. Throws `UsageError` that says how to give it. */
export async function requireSecret(source: SecretSource): Promise<string> {
  const found = await findSecret(source);
  if (found !== undefined) return found;
  throw new UsageError(
    `the ${source.name} is missing; set ${source.variables[0]}, or name a private file with ${source.fileFlag} (- reads stdin)`,
  );
}
