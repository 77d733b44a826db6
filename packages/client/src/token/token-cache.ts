/**
 * Tokens that verified, by their whole text, signature included: a cache keyed by an unverified `jti` would accept a
 * forgery. Expiry and revocation are not its matter; the verifier checks them on every hit.
 *
 * Two halves: what was used since the last turn, and what was used before. A full young half becomes the old one, so that
 * a hit is one look-up and no rearranging, and what nobody used for a whole turn goes.
 */
export interface TokenCache<Token> {
  get(text: string): Token | undefined;
  set(text: string, token: Token): void;
  delete(text: string): void;
  clear(): void;
}

/** Keeps at most `capacity` tokens. */
export function createTokenCache<Token>(capacity: number): TokenCache<Token> {
  const half = Math.max(1, Math.floor(capacity / 2));
  let young = new Map<string, Token>();
  let old = new Map<string, Token>();

  function set(text: string, token: Token): void {
    if (young.size >= half && !young.has(text)) {
      old = young;
      young = new Map();
    }
    young.set(text, token);
  }

  return {
    set,
    get(text) {
      const found = young.get(text);
      if (found !== undefined) return found;
      const older = old.get(text);
      if (older !== undefined) {
        old.delete(text);
        set(text, older);
      }
      return older;
    },
    delete(text) {
      young.delete(text);
      old.delete(text);
    },
    clear() {
      young = new Map();
      old = new Map();
    },
  };
}
