/**
 * JWS signatures (RFC 7518, RFC 8037) by Node's own crypto: one table of algorithms, one function.
 *
 * Guarantees: an algorithm only ever meets a key of its own family, type and curve, so that a public key is never used
 * as a shared secret (algorithm confusion) and `none` does not exist; an ECDSA signature has exactly the two numbers of
 * its curve; PSS salt is as long as its hash. The Wycheproof vectors hold it (wycheproof.test.ts).
 * Does not: choose the key or the algorithm. Both come from the operator's options (token-auth.ts).
 */
import { type KeyObject, constants, createHmac, timingSafeEqual, verify } from "node:crypto";

export type SymmetricAlgorithm = "HS256" | "HS384" | "HS512";
export type AsymmetricAlgorithm =
  "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" | "ES256" | "ES384" | "ES512" | "EdDSA";
export type Algorithm = SymmetricAlgorithm | AsymmetricAlgorithm;

interface Scheme {
  readonly key: "secret" | "rsa" | "ec" | "ed25519";
  /** Absent where the key itself says it (EdDSA). */
  readonly hash?: "sha256" | "sha384" | "sha512";
  readonly curve?: string;
  readonly pss?: true;
  /** What signature or secret must measure, in bytes. */
  readonly bytes?: number;
}

const SCHEMES: Readonly<Record<Algorithm, Scheme>> = {
  HS256: { key: "secret", hash: "sha256", bytes: 32 },
  HS384: { key: "secret", hash: "sha384", bytes: 48 },
  HS512: { key: "secret", hash: "sha512", bytes: 64 },
  RS256: { key: "rsa", hash: "sha256" },
  RS384: { key: "rsa", hash: "sha384" },
  RS512: { key: "rsa", hash: "sha512" },
  PS256: { key: "rsa", hash: "sha256", pss: true },
  PS384: { key: "rsa", hash: "sha384", pss: true },
  PS512: { key: "rsa", hash: "sha512", pss: true },
  ES256: { key: "ec", hash: "sha256", curve: "prime256v1", bytes: 64 },
  ES384: { key: "ec", hash: "sha384", curve: "secp384r1", bytes: 96 },
  ES512: { key: "ec", hash: "sha512", curve: "secp521r1", bytes: 132 },
  EdDSA: { key: "ed25519", bytes: 64 },
};

const PSS = {
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
};

export const SYMMETRIC: readonly SymmetricAlgorithm[] = ["HS256", "HS384", "HS512"];
export const ASYMMETRIC = (Object.keys(SCHEMES) as Algorithm[]).filter(
  (name): name is AsymmetricAlgorithm => SCHEMES[name].key !== "secret",
);

/** The bytes a shared secret needs for an algorithm: as many as its hash has (RFC 7518 §3.2). */
export function secretBytes(algorithm: SymmetricAlgorithm): number {
  return SCHEMES[algorithm].bytes ?? 0;
}

/** True when a key is of the type, and on the curve, that an algorithm is about. */
export function keyFits(algorithm: Algorithm, key: KeyObject): boolean {
  const scheme = SCHEMES[algorithm];
  if (scheme.key === "secret")
    return key.type === "secret" && (key.symmetricKeySize ?? 0) >= (scheme.bytes ?? 0);
  if (key.type !== "public" || key.asymmetricKeyType !== scheme.key) return false;
  return scheme.curve === undefined || key.asymmetricKeyDetails?.namedCurve === scheme.curve;
}

/** True when `signature` over `input` was made with `algorithm` and the private half of `key`, or the same secret. */
export function signatureHolds(
  algorithm: Algorithm,
  key: KeyObject,
  input: string,
  signature: Uint8Array,
): boolean {
  const { key: family, hash, pss, bytes } = SCHEMES[algorithm];
  if (!keyFits(algorithm, key) || (bytes !== undefined && signature.byteLength !== bytes)) return false;
  if (family === "secret") {
    const expected = createHmac(hash ?? "sha256", key)
      .update(input)
      .digest();
    return timingSafeEqual(expected, signature);
  }
  // A bare key where nothing else needs saying: Node takes half as long again to look through an object.
  if (family === "ec") return verify(hash, Buffer.from(input), { key, dsaEncoding: "ieee-p1363" }, signature);
  if (pss) return verify(hash, Buffer.from(input), { key, ...PSS }, signature);
  return verify(hash ?? null, Buffer.from(input), key, signature);
}
