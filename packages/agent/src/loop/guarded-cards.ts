/**
 * Cards that tools made, as the guard lets them out: they are shown beside the answer, so they are held to what an answer is held to.
 *
 * Guarantees: each text of a card passes the guard as the answer's do; a card with a text that may not go out, or with something to
 * hide where it has a number or a name of a member, is not shown at all.
 */
import { isDeputizeError } from "@deputize/core";
import type { Card } from "../events.ts";
import type { LoopOptions } from "./loop-options.ts";

/** Shorter numbers are nobody's card, account or telephone. */
const LONG_NUMBER = 1_000_000;

/** The cards that may be shown. */
export async function guardedCards(
  cards: readonly Card[],
  { guard, caller, observe }: Pick<LoopOptions, "guard" | "caller" | "observe">,
): Promise<readonly Card[]> {
  if (!guard) return cards;
  const shown: Card[] = [];
  for (const card of cards) {
    const known = new Map<string, string>();
    const say = async (text: string): Promise<string> => {
      const before = known.get(text);
      if (before !== undefined) return before;
      const output = guard.output(caller, observe);
      const said = output.push(text) + (await output.end());
      known.set(text, said);
      return said;
    };
    const passed = await passOf(card, say);
    if (passed !== WITHHELD) shown.push(passed as Card);
  }
  return shown;
}

const WITHHELD = Symbol("withheld");

/** The value with its texts as `say` says them. */
async function passOf(value: unknown, say: (text: string) => Promise<string>): Promise<unknown> {
  const unchanged = async (text: string): Promise<void> => {
    if ((await say(text)) !== text) throw WITHHELD;
  };
  const walk = async (inner: unknown): Promise<unknown> => {
    if (typeof inner === "string") return inner === "" ? inner : say(inner);
    if (typeof inner === "number") {
      if (Number.isInteger(inner) && Math.abs(inner) >= LONG_NUMBER) await unchanged(String(Math.abs(inner)));
      return inner;
    }
    if (Array.isArray(inner)) {
      const items: unknown[] = [];
      for (const item of inner) items.push(await walk(item));
      return items;
    }
    if (typeof inner !== "object" || inner === null) return inner;
    const members: [string, unknown][] = [];
    for (const [name, member] of Object.entries(inner)) {
      await unchanged(name);
      members.push([name, await walk(member)]);
    }
    return Object.fromEntries(members);
  };
  try {
    return await walk(value);
  } catch (error) {
    if (error === WITHHELD || isDeputizeError(error)) return WITHHELD;
    throw error;
  }
}
