/**
 * Ed25519 public keys as JWKs (RFC 8037), their thumbprints (RFC 7638), and reading a JWK set (RFC 7517).
 * Members of a set that are not Ed25519 signature keys are passed over, as RFC 7517 §5 asks.
 */
import { type KeyObject, createHash, createPublicKey } from "node:crypto";
import { z } from "zod";

export interface PublicJwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly x: string;
  readonly kid: string;
  readonly alg: "EdDSA";
  readonly use: "sig";
}

const Candidate = z.object({
  kty: z.literal("OKP"),
  crv: z.literal("Ed25519"),
  x: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  kid: z.string().min(1).max(128),
  alg: z.literal("EdDSA").optional(),
  use: z.literal("sig").optional(),
  key_ops: z.array(z.string()).optional(),
});

const JwkSet = z.object({ keys: z.array(z.unknown()).max(100) });

/** The RFC 7638 thumbprint of an Ed25519 key; our `kid`. */
export function ed25519Thumbprint(x: string): string {
  // Members in lexicographic order, no white space: RFC 7638 §3.
  return createHash("sha256").update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest("base64url");
}

/** Reads a JWK set into keys by `kid`. Two members with one `kid` are both refused. Throws when it is not a set. */
export function importJwkSet(input: unknown): Map<string, KeyObject> {
  const keys = new Map<string, KeyObject>();
  const twice = new Set<string>();
  for (const member of JwkSet.parse(input).keys) {
    const jwk = Candidate.safeParse(member);
    if (!jwk.success || jwk.data.key_ops?.includes("verify") === false) continue;
    const { kty, crv, x, kid } = jwk.data;
    if (keys.has(kid)) twice.add(kid);
    keys.set(kid, createPublicKey({ key: { kty, crv, x }, format: "jwk" }));
  }
  for (const kid of twice) keys.delete(kid);
  return keys;
}
