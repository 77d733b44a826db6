/**
 * Tokens that verified, by the SHA-256 of the whole token, signature included: a cache keyed by an unverified
 * `jti` would accept a forgery. Least recently used ones go first. Expiry and revocation are not its matter;
 * the verifier checks them on every hit.
 */
import { hash } from "node:crypto";
import type { VerifiedToken } from "./claims.ts";

export interface TokenCache {
  get(digest: string): VerifiedToken | undefined;
  set(digest: string, token: VerifiedToken): void;
  delete(digest: string): void;
  clear(): void;
}

export function tokenDigest(token: string): string {
  return hash("sha256", token, "base64");
}

export function createTokenCache(capacity: number): TokenCache {
  const entries = new Map<string, VerifiedToken>();
  return {
    get(digest) {
      const found = entries.get(digest);
      if (found) {
        // A Map iterates in order of insertion: putting it back makes it the youngest.
        entries.delete(digest);
        entries.set(digest, found);
      }
      return found;
    },
    set(digest, token) {
      entries.set(digest, token);
      if (entries.size > capacity) {
        const oldest = entries.keys().next();
        if (!oldest.done) entries.delete(oldest.value);
      }
    },
    delete: (digest) => void entries.delete(digest),
    clear: () => entries.clear(),
  };
}
