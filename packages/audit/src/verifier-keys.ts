/**
 * The keys a log is verified with, and what they say of a signed checkpoint. Synchronous, unlike checkpoint.ts, since a
 * log may hold a checkpoint for each entry.
 */
import { type KeyObject, createPublicKey, verify as verifySignature } from "node:crypto";
import { toBase64Url } from "./bytes.ts";
import { type Checkpoint, parseCheckpoint } from "./checkpoint.ts";
import { type NoteSignature, type VerifierKey, parseNote, parseVerifierKey } from "./note.ts";

export interface LoadedKey extends VerifierKey {
  readonly key: KeyObject;
}

/** Throws `TypeError` for what is no C2SP verifier key. */
export async function loadKeys(texts: string | readonly string[]): Promise<LoadedKey[]> {
  const keys = await Promise.all([texts].flat().map(parseVerifierKey));
  return keys.map((key) => {
    if (!key) throw new TypeError("the log's public key is not a C2SP verifier key");
    const jwk = { kty: "OKP", crv: "Ed25519", x: toBase64Url(key.publicKey) };
    return { ...key, key: createPublicKey({ key: jwk, format: "jwk" }) };
  });
}

export type OpenedNote =
  | { readonly checkpoint: Checkpoint; readonly problem?: undefined; readonly claimed?: undefined }
  | {
      readonly checkpoint?: undefined;
      readonly problem: "checkpoint_wrong" | "bad_signature" | "wrong_key";
      /** What it says without being believed. */
      readonly claimed?: Checkpoint;
    };

/** The checkpoint in a note when one of the keys signed it, or why it does not count. */
export function openSigned(note: string, keys: readonly LoadedKey[]): OpenedNote {
  const parsed = parseNote(note);
  const checkpoint = parsed && parseCheckpoint(parsed.text);
  if (!checkpoint) return { problem: "checkpoint_wrong" };
  const text = Buffer.from(parsed.text);
  let claimed = false;
  for (const key of keys) {
    const line = lineOf(parsed.signatures, key);
    if (!line || checkpoint.origin !== key.name) continue;
    if (verifySignature(null, text, key.key, line.signature)) return { checkpoint };
    claimed = true;
  }
  return { problem: claimed ? "bad_signature" : "wrong_key", claimed: checkpoint };
}

function lineOf(signatures: readonly NoteSignature[], key: VerifierKey): NoteSignature | undefined {
  return signatures.find((s) => s.name === key.name && Buffer.from(key.id).equals(s.keyId));
}
