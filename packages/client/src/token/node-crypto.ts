/** Node's own cryptography: synchronous, so that a verification costs no turn of the event loop. */
import { type KeyObject, createPublicKey, hash, verify } from "node:crypto";
import type { CryptoBackend } from "./crypto-backend.ts";

export const nodeCrypto: CryptoBackend<KeyObject> = {
  importEd25519: (x) => createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" }),
  verifyEd25519: (key, data, signature) =>
    key.asymmetricKeyType === "ed25519" && signature.length === 64 && verify(null, data, key, signature),
  sha256: (data) => new Uint8Array(hash("sha256", data, "buffer")),
};
