/**
 * Verifies access tokens offline: published keys plus the revocation feed.
 *
 * Guarantees: a token is accepted only in canonical form, signed by a published key, of this issuer, of `typ`
 * at+jwt, for the audience asked about, within its time, and not known as revoked by knowledge younger than
 * `maxStaleMs`. Older than that, the authority is asked about this one token; if it cannot answer, the token
 * is refused (SR-11). Expiry and revocation are re-checked on each hit of the cache.
 * Does not: check possession of a key (tokens with `cnf` are refused), or what the caller may do.
 */
import { type Caller, type Clock, DeputizeError, nowSeconds, systemClock } from "@deputize/core";
import { createRevocationFeed } from "./feed/feed.ts";
import { type LivenessCheck, createLivenessCheck } from "./feed/liveness-check.ts";
import { ACCESS_TOKEN_TYPE, type VerifiedToken, readAccessTokenClaims } from "./token/claims.ts";
import { jwsSignatureHolds, parseCompactJws } from "./token/compact-jws.ts";
import { createKeySet } from "./token/key-set.ts";
import { createTokenCache, tokenDigest } from "./token/token-cache.ts";

export interface TokenVerifier {
  /** The caller behind a token. Throws `invalid_token`, or `unavailable` when revocation cannot be known. */
  verify(token: string, options: { readonly audience: string }): Promise<Caller>;
  /**
   * Calls `onEnded` once when the caller's token expires or is revoked, or when that cannot be known; for
   * streams, which must close then (SR-26). Answers how to stop watching.
   */
  watch(caller: Caller, onEnded: (reason: DeputizeError) => void): () => void;
  /** Reads the feed now. For readiness checks and tests. */
  refresh(): Promise<boolean>;
  close(): Promise<void>;
}

export interface VerifierOptions {
  /** The only `iss` accepted. */
  readonly issuer: string;
  /** Where keys and feed are: the authority's base URL. */
  readonly authorityUrl: string;
  /** Passed in when authority and verifier share a process. */
  readonly fetch?: typeof fetch;
  readonly clock?: Clock;
  /** Knowledge of revocation older than this is not used. 750 ms, so that the bound of a second holds. */
  readonly maxStaleMs?: number;
  /** Knowledge older than this is renewed in the background. */
  readonly refreshAfterMs?: number;
  /** How many verified tokens are kept. */
  readonly cacheSize?: number;
}

/** How far `iat` and `nbf` may lie ahead, against clocks that differ. `exp` gets no leeway. */
const SKEW_SECONDS = 5;
const WATCH_INTERVAL_MS = 250;
const KEY_SET_MAX_AGE_MS = 600_000;
const KEY_SET_COOLDOWN_MS = 5_000;
const REQUEST_TIMEOUT_MS = 500;

function refused(message: string): DeputizeError {
  return new DeputizeError("invalid_token", message);
}

