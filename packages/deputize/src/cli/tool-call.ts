/** `deputize tools call`: the arguments of a call, and what is shown of its answer. */
import { readFileSync } from "node:fs";
import { META } from "@deputize/mcp";
import type { CallToolResult } from "@modelcontextprotocol/client";
import { z } from "zod";
import { plain, print, printJson } from "./print.ts";
import { UsageError } from "./usage-error.ts";

export interface ArgumentOptions {
  readonly args?: string;
  readonly argsFile?: string;
}

/** The arguments as an object. Throws `UsageError`. */
export function readArguments({ args, argsFile }: ArgumentOptions): Record<string, unknown> {
  if (args !== undefined && argsFile !== undefined)
    throw new UsageError("give --args or --args-file, not both");
  const text = argsFile === undefined ? (args ?? "{}") : readText(argsFile);
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch {
    throw new UsageError(`the arguments are a JSON object, such as --args '{"order_id":"o-17"}'`);
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new UsageError(`cannot read ${file} (${(error as NodeJS.ErrnoException).code ?? "unknown error"})`);
  }
}

const Approval = z.looseObject({ id: z.string(), summary: z.string(), expires: z.string() });

/** Shows an answer and returns the exit code: 0 done, 1 refused, 3 waits. `again` is the command that repeats the call. */
export function showAnswer(
  answer: CallToolResult,
  call: { readonly id: string; readonly json: boolean; readonly again: string },
): 0 | 1 | 3 {
  const meta: Readonly<Record<string, unknown>> = answer._meta ?? {};
  const waiting = Approval.safeParse(meta[META.approval]);
  const status = waiting.success ? "waiting" : answer.isError === true ? "refused" : "done";
  const entryId = meta[META.entryId];
  if (call.json) {
    printJson({
      status,
      call_id: call.id,
      ...(waiting.success
        ? { approval: waiting.data }
        : { result: answer.structuredContent ?? answer.content }),
      ...(typeof entryId === "string" && { entry_id: entryId }),
      ...(meta[META.label] !== undefined && { label: meta[META.label] }),
    });
  } else if (waiting.success) {
    const { id, summary, expires } = waiting.data;
    print(
      `waits for a person: ${plain(summary)}`,
      `  approval ${plain(id)}, until ${plain(expires)}`,
      "Nothing was done. A person decides, signed in, where this server's approvals are shown; no token can. Then:",
      `  ${call.again} --call-id ${call.id} --approval ${plain(id)}`,
    );
  } else {
    const refused = status === "refused";
    for (const line of linesOf(answer)) {
      if (refused) process.stderr.write(`deputize: ${line}\n`);
      else print(line);
    }
  }
  if (!call.json && typeof entryId === "string") process.stderr.write(`entry ${plain(entryId)}\n`);
  return { done: 0, refused: 1, waiting: 3 }[status] as 0 | 1 | 3;
}

function linesOf({ structuredContent, content, isError }: CallToolResult): string[] {
  const text =
    structuredContent && isError !== true
      ? JSON.stringify(structuredContent, undefined, 2)
      : content.map((part) => (part.type === "text" ? part.text : `[${part.type}]`)).join("\n");
  return text.split("\n").map(plain);
}

/** A word as a shell takes it back. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
