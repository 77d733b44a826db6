/**
 * What a handler is given: who is asking, a database that acts as that caller, and nothing else to reach for.
 */
import type { Caller, Effect, PrincipalId } from "@deputize/core";
import type { Tx } from "@deputize/store";
import type { AfterWork } from "./background.ts";
import type { ClientContext } from "./client-context.ts";
import type { Provided } from "./provide.ts";
import type { Secrets } from "./secrets/secret-scope.ts";
import type { SessionState } from "./session-state.ts";

/** Short transactions as the caller: rows of others are not there, whatever the query says (SR-02). */
export interface ReadDatabase {
  /** A READ ONLY transaction. */
  read<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
}

export interface WriteDatabase extends ReadDatabase {
  /**
   * The one transaction of this call's effect: liveness of the grant, the approval, the work, the audit entry
   * and the deadline stand or fall together (SR-13, SR-15, SR-16, SR-18). May be called once.
   */
  write<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
}

/** The client's answers to an earlier `input_required` result. They are untrusted input. */
export interface ClientInput {
  readonly responses: Readonly<Record<string, unknown>> | undefined;
  /** The state that this server sealed earlier, after its seal was checked. */
  state<T>(): T | undefined;
  /** Seals a state for the client to carry, bound to this caller and this tool. */
  seal(state: unknown): Promise<string>;
  /** Capabilities that the client declared on this request. */
  readonly capabilities: Readonly<Record<string, unknown>>;
}

/** An open case, and whose data is read under it. */
export interface CaseUse {
  readonly id: string;
  readonly purpose: string;
  readonly about: PrincipalId;
}

export interface ToolContext<E extends Effect = Effect> {
  readonly client: ClientContext;
  readonly clientId: string;
  readonly caller: Caller;
  /** Our own id of this request. One that the client sends is kept apart (PR-D10). */
  readonly requestId: string;
  readonly server: string;
  /** The name of what is called: a tool, a resource or a prompt, as `kind` says. */
  readonly tool: string;
  readonly kind: "tool" | "resource" | "prompt";
  /** A header of the request, which its sender wrote as it liked. Never one that a credential is in. */
  header(name: string): string | undefined;
  /** Aborts on timeout and when the client goes away. */
  readonly signal: AbortSignal;
  readonly db: E extends "read" ? ReadDatabase : WriteDatabase;
  readonly session: SessionState;
  /** The server's credentials for the systems behind it: lent as bytes, recorded by name, zeroed at the end of the call. */
  readonly secrets: Secrets;
  readonly input: ClientInput;
  /** Says under which open case rows of somebody else are answered; the call's entry carries it and its purpose (SR-04). */
  caseUsed(used: CaseUse): void;
  /** Says until when the answer holds at most (epoch milliseconds), such as the end of an offer that it tells of. */
  validUntil(atMs: number): void;
  /** A dependency that the tool names in `inject`, made for this call. */
  get<T>(wanted: Provided<T>): T;
  /** Work for after the answer, if the call succeeds. It has no database and no caller; see background.ts. */
  after(work: AfterWork): void;
  /** Tells the client how far the work is, if it asked to know. Never rejects, and says nothing once the call has ended. */
  progress(progress: number, total?: number, message?: string): Promise<void>;
  /** Sends a log message to a client that asked for them, as `progress` does. Never put another person's data in it. */
  log(level: "debug" | "info" | "warning" | "error", message: unknown): Promise<void>;
  /** Asks a 2025 client on a session (`sessions: true`) for input or for a completion. Throws on newer ones. */
  readonly legacy: LegacyRequests;
}

export interface LegacyRequests {
  elicit(params: Record<string, unknown>): Promise<unknown>;
  sample(params: Record<string, unknown>): Promise<unknown>;
}
