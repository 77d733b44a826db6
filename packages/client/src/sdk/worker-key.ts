/**
 * A worker's Ed25519 key: what it registers with, signs delegations with, and proves possession with.
 *
 * Guarantees: the private half never leaves this object, is not enumerable and is not printed.
 */
import { type KeyObject, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import type { ProofKey } from "../token/proof-key.ts";
import { CryptoError } from "./errors.ts";

export class WorkerKey {
  readonly #privateKey: KeyObject;
  /** base64url of the raw public key: `x` of its JWK. */
  readonly x: string;
  /** Padded base64 of the raw public key, as the broker takes it. */
  readonly publicKey: string;

  /** The same key for proofs of possession. */
  readonly proofKey: ProofKey;

  /** A key of one's own, as a Node `KeyObject` or PKCS #8 PEM; a fresh one otherwise. Throws `CryptoError`. */
  constructor(privateKey?: KeyObject | string) {
    this.#privateKey = readKey(privateKey);
    this.x = createPublicKey(this.#privateKey).export({ format: "jwk" }).x ?? "";
    this.publicKey = Buffer.from(this.x, "base64url").toString("base64");
    this.proofKey = {
      jwk: { kty: "OKP", crv: "Ed25519", x: this.x },
      sign: (data) => this.sign(data),
    };
  }

  /** The 64-byte signature over text or bytes. */
  sign(what: string | Uint8Array): Uint8Array {
    return sign(null, typeof what === "string" ? Buffer.from(what) : what, this.#privateKey);
  }

  /** The signature as padded base64. */
  signBase64(what: string | Uint8Array): string {
    return Buffer.from(this.sign(what)).toString("base64");
  }
}

function readKey(given: KeyObject | string | undefined): KeyObject {
  if (given === undefined) return generateKeyPairSync("ed25519").privateKey;
  let key: KeyObject;
  try {
    key = typeof given === "string" ? createPrivateKey(given) : given;
  } catch (cause) {
    throw new CryptoError("`privateKey` is not a PKCS #8 PEM", cause);
  }
  if (key.type !== "private" || key.asymmetricKeyType !== "ed25519") {
    throw new CryptoError("`privateKey` must be an Ed25519 private key");
  }
  return key;
}
