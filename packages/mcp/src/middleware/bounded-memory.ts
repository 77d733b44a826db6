/** Text kept in this process for a while: bounded by bytes, the one unused for longest goes first. */
import type { Clock } from "@deputize/core";

export interface BoundedMemory {
  get(key: string): string | undefined;
  set(key: string, text: string, ttlMs: number): void;
}

/** Keeps at most `maxBytes`, keys included; a text larger than a quarter of it is not kept. */
export function boundedMemory(maxBytes: number, clock: Clock): BoundedMemory {
  const entries = new Map<
    string,
    { readonly text: string; readonly size: number; readonly untilMs: number }
  >();
  let used = 0;

  function remove(key: string): void {
    used -= entries.get(key)?.size ?? 0;
    entries.delete(key);
  }

  return {
    get(key) {
      const found = entries.get(key);
      if (!found) return undefined;
      remove(key);
      if (found.untilMs <= clock.monotonicMs()) return undefined;
      entries.set(key, found);
      used += found.size;
      return found.text;
    },
    set(key, text, ttlMs) {
      remove(key);
      // Two bytes a character: what the engine may need.
      const size = 2 * (key.length + text.length);
      if (size > maxBytes / 4) return;
      entries.set(key, { text, size, untilMs: clock.monotonicMs() + ttlMs });
      used += size;
      for (const oldest of entries.keys()) {
        if (used <= maxBytes) return;
        remove(oldest);
      }
    },
  };
}
