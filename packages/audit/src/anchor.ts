/**
 * The anchor: a file beside the database that keeps the checkpoints we signed, each flushed to the disk.
 *
 * Guarantees: a checkpoint that was published is in the file, also after a power loss. So a database that comes
 * back older than what was signed is noticed before a second tree of the same size is signed.
 * Does not: help against somebody who rolls back file and database together; for that, readers keep
 * checkpoints too [SR-20]. Only the newest is needed, since each extends the others; the file is cut now and then.
 */
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

export interface Anchor {
  /** Signed notes, oldest first; what a crash left half-written is passed over. */
  readonly notes: readonly string[];
  /** Appends a note and returns once the disk has it. */
  append(note: string): Promise<void>;
  close(): Promise<void>;
}

const ANCHOR_LIMITS = {
  /** About 15,000 checkpoints; reading it at start must stay quick. */
  bytes: 4_194_304,
  /** What remains after a cut. */
  notesKept: 100,
} as const;

/** Reads an anchor's notes; none when the file does not exist. Each line is one note as JSON text. */
export async function readAnchor(path: string): Promise<string[]> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
  return text.split("\n").flatMap((line) => {
    try {
      const note: unknown = JSON.parse(line);
      return typeof note === "string" ? [note] : [];
    } catch {
      return [];
    }
  });
}

/** Opens an anchor for appending, readable by its owner only. */
export async function openAnchor(path: string): Promise<Anchor> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  let notes = await readAnchor(path);
  let file = await openForAppend(path);
  // A new line first, in case a crash left half a line that the next note would be glued to.
  let length = (await file.stat()).size;
  if (length > 0) await file.appendFile("\n");
  await flushFolder(path);

  async function cut(): Promise<void> {
    notes = notes.slice(-ANCHOR_LIMITS.notesKept);
    const text = notes.map((note) => `${JSON.stringify(note)}\n`).join("");
    const next = `${path}.new`;
    await writeFile(next, text, { mode: 0o600, flush: true });
    await file.close();
    await rename(next, path);
    await flushFolder(path);
    file = await openForAppend(path);
    length = Buffer.byteLength(text);
  }

  return {
    get notes() {
      return notes;
    },
    append: async (note) => {
      const line = `${JSON.stringify(note)}\n`;
      await file.appendFile(line);
      await file.datasync();
      length += Buffer.byteLength(line);
      notes.push(note);
      if (notes.length > 2 * ANCHOR_LIMITS.notesKept) notes = notes.slice(-ANCHOR_LIMITS.notesKept);
      if (length > ANCHOR_LIMITS.bytes) await cut();
    },
    close: () => file.close(),
  };
}

function openForAppend(path: string): Promise<FileHandle> {
  return open(path, constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY, 0o600);
}

/** A new name in a folder is only there after a crash if the folder was flushed too. */
export async function flushFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
