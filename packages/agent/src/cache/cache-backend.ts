/**
 * Where kept answers lie, and the one in this process.
 *
 * Slots and owners are hashes: a backend learns neither questions nor people. What it keeps may be lost at any time.
 */
import { type Clock, systemClock } from "@deputize/core";

export interface CacheLimits {
  readonly maxPerOwner: number;
  readonly maxTotal: number;
}

export interface KeepRequest {
  readonly slot: string;
  /** Whose turn made it: what `purge` goes by. */
  readonly owner: string;
  readonly value: string;
  readonly ttlMs: number;
  /** As `look` told it; after a purge in between nothing is kept. */
  readonly generation: string;
  readonly limits: CacheLimits;
}

export interface CacheBackend {
  /** What lies in a slot, which then counts as used just now, and the generation of what `owner` keeps. */
  look(
    slot: string,
    owner: string,
  ): Promise<{ readonly value: string | undefined; readonly generation: string }>;
  /** Keeps a value in place of what lay there. Over a limit, what was used least recently goes. */
  keep(request: KeepRequest): Promise<void>;
  /** Removes everything of an owner, and what its running turns are about to keep; how many there were. */
  purge(owner: string): Promise<number>;
  close(): Promise<void>;
}

interface Kept {
  readonly owner: string;
  readonly value: string;
  readonly expiresMs: number;
}

/** Purges that are remembered for turns that were under way; far more than are under way at once. */
const MAX_GENERATIONS = 100_000;

/** Keeps answers in this process. A map's order is the order of use: the first was used least recently. */
export function inProcessCache({ clock = systemClock }: { readonly clock?: Clock } = {}): CacheBackend {
  const slots = new Map<string, Kept>();
  const owners = new Map<string, Set<string>>();
  const generations = new Map<string, number>();
  let purges = 0;

  function drop(slot: string): void {
    const kept = slots.get(slot);
    if (!kept) return;
    slots.delete(slot);
    const own = owners.get(kept.owner);
    own?.delete(slot);
    if (own?.size === 0) owners.delete(kept.owner);
  }

  function put(slot: string, kept: Kept): void {
    drop(slot);
    slots.set(slot, kept);
    const own = owners.get(kept.owner) ?? new Set();
    owners.set(kept.owner, own.add(slot));
  }

  const generationOf = (owner: string): string => String(generations.get(owner) ?? 0);

  return {
    async look(slot, owner) {
      const kept = slots.get(slot);
      const live = kept !== undefined && kept.expiresMs > clock.nowMs();
      if (live) put(slot, kept);
      else drop(slot);
      return { value: live ? kept.value : undefined, generation: generationOf(owner) };
    },
    async keep({ slot, owner, value, ttlMs, generation, limits }) {
      if (generation !== generationOf(owner)) return;
      put(slot, { owner, value, expiresMs: clock.nowMs() + ttlMs });
      for (const oldest of owners.get(owner) ?? []) {
        if ((owners.get(owner)?.size ?? 0) <= limits.maxPerOwner) break;
        drop(oldest);
      }
      for (const oldest of slots.keys()) {
        if (slots.size <= limits.maxTotal) break;
        drop(oldest);
      }
    },
    async purge(owner) {
      const own = [...(owners.get(owner) ?? [])];
      for (const slot of own) drop(slot);
      purges += 1;
      generations.delete(owner);
      generations.set(owner, purges);
      for (const oldest of generations.keys()) {
        if (generations.size <= MAX_GENERATIONS) break;
        generations.delete(oldest);
      }
      return own.length;
    },
    close: async () => {},
  };
}
