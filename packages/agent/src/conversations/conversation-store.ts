/**
 * Where an agent keeps what was said and how far each run came. Four stores do the same: Postgres, SQLite, Redis, and this
 * process; one set of tests (conversation-store.contract.ts) holds all of them to what stands here.
 *
 * Guarantees: a conversation belongs to the (tenant, subject) that began it; another's, a removed one and one that never was
 * answer in the same words [PR-D27]. It is claimed in one step before any other work, and has one run at a time; whoever loses
 * gets `conflict` [PR-D25]. A paused run is taken up by exactly one resumption. Messages are appended, never rewritten
 * [PR-D28]. A label that is missing reads as unknown [SR-07]. A run whose process died counts as failed, and is said so.
 */
import { type Caller, type Clock, DeputizeError, isDeputizeError } from "@deputize/core";
import type { Label } from "@deputize/guardrails/flow";
import type { Approval, Card, RunStatus, Step, TurnEnd } from "../events.ts";

export interface Message {
  readonly id: string;
  readonly seq: number;
  readonly role: "user" | "assistant";
  readonly content: string;
  readonly agent_name?: string;
  readonly agents_involved: readonly string[];
  readonly cards: readonly Card[];
  readonly steps: readonly Step[];
  /** As they were when the message was written; the authority knows their present status. */
  readonly approvals: readonly Approval[];
  readonly created: string;
}

export interface ConversationSummary {
  readonly id: string;
  readonly title: string;
  /** RFC 3339. */
  readonly last_message: string;
}

export interface Conversation {
  readonly id: string;
  readonly title: string;
  /** Oldest first: the newest ones, or those before the asked `seq`. */
  readonly messages: readonly Message[];
  /** There are earlier messages: what to ask for as `before`. */
  readonly earlier?: number;
}

/** Everything that is kept of a message. */
export interface StoredMessage extends Message {
  readonly run: string;
  readonly label: Label;
  readonly tokens_in: number;
  readonly tokens_out: number;
  /** Taken out: only its place is left. */
  readonly removed?: true;
}

/** One line of an export. A conversation's messages follow it, oldest first. */
export type ExportRecord =
  | (ConversationSummary & {
      readonly kind: "conversation";
      readonly agent: string;
      readonly created: string;
    })
  | (StoredMessage & { readonly kind: "message"; readonly agent: string; readonly conversation: string });

/** What programs keep with a conversation. Nothing of it is in the model's context, and no authority comes from it. */
export interface ConversationFacts extends ConversationSummary {
  /** RFC 3339. */
  readonly created: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly state: Readonly<Record<string, unknown>>;
  /** Counts the changes of `state`. */
  readonly version: number;
}

/** A message that is kept without a turn. */
export interface KeptMessage {
  readonly role: "user" | "assistant";
  readonly content: string;
  readonly label: Label;
}

export interface Conversations {
  /** Begins one in which nothing was said yet. Throws `conflict` when the caller has one under this id, or had. */
  begin(
    caller: Caller,
    conversation?: {
      readonly id?: string;
      readonly title?: string;
      readonly metadata?: Readonly<Record<string, unknown>>;
    },
  ): Promise<ConversationFacts>;
  /** Appends messages that no turn makes, in their order; later turns read them. Throws as `get`, and `conflict` while a turn runs. */
  append(caller: Caller, id: string, messages: readonly KeptMessage[]): Promise<readonly Message[]>;
  /** Takes a message out, for readers, exports and later turns alike. Throws as `get`, and `conflict` while a turn runs. */
  removeMessage(caller: Caller, id: string, messageId: string): Promise<void>;
  /** Throws as `get`. */
  facts(caller: Caller, id: string): Promise<ConversationFacts>;
  /**
   * Replaces metadata, or state; `expected` is the version of the state that it replaces. Throws as `get`, and `conflict` when the
   * state has moved on.
   */
  setFacts(
    caller: Caller,
    id: string,
    facts: {
      readonly metadata?: Readonly<Record<string, unknown>>;
      readonly state?: Readonly<Record<string, unknown>>;
      readonly expected?: number;
    },
  ): Promise<ConversationFacts>;
  /** Newest first, 50 a page unless told, 100 at most; `next` is the cursor of the following page. */
  list(
    caller: Caller,
    page?: { readonly limit?: number; readonly cursor?: string },
  ): Promise<{ readonly conversations: readonly ConversationSummary[]; readonly next?: string }>;
  /**
   * The newest 200 messages unless told, 1,000 at most; earlier ones by `before`, a message's `seq`. Throws
   * `SessionAccessDeniedError`, in the same words whether it is missing, removed or somebody else's.
   */
  get(
    caller: Caller,
    id: string,
    page?: { readonly limit?: number; readonly before?: number },
  ): Promise<Conversation>;
  /** Throws as `get`, and `validation_failed` for a title of no or more than 200 characters. */
  rename(caller: Caller, id: string, title: string): Promise<ConversationSummary>;
  /** Removes it with its messages and ends its run; nobody can begin it anew under this id. Throws as `get`. */
  delete(caller: Caller, id: string): Promise<void>;
  /** All of the caller's conversations with this agent, or one. Page by page, so it can be of any size. Throws as `get`. */
  export(caller: Caller, id?: string): AsyncIterable<ExportRecord>;
}

export interface HistoryMessage {
  readonly role: "user" | "assistant";
  readonly content: string;
}

export interface ClaimedTurn {
  readonly runId: string;
  readonly conversationId: string;
  readonly history: readonly HistoryMessage[];
  /** The join of the labels of `history`. */
  readonly historyLabel: Label;
}

