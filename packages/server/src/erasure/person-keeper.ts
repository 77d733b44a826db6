/**
 * A room that keeps something of persons, as the jobs that erase and export a person see it. Whatever keeps something more
 * becomes one more keeper.
 */
import type { ErasedBy } from "@deputize/authority";
import type { Caller } from "@deputize/core";

/** Whose things. */
export type PersonOwner = Pick<Caller, "tenant" | "subject">;

/** One thing that is kept of a person. */
export interface PersonRecord {
  /** Which kind of thing. Those of one kind come one after the other. */
  readonly section: string;
  readonly body: unknown;
}

export interface PersonKeeper {
  /** What receipts and exports call it, such as `agent`. */
  readonly name: string;
  /**
   * Removes all that it keeps of the person, and answers how many things went. Called again it removes what came since, or
   * answers 0.
   */
  erase(owner: PersonOwner, by: ErasedBy): Promise<number>;
  /** What it keeps of the person, however much: nothing that proves who they are, nothing of others. */
  export?(owner: PersonOwner): AsyncIterable<PersonRecord>;
  /** How many things `erase` would remove, about. */
  count?(owner: PersonOwner): Promise<number>;
}

/**
 * A keeper out of a store that erases by owner: conversations outside of the database, sessions of tool servers in the ephemeral
 * store, memories, kept answers. `erase` answers a count, or counts by kind.
 */
export function ownerKeeper(
  name: string,
  erase: (owner: PersonOwner) => Promise<number | object>,
  exported?: (owner: PersonOwner) => AsyncIterable<PersonRecord>,
): PersonKeeper {
  return {
    name,
    async erase(owner) {
      const gone = await erase(owner);
      if (typeof gone === "number") return gone;
      return Object.values(gone).reduce((sum: number, n) => sum + (typeof n === "number" ? n : 0), 0);
    },
    ...(exported && { export: exported }),
  };
}
