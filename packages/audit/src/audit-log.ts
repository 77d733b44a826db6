/**
 * What a log does for the rooms: the interface, apart from how it is kept (log.ts).
 */
import type { Clock, GrantId, PrincipalId } from "@deputize/core";
import type { MigrationSet, Queryable, Store } from "@deputize/store";
import type { AuditEvent } from "./event.ts";
import type { Receipt } from "./receipt-shape.ts";

/** Schema `audit`: apply after the store's own. */
export const auditMigrations: MigrationSet = {
  name: "audit",
  directory: new URL("../migrations/", import.meta.url),
};

export interface AuditLogOptions {
  readonly store: Store;
  /** Ed25519 private key: PKCS#8 PEM, or a JWK as JSON text. */
  readonly signingKey: string;
  /** Names the log in its checkpoints and never changes, such as `shop.example/audit`. */
  readonly origin: string;
  readonly clock?: Clock;
  /** Each signed checkpoint is also appended here and flushed to the disk. Without it, a roll-back of the
   * whole database is seen only by whoever else holds a checkpoint [SR-20]. */
  readonly anchorFile?: string;
  /** A second key that cosigns each checkpoint (C2SP tlog-cosignature). */
  readonly witness?: { readonly name: string; readonly key: string };
  /** Entries that one commit appends at most; 2,000 unless told. */
  readonly batchSize?: number;
  /** How often an idle leader looks for entries of other processes; 200 ms unless told. */
  readonly pollMs?: number;
  /** How long a silent leader keeps the others waiting; 3,000 ms unless told. */
  readonly leaseMs?: number;
  /** Hears what went wrong in the background; the log tries again by itself unless `fatal`. */
  readonly onError?: (error: unknown, fatal: boolean) => void;
}

/** Looks up what a receipt's ids are called now. It decorates the summary and is no part of the proof. */
export interface ReceiptNames {
  principal?(id: PrincipalId): Promise<string | undefined>;
  grant?(id: GrantId): Promise<{ scopes: readonly string[]; expires: string } | undefined>;
}

export interface ReceiptOptions {
  /** Answer only if this principal is the entry's subject; otherwise as if it did not exist. */
  readonly onlyFor?: PrincipalId;
  readonly names?: ReceiptNames;
}

export interface SignedCheckpoint {
  readonly size: number;
  /** Root hash, hex. */
  readonly root: string;
  /** C2SP signed note. */
  readonly note: string;
}

/** One line of the log as its readers see it; what was erased is absent. */
export interface LoggedEntry {
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly action: string;
  readonly outcome: string;
  readonly reason?: string;
  readonly subject?: string;
  readonly actors: readonly string[];
  /** Leaf hash, hex. */
  readonly hash: string;
  /** Leaf hash of the entry before, hex; 64 zeros for the first. */
  readonly prev_hash: string;
  readonly event?: Partial<AuditEvent>;
}

export interface ListOptions {
  readonly tenant?: string;
  readonly subject?: PrincipalId;
  readonly action?: string;
  readonly outcome?: string;
  /** RFC 3339, inclusive and exclusive. */
  readonly since?: string;
  readonly until?: string;
  /** Only entries before (newest first) or after (oldest first) this sequence number. */
  readonly cursor?: number;
  readonly order?: "newest" | "oldest";
  /** 100 unless told, 1,000 at most. */
  readonly limit?: number;
}

export interface AuditLog {
  /** C2SP verifier key of the log, to be kept apart from it. */
  readonly publicKey: string;
  /**
   * Records in the effect's own transaction, so that both commit or neither does. In a sealed transaction
   * the database itself stamps subject, acting principal, tenant and grants; without a seal only the
   * authority and the log itself may record. Throws `audit_unavailable`, and the effect must not happen.
   * Returns the entry id.
   */
  record(tx: Queryable, event: AuditEvent): Promise<string>;
  /** Records in a transaction of its own: refusals and reads. Events of one moment share a commit. */
  append(event: AuditEvent): Promise<string>;
  /** The receipt of an entry, pending until it is in a signed tree; undefined when there is none. */
  receipt(entryId: string, options?: ReceiptOptions): Promise<Receipt | undefined>;
  /** The newest signed checkpoint; undefined while the log is empty. */
  checkpoint(): Promise<SignedCheckpoint | undefined>;
  /** Proof that the tree of `newSize` extends that of `oldSize`, as hex. Throws `invalid_request`. */
  consistency(oldSize: number, newSize: number): Promise<string[]>;
  list(options?: ListOptions): Promise<LoggedEntry[]>;
  /** How many entries are signed, and how many wait. */
  counts(): Promise<{ entries: number; pending: number }>;
  /** Erases what identifies a principal in the log; leaves, proofs and checkpoints stay valid [SR-24].
   * Returns how many entries it touched. */
  erase(principal: PrincipalId): Promise<number>;
  /** Starts the sequencer. Throws `audit_unavailable` when the store is behind the anchor. */
  start(): Promise<void>;
  /** Waits until all entries submitted before the call are signed. Throws `timeout` after 15 s. */
  flush(): Promise<void>;
  close(): Promise<void>;
}
