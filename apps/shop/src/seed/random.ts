/**
 * A small generator of repeatable chance for the seed. Each part of the seed draws from a stream of its own name,
 * so that a change in one part leaves the others as they were.
 *
 * Does not: serve anything that must not be guessed. Secrets and live ids come from core.
 */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number;
  /** One of `items`. Throws on an empty list. */
  pick<T>(items: readonly T[]): T;
  /** A new, mixed copy (Fisher–Yates). */
  shuffle<T>(items: readonly T[]): T[];
  chance(probability: number): boolean;
}

/** The stream called `name`; the same name gives the same draws on every machine. */
export function randomStream(name: string): Random {
  // FNV-1a turns the name into 32 bits of state; mulberry32 walks from there.
  let state = 0x811c9dc5;
  for (const byte of Buffer.from(name, "utf8")) state = Math.imul(state ^ byte, 0x01000193) >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const int = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  // Names that differ in one letter start close together; a few steps part them.
  for (let i = 0; i < 8; i++) next();
  return {
    next,
    int,
    pick: (items) => {
      const item = items[int(0, items.length - 1)];
      if (item === undefined) throw new RangeError("nothing to pick from");
      return item;
    },
    shuffle: (items) => {
      const mixed = [...items];
      for (let i = mixed.length - 1; i > 0; i--) {
        const j = int(0, i);
        [mixed[i], mixed[j]] = [mixed[j]!, mixed[i]!];
      }
      return mixed;
    },
    chance: (probability) => next() < probability,
  };
}
