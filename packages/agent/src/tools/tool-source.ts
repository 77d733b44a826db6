/**
 * Where an agent's tools come from. A source lists what one caller may use and performs one call for that
 * caller. Whatever authority a call has comes from `ToolContext`, never from arguments, which a model wrote.
 */
import type { Caller } from "@deputize/core";
import type { Destination, Label, Origin } from "@deputize/guardrails/flow";
import type { JSONSchema7 } from "@ai-sdk/provider";
import type { Approval, Card, Step, TurnEvent } from "../events.ts";
import type { ArgumentSource } from "../loop/provenance.ts";
import type { Reads } from "../turn/ports.ts";
import type { Used } from "../usage/used.ts";

/** Gives tokens for one caller's hops; a new one for each request to the agent. */
export interface AgentAuthority {
  /**
   * A token of this agent for its caller, valid at `audience` only. `fresh`: the last one was refused; answers a new one, or
   * throws. Throws a `DeputizeError`; `grant_revoked` and `invalid_token` end the run.
   */
  tokenFor(audience: string, options?: TokenOptions): Promise<string>;
}

export interface TokenOptions {
  readonly fresh?: boolean;
}

export interface OfferedTool {
  /** Letters, digits, `_` and `-`, at most 64: what model providers take. */
  readonly name: string;
  readonly description: string;
  readonly inputSchema: JSONSchema7;
  /** Of these words, where they are not ours: the model reads them as it reads any others [SR-07]. */
  readonly label?: Label;
  /** Who reads what it is given, where whoever performs the call does not hold that themselves. */
  readonly sends?: Destination;
}

export type ApprovalDecision = "approve" | "refuse";

export interface ToolCall {
  readonly callId: string;
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
  /** Where each argument came from; explains an approval's card and waives nothing. */
  readonly argumentSources: Readonly<Record<string, ArgumentSource>>;
  /** The same link by link, each with the call and entry that brought the value. */
  readonly origins?: Readonly<Record<string, readonly Origin[]>>;
  /** Set when a person has decided on this exact call: it is issued again, by the run and not by the model. */
  readonly approval?: { readonly id: string; readonly decision: ApprovalDecision };
}

export interface ToolContext {
  readonly caller: Caller;
  readonly authority: AgentAuthority;
  readonly agent: string;
  readonly runId: string;
  readonly conversationId: string;
  /** The conversation that the person sees, where this one is a called agent's. */
  readonly personConversationId?: string;
  /** Ties what happens to the request that all began with; sent on to whoever is called. */
  readonly correlationId?: string;
  /** The join of everything in the model's context when it chose the call, before what else it chose beside it was answered. */
  readonly label: Label;
  /** The person's own words of this turn, for explaining where an argument came from. */
  readonly personMessage: string;
  readonly signal: AbortSignal;
  /** The run survives its process, so a call may be sent again under its own id: whoever has carried it out does not do so again. */
  readonly lasting?: boolean;
  /** The run is bounded in money: whoever cannot tell what its work costs does not begin it. */
  readonly costMustBeKnown?: boolean;
  /** Passes on what happens inside of a call: `tool`, `card` and `approval` events of a called agent. */
  emit(event: TurnEvent): void;
}

export interface ToolOutcome {
  readonly status: "done" | "refused" | "waiting" | "failed";
  /** What the model reads: text, or structured data. */
  readonly content: unknown;
  readonly label: Label;
  readonly cards: readonly Card[];
  /** With `waiting`: what a person must decide. */
  readonly approval?: Approval;
  /** What the call reached, for its entry, such as `agent:order-management`; the tool unless told. */
  readonly resource?: string;
  /** The audit entry of the call, for its receipt. Where there is none, the loop writes it. */
  readonly entryId?: string;
  /** Steps of a called agent, already emitted through `emit`. */
  readonly steps?: readonly Step[];
  /** Agents that worked inside of the call. */
  readonly agents?: readonly string[];
  /** What called agents used, where that is to be believed. It counts against the limits of the run, and in its accounts. */
  readonly used?: readonly Used[];
  /** What is to be found in the content, in words: `product reviews`. */
  readonly holds?: string;
  /** What the result was made of, where the server says so. */
  readonly reads?: Omit<Reads, "tool" | "label">;
}

export interface ToolSource {
  readonly name: string;
  /** Agents that its tools ask. What these do has ids of their own making, so an agent with such tools takes no part in lasting work. */
  readonly asks?: readonly string[];
  /** Agents behind its tools whose work costs something that nobody can tell; an agent that is bounded in money takes none. */
  readonly unpriced?: readonly string[];
  /** The tools that this caller may use now. Throws when it cannot tell; nothing is offered then. */
  list(context: ToolContext): Promise<readonly OfferedTool[]>;
  /** Performs one call. A refusal is an outcome; it throws only when the run must end. */
  call(call: ToolCall, context: ToolContext): Promise<ToolOutcome>;
}
