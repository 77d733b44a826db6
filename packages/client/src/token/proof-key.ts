/** Keys that prove possession, for DPoP (RFC 9449): Ed25519 and P-256, wherever the private half is kept. */

/** The public half as a JWK (RFC 7517), required members only. */
export type ProofJwk =
  | { readonly kty: "OKP"; readonly crv: "Ed25519"; readonly x: string }
  | { readonly kty: "EC"; readonly crv: "P-256"; readonly x: string; readonly y: string };

export interface ProofKey {
  readonly jwk: ProofJwk;
  /** The JWS signature: 64 bytes of Ed25519, or `r` and `s` of ES256 side by side (RFC 7518 §3.4). */
  sign(data: Uint8Array): Uint8Array | Promise<Uint8Array>;
}
