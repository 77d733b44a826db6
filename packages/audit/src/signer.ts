/**
 * The one module that signs for the log: Ed25519 (RFC 8032) over notes. The key never leaves it.
 *
 * Guarantees: a signer exists only for a well-formed Ed25519 private key, and says its own verifier key.
 * Does not: decide what may be signed; the sequencer signs only what is committed [SR-18].
 */
import { type KeyObject, createPrivateKey, createPublicKey, hash, sign } from "node:crypto";
import { DeputizeError } from "@deputize/core";
import { type Bytes, concat, utf8 } from "./bytes.ts";
import {
  SIGNATURE_TYPES,
  type SignatureType,
  cosignatureInput,
  formatSignature,
  formatVerifierKey,
  isKeyName,
  keyIdInput,
  parseNote,
} from "./note.ts";

export interface NoteSigner {
  /** `name+hash+key`, to be handed out. */
  readonly verifierKey: string;
  readonly name: string;
  /** A new note over `text`, which ends in a newline. */
  sign(text: string): string;
}

export interface Witness {
  readonly verifierKey: string;
  /** The note with our timestamped line added. */
  cosign(note: string, timestampSeconds: number): string;
}

/** Makes the log's signer. Throws `config_invalid` for a bad key or name. */
export function noteSigner(name: string, key: string): NoteSigner {
  const { id, verifierKey, privateKey } = loadKey(name, key, SIGNATURE_TYPES.ed25519);
  return {
    name,
    verifierKey,
    sign: (text) => {
      if (!text.endsWith("\n")) throw new RangeError("a note's text ends in a newline");
      return `${text}\n${formatSignature({ name, keyId: id, signature: ed25519(privateKey, utf8(text)) })}`;
    },
  };
}

/** Makes a witness. Throws `config_invalid` for a bad key or name. */
export function witness(name: string, key: string): Witness {
  const { id, verifierKey, privateKey } = loadKey(name, key, SIGNATURE_TYPES.cosignature);
  return {
    verifierKey,
    cosign: (note, timestampSeconds) => {
      const parsed = parseNote(note);
      if (!parsed) throw new RangeError("only a signed note can be cosigned");
      const time = new Uint8Array(8);
      new DataView(time.buffer).setBigUint64(0, BigInt(timestampSeconds));
      const signature = ed25519(privateKey, cosignatureInput(timestampSeconds, parsed.text));
      return note + formatSignature({ name, keyId: id, signature: concat(time, signature) });
    },
  };
}

function ed25519(key: KeyObject, bytes: Uint8Array): Bytes {
  return concat(sign(null, bytes, key));
}

function loadKey(name: string, key: string, type: SignatureType) {
  if (!isKeyName(name)) {
    throw new DeputizeError("config_invalid", "a log's or witness's name has no white space and no plus");
  }
  const privateKey = readPrivateKey(key);
  const publicKey = concat(
    Buffer.from(createPublicKey(privateKey).export({ format: "jwk" }).x ?? "", "base64url"),
  );
  const id = concat(hash("sha256", keyIdInput(name, type, publicKey), "buffer").subarray(0, 4));
  return { id, privateKey, verifierKey: formatVerifierKey({ name, type, id, publicKey }) };
}

function readPrivateKey(key: string): KeyObject {
  let privateKey: KeyObject;
  try {
    privateKey = key.trimStart().startsWith("{")
      ? createPrivateKey({ key: JSON.parse(key) as Record<string, string>, format: "jwk" })
      : createPrivateKey(key);
  } catch {
    // The cause may quote the key, so it goes nowhere.
    throw new DeputizeError(
      "config_invalid",
      "the log's signing key is neither PKCS#8 PEM nor a private JWK",
    );
  }
  if (privateKey.asymmetricKeyType !== "ed25519") {
    throw new DeputizeError("config_invalid", "the log's signing key must be Ed25519");
  }
  return privateKey;
}
