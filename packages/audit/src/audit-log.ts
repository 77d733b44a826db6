/**
 * What a log does for the rooms: the interface, apart from how it is kept (log.ts).
 */
import type { Clock, GrantId, PrincipalId } from "@deputize/core";
import type { MigrationSet, Queryable, Store } from "@deputize/store";
import type { ErasedName } from "./erase.ts";
import type { AuditEvent, Outcome } from "./event.ts";
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
  /** Each entry also carries a message authentication code made with it (mac.ts); 32 bytes or more. The same in every process. */
  readonly secret?: string;
  readonly clock?: Clock;
  /** Each signed checkpoint is also appended here and flushed to the disk. Without it, a roll-back of the
   * whole database is seen only by whoever else holds a checkpoint [SR-20]. */
  readonly anchorFile?: string;
  /** A second key that cosigns each checkpoint (C2SP tlog-cosignature). */
  readonly witness?: { readonly name: string; readonly key: string };
  /**
   * Verify the whole log at the start: an edited, inserted, moved or missing entry stops the log, and with it everything that must be
   * logged. `start` waits two seconds for it; the rest of a long log is read while it already serves.
   */
  readonly verifyAtStart?: boolean;
  /** Verifier keys that signed this log before its key was changed, for `verifyAtStart`. */
  readonly earlierKeys?: readonly string[];
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

export interface AuditQuery {
  readonly tenant: string;
  /** The event's `agent`; for events without one, the id of the principal that acted. */
  readonly agentId?: string;
  readonly taskId?: string;
  readonly app?: PrincipalId;
  readonly subject?: PrincipalId;
  readonly action?: string;
  /** One, or any of several. */
  readonly outcome?: Outcome | readonly Outcome[];
  /** RFC 3339, inclusive and exclusive. */
  readonly since?: string;
  readonly until?: string;
  /** How many entries to skip; 0 unless told. Not with `cursor`. */
  readonly offset?: number;
  /** `next` of the page before: only entries before (newest first) or after (oldest first) this sequence number. */
  readonly cursor?: number;
  readonly order?: "newest" | "oldest";
  /** 100 unless told, 1,000 at most. */
  readonly limit?: number;
}

/** Without a tenant it reads the log of all of them, and by an action or outcome the whole of it: for tools, not for routes. */
export type ListOptions = Partial<AuditQuery>;

/** A rendering of the log that is kept: an entry never changes, only its openings can go. */
export interface AuditView {
  /** As `AuditLog.query`. Callers share what it answers and may not change it. */
  query(
    query: AuditQuery,
  ): Promise<{ readonly rendered: readonly string[]; readonly total: number; readonly next?: number }>;
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
  /** Says that entries made by `prepareEntry` are about to be submitted, so that they are in the log soon. Throws when the log
   * is damaged, and then nothing may be submitted. */
  announce(): void;
  /** Records in a transaction of its own: refusals and reads. Events of one moment share a commit. */
  append(event: AuditEvent): Promise<string>;
  /** The receipt of an entry, pending until it is in a signed tree; undefined when there is none. */
  receipt(entryId: string, options?: ReceiptOptions): Promise<Receipt | undefined>;
  /** The newest signed checkpoint; undefined while the log is empty. */
  checkpoint(): Promise<SignedCheckpoint | undefined>;
  /** Proof that the tree of `newSize` extends that of `oldSize`, as hex. Throws `invalid_request`. */
  consistency(oldSize: number, newSize: number): Promise<string[]>;
  /**
   * One page, newest first unless told, and how many entries match in all (`cursor` aside). It shows everything that was committed
   * before the call. `next` is there when the page is full. Throws `invalid_request`, and `timeout` when the log does not
   * settle in 15 s.
   */
  query(query: AuditQuery): Promise<{ entries: LoggedEntry[]; total: number; next?: number }>;
  /** The same for a route that is asked often: `render` is called once for an entry, and a page is kept while the log stands still. */
  view(render: (entry: LoggedEntry) => string): AuditView;
  /** The entries of one page, without what is committed and not in the tree yet. Throws `invalid_request`. */
  list(options?: ListOptions): Promise<LoggedEntry[]>;
  /** How many entries are signed, and how many wait. */
  counts(): Promise<{ entries: number; pending: number }>;
  /**
   * Erases what identifies a principal in the log, or all that was said of a worker or a task; leaves, proofs and checkpoints
   * stay valid [SR-24]. Returns how many entries it touched.
   */
  erase(what: PrincipalId | ErasedName): Promise<number>;
  /** Starts the sequencer. Throws `audit_unavailable` when the store is behind the anchor, or damaged as far as was verified. */
  start(): Promise<void>;
  /** Waits until all entries submitted before the call are signed. Throws `timeout` after 15 s. */
  flush(): Promise<void>;
  /**
   * Waits until all that was committed before the call, by any process, has its place in the log; signed or not. Costs one
   * read when nothing waits; calls of one moment share the work. Throws `timeout` after 15 s.
   */
  settle(): Promise<void>;
  close(): Promise<void>;
}
