/** Showing a secret that the server shows once: on stdout, or into a new private file with `--out`. */
import { closeSync, openSync, rmSync } from "node:fs";
import { DeputizeError, randomHex } from "@deputize/core";
import type { Command } from "commander";
import { print, printJson } from "./print.ts";

export interface NewSecretOptions {
  readonly out?: string;
  readonly json?: boolean;
}

/** `--out`. */
export function withOut(command: Command): Command {
  return command.option(
    "--out <file>",
    "write the answer, with the secret, to this new private file instead of stdout",
  );
}

/** Throws `config_invalid` before anything is made when the file could not be: a secret that is shown once would be lost. */
export async function checkOut(options: NewSecretOptions): Promise<void> {
  if (options.out === undefined) return;
  // Only writing tells whether one may write; a missing folder is a slip of the keyboard more often than a wish.
  const probe = `${options.out}.${randomHex(6)}`;
  try {
    closeSync(openSync(probe, "wx", 0o600));
    rmSync(probe);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw new DeputizeError(
      "config_invalid",
      `cannot write ${options.out} (${code}); name a file in a folder that is there and yours`,
      { cause: error },
    );
  }
  // Loaded only where needed, here and elsewhere: a command should start at once.
  const { assertPrivateTarget } = await import("@deputize/server/config");
  assertPrivateTarget(options.out, "new");
}

/**
 * Shows `answer`, whose member `secret` is the secret. With `--out` the whole answer goes to the file, and stdout tells the
 * rest.
 */
export async function showSecret(
  answer: Readonly<Record<string, unknown>>,
  secret: string,
  lines: readonly string[],
  options: NewSecretOptions,
): Promise<void> {
  if (options.out !== undefined) {
    const { writePrivateFile } = await import("@deputize/server/config");
    writePrivateFile(options.out, `${JSON.stringify(answer, null, 2)}\n`, "new");
    const { [secret]: _hidden, ...rest } = answer;
    if (options.json) printJson({ ...rest, out: options.out });
    else print(...lines, `${secret}: in ${options.out}`);
    return;
  }
  if (options.json) printJson(answer);
  else print(...lines, `${secret}: ${String(answer[secret])}   (shown only now; keep it)`);
}
