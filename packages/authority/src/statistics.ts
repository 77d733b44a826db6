/**
 * Tells the database to look at its own tables when they have grown: at the first hundred writes, then whenever there are
 * eight times as many. Plans of an empty table are kept, and read whole indexes once it is full; a server notices by itself
 * after a minute, the embedded database never.
 *
 * Guarantees: one look at a time, in the background; a failed one is made up for by the next.
 */
import type { Store } from "@deputize/store";

const FIRST = 100;
const FACTOR = 8;

export interface Statistics {
  /** Counts writes. */
  wrote(items: number): void;
}

export function createStatistics(store: Pick<Store, "pool">): Statistics {
  let written = 0;
  let next = FIRST;
  let looking = false;

  async function look(): Promise<void> {
    await store.pool("authority").query("SELECT authority.refresh_statistics()");
    next = Math.max(next, written) * FACTOR;
  }

  return {
    wrote(items) {
      written += items;
      if (looking || written < next) return;
      looking = true;
      void look()
        .catch(() => {
          next = written + FIRST;
        })
        .finally(() => {
          looking = false;
        });
    },
  };
}
