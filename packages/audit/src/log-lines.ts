/**
 * A log as JSON lines: what a dump and the file of a server without a database are made of.
 *
 * First `{"log": origin, "public_key": …}`, then `{"seq", "leaf"}` for each entry, and after the last entry that it covers
 * `{"checkpoint": note}`, in a server's file with the tree's peaks. Leaves only, so nothing personal is in it.
 * Guarantees: each line has one text, so that no byte of it can change unseen; reading takes the memory of one piece.
 */
import { createReadStream } from "node:fs";
import { z } from "zod";
import type { LogItem } from "./verify-log.ts";

export type LogLine =
  | { readonly log: string; readonly public_key: string }
  | { readonly seq: number; readonly leaf: string }
  | { readonly checkpoint: string; readonly peaks?: readonly string[] | undefined };

/** A line is one leaf or one note; more is not ours. */
export const LINE_BYTES_MAX = 131_072;

const NEWLINE = 0x0a;
const PIECE_BYTES = 1_048_576;

const LINE = z.union([
  z.strictObject({ checkpoint: z.string(), peaks: z.array(z.string()).max(64).optional() }),
  z.strictObject({ log: z.string(), public_key: z.string() }),
]);

/** One line, without its newline. */
export function formatLine(line: LogLine): string {
  return JSON.stringify(line);
}

/** Reads a line; undefined when `formatLine` would not have written it so. */
export function parseLine(text: string): LogLine | undefined {
  try {
    const value: unknown = JSON.parse(text);
    // Nearly all lines are entries: what comes out as it went in has these two members and no more.
    if (isEntry(value)) return formatLine({ seq: value.seq, leaf: value.leaf }) === text ? value : undefined;
    const line = LINE.parse(value);
    if ("log" in line && !line.public_key.startsWith(`${line.log}+`)) return undefined;
    return formatLine(line) === text ? line : undefined;
  } catch {
    return undefined;
  }
}

function isEntry(value: unknown): value is { readonly seq: number; readonly leaf: string } {
  const { seq, leaf } = (value ?? {}) as { seq?: unknown; leaf?: unknown };
  return typeof leaf === "string" && Number.isSafeInteger(seq) && (seq as number) >= 0;
}

export interface RawLine {
  /** 1 for the first. */
  readonly number: number;
  /** Undefined for bytes that are no text, and for a line that is too long. */
  readonly text: string | undefined;
  /** It ends in a newline. */
  readonly finished: boolean;
}

/** Splits pieces of a file into lines. */
export function lineSplitter(): { push(piece: Buffer): RawLine[]; end(): RawLine[] } {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let rest: Buffer[] = [];
  let held = 0;
  let number = 0;

  function line(finished: boolean, last: Buffer): RawLine {
    number += 1;
    const tooLong = held + last.length > LINE_BYTES_MAX;
    const bytes = rest.length === 0 ? last : Buffer.concat([...rest, last]);
    rest = [];
    held = 0;
    if (tooLong) return { number, text: undefined, finished };
    try {
      return { number, text: decoder.decode(bytes), finished };
    } catch {
      return { number, text: undefined, finished };
    }
  }

  return {
    push: (piece) => {
      const lines: RawLine[] = [];
      let from = 0;
      for (let at = piece.indexOf(NEWLINE); at >= 0; at = piece.indexOf(NEWLINE, from)) {
        lines.push(line(true, piece.subarray(from, at)));
        from = at + 1;
      }
      if (from < piece.length) {
        const part = piece.subarray(from);
        // What is too long already need not be kept; its length is enough.
        if (held <= LINE_BYTES_MAX) rest.push(part);
        held += part.length;
      }
      return lines;
    },
    end: () => (held > 0 ? [line(false, Buffer.alloc(0))] : []),
  };
}

/** Reads files one after the other, as pieces of one log. What is no line is an item that says so. */
export async function* readLogFiles(paths: readonly string[]): AsyncGenerator<LogItem> {
  for (const [index, path] of paths.entries()) {
    const splitter = lineSplitter();
    const file = paths.length > 1 ? { file: path } : {};
    const last = index === paths.length - 1;
    for await (const piece of createReadStream(path, { highWaterMark: PIECE_BYTES })) {
      for (const raw of splitter.push(piece as Buffer)) yield toItem(raw, file, last);
    }
    for (const raw of splitter.end()) yield toItem(raw, file, last);
  }
}

function toItem(raw: RawLine, file: { file?: string }, last: boolean): LogItem {
  const place = { line: raw.number, ...file };
  const line = raw.text === undefined ? undefined : parseLine(raw.text);
  if (!line) return { kind: "malformed", unfinished: !raw.finished && last, ...place };
  if ("leaf" in line) return { kind: "entry", seq: line.seq, leaf: line.leaf, ...place };
  if ("checkpoint" in line) return { kind: "checkpoint", note: line.checkpoint, peaks: line.peaks, ...place };
  return { kind: "header", publicKey: line.public_key, ...place };
}
