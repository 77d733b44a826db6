/**
 * Erasing a person everywhere, with a receipt [PR-D30].
 *
 * Guarantees: the log says that it began; each keeper removes what it has, in order, and one that fails stops no other; what the
 * log says of them goes last [SR-24]; only when nothing failed does the log say that the person was erased, with counts and
 * without a word of who. That entry is the receipt, and verifies with the log's public key for ever. Asked again, after a
 * failure or a crash, it removes what is left.
 * Does not: reach backups, dumps made before, receipts and exports that people hold, or what a model's provider kept. Nor entries
 * that another process writes at the very moment: asking again finds those.
 */
import { type AuditLog, type Receipt, countOpenings } from "@deputize/audit";
import type { ErasedBy, PersonEraser } from "@deputize/authority";
import { type Clock, DeputizeError, newId, systemClock } from "@deputize/core";
import type { Store } from "@deputize/store";
import type { PersonKeeper, PersonOwner } from "./person-keeper.ts";

/** How many things went, or would go, by keeper; `log` counts entries that no longer say who. */
export type ErasureCounts = Readonly<Record<string, number>>;

export interface ErasureReceipt {
  readonly id: string;
  /** RFC 3339. */
  readonly at: string;
  readonly counts: ErasureCounts;
  /** The entry `person.erased`, whose detail has `id` and `counts`. */
  readonly entryId: string;
  /** Proves that the entry is in the log; see `verifyReceipt` of `audit`. */
  readonly proof: Receipt;
}

export interface ErasePersonOptions {
  readonly owner: PersonOwner;
  readonly by: ErasedBy;
  readonly keepers: readonly PersonKeeper[];
  readonly people: Pick<PersonEraser, "agentsOf">;
  readonly audit: Pick<AuditLog, "append" | "erase" | "flush" | "receipt">;
  readonly clock?: Clock;
}

/** Throws `unavailable` when something is left, with the names of the keepers that failed in `detail.failed`. */
export async function erasePerson(options: ErasePersonOptions): Promise<ErasureReceipt> {
  const { owner, by, keepers, people, audit, clock = systemClock } = options;
  const { tenant, subject } = owner;
  const id = newId(clock);
  const said = {
    tenant,
    about: [subject],
    ...(by.actor !== undefined && { subject: by.actor }),
  };
  await audit.append({
    action: "person.erasure_began",
    outcome: "info",
    ...said,
    detail: { erasure: id, keepers: keepers.map(({ name }) => name) },
  });

  const counts: Record<string, number> = {};
  const failed: string[] = [];
  let cause: unknown;
  for (const keeper of keepers) {
    try {
      counts[keeper.name] = await keeper.erase(owner, by);
    } catch (error) {
      failed.push(keeper.name);
      cause ??= error;
    }
  }
  if (failed.length > 0) {
    await audit.append({
      action: "person.erasure_failed",
      outcome: "failed",
      ...said,
      detail: { erasure: id, counts, failed },
    });
    throw new DeputizeError("unavailable", "not everything of the person could be erased; ask again", {
      cause,
      detail: { failed },
    });
  }

  counts["log"] = await audit.erase(subject);
  for (const agent of await people.agentsOf(subject, tenant)) counts["log"] += await audit.erase(agent);
  const entryId = await audit.append({
    action: "person.erased",
    outcome: "info",
    tenant,
    detail: { erasure: id, counts },
  });
  await audit.flush();
  const proof = await audit.receipt(entryId);
  if (!proof) throw new DeputizeError("internal", "the log lost the entry of an erasure");
  return { id, at: proof.summary.at, counts, entryId, proof };
}

/** What `erasePerson` would remove, about. Changes nothing. */
export async function previewErasure({
  owner,
  keepers,
  store,
}: {
  readonly owner: PersonOwner;
  readonly keepers: readonly PersonKeeper[];
  readonly store: Store;
}): Promise<ErasureCounts> {
  const counts: Record<string, number> = {};
  for (const keeper of keepers) if (keeper.count) counts[keeper.name] = await keeper.count(owner);
  return { ...counts, log: await countOpenings(store, owner.subject) };
}
