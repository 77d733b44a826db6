/**
 * Everything that is kept of a person, as one JSON document: `{"person": {"tenant", "id"}, "made", "sections": {"agent.messages":
 * […], …}}`.
 *
 * Each entry of the log whose subject is the person comes with its receipt, which proves it offline (`verifyReceipt` of `audit`), also
 * after the person was erased from the log.
 *
 * Guarantees: made piece by piece, so that it takes no more memory than a page of one keeper; a part that cannot be read ends it
 * as a fault, and never as a document that looks whole.
 */
import type { AuditLog } from "@deputize/audit";
import { type Clock, systemClock } from "@deputize/core";
import { z } from "zod";
import type { PersonKeeper, PersonOwner, PersonRecord } from "./person-keeper.ts";

/** What the log's keeper shows of an entry. */
const ENTRY = z.looseObject({ entry_id: z.uuid() });

/** The document's text, in pieces. Throws what a keeper throws, and `timeout` when the log does not sign what was submitted. */
export async function* exportPerson({
  owner,
  keepers,
  audit,
  clock = systemClock,
}: {
  readonly owner: PersonOwner;
  readonly keepers: readonly PersonKeeper[];
  readonly audit: Pick<AuditLog, "flush" | "receipt">;
  readonly clock?: Clock;
}): AsyncGenerator<string> {
  const person = JSON.stringify({ tenant: owner.tenant, id: owner.subject });
  yield `{"person":${person},"made":"${new Date(clock.nowMs()).toISOString()}","sections":{`;
  let first = true;
  for (const keeper of keepers) {
    let open: string | undefined;
    for await (const { section, body } of exported(keeper, owner, audit)) {
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

/** What a keeper shows of the person; the log's entries with their receipts. */
async function* exported(
  keeper: PersonKeeper,
  owner: PersonOwner,
  audit: Pick<AuditLog, "flush" | "receipt">,
): AsyncGenerator<PersonRecord> {
  const records = keeper.export?.(owner) ?? [];
  if (keeper.name !== "audit") return yield* records;
  // A receipt proves nothing before its entry is in a signed tree.
  await audit.flush();
  for await (const { section, body } of records) {
    // The receipt has the openings, too.
    const { openings: _openings, ...entry } = ENTRY.parse(body);
    const receipt = await audit.receipt(entry.entry_id, { onlyFor: owner.subject });
    if (receipt !== undefined) yield { section, body: { ...entry, receipt } };
  }
}
