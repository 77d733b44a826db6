/**
 * Everything that is kept of a person, as one JSON document: `{"person": {"tenant", "id"}, "made", "sections": {"agent.messages":
 * […], …}}`.
 *
 * Guarantees: made piece by piece, so that it takes no more memory than a page of one keeper; a part that cannot be read ends it
 * as a fault, and never as a document that looks whole.
 */
import { type Clock, systemClock } from "@deputize/core";
import type { PersonKeeper, PersonOwner } from "./person-keeper.ts";

/** The document's text, in pieces. Throws what a keeper throws. */
export async function* exportPerson({
  owner,
  keepers,
  clock = systemClock,
}: {
  readonly owner: PersonOwner;
  readonly keepers: readonly PersonKeeper[];
  readonly clock?: Clock;
}): AsyncGenerator<string> {
  const person = JSON.stringify({ tenant: owner.tenant, id: owner.subject });
  yield `{"person":${person},"made":"${new Date(clock.nowMs()).toISOString()}","sections":{`;
  let first = true;
  for (const keeper of keepers) {
    let open: string | undefined;
    for await (const { section, body } of keeper.export?.(owner) ?? []) {
      const name = `${keeper.name}.${section}`;
      const item = JSON.stringify(body);
      if (name === open) {
        yield `,\n${item}`;
        continue;
      }
      yield `${open === undefined ? "" : "]"}${first ? "" : ","}\n${JSON.stringify(name)}:[\n${item}`;
      [open, first] = [name, false];
    }
    if (open !== undefined) yield "]";
  }
  yield "}}\n";
}
