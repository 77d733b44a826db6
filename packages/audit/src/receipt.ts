/**
 * Makes receipts from the store. Needs no signing key: whoever can read the log can prove its entries.
 */
import { DeputizeError, type GrantId, type PrincipalId, isUuid } from "@deputize/core";
import type { Queryable } from "@deputize/store";
import type { ReceiptNames, ReceiptOptions } from "./audit-log.ts";
import { privateParts, readEvent } from "./leaf.ts";
import type { Openings, Receipt, ReceiptParty, ReceiptSummary } from "./receipt-shape.ts";
import { type StoredEntry, readCheckpoint, readEntry, readNodes, readSubmission } from "./reader.ts";
import { consistencyProof, inclusionProof } from "./tree.ts";

export interface ProveOptions extends ReceiptOptions {
  /** See `auditReader`. */
  readonly db: Queryable;
  readonly publicKey: string;
}

/** The public codes of an entry. */
interface Codes {
  readonly action: string;
  readonly outcome: string;
  readonly reason?: string;
  readonly at: string;
}

/** The receipt of an entry; undefined when there is no such entry, or when it is not `onlyFor`'s. */
export async function proveEntry(entryId: string, options: ProveOptions): Promise<Receipt | undefined> {
  const { db } = options;
  if (!isUuid(entryId)) return undefined;
  // A submission moves to the log in one transaction, so looking again finds it on one side.
  const entry =
    (await readEntry(db, entryId)) ??
    (await pendingReceipt(entryId, options)) ??
    (await readEntry(db, entryId));
  if (entry === undefined) return undefined;
  if ("receipt" in entry) return entry.receipt;
  return loggedReceipt(entryId, entry, options);
}

async function pendingReceipt(
  id: string,
  options: ProveOptions,
): Promise<{ receipt: Receipt | undefined } | undefined> {
  const submission = await readSubmission(options.db, id);
  if (!submission) return undefined;
  const event = readEvent(submission.event);
  if (options.onlyFor !== undefined && event.subject !== options.onlyFor) return { receipt: undefined };
  const parts = privateParts(event);
  const codes = { ...event, at: submission.at };
  const summary = await summarize(codes, parts, options.names);
  return { receipt: { status: "pending", entry_id: id, public_key: options.publicKey, summary } };
}

async function loggedReceipt(
  id: string,
  entry: StoredEntry,
  options: ProveOptions,
): Promise<Receipt | undefined> {
  const { db, onlyFor, names, publicKey } = options;
  if (onlyFor !== undefined && entry.subject !== onlyFor) return undefined;
  const { leaf, openings, seq: index } = entry;
  const parts = { id, publicKey, leaf, openings, names };
  const checkpoint = await readCheckpoint(db);
  if (!checkpoint || checkpoint.size <= index) return assembleReceipt(parts);
  const { size, note } = checkpoint;
  const proof = await inclusionProof(index, size, (addresses) => readNodes(db, addresses));
  return assembleReceipt({ ...parts, place: { index, size, proof, checkpoint: note } });
}

/** A receipt of its parts; `pending` while nothing is signed that the entry is in. */
export async function assembleReceipt(parts: {
  readonly id: string;
  readonly publicKey: string;
  readonly leaf: string;
  readonly openings: Openings | undefined;
  readonly names?: ReceiptNames | undefined;
  readonly place?: {
    readonly index: number;
    readonly size: number;
    readonly proof: readonly Buffer[];
    readonly checkpoint: string;
  };
}): Promise<Receipt> {
  const { id, publicKey, leaf, openings = {}, names, place } = parts;
  const codes = JSON.parse(leaf) as Codes;
  const said = { who: values(openings.who), why: values(openings.why), what: values(openings.what) };
  const base = {
    entry_id: id,
    public_key: publicKey,
    openings,
    summary: await summarize(codes, said, names),
  };
  if (!place) return { status: "pending", ...base };
  const { proof, ...where } = place;
  return { status: "logged", ...base, leaf, ...where, proof: proof.map((hash) => hash.toString("hex")) };
}

/** Proof that the tree of `newSize` extends that of `oldSize`, hex. Throws `invalid_request` for sizes that the log never had. */
export async function proveConsistency(db: Queryable, oldSize: number, newSize: number): Promise<string[]> {
  const signed = (await readCheckpoint(db))?.size ?? 0;
  const ordered =
    Number.isSafeInteger(oldSize) && Number.isSafeInteger(newSize) && oldSize > 0 && oldSize <= newSize;
  if (!ordered || newSize > signed) {
    throw new DeputizeError(
      "invalid_request",
      "sizes must be whole, ascending, above 0 and no larger than the log's",
    );
  }
  const proof = await consistencyProof(oldSize, newSize, (addresses) => readNodes(db, addresses));
  return proof.map((hash) => hash.toString("hex"));
}

type Values = Record<string, unknown>;

function values(opening: { readonly value: unknown } | undefined): Values {
  return (opening?.value ?? {}) as Values;
}

async function summarize(
  codes: Codes,
  { who = {}, why = {}, what = {} }: { readonly who?: Values; readonly why?: Values; readonly what?: Values },
  names?: ReceiptNames,
): Promise<ReceiptSummary> {
  const party = async (id: string): Promise<ReceiptParty> => {
    const name = await names?.principal?.(id as PrincipalId);
    return { id, ...(name !== undefined && { name }) };
  };
  const actors = (who["actors"] ?? []) as string[];
  const subject = who["subject"] as string | undefined;
  const grant = why["grant"] as GrantId | undefined;
  const openCase = why["case"] as { id: string; purpose: string } | undefined;
  const resource = what["resource"];
  return {
    ...(subject !== undefined && { asked: await party(subject) }),
    agents: await Promise.all(actors.map(party)),
    ...(grant !== undefined && { grant: { id: grant, ...(await names?.grant?.(grant)) } }),
    action: codes.action,
    outcome: codes.outcome,
    ...(typeof resource === "string" && { resource }),
    ...(codes.reason !== undefined && { reason: codes.reason }),
    at: codes.at,
    ...(openCase !== undefined && { case: openCase }),
  };
}
