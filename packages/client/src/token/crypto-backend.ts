/**
 * The primitives that verifying needs. Node has a synchronous one (node-crypto.ts), browsers and edge runtimes WebCrypto
 * (web-crypto.ts); everything else is written once.
 */
export interface CryptoBackend<Key = unknown> {
  /** An Ed25519 public key from `x` of its JWK (base64url of 32 bytes). Throws when it is none. */
  importEd25519(x: string): Key | Promise<Key>;
  verifyEd25519(key: Key, data: Bytes, signature: Bytes): boolean | Promise<boolean>;
  sha256(data: Bytes): Bytes | Promise<Bytes>;
}

/** Bytes in memory of their own, as WebCrypto wants them. */
export type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();

export function utf8(text: string): Bytes {
  return encoder.encode(text);
}