/** Makes a verifier; nothing is fetched until the first token. Throws `config_invalid`. */
export async function createVerifier(options: VerifierOptions): Promise<TokenVerifier> {
  const clock = options.clock ?? systemClock;
  const request = options.fetch ?? fetch;
  const authorityUrl = options.authorityUrl.replace(/\/$/, "");
  const maxAgeMs = options.maxStaleMs ?? 750;
  const refreshAfterMs = options.refreshAfterMs ?? 200;
  if (!options.issuer || !URL.canParse(authorityUrl)) {
    throw new DeputizeError("config_invalid", "a verifier needs an issuer and the authority's URL");
  }
  if (!(refreshAfterMs <= maxAgeMs && maxAgeMs <= 750)) {
    throw new DeputizeError("config_invalid", "`maxStaleMs` is at most 750, `refreshAfterMs` at most that");
  }

  // Counts epochs of the feed, so that a token checked with the keys of one is not accepted in the next (SR-21).
  let generation = 0;
  const cache = createTokenCache(options.cacheSize ?? 10_000);
  const keys = createKeySet({
    url: `${authorityUrl}/.well-known/jwks.json`,
    fetch: request,
    clock,
    maxAgeMs: KEY_SET_MAX_AGE_MS,
    cooldownMs: KEY_SET_COOLDOWN_MS,
    timeoutMs: REQUEST_TIMEOUT_MS * 4,
  });
  const feed = createRevocationFeed({
    authorityUrl,
    fetch: request,
    clock,
    refreshAfterMs,
    maxAgeMs,
    timeoutMs: REQUEST_TIMEOUT_MS,
    onNewEpoch: () => {
      generation += 1;
      cache.clear();
      keys.reset();
    },
  });
  const liveness: LivenessCheck = createLivenessCheck({
    url: `${authorityUrl}/authority/check`,
    fetch: request,
    timeoutMs: REQUEST_TIMEOUT_MS,
  });
  // What `watch` needs of a caller; weak, so that it holds nobody in memory.
  const tokenOf = new WeakMap<Caller, { readonly raw: string; readonly token: VerifiedToken }>();
  const watches = new Set<NodeJS.Timeout>();

  async function readToken(raw: string): Promise<VerifiedToken> {
    const jws = parseCompactJws(raw);
    if (jws.header.typ !== ACCESS_TOKEN_TYPE) throw refused("the token is of another kind");
    const key = await keys.get(jws.header.kid);
    if (!key || !jwsSignatureHolds(jws, key)) {
      throw refused("the token is not signed by this authority");
    }
    const token = readAccessTokenClaims(jws.payload);
    if (token.claims.iss !== options.issuer) throw refused("the token is of another issuer");
    return token;
  }

  function checkTime({ claims }: VerifiedToken): void {
    const now = nowSeconds(clock);
    if (now >= claims.exp) throw refused("the token has expired");
    if (claims.iat > now + SKEW_SECONDS || (claims.nbf ?? 0) > now + SKEW_SECONDS) {
      throw refused("the token is not valid yet");
    }
  }

  async function checkRevocation(raw: string, token: VerifiedToken): Promise<void> {
    const fresh = await feed.ensureFresh();
    // Stale knowledge may not accept, but it may always refuse.
    if (feed.state.concerns(token.claims)) throw refused("the token was revoked");
    if (!fresh && !(await liveness.check(raw))) throw refused("the token was revoked");
  }

  async function verify(raw: string, audience: string): Promise<Caller> {
    const digest = tokenDigest(raw);
    const before = generation;
    const cached = cache.get(digest);
    const token = cached ?? (await readToken(raw));
    try {
      checkTime(token);
      if (!token.audience.includes(audience)) throw refused("the token is for another audience");
      await checkRevocation(raw, token);
    } catch (error) {
      if (error instanceof DeputizeError && error.code === "invalid_token") cache.delete(digest);
      throw error;
    }
    // Epochs are as rare as restores, so this ends.
    if (generation !== before) return verify(raw, audience);
    if (!cached) {
      cache.set(digest, token);
      tokenOf.set(token.caller, { raw, token });
    }
    return token.caller;
  }

  return {
    async verify(raw, { audience }) {
      if (!audience) throw new DeputizeError("config_invalid", "name the audience to verify for");
      if (typeof raw !== "string") throw refused("the token is not a string");
      return verify(raw, audience);
    },
    watch(caller, onEnded) {
      const known = tokenOf.get(caller);
      if (!known) throw new DeputizeError("unauthenticated", "this verifier did not verify the caller");
      const { raw, token } = known;
      let busy = false;
      const stop = (): void => {
        clearInterval(timer);
        watches.delete(timer);
      };
      const timer = setInterval(() => {
        if (busy) return;
        busy = true;
        Promise.resolve()
          .then(() => checkTime(token))
          .then(() => checkRevocation(raw, token))
          .catch((error: unknown) => {
            if (!watches.has(timer)) return;
            stop();
            onEnded(error instanceof DeputizeError ? error : refused("the token cannot be checked"));
          })
          .finally(() => {
            busy = false;
          });
      }, WATCH_INTERVAL_MS);
      timer.unref();
      watches.add(timer);
      return stop;
    },
    refresh: () => feed.refresh(),
    async close() {
      for (const timer of watches) clearInterval(timer);
      watches.clear();
      feed.close();
    },
  };
}
