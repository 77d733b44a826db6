/**
 * Reading a JWK set (RFC 7517): Ed25519 signature keys (RFC 8037) by `kid`. Members that are something else are passed
 * over, as RFC 7517 §5 asks; two members with one `kid` are both refused.
 */
import { z } from "zod";
import type { CryptoBackend } from "./crypto-backend.ts";

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

/** `x` by `kid`. Throws when the input is no JWK set. */
export function readJwkSet(input: unknown): Map<string, string> {
  const keys = new Map<string, string>();
  const twice = new Set<string>();
  for (const member of JwkSet.parse(input).keys) {
    const jwk = Candidate.safeParse(member);
    if (!jwk.success || jwk.data.key_ops?.includes("verify") === false) continue;
    const { x, kid } = jwk.data;
    if (keys.has(kid)) twice.add(kid);
    keys.set(kid, x);
  }
  for (const kid of twice) keys.delete(kid);
  return keys;
}

/** The same as keys that `backend` can use. Throws when the input is no JWK set, or a key of it is none. */
export async function importKeys<Key>(
  input: unknown,
  backend: CryptoBackend<Key>,
): Promise<Map<string, Key>> {
  const keys = new Map<string, Key>();
  for (const [kid, x] of readJwkSet(input)) keys.set(kid, await backend.importEd25519(x));
  return keys;
}
