/**
 * Verified tokens, kept so that a token that comes again costs a digest instead of a signature.
 *
 * Guarantees: the key is the digest of the whole token in its one spelling, signature included, so no forgery ever
 * hits the entry of a real token; only successes are kept, so the cache tells nobody anything; it holds `size` entries
 * and drops the one used longest ago (PR-D16).
 * Does not: decide anything. Whoever reads an entry checks expiry, key and revocation again (token-auth.ts).
 */
import { hash } from "node:crypto";

export interface TokenCache<Entry> {
  get(token: string): Entry | undefined;
  set(token: string, entry: Entry): void;
}

/** A cache of `size` entries; none when that is 0. */
export function tokenCache<Entry>(size: number): TokenCache<Entry> {
  const entries = new Map<string, Entry>();
  const digestOf = (token: string) => hash("sha256", token, "base64url");
  return {
    get(token) {
      const digest = digestOf(token);
      const entry = entries.get(digest);
      if (entry === undefined) return undefined;
      // Map keeps the order of insertion: the entry used last stands last.
      entries.delete(digest);
      entries.set(digest, entry);
      return entry;
    },
    set(token, entry) {
      if (size === 0) return;
      entries.set(digestOf(token), entry);
      const oldest = entries.size > size ? entries.keys().next().value : undefined;
      if (oldest !== undefined) entries.delete(oldest);
    },
  };
}
