/**
 * Verifies access tokens offline: published keys plus the revocation feed. One implementation for Node (verifier.ts), browsers
 * and edge runtimes (portable.ts), which differ in who computes a signature.
 *
 * Guarantees: a token is accepted only in canonical form, signed by a published key, of a profile that this verifier names
 * (its issuer and its `typ`, SR-09), for the audience asked about, within its time, and not known as revoked by knowledge
 * younger than `maxStaleMs`. Older than that, the authority is asked about this one token; if it cannot answer, the token
 * is refused (SR-11). Expiry and revocation are re-checked on each hit of the cache. A key-bound token is accepted
 * only with a proof of possession for this very request, and a proof only with such a token (SR-25, RFC 9449). A
 * worker's delegation chain is checked with its token.
 * Does not: say what the caller may do.
 */
import { type Caller, type Clock, DeputizeError, nowSeconds, systemClock } from "@deputize/core/portable";
import { createRevocationFeed } from "./feed/feed.ts";
import { type LivenessCheck, createLivenessCheck } from "./feed/liveness-check.ts";
import type { RevocationSubject } from "./feed/revocations.ts";
import { BROKER_TOKEN_TYPE, brokerCaller, readBrokerClaims } from "./token/broker-claims.ts";
import { ACCESS_TOKEN_TYPE, readAccessTokenClaims } from "./token/claims.ts";
import { parseCompactJws } from "./token/compact-jws.ts";
import { type CryptoBackend, utf8 } from "./token/crypto-backend.ts";
import { checkDelegationChain } from "./token/delegation-chain.ts";
import { verifyDpopProof } from "./token/dpop.ts";
import { createKeySet } from "./token/key-set.ts";
import { type Seen, createReplayMemory } from "./token/replay-memory.ts";
import { createTokenCache } from "./token/token-cache.ts";

/** Which tokens are accepted. Each profile has an issuer and a `typ` of its own, and one never passes for the other. */
export type TokenProfile =
  | {
      /** RFC 9068 access tokens, in which people and agents act. */
      readonly kind: "oauth";
      /** The only `iss` accepted. */
      readonly issuer: string;
    }
  | {
      /** The broker protocol's tokens of workers. */
      readonly kind: "agentwrit";
      readonly issuer: string;
      /** What the broker's tokens name in `aud`, where the broker is configured with one; then it is required. */
      readonly audience?: string;
    };

/** The proof that came with a token, and the request that it came with. */
export interface PresentedProof {
  /** The `DPoP` header. */
  readonly proof: string;
  readonly method: string;
  /** As the client sent it: scheme and host of the outside, behind a proxy. */
  readonly url: string;
}

export interface VerifyOptions {
  /**
   * What `oauth` tokens for this server name in `aud`. A worker's token names an audience only where its broker is
   * configured so; when it names one, it must be the profile's, or this.
   */
  readonly audience: string;
  readonly dpop?: PresentedProof;
}

export interface TokenVerifier {
  /** The caller behind a token. Throws `invalid_token`, or `unavailable` when revocation cannot be known. */
  verify(token: string, options: VerifyOptions): Promise<Caller>;
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
  /** Short for the one profile `{ kind: "oauth", issuer }`. */
  readonly issuer?: string;
  /** The profiles accepted, one of each kind at most. Give this or `issuer`. */
  readonly profiles?: readonly TokenProfile[];
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
  /**
   * Remembers the ids of proofs, so that none is used twice. In this process unless given: several processes behind one URL
   * share a store.
   */
  readonly seenProof?: Seen;
}

/** How far `iat` and `nbf` may lie ahead, against clocks that differ. `exp` gets no leeway. */
const SKEW_SECONDS = 5;
const WATCH_INTERVAL_MS = 250;
const KEY_SET_MAX_AGE_MS = 600_000;
const KEY_SET_COOLDOWN_MS = 5_000;
const REQUEST_TIMEOUT_MS = 500;

/** A token that this verifier has read, and what it must look at each time. */
interface SeenToken {
  readonly kind: TokenProfile["kind"];
  readonly caller: Caller;
  readonly audience: readonly string[];
  readonly subject: RevocationSubject;
  readonly expiresAt: number;
  readonly notBefore: number;
  readonly jkt: string | undefined;
  /** The feed's version of which it is known that it does not concern this token. */
  clearAt: number;
}

function refused(message: string): DeputizeError {
  return new DeputizeError("invalid_token", message);
}

