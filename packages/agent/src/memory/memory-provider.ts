/**
 * What an agent remembers of a person beyond one conversation. Three providers do the same: this process, Postgres with vectors,
 * and a service that speaks Mem0's API; one set of tests (memory-provider.contract.ts) holds all of them to what stands here.
 *
 * Guarantees: a memory belongs to the (tenant, subject) for whom it was added, and nobody else reads, changes or removes it
 * [PR-D40]; another's, a removed one, one past its time and one that never was answer in the same words. Each keeps its label,
 * and one without has the unknown label [SR-07]. Only a memory that a person shared by an act of their own, in a provider that
 * was made with `shared: true`, is found for others of the tenant, and for them it is somebody else's text.
 */
import { type Caller, DeputizeError, isDeputizeError } from "@deputize/core";
import type { Label } from "@deputize/guardrails/flow";

/** How a memory came to be: somebody said to keep it, or a turn left it. */
export type MemoryAct = "explicit" | "turn";

/** Where a memory came from. */
export interface MemoryOrigin {
  readonly act: MemoryAct;
  readonly agent?: string;
  readonly conversation?: string;
  readonly run?: string;
}

export interface Memory {
  readonly id: string;
  readonly text: string;
  readonly label: Label;
  readonly origin: MemoryOrigin;
  readonly shared: boolean;
  /** RFC 3339, as all times here. */
  readonly created: string;
  readonly updated: string;
  /** When it is gone by itself; absent where it stays. */
  readonly expires?: string;
}

export interface NewMemory {
  /** 1 to 4,000 characters. */
  readonly text: string;
  /** Absent: the caller's own words when they act without a deputy, unknown otherwise. */
  readonly label?: Label;
  /** An explicit act unless told. */
  readonly origin?: MemoryOrigin;
  /** For everybody of the tenant. */
  readonly shared?: boolean;
  readonly ttlMs?: number;
  /** What `lastErasure` said before the work began that made this: it is not kept where its person was erased since. */
  readonly lastErasure?: string;
}

export interface FoundMemory extends Memory {
  /** How well it fits, from 0 to 1. */
  readonly score: number;
}

export interface MemoryQuery {
  /** At most so many, the best first. */
  readonly limit: number;
  readonly minScore: number;
  readonly signal?: AbortSignal;
}

/** Whose memories. */
export type MemoryOwner = Pick<Caller, "tenant" | "subject">;

export interface MemoryProvider {
  readonly kind: "memory" | "postgres" | "mem0";
  /**
   * Keeps a memory. No id where a service takes it in later. Throws `MemoryIsolationError` for one that may not be shared,
   * `validation_failed` for its text or time, `limit_exceeded` when the person has too many that they asked to keep; of those
   * that turns left, the oldest make room; `conflict` where the person was erased meanwhile.
   */
  add(caller: Caller, memory: NewMemory): Promise<{ readonly id?: string }>;
  /** What fits `text` best, of the caller's own and of what was shared with them. */
  search(caller: Caller, text: string, query: MemoryQuery): Promise<readonly FoundMemory[]>;
  /** The caller's own, newest first, 50 a page unless told, 100 at most; `next` is the cursor of the following page. */
  list(
    caller: Caller,
    page?: { readonly limit?: number; readonly cursor?: string },
  ): Promise<{ readonly memories: readonly Memory[]; readonly next?: string }>;
  /** One of the caller's own. Throws `not_found`. */
  get(caller: Caller, id: string): Promise<Memory>;
  /**
   * Replaces the text. What was untrusted stays so, since nobody can tell how much of the old text the new one holds: a memory
   * that is to be trusted is removed and added anew. Throws `not_found`, `validation_failed`.
   */
  correct(caller: Caller, id: string, text: string): Promise<Memory>;
  /** Throws `not_found`. */
  delete(caller: Caller, id: string): Promise<void>;
  /** Versions, by tag, that change with whatever a search may find for this caller; absent where nobody raises them. */
  versions?(caller: Caller): Promise<Readonly<Record<string, string>> | undefined>;
  /** Which erasure of the caller was the last; absent where nobody can tell. */
  lastErasure?(caller: Caller): Promise<string>;
  /** All of the caller's own, page by page. */
  exportOwner(caller: Caller): AsyncIterable<Memory>;
  /** Removes all that a person has here, and answers how many; for an erasure job, which decides whether it may. */
  eraseOwner(owner: MemoryOwner): Promise<number>;
}

/** A memory that would leave the person it belongs to without their explicit act, or where the provider keeps people apart. */
export class MemoryIsolationError extends DeputizeError {
  override readonly name = "MemoryIsolationError";

  constructor(message: string) {
    super("forbidden", message);
  }

  static isInstance(error: unknown): error is MemoryIsolationError {
    return error instanceof MemoryIsolationError;
  }
}

export function memoryNotFound(): DeputizeError {
  return new DeputizeError("not_found", "there is no such memory");
}

export function tooManyMemories(most: number): DeputizeError {
  return new DeputizeError("limit_exceeded", `at most ${most} memories are kept; remove some first`);
}

/** A provider's own trouble, as an error that may be shown; refusals stay what they are. */
export function memoryFault(error: unknown): DeputizeError {
  if (isDeputizeError(error)) return error;
  return new DeputizeError("unavailable", "memories could not be read or stored; try again shortly", {
    cause: error,
    retryAfterSeconds: 2,
  });
}
