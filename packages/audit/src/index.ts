/**
 * audit: an append-only transparency log. Rooms record what happened in the transaction in which it happened;
 * one sequencer puts it into a Merkle tree and signs the tree; everybody can hold a receipt and check it.
 * `@deputize/audit/verify` has the checks alone, for browsers.
 */
export { readAnchor } from "./anchor.ts";
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
export { type ErasedName, countOpenings } from "./erase.ts";
export {
  type AuditEvent,
  EVENT_LIMITS,
  type EventRest,
  OUTCOMES,
  type Outcome,
  auditEvent,
} from "./event.ts";
export { type FilePage, type FilePageQuery, readFilePage } from "./file-entries.ts";
export type { FileAuditLog } from "./file-log.ts";
export { proveFromFiles } from "./file-receipt.ts";
export { type KeyedFileLogOptions, type KeyedStoreLogOptions, auditLog } from "./keyed-log.ts";
export { readOrMakeKey } from "./key-file.ts";
export { createAuditLog } from "./log.ts";
export { readLogFiles } from "./log-lines.ts";
export { type VerifyStoreOptions, dumpLog, readStoreLog, verifyDump, verifyLog } from "./log-source.ts";
export { auditSecretFrom } from "./secret-setting.ts";
export { type PreparedEntry, prepareEntry } from "./prepare-entry.ts";
export { auditReader } from "./reader.ts";
export { type ProveOptions, proveEntry } from "./receipt.ts";
export { REFUSAL_ENTRIES } from "./refusal-budget.ts";
export {
  REFUSAL_LIMITS,
  type RefusalCounter,
  type RefusalCounterOptions,
  refusalCounter,
} from "./refusal-counter.ts";
export { type NoteSigner, type Witness, noteSigner, witness } from "./signer.ts";
export type { LogProblem, LogProblemKind, LogReport, LogWarning } from "./log-report.ts";
export { type LogItem, type VerifyLogOptions, verifyItems } from "./verify-log.ts";
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
