/** The face of an agent: what it is made of and what can be asked of it. */
import type { AuditLog } from "@deputize/audit";
import type { Caller, Clock, PrincipalId } from "@deputize/core";
import type { Label } from "@deputize/guardrails/flow";
import type { ToolApprovalOptions } from "./approvals/tool-approvals.ts";
import type { TurnEvent, TurnResult } from "./events.ts";
import type { ResolvedModel } from "./models/resolve-model.ts";
import type { ConversationStore, Conversations } from "./conversations/conversation-store.ts";
import type { AgentObserver } from "./observe/agent-event.ts";
import type { AgentAuthority, ApprovalDecision, OfferedTool, ToolSource } from "./tools/tool-source.ts";
import type { Used } from "./usage/used.ts";
import type { AnswerCache, AnswerRests, Budgets, TextGuard, ToolChooser, TurnMemory } from "./turn/ports.ts";

export interface AgentLimits {
  /** Model calls in one run. 12 unless set. */
  readonly steps: number;
  /** Wall time of one turn or resumption, in milliseconds. 120,000 unless set. */
  readonly timeMs: number;
  /** Tokens in and out of one run. 60,000 unless set. */
  readonly tokens: number;
  /** Tool calls in one run. 100 unless set. */
  readonly toolCalls: number;
  /** What one run may cost in millionths of a US dollar, in whole model calls; no limit unless set. The model needs a price then. */
  readonly costMicros?: number;
  /** Characters of one message. 8,000 unless set. */
  readonly messageChars: number;
  /** Earlier messages of the conversation that are put in context. 30 unless set. */
  readonly historyMessages: number;
}

export interface AgentOptions {
  /** The agent's principal name, such as `order-management`. */
  readonly name: string;
  readonly description: string;
  /** The agent's own principal, which acts in what it does itself; entries name only its caller's deputies without. */
  readonly principal?: PrincipalId;
  readonly model: ResolvedModel;
  /**
   * What the agent is for. A function is asked once a run, for prompts that fit the caller's roles (SH-D28); it never
   * puts who the caller is, or a word of theirs, into the prompt.
   */
  readonly instructions: string | ((caller: Caller) => string);
  readonly toolSources: readonly ToolSource[];
  readonly conversations: ConversationStore;
  readonly audit: Pick<AuditLog, "append">;
  readonly clock?: Clock;
  readonly limits?: Partial<AgentLimits>;
  /** Scans messages and answers. */
  readonly guard?: TextGuard;
  readonly memory?: TurnMemory;
  readonly cache?: AnswerCache;
  readonly budgets?: Budgets;
  readonly chooser?: ToolChooser;
  /** Which calls the agent refuses, or asks about, before it makes them; stricter than the tool servers, never laxer. */
  readonly approvals?: ToolApprovalOptions;
  /** Told of everything that turns do; see `AgentEvent`. */
  readonly observers?: readonly AgentObserver[];
  /** Told of every fault behind a failed turn, for the server's log. Nothing of it is shown to anybody. */
  readonly onFault?: (error: unknown, where: { readonly runId: string }) => void;
}

export interface RunOptions {
  /**
   * The label of `message`. Absent: the caller's own words when the caller acts without a deputy, unknown
   * otherwise. Whoever calls for a person with an exchanged token says `privateLabel(subject, "person")`; an
   * agent that was called by an agent passes on the label that came with the message [SR-07].
   */
  readonly inputLabel?: Label;
  /** What the person wrote, where `message` was written by an agent for them. */
  readonly personMessage?: string;
  /** The person's own conversation, where this one is a called agent's: what approval cards name. */
  readonly personConversationId?: string;
  /** Refuse a `conversationId` that is not the caller's already, instead of beginning it. */
  readonly mustExist?: boolean;
  /** Model calls in this run, where fewer than the agent's own limit. */
  readonly steps?: number;
  /** The id that refusals and faults are reported under. */
  readonly requestId?: string;
  /**
   * Ties records, spans and lines of tool servers to the request that all began with; `requestId` unless set, which an agent that
   * was called by an agent does. A random id, never words of anybody.
   */
  readonly correlationId?: string;
  /**
   * Told the run's label when it ends or pauses (before the `done` event). An agent that streams its answer to another agent
   * passes it on with the text [SR-07].
   */
  readonly onLabel?: (label: Label) => void;
  /**
   * Told what the run used and what its answer rests on, when it ends or pauses (before the `done` event): an agent that was asked
   * by another one passes it on, for the other's budgets, accounts and kept answers.
   */
  readonly onAccount?: (account: TurnAccount) => void;
  /** Whoever asks is bounded in money: the run is refused (`limit_exceeded`) where nobody can tell what it costs. */
  readonly costMustBeKnown?: boolean;
}

