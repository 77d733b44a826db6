/**
 * Calls of one moment share a statement and a commit: what comes in while statements are under way goes out together as
 * soon as one of them is answered. A lone call waits for nobody but the present turn of the event loop.
 *
 * Guarantees: each caller gets its own item's answer, and only after the commit that holds it. A statement that the database
 * refuses because of one item is repeated item by item; one whose outcome is unknown (the connection broke) is never repeated.
 */
import { mapDatabaseError, sqlState } from "@deputize/store";

export interface BatchOptions<Answer> {
  /** Runs the items, each a JSON object as text; answers one for each, in order. */
  readonly run: (items: readonly string[]) => Promise<readonly Answer[]>;
  readonly maxItems?: number;
  readonly maxUnderWay?: number;
}

interface Waiting<Answer> {
  readonly item: string;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** Deadlocks between processes end one of the two; it may try again. */
const TRIES = 3;

export function createBatch<Answer>(options: BatchOptions<Answer>): (item: string) => Promise<Answer> {
  const { maxItems = 32, maxUnderWay = 2 } = options;
  let waiting: Waiting<Answer>[] = [];
  let underWay = 0;

  async function send(group: readonly Waiting<Answer>[]): Promise<void> {
    for (let left = TRIES; ; left -= 1) {
      try {
        const answers = await options.run(group.map((one) => one.item));
        for (const [n, one] of group.entries()) one.resolve(answers[n] as Answer);
        return;
      } catch (error) {
        // Rolled back for certain: the database itself said what was wrong with it.
        const state = sqlState(error);
        const rolledBack = state !== undefined && /^(22|23|40|42|DP|P0)/.test(state);
        if (rolledBack && group.length > 1) {
          for (const one of group) await send([one]);
          return;
        }
        if (state === "40P01" && left > 1) continue;
        for (const one of group) one.reject(mapDatabaseError(error));
        return;
      }
    }
  }

  let due = false;

  /** After everything that the present turn of the loop brings: what was answered together comes back together. */
  function pumpSoon(): void {
    if (due) return;
    due = true;
    setImmediate(() => {
      due = false;
      pump();
    });
  }

  function pump(): void {
    while (underWay < maxUnderWay && waiting.length > 0) {
      const group = waiting.slice(0, maxItems);
      waiting = waiting.slice(maxItems);
      underWay += 1;
      void send(group).finally(() => {
        underWay -= 1;
        pumpSoon();
      });
    }
  }

  return (item) =>
    new Promise<Answer>((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      pumpSoon();
    });
}
