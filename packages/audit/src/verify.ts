/**
 * Checking what a log says, offline, in a browser or anywhere else: no node modules, no network, no secrets.
 *
 * Guarantees: a receipt passes only if its entry, byte for byte, is in a tree that the log's key signed, if
 * every opening fits the entry, and if the summary shown says what entry and openings say. A new checkpoint
 * passes only if it extends the one held before.
 * Does not: prove that names in a summary belong to the ids, or that the log shows everybody the same tree:
 * for that, keep the last checkpoint and demand consistency [SR-20]. Needs WebCrypto with Ed25519, which
 * browsers offer on https and on localhost.
 */
import { type Bytes, fromHex, utf8 } from "./bytes.ts";
import { canonical } from "./canonical.ts";
import { type Checkpoint, openCheckpoint } from "./checkpoint.ts";
import { opens } from "./commitment.ts";
import { hashLeaf, verifyConsistency, verifyInclusion } from "./merkle.ts";
import { parseVerifierKey } from "./note.ts";
import { OPENING_FIELDS, type Receipt } from "./receipt-shape.ts";

export { canonical } from "./canonical.ts";
export { type Checkpoint, openCheckpoint, parseCheckpoint } from "./checkpoint.ts";
export { hashLeaf, verifyConsistency, verifyInclusion } from "./merkle.ts";
export { type VerifierKey, openNote, parseVerifierKey } from "./note.ts";
export type { Opening, Openings, Receipt, ReceiptParty, ReceiptSummary } from "./receipt-shape.ts";

/** Why something did not pass; a closed set, so that a page can say it in the reader's words. */
export type VerifyProblem =
  | "crypto_unavailable"
  | "pending"
  | "key_malformed"
  | "key_changed"
  | "receipt_malformed"
  | "checkpoint_invalid"
  | "not_included"
  | "opening_wrong"
  | "summary_wrong"
  | "log_shrank"
  | "log_forked";

export type VerifyResult =
  | { readonly ok: true; readonly checkpoint: Checkpoint }
  | { readonly ok: false; readonly problem: VerifyProblem };

export interface VerifyReceiptOptions {
  /** The log's key as known beforehand. Without it the receipt's own is used, which proves only that it is
   * consistent in itself. */
  readonly publicKey?: string;
}

/** Checks a receipt. Never throws for what the receipt holds. */
export function verifyReceipt(receipt: Receipt, options: VerifyReceiptOptions = {}): Promise<VerifyResult> {
  return withCrypto(() => checkReceipt(receipt, options));
}

async function checkReceipt(receipt: Receipt, options: VerifyReceiptOptions): Promise<VerifyResult> {
  if (receipt.status !== "logged") return no("pending");
  if (options.publicKey !== undefined && options.publicKey !== receipt.public_key) return no("key_changed");
  const key = await parseVerifierKey(String(receipt.public_key));
  if (!key) return no("key_malformed");
  const { leaf, index, size, proof, checkpoint: note } = receipt;
  const hashes = readHashes(proof);
  if (typeof leaf !== "string" || typeof note !== "string" || index === undefined || !hashes) {
    return no("receipt_malformed");
  }
  const checkpoint = await openCheckpoint(note, key);
  if (!checkpoint || checkpoint.size !== size) return no("checkpoint_invalid");
  const leafHash = await hashLeaf(utf8(leaf));
  if (!(await verifyInclusion({ index, size, leafHash, root: checkpoint.root, proof: hashes }))) {
    return no("not_included");
  }
  const entry = readLeaf(leaf);
  if (!entry || entry["id"] !== receipt.entry_id || entry["seq"] !== index) return no("receipt_malformed");
  if (!(await openingsFit(entry, receipt))) return no("opening_wrong");
  return readsAs(entry, receipt) ? { ok: true, checkpoint } : no("summary_wrong");
}

export interface CheckpointUpdate {
  readonly checkpoint: string;
  /** From the held checkpoint's size to the new one's; not needed while none is held. */
  readonly consistency?: readonly string[];
  readonly public_key: string;
}

/** What a browser or SDK keeps between visits. */
export interface HeldCheckpoint {
  readonly checkpoint: string;
  readonly public_key: string;
}

