/**
 * An issuer's published keys: where they are (RFC 8414, OpenID Connect Discovery), fetched and kept.
 *
 * Guarantees: metadata counts only when its `issuer` is exactly ours; keys are kept 300 s (unless told) and then read again, so that a key
 * that its issuer took away is gone by then; an unknown `kid` makes us ask once a minute at most, and all of them
 * together once a second, so that strangers cannot make us hammer the issuer. One question at a time. Fails closed: no
 * keys, no verification.
 */
import type { KeyObject } from "node:crypto";
import { type Clock, DeputizeError } from "@deputize/core";
import { z } from "zod";
import { fetchJson, isLocalHttp, providerUrl } from "./fetch-json.ts";
import { type VerificationKey, readPublicJwks } from "./public-keys.ts";
import type { AsymmetricAlgorithm } from "./signature.ts";
import type { KeySource, TokenHeader } from "./token-check.ts";

export interface KeySetOptions {
  readonly issuer: string;
  /** Where the keys are, when the issuer publishes no metadata. */
  readonly jwksUri: string | undefined;
  readonly algorithms: readonly AsymmetricAlgorithm[];
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  /** How long keys are kept; 300 s unless told. With `byMaxAge` that is the least, and what the issuer's answer says counts, up to a day. */
  readonly keepSeconds?: number;
  readonly byMaxAge?: boolean;
  /** How long kept keys go on counting while new ones cannot be read; not at all unless told. */
  readonly staleSeconds?: number;
}

export interface PublishedKeys extends KeySource {
  find(header: TokenHeader): Promise<readonly KeyObject[]>;
  /** Reads the keys now. Throws `unavailable`. */
  load(): Promise<void>;
}

const KEEP_SECONDS = 300;
const MOST_SECONDS = 86_400;
const SAME_KID_MS = 60_000;
const ANY_KID_MS = 1000;
/** A token that names no key is tried with this many at most: each costs a signature check that a stranger can ask for. */
const MAX_TRIED = 8;

const Metadata = z.object({
  issuer: z.string(),
  jwks_uri: z.string().optional(),
  introspection_endpoint: z.string().optional(),
  userinfo_endpoint: z.string().optional(),
});

/** Throws `config_invalid` for addresses that keys may not come from. */
export function publishedKeys(options: KeySetOptions): PublishedKeys {
  const { clock, algorithms } = options;
  const issuer = providerUrl(options.issuer, "the issuer");
  if (issuer.search) throw new DeputizeError("config_invalid", "the issuer may hold no query");
  const fixed = options.jwksUri === undefined ? undefined : providerUrl(options.jwksUri, "`jwksUri`");
  const leastMs = (options.keepSeconds ?? KEEP_SECONDS) * 1000;
  const staleMs = (options.staleSeconds ?? 0) * 1000;
  let keepMs = leastMs;
  let keys: readonly VerificationKey[] = [];
  let loadedAt = Number.NEGATIVE_INFINITY;
  let askedAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | undefined;
  /** When we last asked because of each unknown kid. One a second is added at most, so it holds 60 or so. */
  const askedFor = new Map<string, number>();

  async function read(): Promise<void> {
    askedAt = clock.monotonicMs();
    try {
      const from = fixed ?? (await discover(issuer, options));
      let maxAgeMs = 0;
      const onHeaders = (headers: Headers) => {
        maxAgeMs =
          Number(/(?:^|[\s,])max-age=(\d{1,8})/i.exec(headers.get("cache-control") ?? "")?.[1] ?? 0) * 1000;
      };
      keys = readPublicJwks(await fetchJson(from, options.fetch, { onHeaders }), algorithms);
      loadedAt = askedAt;
      if (options.byMaxAge) keepMs = Math.min(Math.max(maxAgeMs, leastMs), MOST_SECONDS * 1000);
    } catch (cause) {
      throw new DeputizeError("unavailable", "the issuer's keys cannot be read; try again shortly", {
        cause,
        retryAfterSeconds: 1,
      });
    }
  }

  function load(): Promise<void> {
    asking ??= read().finally(() => {
      asking = undefined;
    });
    return asking;
  }

  const justAsked = () => clock.monotonicMs() - askedAt < ANY_KID_MS;

  async function refresh(): Promise<void> {
    const age = clock.monotonicMs() - loadedAt;
    if (age <= keepMs) return;
    const stale = age <= keepMs + staleMs;
    if (justAsked() && !asking) {
      if (stale) return;
      throw new DeputizeError("unavailable", "the issuer's keys cannot be read; try again shortly", {
        retryAfterSeconds: 1,
      });
    }
    await load().catch((error: unknown) => {
      if (!stale) throw error;
    });
  }

  /** Asks again for a kid that is not there, when that may be done. True when it was. */
  async function askFor(kid: string): Promise<boolean> {
    const now = clock.monotonicMs();
    for (const [old, at] of askedFor) if (now - at >= SAME_KID_MS) askedFor.delete(old);
    if (askedFor.has(kid) || (justAsked() && !asking)) return false;
    askedFor.set(kid, now);
    // Known keys go on working while the issuer is away; the one asked for stays unknown.
    return load().then(
      () => true,
      () => false,
    );
  }

  function matching({ alg, kid }: TokenHeader): readonly KeyObject[] {
    const fitting = keys.filter(
      (one) => one.algorithms.includes(alg) && (kid === undefined || one.kid === kid),
    );
    return fitting.length > MAX_TRIED ? [] : fitting.map((one) => one.key);
  }

  return {
    load,
    async find(header) {
      await refresh();
      const found = matching(header);
      if (found.length > 0 || header.kid === undefined) return found;
      return (await askFor(header.kid)) ? matching(header) : [];
    },
  };
}

/** Where the issuer's own metadata says its keys are. Throws when there is none, or it is of another issuer. */
async function discover(issuer: URL, options: KeySetOptions): Promise<URL> {
  const { jwks_uri } = await providerMetadata(options.issuer, options.fetch);
  if (jwks_uri === undefined) throw new Error("the issuer publishes no keys");
  return providerUrl(jwks_uri, "`jwks_uri`", isLocalHttp(issuer));
}

/**
 * What an issuer publishes of itself (RFC 8414, OpenID Connect Discovery). Throws when there is nothing, or it is of another
 * issuer; its addresses are not checked yet.
 */
export async function providerMetadata(
  name: string,
  get: typeof fetch,
  signal?: AbortSignal,
): Promise<z.infer<typeof Metadata>> {
  const issuer = providerUrl(name, "the issuer");
  const path = issuer.pathname.replace(/\/$/, "");
  const places = [
    `/.well-known/oauth-authorization-server${path}`, // RFC 8414 §3.1
    `${path}/.well-known/openid-configuration`, // OpenID Connect Discovery §4
  ];
  for (const place of places) {
    const document = await fetchJson(new URL(place, issuer), get, { ...(signal && { signal }) });
    if (document === undefined) continue;
    const metadata = Metadata.parse(document);
    // RFC 8414 §3.3: exactly, or one issuer could speak for another.
    if (metadata.issuer !== name) throw new Error("the metadata is of another issuer");
    return metadata;
  }
  throw new Error("the issuer publishes no metadata");
}
