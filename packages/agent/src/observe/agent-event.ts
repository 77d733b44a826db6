/**
 * What an agent tells whoever observes it: one record for each thing that a turn did.
 *
 * Guarantees: nothing that a person or a model wrote is in a record, nor a name, an address or a token; who it was for is said
 * by the ids that the audit log uses too.
 */
import type { Direction } from "@deputize/guardrails";
import type { StepStatus, TurnEnd } from "../events.ts";
import type { Used } from "../usage/used.ts";

/** What every record of a turn says. */
export interface TurnIds {
  readonly runId: string;
  readonly conversationId: string;
  readonly agent: string;
  readonly tenant: string;
  readonly subject: string;
  /** Ties the records to the request that they come from. */
  readonly correlationId: string;
}

/** What records and spans say for a tool that was not offered: its name is whatever a model wrote. */
export const UNKNOWN_TOOL = "(not offered)";

/** What a guard found in one text, by type and count. */
export interface GuardActed {
  readonly kind: "guard_acted";
  readonly direction: Direction;
  readonly action: "warned" | "redacted" | "blocked";
  readonly type?: string;
  readonly count?: number;
}

export type AgentFact =
  | { readonly kind: "turn_started" }
  | {
      readonly kind: "model_called";
      readonly model: string;
      readonly ms: number;
      readonly tokensIn: number;
      readonly tokensOut: number;
      /** Millionths of a US dollar; undefined where the price of the model is not known. */
      readonly costMicros: number | undefined;
      readonly outcome: "answered" | "failed";
    }
  | { readonly kind: "tool_called"; readonly tool: string; readonly status: StepStatus; readonly ms: number }
  /** Another agent used this for the turn. Its own records tell of it too, where it has any: no sum of both is right. */
  | { readonly kind: "agent_used"; readonly used: Used }
  | { readonly kind: "cache_looked"; readonly result: "hit" | "miss" | "passed_by"; readonly ms: number }
  | { readonly kind: "memory_recalled"; readonly count: number; readonly ms: number }
  | GuardActed
  /** A layer that a turn can do without did not work; `code` is an error's code. */
  | { readonly kind: "layer_failed"; readonly layer: "cache" | "memory"; readonly code: string }
  | {
      readonly kind: "turn_ended";
      readonly status: TurnEnd;
      readonly ms: number;
      readonly tokensIn: number;
      readonly tokensOut: number;
      readonly costMicros: number | undefined;
      /** The code of what ended it, where it failed. */
      readonly code?: string;
    };

export type AgentEvent = TurnIds & AgentFact & { readonly at: string };

/**
 * What people, models and tools wrote, kept apart from the record: it is put together only when it is asked for, and whoever asks
 * answers for what becomes of it.
 */
export type Said = () => {
  readonly message?: string;
  readonly answer?: string;
  readonly arguments?: unknown;
  readonly result?: unknown;
};

/** Tells a record of this turn. */
export type Observe = (fact: AgentFact, said?: Said) => void;

/** Told of each record. It returns at once; what it throws is dropped, since watching is no reason to fail. */
export interface AgentObserver {
  (event: AgentEvent, said?: Said): void;
  /** The id of the account that it keeps of what is used, the same wherever that is kept; for agents that are asked by others. */
  account?(): Promise<string>;
}