/** What an answer cost and rests on. */
export interface TurnAccount {
  readonly used: readonly Used[];
  /** Absent where nobody may keep the answer: it changed something, failed, or rests on more than data with versions. */
  readonly rests?: AnswerRests;
}

export interface TurnRequest {
  readonly caller: Caller;
  readonly authority: AgentAuthority;
  readonly message: string;
  /** A UUID; one that is new becomes the caller's, one of somebody else answers `not_found`. */
  readonly conversationId?: string;
  readonly signal?: AbortSignal;
  readonly runOptions?: RunOptions;
}

export interface ResumeRequest {
  readonly caller: Caller;
  readonly authority: AgentAuthority;
  readonly approvalId: string;
  readonly decision: ApprovalDecision;
  readonly signal?: AbortSignal;
  readonly runOptions?: Pick<
    RunOptions,
    "requestId" | "correlationId" | "onLabel" | "onAccount" | "personConversationId" | "costMustBeKnown"
  >;
}

export interface LastingRequest {
  readonly caller: Caller;
  readonly authority: AgentAuthority;
  /** UUIDs, the same each time. Nobody else's words are in this conversation. */
  readonly runId: string;
  readonly conversationId: string;
  readonly message: string;
  readonly inputLabel: Label;
  /** What a person decided, when the run waited for that. */
  readonly decided?: { readonly approvalId: string; readonly decision: ApprovalDecision };
}

/** How far a lasting run came: to its end, to a question for a person, or until its authority ended (`parked`). */
export type CarriedOn =
  | { readonly status: "done" | "failed" | "stopped" }
  | { readonly status: "waiting"; readonly approvalId: string }
  | { readonly status: "parked"; readonly code: string };

export interface Agent {
  readonly name: string;
  readonly description: string;
  readonly model: { readonly name: string; readonly offline: boolean };
  readonly conversations: Conversations;
  /** Agents that its tools ask. */
  readonly asks: readonly string[];
  /** This agent, and agents that it asks, whose models have no price; empty where all that it does has a known cost. */
  readonly unpriced: readonly string[];
  /**
   * One turn. Errors before any work (`not_found`, `conflict`, `validation_failed`) are thrown from the first
   * step of the iteration; later ones are an `error` event, and the turn is stored as failed. A consumer that
   * leaves early does not end the run, whose answer is stored; `signal` and `stop` do.
   */
  stream(request: TurnRequest): AsyncIterable<TurnEvent>;
  /** The same, gathered. */
  run(request: TurnRequest): Promise<TurnResult>;
  /** Continues the run that waits for this approval. `not_found` when none does, or it is somebody else's. */
  resume(request: ResumeRequest): AsyncIterable<TurnEvent>;
  resumeRun(request: ResumeRequest): Promise<TurnResult>;
  /**
   * Begins a run that outlives this process, or carries on with one from the last step that was stored; asked again for a step that
   * was taken, it answers how far the run is. A call that was under way when its process died is sent again under its own id.
   * Throws `conflict` while another process works on it, and `config_invalid` where the conversations are kept elsewhere, or the agent asks others.
   */
  carryOn(request: LastingRequest): Promise<CarriedOn>;
  /** The tools that this caller may use now, as a model is shown them. Throws where a source cannot tell. */
  tools(request: {
    readonly caller: Caller;
    readonly authority: AgentAuthority;
    readonly signal: AbortSignal;
  }): Promise<readonly OfferedTool[]>;
  /** Ends a run of the caller's, on whatever replica it is. `not_found` when there is none. */
  stop(request: { readonly caller: Caller; readonly runId: string }): Promise<void>;
  /** Stops what runs here and waits for it. */
  close(): Promise<void>;
}