/**
 * Checks that the log's newest checkpoint extends the one held; then hold the new one. With none held, it
 * checks the signature only. `log_shrank` and `log_forked` mean that history was taken back: raise an alarm.
 */
export function advanceCheckpoint(
  held: HeldCheckpoint | undefined,
  update: CheckpointUpdate,
): Promise<VerifyResult> {
  return withCrypto(() => checkUpdate(held, update));
}

async function checkUpdate(
  held: HeldCheckpoint | undefined,
  update: CheckpointUpdate,
): Promise<VerifyResult> {
  if (held && held.public_key !== update.public_key) return no("key_changed");
  const key = await parseVerifierKey(String(update.public_key));
  if (!key) return no("key_malformed");
  const next = await openCheckpoint(String(update.checkpoint), key);
  if (!next) return no("checkpoint_invalid");
  if (!held) return { ok: true, checkpoint: next };
  const old = await openCheckpoint(held.checkpoint, key);
  if (!old) return no("checkpoint_invalid");
  if (next.size < old.size) return no("log_shrank");
  if (old.size === 0) return { ok: true, checkpoint: next };
  const proof = next.size === old.size ? [] : readHashes(update.consistency);
  if (!proof) return no("receipt_malformed");
  const claim = { oldSize: old.size, newSize: next.size, oldRoot: old.root, newRoot: next.root, proof };
  return (await verifyConsistency(claim)) ? { ok: true, checkpoint: next } : no("log_forked");
}

/** Browsers offer WebCrypto on https and localhost only, and older ones lack Ed25519: that is no fault of the log. */
async function withCrypto(check: () => Promise<VerifyResult>): Promise<VerifyResult> {
  if (globalThis.crypto?.subtle === undefined) return no("crypto_unavailable");
  try {
    return await check();
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotSupportedError") return no("crypto_unavailable");
    throw error;
  }
}

function no(problem: VerifyProblem): VerifyResult {
  return { ok: false, problem };
}

type Json = Record<string, unknown>;

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A leaf is canonical JSON, so one entry has one text. */
function readLeaf(leaf: string): Json | undefined {
  try {
    const entry: unknown = JSON.parse(leaf);
    return isObject(entry) && canonical(entry) === leaf ? entry : undefined;
  } catch {
    return undefined;
  }
}

function readHashes(hashes: readonly string[] | undefined): Bytes[] | undefined {
  if (!Array.isArray(hashes)) return undefined;
  const bytes = hashes.map((hash) => (typeof hash === "string" ? fromHex(hash) : undefined));
  return bytes.every((item) => item !== undefined) ? bytes : undefined;
}

/** Each opening that is shown opens a commitment of the leaf; openings that were erased are simply absent. */
async function openingsFit(entry: Json, receipt: Receipt): Promise<boolean> {
  const commitments = isObject(entry["commitments"]) ? entry["commitments"] : {};
  for (const [field, opening] of Object.entries(receipt.openings ?? {})) {
    const commitment = Object.hasOwn(commitments, field) ? commitments[field] : undefined;
    if (typeof commitment !== "string" || !OPENING_FIELDS.some((known) => known === field)) return false;
    if (!isObject(opening) || !(await opens(commitment, field, String(opening["salt"]), opening["value"]))) {
      return false;
    }
  }
  return true;
}

/** A summary of any shape may come from a stranger: one that cannot even be read does not fit. */
function readsAs(entry: Json, receipt: Receipt): boolean {
  try {
    return summaryFits(entry, receipt);
  } catch {
    return false;
  }
}

/** The summary is what a person reads, so it must say what the proof is about. */
function summaryFits(entry: Json, receipt: Receipt): boolean {
  const { summary, openings } = receipt;
  const who = isObject(openings?.who?.value) ? openings.who.value : {};
  const why = isObject(openings?.why?.value) ? openings.why.value : {};
  return (
    isObject(summary) &&
    Array.isArray(summary.agents) &&
    summary.action === entry["action"] &&
    summary.outcome === entry["outcome"] &&
    summary.reason === entry["reason"] &&
    summary.at === entry["at"] &&
    summary.asked?.id === who["subject"] &&
    same(
      summary.agents.map((agent) => agent.id),
      who["actors"] ?? [],
    ) &&
    summary.grant?.id === why["grant"] &&
    same(summary.case ?? null, why["case"] ?? null)
  );
}

function same(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}
