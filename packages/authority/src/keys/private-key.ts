/**
 * The private halves of signing keys. They come from the secrets (a file of mode 0600, or the environment), live
 * in memory as opaque key objects, and never enter the database, a log or an answer.
 */
import { type KeyObject, createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { z } from "zod";
import { DeputizeError } from "@deputize/core";
import { type PublicJwk, ed25519Thumbprint } from "@deputize/client";

/** An Ed25519 private key as a JWK (RFC 8037). */
export interface PrivateJwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly x: string;
  readonly d: string;
}

const PrivateJwk = z.object({
  kty: z.literal("OKP"),
  crv: z.literal("Ed25519"),
  x: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  d: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
});

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicJwk: PublicJwk;
}

/** A fresh key, to be kept with the secrets. */
export function generateSigningKey(): PrivateJwk {
  const { privateKey } = generateKeyPairSync("ed25519");
  return PrivateJwk.parse(privateKey.export({ format: "jwk" }));
}

/** Reads one key of the secrets. Throws `config_invalid`, never quoting it. */
export function importSigningKey(input: unknown): SigningKey {
  const parsed = PrivateJwk.safeParse(input);
  if (!parsed.success) {
    throw new DeputizeError("config_invalid", "a signing key is an Ed25519 private JWK; make one anew");
  }
  const privateKey = createPrivateKey({ key: parsed.data, format: "jwk" });
  const x = createPublicKey(privateKey).export({ format: "jwk" }).x ?? "";
  if (x !== parsed.data.x) {
    throw new DeputizeError("config_invalid", "a signing key's halves do not belong together; make one anew");
  }
  const kid = ed25519Thumbprint(x);
  return { kid, privateKey, publicJwk: { kty: "OKP", crv: "Ed25519", x, kid, alg: "EdDSA", use: "sig" } };
}
