/** WebCrypto (W3C), for browsers and edge runtimes; Ed25519 is in every current one. */
import type { CryptoBackend } from "./crypto-backend.ts";

export type WebKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

export const webCrypto: CryptoBackend<WebKey> = {
  importEd25519: (x) =>
    crypto.subtle.importKey("jwk", { kty: "OKP", crv: "Ed25519", x }, "Ed25519", false, ["verify"]),
  verifyEd25519: async (key, data, signature) =>
    signature.length === 64 && (await crypto.subtle.verify("Ed25519", key, signature, data)),
  sha256: async (data) => new Uint8Array(await crypto.subtle.digest("SHA-256", data)),
};
