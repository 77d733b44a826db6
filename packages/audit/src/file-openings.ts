/**
 * What opens the commitments of a file's entries: the only part about persons, in a file of its own beside the log, so that it
 * can be erased while the log still verifies [SR-24]. Called under the log's lock.
 *
 * Does not: reach copies and backups.
 */
import { createReadStream, constants, existsSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { PrincipalId } from "@deputize/core";
import { flushFolder } from "./anchor.ts";
import type { Openings } from "./receipt-shape.ts";

export interface OpeningLine {
  readonly id: string;
  readonly openings: Openings;
}

/** Where the openings of a log's file are. */
export const openingsFile = (file: string): string => `${file}.openings`;

/** Appends, and returns once the disk has it. Opened anew each time: an erasure may have put another file there. */
export async function appendOpenings(path: string, lines: readonly OpeningLine[]): Promise<void> {
  const file = await open(path, constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY, 0o600);
  try {
    await file.appendFile(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** The openings of a file's entries, oldest first; what a crash left half-written is passed over. */
export async function* readOpenings(path: string): AsyncGenerator<OpeningLine> {
  if (!existsSync(path)) return;
  for await (const text of createInterface({ input: createReadStream(path, "utf8") })) {
    const line = parse(text);
    if (line) yield line;
  }
}

/** Erases what was said of a principal, as erase.ts does in a store. Returns how many entries it touched. */
export async function eraseFrom(path: string, principal: PrincipalId): Promise<number> {
  let touched = 0;
  const next = `${path}.new`;
  const file = await open(next, "w", 0o600);
  try {
    for await (const line of readOpenings(path)) {
      const kept = without(line, principal);
      if (kept !== line) touched += 1;
      if (kept) await file.appendFile(`${JSON.stringify(kept)}\n`);
    }
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(next, path);
  await flushFolder(path);
  return touched;
}

/** The line without what names the principal: all of its own entries, and of others *about* it all but who did it. */
function without(line: OpeningLine, principal: PrincipalId): OpeningLine | undefined {
  const { id, openings } = line;
  const who = openings.who?.value as { subject?: string } | undefined;
  const what = openings.what?.value as { about?: string[] } | undefined;
  if (who?.subject === principal) return undefined;
  if (!what?.about?.includes(principal)) return line;
  return openings.who ? { id, openings: { who: openings.who } } : undefined;
}

function parse(text: string): OpeningLine | undefined {
  try {
    return JSON.parse(text) as OpeningLine;
  } catch {
    return undefined;
  }
}