export interface AssistantMessage {
  readonly content: string;
  readonly agentsInvolved: readonly string[];
  readonly cards: readonly Card[];
  readonly steps: readonly Step[];
  readonly approvals: readonly Approval[];
  readonly label: Label;
  readonly tokensIn: number;
  readonly tokensOut: number;
}

export interface RunRow {
  readonly runId: string;
  readonly conversationId: string;
  readonly state: unknown;
  readonly label: Label;
}

export interface Runs {
  claimTurn(
    caller: Caller,
    turn: {
      readonly conversationId: string | undefined;
      readonly mustExist: boolean;
      readonly message: string;
      readonly label: Label;
      readonly history: number;
    },
  ): Promise<ClaimedTurn>;
  /** Takes up the run that waits for this approval, or whose resumption died. Throws `not_found`, `conflict`. */
  claimResumption(caller: Caller, approvalId: string): Promise<RunRow>;
  /** Ends a run: its last message and its status are one transaction. Returns the message's id. */
  finish(
    caller: Caller,
    run: RunKey,
    status: Exclude<TurnEnd, "waiting">,
    message: AssistantMessage,
  ): Promise<string>;
  /** Pauses a run until a person decides. */
  pause(
    caller: Caller,
    run: RunKey,
    paused: { readonly approvalId: string; readonly state: unknown; readonly message: AssistantMessage },
  ): Promise<string>;
  /** Keeps how far a resumption came, so that dying after the decided call does not issue it again. */
  checkpoint(caller: Caller, run: RunKey, state: unknown, label: Label): Promise<void>;
  /** Renews the lease. `stop` when somebody asked for it or the run is no longer ours. */
  renew(caller: Caller, run: RunKey): Promise<"go on" | "stop">;
  /** Asks for a stop. Throws `not_found` when the caller has no such run that runs or waits. */
  requestStop(caller: Caller, runId: string): Promise<"running" | "stopped">;
}

export interface RunKey {
  readonly runId: string;
  readonly conversationId: string;
}

/** Runs that outlive the process that works on them, each under an id that whoever begins it chose. */
export interface LastingRuns {
  /** Begins a conversation with a run that waits under its own id. One that is there already stays as it is. */
  begin(caller: Caller, run: RunKey & { readonly message: string; readonly label: Label }): Promise<void>;
  /** How far it is; `pending` is the approval that it waits for, or its own id. Throws `not_found`. */
  look(caller: Caller, runId: string): Promise<{ readonly status: RunStatus; readonly pending: string }>;
}

/** Everything that one agent keeps. */
export interface ConversationRoom extends Runs, Conversations {
  /** Only of stores in the database that the workflow engine keeps its own state in. */
  readonly lasting?: LastingRuns;
}

/** Whose conversations. */
export type Owner = Pick<Caller, "tenant" | "subject">;

/** How many rows an erasure removed. */
export interface ErasedConversations {
  readonly conversations: number;
  readonly messages: number;
  readonly runs: number;
}

export interface ConversationStore {
  readonly kind: "postgres" | "sqlite" | "redis" | "memory";
  /** The conversations that `agent` has with its callers. */
  open(agent: string, clock: Clock): ConversationRoom;
  /** Everything here that the caller owns, whatever agent it was said to. */
  export(caller: Caller): AsyncIterable<ExportRecord>;
  /**
   * Removes all that a person owns here, whatever agent it was said to; their runs end. What they begin afterwards is new:
   * whoever erases for good takes their access first. For an erasure job; nothing that a person asks for by a tool.
   */
  eraseOwner(owner: Owner): Promise<ErasedConversations>;
  /** Frees what the store opened itself; a database that was handed to it stays open. */
  close(): Promise<void>;
}

/** How long a run lives without a sign of life of its process, in milliseconds. */
export const LEASE_MS = 15_000;
/** What is said in the place of a process that died. */
export const CUT_OFF =
  "I was interrupted before I could finish that. Please ask again; nothing more will happen by itself.";

/** A conversation that is not the caller's to use: another's, removed, or one that never was; which one is not said [PR-D27]. */
export class SessionAccessDeniedError extends DeputizeError {
  override readonly name = "SessionAccessDeniedError";

  constructor() {
    super("not_found", "there is no such conversation");
  }

  static isInstance(error: unknown): error is SessionAccessDeniedError {
    return error instanceof SessionAccessDeniedError;
  }
}

export function conversationBusy(): DeputizeError {
  return new DeputizeError(
    "conflict",
    "this conversation is still busy with an earlier message; wait for it or stop it",
  );
}

export function stateMovedOn(): DeputizeError {
  return new DeputizeError("conflict", "the state was changed meanwhile; read it again, then change that");
}

export function conversationTaken(): DeputizeError {
  return new DeputizeError("conflict", "there is, or was, a conversation under this id; choose another");
}

export function messageNotFound(): DeputizeError {
  return new DeputizeError("not_found", "there is no such message");
}

/** Another run took the conversation over: what this one did later is not its word. */
export function runEndedElsewhere(): DeputizeError {
  return new DeputizeError("conflict", "the run was ended elsewhere");
}

export function runNotFound(): DeputizeError {
  return new DeputizeError("not_found", "there is no such run, or it has ended");
}

export function nothingWaits(): DeputizeError {
  return new DeputizeError("not_found", "no run of yours waits for this approval");
}

/** A store's own trouble, as an error that may be shown; refusals stay what they are. */
export function storeFault(error: unknown): DeputizeError {
  if (isDeputizeError(error)) return error;
  return new DeputizeError("unavailable", "the conversation could not be read or stored; try again shortly", {
    cause: error,
    retryAfterSeconds: 2,
  });
}
