/**
 * Reading C2SP signed notes (c2sp.org/signed-note): a text, a blank line, and signature lines. Safe in a
 * browser: Ed25519 by WebCrypto, which browsers offer on https and on localhost only.
 *
 * Guarantees: a note passes only with a valid signature of the very key that was asked for, by name, key id
 * and bytes. Lines of unknown keys are passed over, as the standard says; two lines of one key are refused.
 * Does not: sign (signer.ts), or understand the text (checkpoint.ts).
 */
import { type Bytes, concat, fromBase64, sameBytes, toBase64, utf8 } from "./bytes.ts";

/** Signature types of the standard: a log's own Ed25519, and a witness's timestamped cosignature. */
export const SIGNATURE_TYPES = { ed25519: 1, cosignature: 4 } as const;
export type SignatureType = (typeof SIGNATURE_TYPES)[keyof typeof SIGNATURE_TYPES];

const KEY_ID_BYTES = 4;
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const TIMESTAMP_BYTES = 8;

/** Notes come from strangers; a checkpoint with a few witnesses is under 1 kB. */
const NOTE_CHARS_MAX = 16_384;

export interface VerifierKey {
  readonly name: string;
  readonly type: SignatureType;
  /** First four bytes of SHA-256(name, newline, type, key). */
  readonly id: Bytes;
  /** Raw Ed25519 public key. */
  readonly publicKey: Bytes;
}

/** True for a name that fits a note: no white space, no plus. */
export function isKeyName(name: string): boolean {
  return name.length > 0 && name.length <= 200 && !/[\s+\p{Cc}]/u.test(name) && name.isWellFormed();
}

/** What is hashed to a key id. */
export function keyIdInput(name: string, type: SignatureType, publicKey: Uint8Array): Bytes {
  return concat(utf8(`${name}\n`), Uint8Array.of(type), publicKey);
}

/** A verifier key as text: `name+hash+key`. */
export function formatVerifierKey(key: VerifierKey): string {
  const hash = [...key.id].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${key.name}+${hash}+${toBase64(concat(Uint8Array.of(key.type), key.publicKey))}`;
}

/** Reads a verifier key and checks its id; undefined when it is malformed. */
export async function parseVerifierKey(text: string): Promise<VerifierKey | undefined> {
  const match = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text);
  const [, name = "", hash = "", encoded = ""] = match ?? [];
  const bytes = fromBase64(encoded);
  const type = bytes?.[0];
  if (!isKeyName(name) || bytes?.length !== 1 + PUBLIC_KEY_BYTES) return undefined;
  if (type !== SIGNATURE_TYPES.ed25519 && type !== SIGNATURE_TYPES.cosignature) return undefined;
  const publicKey = bytes.slice(1);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", keyIdInput(name, type, publicKey)));
  const key: VerifierKey = { name, type, id: digest.slice(0, KEY_ID_BYTES), publicKey };
  return formatVerifierKey(key) === `${name}+${hash}+${encoded}` ? key : undefined;
}

export interface NoteSignature {
  readonly name: string;
  readonly keyId: Bytes;
  readonly signature: Bytes;
}

export interface Note {
  /** Signed text, ending in a newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** Takes a note apart, trusting nothing in it; undefined when it is malformed. */
export function parseNote(note: string): Note | undefined {
  if (note.length > NOTE_CHARS_MAX || !note.endsWith("\n") || /[\p{Cc}--\n]/v.test(note)) return undefined;
  const split = note.lastIndexOf("\n\n");
  if (split < 0) return undefined;
  const signatures: NoteSignature[] = [];
  for (const line of note.slice(split + 2, -1).split("\n")) {
    const match = /^— (\S+) (\S+)$/.exec(line);
    const bytes = fromBase64(match?.[2] ?? "");
    const name = match?.[1] ?? "";
    if (!bytes || bytes.length <= KEY_ID_BYTES || !isKeyName(name)) return undefined;
    signatures.push({ name, keyId: bytes.slice(0, KEY_ID_BYTES), signature: bytes.slice(KEY_ID_BYTES) });
  }
  return { text: note.slice(0, split + 1), signatures };
}

/** One signature line. */
export function formatSignature(line: NoteSignature): string {
  return `— ${line.name} ${toBase64(concat(line.keyId, line.signature))}\n`;
}

/** What a witness signs: the time it saw the note, and the note's text (c2sp.org/tlog-cosignature). */
export function cosignatureInput(timestampSeconds: number, text: string): Bytes {
  return utf8(`cosignature/v1\ntime ${timestampSeconds}\n${text}`);
}

/** The signed text, if `key` signed it; undefined otherwise. */
export async function openNote(note: string, key: VerifierKey): Promise<string | undefined> {
  const parsed = parseNote(note);
  const lines =
    parsed?.signatures.filter((line) => line.name === key.name && sameBytes(line.keyId, key.id)) ?? [];
  const line = lines[0];
  if (!parsed || !line || lines.length > 1) return undefined;
  const timed = key.type === SIGNATURE_TYPES.cosignature;
  if (line.signature.length !== SIGNATURE_BYTES + (timed ? TIMESTAMP_BYTES : 0)) return undefined;
  const signature = timed ? line.signature.slice(TIMESTAMP_BYTES) : line.signature;
  const signed = timed ? cosignatureInput(readTimestamp(line.signature), parsed.text) : utf8(parsed.text);
  const imported = await crypto.subtle.importKey("raw", key.publicKey, { name: "Ed25519" }, false, [
    "verify",
  ]);
  return (await crypto.subtle.verify("Ed25519", imported, signature, signed)) ? parsed.text : undefined;
}

function readTimestamp(bytes: Bytes): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0));
}
