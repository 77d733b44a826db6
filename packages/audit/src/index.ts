/**
 * audit: an append-only transparency log. Rooms record what happened in the transaction in which it happened;
 * one sequencer puts it into a Merkle tree and signs the tree; everybody can hold a receipt and check it.
 * `@deputize/audit/verify` has the checks alone, for browsers.
 */
export {
  type AuditLog,
  type AuditLogOptions,
  type AuditQuery,
  type AuditView,
  type ListOptions,
  type LoggedEntry,
  type ReceiptNames,
  type ReceiptOptions,
  type SignedCheckpoint,
  auditMigrations,
} from "./audit-log.ts";
export type { ErasedName } from "./erase.ts";
export {
  type AuditEvent,
  EVENT_LIMITS,
  type EventRest,
  OUTCOMES,
  type Outcome,
  auditEvent,
} from "./event.ts";
export { createAuditLog } from "./log.ts";
export {
  type VerifyStoreOptions,
  dumpLog,
  readDump,
  readStoreLog,
  verifyDump,
  verifyLog,
} from "./log-source.ts";
export { type PreparedEntry, prepareEntry } from "./prepare-entry.ts";
export { auditReader } from "./reader.ts";
export { type ProveOptions, proveEntry } from "./receipt.ts";
export {
  REFUSAL_LIMITS,
  type RefusalCounter,
  type RefusalCounterOptions,
  refusalCounter,
} from "./refusal-counter.ts";
export { type NoteSigner, type Witness, noteSigner, witness } from "./signer.ts";
export {
  type LogItem,
  type LogProblem,
  type LogProblemKind,
  type LogReport,
  type VerifyLogOptions,
  verifyItems,
} from "./verify-log.ts";
export {
  type Checkpoint,
  type CheckpointUpdate,
  type HeldCheckpoint,
  type Opening,
  type Openings,
  type Receipt,
  type ReceiptParty,
  type ReceiptSummary,
  type VerifierKey,
  type VerifyProblem,
  type VerifyReceiptOptions,
  type VerifyResult,
  advanceCheckpoint,
  canonical,
  hashLeaf,
  openCheckpoint,
  openNote,
  parseCheckpoint,
  parseVerifierKey,
  verifyConsistency,
  verifyInclusion,
  verifyReceipt,
} from "./verify.ts";
