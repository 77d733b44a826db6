/**
 * Whether a token of the broker stands, asked by every request.
 *
 * Guarantees: canonical form, `typ`, published key, issuer, audience where one is configured, time (through the second of
 * `exp`, no leeway), the chain of delegation, and revocation by a feed younger than 750 ms, or the database's own word. What
 * this process ended itself is refused at once, whatever the feed has seen. One answer for every reason.
 * Does not: hold anything. Writes look again in the database, under locks.
 */
import { hash } from "node:crypto";
import { type Clock, DeputizeError, nowSeconds, telemetry } from "@deputize/core";
import { createRevocationFeed, jwsSignatureHolds, parseCompactJws } from "@deputize/client";
import type { Store } from "@deputize/store";
import type { Keys } from "../keys/keys.ts";
import type { Revocation } from "../revocation/revocation.ts";
import type { BrokerCaller } from "./broker.ts";
import type { BrokerSettings } from "./broker-settings.ts";
import { type BrokerClaims, brokerCaller, readBrokerClaims } from "./broker-claims.ts";
import { chainHolds } from "./delegation-chain.ts";

export interface BrokerVerifier {
  /** Throws `invalid_token`; `unavailable` when revocation cannot be known. */
  verify(token: string): Promise<BrokerCaller>;
  /** A token that this process has just made stands until it ends. */
  remember(token: string, claims: Readonly<Record<string, unknown>>): void;
  /** Grants and token ids that this process has just ended. */
  ended(ids: Iterable<string>): void;
  /** What this process knows of the feed, for whoever watches: `ageMs` since it was known to be complete. */
  feed(): { readonly position: number; readonly ageMs: number };
  /** The feed's epoch, which a restore changes. */
  epoch(): string;
  refresh(): Promise<void>;
  close(): void;
}

const CACHE_SIZE = 20_000;

/** Replicas differ a little about what time it is; `exp` gets no leeway. */
const SKEW_SECONDS = 5;

/** Longer than any feed that is still believed. */
const OVERLAY_MS = 5_000;

function refused(): DeputizeError {
  return new DeputizeError("invalid_token", "the token is invalid or expired");
}

export async function createBrokerVerifier(options: {
  readonly store: Store;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly revocation: Revocation;
  readonly settings: BrokerSettings;
}): Promise<BrokerVerifier> {
  const { store, keys, clock, revocation, settings } = options;
  const cache = new Map<string, BrokerCaller>();
  // In order of insertion, so the oldest are in front.
  const overlay = new Map<string, number>();
  let generation = 0;

  const feed = createRevocationFeed({
    authorityUrl: "http://in.process",
    // The feed of this very process, without a network between.
    fetch: async (url) => {
      const { searchParams } = new URL(url instanceof Request ? url.url : url);
      const epoch = searchParams.get("epoch");
      return Response.json(
        await revocation.read(
          epoch === null ? undefined : { epoch, position: Number(searchParams.get("after")) },
        ),
      );
    },
    clock,
    refreshAfterMs: 200,
    maxAgeMs: 750,
    timeoutMs: 2_000,
    onNewEpoch: () => {
      generation += 1;
      cache.clear();
      void keys.refresh().catch(() => {});
    },
  });
  await feed.refresh();

  async function read(token: string): Promise<BrokerClaims> {
    const jws = parseCompactJws(token);
    const key = jws.header.typ === "JWT" ? await keys.verifier(jws.header.kid) : undefined;
    if (!key || !jwsSignatureHolds(jws, key)) throw refused();
    const claims = readBrokerClaims(jws.payload);
    if (!claims || claims.iss !== settings.issuer) throw refused();
    const whole = await chainHolds(claims, {
      verifier: (kid) => keys.verifier(kid),
      isOfGrant: async (jti, grant) => {
        const { rows } = await store
          .pool("authority")
          .query(
            `SELECT FROM authority.broker_tokens WHERE jti = $1::uuid AND tenant = $2 AND grant_id = $3`,
            [jti, claims.tenant, grant],
          );
        return rows.length === 1;
      },
    });
    if (!whole) throw refused();
    return claims;
  }

  function sweep(): void {
    const edge = clock.monotonicMs() - OVERLAY_MS;
    for (const [id, at] of overlay) {
      if (at >= edge) break;
      overlay.delete(id);
    }
  }

  async function revoked(claims: BrokerClaims): Promise<boolean> {
    if (overlay.size > 0) {
      if (overlay.has(claims.jti)) return true;
      for (const grant of claims.grants) if (overlay.has(grant)) return true;
    }
    const fresh = await feed.ensureFresh();
    // Stale knowledge may not accept, but it may always refuse.
    if (feed.state.concerns(claims)) return true;
    if (fresh) return false;
    const { rows } = await store
      .pool("authority")
      .query<{ stands: boolean }>(`SELECT authority.broker_stands($1, $2, $3::uuid, $4) AS stands`, [
        claims.tenant,
        claims.grants.at(-1),
        claims.jti,
        new Date(clock.nowMs()).toISOString(),
      ])
      .catch((cause: unknown) => {
        throw new DeputizeError("unavailable", "whether the token was revoked cannot be known; try again", {
          cause,
          retryAfterSeconds: 1,
        });
      });
    return rows[0]?.stands !== true;
  }

  function put(digest: string, caller: BrokerCaller): void {
    cache.set(digest, caller);
    if (cache.size > CACHE_SIZE) cache.delete(cache.keys().next().value ?? "");
  }

  async function verify(token: string): Promise<BrokerCaller> {
    const digest = hash("sha256", token, "base64");
    const before = generation;
    const known = cache.get(digest);
    const claims = known ? (known.claims as BrokerClaims) : await read(token);
    const now = nowSeconds(clock);
    const early = now + SKEW_SECONDS < claims.nbf;
    if (early) telemetry.count("clock_skew", {});
    if (
      now > claims.exp ||
      early ||
      (settings.audience !== undefined && !claims.aud?.includes(settings.audience)) ||
      (await revoked(claims))
    ) {
      cache.delete(digest);
      throw refused();
    }
    if (generation !== before) return verify(token);
    if (known) return known;
    const caller = brokerCaller(claims);
    put(digest, caller);
    return caller;
  }

  return {
    async verify(token) {
      try {
        return await verify(token);
      } catch (error) {
        // What exactly was wrong with it helps only whoever forges one.
        if (error instanceof DeputizeError && error.code !== "invalid_token") throw error;
        throw error instanceof DeputizeError ? refused() : error;
      }
    },
    // Made by the one signer, so they are of this profile by construction.
    remember: (token, made) => put(hash("sha256", token, "base64"), brokerCaller(made as BrokerClaims)),
    ended(ids) {
      sweep();
      const at = clock.monotonicMs();
      for (const id of ids) {
        overlay.delete(id);
        overlay.set(id, at);
      }
    },
    feed: () => ({ position: feed.state.position, ageMs: feed.ageMs() }),
    epoch: () => feed.state.epoch ?? "",
    refresh: async () => void (await feed.refresh()),
    close: () => feed.close(),
  };
}