function readProfiles(options: VerifierOptions): Map<TokenProfile["kind"], TokenProfile> {
  if ((options.issuer === undefined) === (options.profiles === undefined)) {
    throw new DeputizeError("config_invalid", "a verifier needs an `issuer`, or `profiles`");
  }
  const list: readonly TokenProfile[] = options.profiles ?? [{ kind: "oauth", issuer: options.issuer ?? "" }];
  const profiles = new Map(list.map((profile) => [profile.kind, profile]));
  const issuers = new Set(list.map(({ issuer }) => issuer));
  if (list.length === 0 || issuers.has("") || profiles.size < list.length || issuers.size < list.length) {
    throw new DeputizeError("config_invalid", "each profile is named once, with an issuer of its own");
  }
  return profiles;
}

/** Makes a verifier over one backend; nothing is fetched until the first token. Throws `config_invalid`. */
export function createVerifierOn<Key>(backend: CryptoBackend<Key>, options: VerifierOptions): TokenVerifier {
  const clock = options.clock ?? systemClock;
  // Browsers refuse a `fetch` that is called as somebody's method.
  const request: typeof fetch = options.fetch ?? ((input, init) => fetch(input, init));
  const authorityUrl = options.authorityUrl.replace(/\/$/, "");
  const maxAgeMs = options.maxStaleMs ?? 750;
  const refreshAfterMs = options.refreshAfterMs ?? 200;
  const profiles = readProfiles(options);
  if (!URL.canParse(authorityUrl)) {
    throw new DeputizeError("config_invalid", "a verifier needs the authority's URL");
  }
  if (!(refreshAfterMs <= maxAgeMs && maxAgeMs <= 750)) {
    throw new DeputizeError("config_invalid", "`maxStaleMs` is at most 750, `refreshAfterMs` at most that");
  }

  // Counts epochs of the feed, so that a token checked with the keys of one is not accepted in the next (SR-21).
  let generation = 0;
  const cache = createTokenCache<SeenToken>(options.cacheSize ?? 10_000);
  const seenProof = options.seenProof ?? createReplayMemory(clock);
  const keys = createKeySet({
    backend,
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
  const livenessAt = (path: string): LivenessCheck =>
    createLivenessCheck({ url: `${authorityUrl}${path}`, fetch: request, timeoutMs: REQUEST_TIMEOUT_MS });
  const liveness = { oauth: livenessAt("/authority/check"), agentwrit: livenessAt("/v1/token/validate") };
  // What `watch` needs of a caller; weak, so that it holds nobody in memory.
  const tokenOf = new WeakMap<Caller, { readonly raw: string; readonly token: SeenToken }>();
  const watches = new Set<ReturnType<typeof setInterval>>();

  async function readToken(raw: string): Promise<SeenToken> {
    const jws = parseCompactJws(raw);
    const { typ, kid } = jws.header;
    const profile =
      typ === ACCESS_TOKEN_TYPE
        ? profiles.get("oauth")
        : typ === BROKER_TOKEN_TYPE
          ? profiles.get("agentwrit")
          : undefined;
    if (!profile) throw refused("the token is of another kind");
    const key = await keys.get(kid);
    const holds = key && backend.verifyEd25519(key, utf8(jws.signingInput), jws.signature);
    // Awaited only where there is something to wait for: a turn of the loop costs more than the rest.
    if (!holds || (holds !== true && !(await holds))) {
      throw refused("the token is not signed by this authority");
    }
    if (profile.kind === "oauth") {
      const { claims, audience, caller } = readAccessTokenClaims(jws.payload, { checksPossession: true });
      return seen(profile, claims, audience, caller);
    }
    const claims = readBrokerClaims(jws.payload);
    if (claims.grants.length > 1 || claims.delegation_chain || claims.chain_hash !== undefined) {
      await checkDelegationChain(backend, claims, keys, { tokenSignatureHolds: true });
    }
    const audience = [claims.aud ?? []].flat();
    return seen(profile, claims, audience, brokerCaller(claims, audience));
  }

  function seen(
    profile: TokenProfile,
    claims: RevocationSubject & {
      readonly exp: number;
      readonly iat: number;
      readonly nbf?: number | undefined;
      readonly cnf?: { readonly jkt: string } | undefined;
    },
    audience: readonly string[],
    caller: Caller,
  ): SeenToken {
    if (claims.iss !== profile.issuer) throw refused("the token is of another issuer");
    return {
      kind: profile.kind,
      caller,
      audience,
      subject: claims,
      expiresAt: claims.exp,
      notBefore: Math.max(claims.iat, claims.nbf ?? 0),
      jkt: claims.cnf?.jkt,
      clearAt: -1,
    };
  }

  function checkTime(token: SeenToken): void {
    const now = nowSeconds(clock);
    if (now >= token.expiresAt) throw refused("the token has expired");
    if (token.notBefore > now + SKEW_SECONDS) throw refused("the token is not valid yet");
  }

  function checkAudience(token: SeenToken, asked: string): void {
    const profile = profiles.get(token.kind);
    const required = profile?.kind === "agentwrit" ? profile.audience : asked;
    // The broker's tokens name no audience unless it is configured; whoever names one expects it.
    if (required === undefined && token.audience.length === 0) return;
    if (!token.audience.includes(required ?? asked)) throw refused("the token is for another audience");
  }

  /** Stale knowledge may not accept, but it may always refuse. */
  function checkKnown(token: SeenToken): void {
    const { state } = feed;
    if (token.clearAt === state.version) return;
    if (state.concerns(token.subject)) throw refused("the token was revoked");
    token.clearAt = state.version;
  }

  async function checkRevocation(raw: string, token: SeenToken): Promise<void> {
    const fresh = await feed.ensureFresh();
    checkKnown(token);
    if (!fresh && !(await liveness[token.kind].check(raw))) throw refused("the token was revoked");
  }

  async function checkPossession(
    raw: string,
    token: SeenToken,
    presented: PresentedProof | undefined,
  ): Promise<void> {
    const { jkt } = token;
    if (jkt === undefined) throw refused("a proof came with a token that is bound to no key");
    if (!presented) throw refused("the token is bound to a key; send a proof of possession with it");
    const { proof, method, url } = presented;
    await verifyDpopProof(proof, { method, url, accessToken: raw, jkt, seen: seenProof, clock });
  }

  /** The caller of a token that was read before, when nothing needs waiting for. */
  function verifySeen(raw: string, { audience, dpop }: VerifyOptions): Caller | undefined {
    const token = cache.get(raw);
    if (!token || token.jkt !== undefined || dpop || !feed.isFresh()) return undefined;
    checkTime(token);
    checkAudience(token, audience);
    checkKnown(token);
    return token.caller;
  }

  async function verify(raw: string, options: VerifyOptions): Promise<Caller> {
    const before = generation;
    const cached = cache.get(raw);
    const token = cached ?? (await readToken(raw));
    checkTime(token);
    checkAudience(token, options.audience);
    await checkRevocation(raw, token);
    // Epochs are as rare as restores, so this ends.
    if (generation !== before) return verify(raw, options);
    if (token.jkt !== undefined || options.dpop) await checkPossession(raw, token, options.dpop);
    if (!cached) {
      cache.set(raw, token);
      tokenOf.set(token.caller, { raw, token });
    }
    return token.caller;
  }

  return {
    async verify(raw, verifying) {
      if (!verifying.audience) throw new DeputizeError("config_invalid", "name the audience to verify for");
      if (typeof raw !== "string") throw refused("the token is not a string");
      try {
        return verifySeen(raw, verifying) ?? (await verify(raw, verifying));
      } catch (error) {
        // A refusal is rare, and what is refused need not be kept: reading it again costs whoever sends it.
        if (error instanceof DeputizeError && error.code === "invalid_token") cache.delete(raw);
        throw error;
      }
    },
    watch(caller, onEnded) {
      const known = tokenOf.get(caller);
      if (!known) throw new DeputizeError("unauthenticated", "this verifier did not verify the caller");
      const { raw, token } = known;
      let busy = false;
      let checkedIn = generation;
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
          .then(async () => {
            if (generation === checkedIn) return;
            // A new epoch has new keys: whatever was signed before it is void (SR-21).
            checkedIn = generation;
            await readToken(raw);
          })
          .catch((error: unknown) => {
            if (!watches.has(timer)) return;
            stop();
            onEnded(error instanceof DeputizeError ? error : refused("the token cannot be checked"));
          })
          .finally(() => {
            busy = false;
          });
      }, WATCH_INTERVAL_MS);
      // Browsers have plain numbers here, and nothing to keep alive.
      if (typeof timer === "object") timer.unref();
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
