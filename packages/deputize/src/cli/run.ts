/**
 * Runs the command and turns whatever ends it into one line and an exit code: 0 done, 1 refused or failed, 2 not a command
 * that can work.
 */
import { ProblemResponseError, TransportError } from "@deputize/client";
import { DeputizeError } from "@deputize/core";
import { type Command, CommanderError } from "commander";
import { plain } from "./print.ts";
import { refuseSecretArguments, withoutArguments } from "./secret-input.ts";
import { UsageError } from "./usage-error.ts";

interface Failure {
  readonly exitCode: 1 | 2;
  readonly code: string;
  /** With the fix. */
  readonly message: string;
  readonly requestId?: string;
}

function failureOf(error: unknown): Failure | undefined {
  if (error instanceof UsageError) return { exitCode: 2, code: "usage", message: error.message };
  if (error instanceof ProblemResponseError) {
    const { detail, hint, request_id: requestId } = error.problem;
    const code = error.errorCode ?? error.code;
    const fix = hint !== undefined && !detail.includes(hint) ? `; ${hint}` : "";
    return {
      exitCode: 1,
      code,
      message: `${detail}${fix}`,
      ...(requestId !== undefined && { requestId }),
    };
  }
  if (error instanceof TransportError) {
    const fix = "is `deputize serve` running? name another server with --url or DEPUTIZE_URL";
    return { exitCode: 1, code: "unreachable", message: `${error.message}; ${fix}` };
  }
  if (error instanceof DeputizeError) return { exitCode: 1, code: error.code, message: error.message };
  return undefined;
}

function report(error: unknown, json: boolean): void {
  const failure = failureOf(error);
  // Anything else is a fault of ours, shown whole.
  if (!failure) {
    console.error(error);
    process.exitCode = 1;
    return;
  }
  const { code, message, requestId } = failure;
  process.stderr.write(
    json
      ? `${JSON.stringify({ error: { code, message, ...(requestId && { request_id: requestId }) } })}\n`
      : `deputize: ${plain(message)}${requestId ? ` (request ${plain(requestId)})` : ""}\n`,
  );
  process.exitCode = failure.exitCode;
}

/** Commander quotes arguments and `--flag=value` that it does not know; they may be secrets. */
function withoutValues(text: string, args: readonly string[]): string {
  const told = text
    .trim()
    .replace(/^error: /, "")
    .replaceAll(/(--[\w-]+)=[^']*'/g, "$1'");
  return withoutArguments(told, args);
}

/** Subcommands made apart do not inherit how errors are told. */
function prepare(command: Command, args: readonly string[], json: boolean): void {
  command.exitOverride().configureOutput({
    outputError: (text, write) => {
      if (!json) write(`deputize: ${withoutValues(text, args)}\n`);
    },
  });
  for (const child of command.commands) prepare(child, args, json);
}

/** `args` without the program's own name. Sets the exit code and never throws. */
export async function runCommand(program: Command, args: readonly string[]): Promise<void> {
  const json = args.includes("--json");
  prepare(program, args, json);
  // A reader that has seen enough, such as `head`, is no fault.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  try {
    refuseSecretArguments(args);
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) report(error, json);
    else if (error.exitCode === 0) process.exitCode = 0;
    else if (json) report(new UsageError(withoutValues(error.message, args)), json);
    else process.exitCode = 2;
  }
}
