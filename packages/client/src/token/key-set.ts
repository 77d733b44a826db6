/**
 * The authority's public keys, fetched and kept.
 *
 * Guarantees: a key that left the published set is dropped within `maxAgeMs`, and at once on a new feed epoch
 * (SR-21); an unknown `kid` asks for the set again at most once per cooldown, so that strangers cannot make
 * us hammer the authority. Fails closed: no set, no verification.
 */
import { type Clock, DeputizeError } from "@deputize/core/portable";
import type { CryptoBackend } from "./crypto-backend.ts";
import { importKeys } from "./jwk-set.ts";

export interface KeySetOptions<Key> {
  readonly backend: CryptoBackend<Key>;
  readonly url: string;
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  readonly maxAgeMs: number;
  readonly cooldownMs: number;
  readonly timeoutMs: number;
}

export interface KeySet<Key> {
  /** The key, or undefined when the authority publishes none by that name. Throws `unavailable`. */
  get(kid: string): Promise<Key | undefined>;
  /** Forgets everything; the next `get` asks again. */
  reset(): void;
}

export function createKeySet<Key>(options: KeySetOptions<Key>): KeySet<Key> {
  const { clock } = options;
  let keys = new Map<string, Key>();
  let fetchedAt = Number.NEGATIVE_INFINITY;
  let askedAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | undefined;
  let generation = 0;

  async function load(): Promise<void> {
    const mine = generation;
    askedAt = clock.monotonicMs();
    try {
      const response = await options.fetch(options.url, {
        headers: { Accept: "application/json" },
        // Followed nowhere: a redirect is no `ok` answer. Edge runtimes do not know `error`.
        redirect: "manual",
        signal: AbortSignal.timeout(options.timeoutMs),
      });
      if (!response.ok) throw new Error(`the key set answered ${response.status}`);
      const loaded = await importKeys(await response.json(), options.backend);
      // A reset in the meantime means that this answer may be of the time before.
      if (mine !== generation) return;
      keys = loaded;
      fetchedAt = askedAt;
    } catch (cause) {
      throw new DeputizeError("unavailable", "the authority's keys cannot be read; try again shortly", {
        cause,
        retryAfterSeconds: 1,
      });
    }
  }

  function fetchOnce(): Promise<void> {
    asking ??= load().finally(() => {
      asking = undefined;
    });
    return asking;
  }

  return {
    async get(kid) {
      const age = clock.monotonicMs() - fetchedAt;
      if (age > options.maxAgeMs) await fetchOnce();
      const found = keys.get(kid);
      if (found || clock.monotonicMs() - askedAt < options.cooldownMs) return found;
      await fetchOnce();
      return keys.get(kid);
    },
    reset() {
      generation += 1;
      asking = undefined;
      keys = new Map();
      fetchedAt = Number.NEGATIVE_INFINITY;
      askedAt = Number.NEGATIVE_INFINITY;
    },
  };
}
