/**
 * `ctx.session`: small state of one conversation with one client, such as a search history.
 *
 * Guarantees: keyed by server, tenant, subject, client and session together, each length-prefixed before hashing, so no two
 * callers share a key on one transport and another's session id opens nothing (PR-D24, PR-D35); bounded in size and lifetime.
 * Does not: say where it is kept; a `SessionStore` does (session-stores.ts).
 */
import type { Caller } from "@deputize/core";

export interface SessionState {
  get<T>(key: string): Promise<T | undefined>;
  get<T>(key: string, fallback: T): Promise<T>;
  set(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
}

/** Which session. */
export interface SessionKey {
  readonly server: string;
  readonly caller: Caller;
  /** The client's session or conversation id. */
  readonly session: string;
  readonly ttlMs: number;
}

/** Where sessions are kept. */
export interface SessionStore {
  /** The state of one caller's session. */
  of(key: SessionKey): SessionState;
  /**
   * Removes what a person has in all sessions with all servers, and answers how many rows or sessions went. For the job that
   * erases a person; nothing that a person asks for by a tool.
   */
  eraseOwner(owner: Pick<Caller, "tenant" | "subject">): Promise<number>;
}

export const DEFAULT_SESSION_TTL_MS = 60 * 60_000;
