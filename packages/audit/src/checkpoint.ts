/**
 * Checkpoints (c2sp.org/tlog-checkpoint): origin, tree size and root hash, as the text of a signed note.
 * Safe in a browser.
 */
import { type Bytes, fromBase64, toBase64 } from "./bytes.ts";
import { HASH_BYTES } from "./merkle.ts";
import { type VerifierKey, openNote } from "./note.ts";

export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Bytes;
}

/** The text to sign. */
export function formatCheckpoint(origin: string, size: number, root: Uint8Array): string {
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

/** Reads a checkpoint's text; undefined when it is malformed. Extension lines are signed but not understood. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  const [origin = "", size = "", root = ""] = text.split("\n");
  const bytes = fromBase64(root);
  if (origin === "" || !/^(0|[1-9][0-9]{0,15})$/.test(size) || bytes?.length !== HASH_BYTES) return undefined;
  if (!Number.isSafeInteger(Number(size)) || !text.endsWith("\n")) return undefined;
  return { origin, size: Number(size), root: bytes };
}

/** The checkpoint in a note, if `key` signed it and it is of the log that `key` names; undefined otherwise. */
export async function openCheckpoint(note: string, key: VerifierKey): Promise<Checkpoint | undefined> {
  const text = await openNote(note, key);
  const checkpoint = text === undefined ? undefined : parseCheckpoint(text);
  return checkpoint?.origin === key.name ? checkpoint : undefined;
}
