/** Ed25519 public keys of the authority as Node holds them, and their thumbprints (RFC 7638). */
import { type KeyObject, createPublicKey, hash } from "node:crypto";
import { readJwkSet } from "./jwk-set.ts";

export interface PublicJwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly x: string;
  readonly kid: string;
  readonly alg: "EdDSA";
  readonly use: "sig";
}

/** The RFC 7638 thumbprint of an Ed25519 key; our `kid`, and `cnf.jkt` of a token that is bound to it. */
export function ed25519Thumbprint(x: string): string {
  // Members in lexicographic order, no white space: RFC 7638 §3.
  return hash("sha256", `{"crv":"Ed25519","kty":"OKP","x":"${x}"}`, "base64url");
}

/** Reads a JWK set into keys by `kid`. Two members with one `kid` are both refused. Throws when it is not a set. */
export function importJwkSet(input: unknown): Map<string, KeyObject> {
  const keys = new Map<string, KeyObject>();
  for (const [kid, x] of readJwkSet(input)) {
    keys.set(kid, createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" }));
  }
  return keys;
}
