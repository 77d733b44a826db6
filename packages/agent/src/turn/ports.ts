/**
 * The layers around the loop of a turn (DESIGN §6), as the turn sees them: each may be absent, and each is made elsewhere.
 * The turn decides their order, and what happens when one of them fails.
 */
import type { Caller } from "@deputize/core";
import type { Label } from "@deputize/guardrails/flow";
import type { ModelMessage } from "ai";
import type { ResolvedModel } from "../models/resolve-model.ts";
import type { Card, Step } from "../events.ts";
import type { GuardActed } from "../observe/agent-event.ts";
import type { OfferedTool, ToolSource } from "../tools/tool-source.ts";
import type { Used } from "../usage/used.ts";

/** The turn that a layer is asked about. */
export interface Turn {
  readonly caller: Caller;
  readonly agent: string;
  readonly runId: string;
  readonly conversationId: string;
  /** As it goes to the model: after the guard. */
  readonly message: string;
  readonly messageLabel: Label;
  readonly signal: AbortSignal;
}

/** Told what was found, so that those who watch a turn are. */
export type TellGuard = (acted: GuardActed) => void;

/** Scans what comes in and what goes out; `scannerGuard` makes one of a scanner. */
export interface TextGuard {
  /** A line for the agent's instructions, for the guard to recognise where they leak. No part of what an answer rests on. */
  readonly instructions?: string;
  /**
   * Of a person's message: the text to go on with, and, when the turn must not go on, why. The text of a refused message holds
   * nothing of what it was refused for, since it is stored. Throws `unavailable` when it cannot tell.
   */
  input(
    text: string,
    caller: Caller,
    tell?: TellGuard,
  ): Promise<{ readonly text: string; readonly refusal?: Error }>;
  /** For the answer of one turn. */
  output(caller: Caller, tell?: TellGuard): OutputGuard;
  /**
   * Of what a tool answered, or of memories, with its label: JSON to go on with, of the same shape, and for what texts in it were
   * withheld, such as `prompt_injection`; a result with one counts as untrusted. Throws a `DeputizeError`, whose message the model is
   * told instead, for what may not go on at all and where it cannot tell.
   */
  toolResult(
    content: unknown,
    caller: Caller,
    label: Label,
    tell?: TellGuard,
  ): Promise<{ readonly content: unknown; readonly withheld?: readonly string[] }>;
  /** Of a call that the model asks for. Throws a `DeputizeError` when it must not be made. */
  toolArguments(args: Readonly<Record<string, unknown>>, caller: Caller, tell?: TellGuard): Promise<void>;
}

/** Passes an answer on as it comes, holding back what may yet turn out to be part of something to hide. */
export interface OutputGuard {
  /** What may go out now. Throws a `DeputizeError` when nothing more may. */
  push(text: string): string;
  /** What was held back; a promise where the guard needs time for it. Throws, or rejects, as `push`. */
  end(): string | Promise<string>;
}

/** What the model is given of memories: data in the place of a user's message, never instructions [PR-D41]. */
export interface Recalled {
  readonly text: string;
  readonly count: number;
  readonly label: Label;
}

export interface TurnMemory {
  /** Versions of all that a recall may find for this caller; undefined where nobody raises them. Taken before the recall. */
  versions?(caller: Caller): Promise<Readonly<Record<string, string>> | undefined>;
  recall(turn: Turn): Promise<Recalled | undefined>;
  /** After the turn's answer was stored. */
  remember(turn: Turn, answer: { readonly text: string; readonly label: Label }): Promise<void>;
}

/** What an answer depends on besides the message and the caller. */
export interface AnswerBasis {
  readonly model: string;
  readonly instructions: string;
  readonly tools: readonly OfferedTool[];
  /** Earlier messages and memories, as the model would read them. */
  readonly context: readonly ModelMessage[];
  readonly label: Label;
}

export interface CachedAnswer {
  readonly text: string;
  readonly cards: readonly Card[];
  readonly label: Label;
}

export interface FreshAnswer extends CachedAnswer {
  /** Its tool calls; what they read and wrote decides whether, and until when, the answer may be kept. */
  readonly steps: readonly Step[];
  readonly reads: readonly Reads[];
}

/** What one tool result was made of, as its server says: the versions of the data that it read, or that it wrote. */
export interface Reads {
  readonly tool: string;
  readonly effect: "read" | "write" | "unknown";
  /** Versions by tag, taken before the first read; absent when the server does not say. */
  readonly versions?: Readonly<Record<string, string>>;
  /** Until when the result holds, in epoch milliseconds; absent where time alone does not end it. */
  readonly validUntilMs?: number;
  /** Agents that were asked for it: whoever may not ask them any more is not given it again. */
  readonly audiences?: readonly string[];
  /** Of the result. */
  readonly label: Label;
}

/** What an answer rests on, for whoever keeps it: while the versions are these, and time has not come, it holds. */
export type AnswerRests = Pick<Reads, "validUntilMs" | "audiences"> & Required<Pick<Reads, "versions">>;

/** A look into the cache, taken before anything is read for the answer. */
export interface CacheLook {
  readonly hit: (CachedAnswer & { readonly rests?: AnswerRests }) | undefined;
  /** Keeps the answer where that is allowed. */
  store(answer: FreshAnswer): Promise<void>;
}

export interface AnswerCache {
  /** Undefined when nothing is looked up or kept for such a turn. */
  look(turn: Turn, basis: AnswerBasis): Promise<CacheLook | undefined>;
}

/** What a run may still use. One `charge` follows each `check` that was granted. */
export interface RunBudget {
  /**
   * Before each call of a model: sets aside what it may use. Throws `limit_exceeded` when the user or the tenant has nothing
   * left, and `unavailable` when that cannot be told.
   */
  check(): Promise<void>;
  /** After the call: what it really used; nothing, where it failed before it answered. */
  charge(used: {
    readonly tokensIn: number;
    readonly tokensOut: number;
    readonly costMicros: number | undefined;
    readonly toolCalls: number;
  }): Promise<void>;
  /** What agents that were asked used, where it is not counted here already; also past the limit. Throws `unavailable`. */
  add?(used: readonly Used[]): Promise<void>;
}

export interface Budgets {
  /** It counts money, so the cost of all that is asked must be known. */
  readonly needsCost?: boolean;
  /** Ids of what it counts in, the same wherever that is counted. Throws `unavailable`. */
  accounts?(): Promise<readonly string[]>;
  /** Asked once, at the agent's start. Throws `config_invalid` for a model that it cannot account for. */
  accepts?(model: ResolvedModel): void;
  open(turn: Pick<Turn, "caller" | "agent" | "runId">): Promise<RunBudget>;
}

/** Which of the tools that a caller may use are shown to the model for this step, and how much of each. It cannot add. */
export interface ToolChooser {
  /** Tools of its own, which every caller may use, such as one to ask for tools that were left out. */
  readonly source?: ToolSource;
  /** Some of `tools`; descriptions and schemas may be shorter. */
  choose(
    tools: readonly OfferedTool[],
    context: { readonly messages: readonly ModelMessage[]; readonly called: ReadonlySet<string> },
  ): Promise<readonly OfferedTool[]>;
}
