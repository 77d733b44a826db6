/** For tests of runs: an agent whose turns are told step by step what to do, and replicas over one store. */
import type { ResumeRequest, TurnEnd, TurnEvent, TurnOptions } from "@deputize/agent";
import { type Caller, type DeputizeErrorCode, newId, toProblem, DeputizeError } from "@deputize/core";
import { testCaller } from "../../testing.ts";
import type { RunAgent, RunAuthority } from "./run-engine.ts";
import type { StoredEvent } from "./run.ts";

export interface StagedTurn {
  readonly message: string;
  readonly threadId: string;
  readonly signal: AbortSignal;
  say(text: string): void;
  card(n: number): void;
  ask(approvalId: string): void;
  /** Ends as the agent's own word; an abort is `stopped` by itself unless `stubborn`. */
  end(status: TurnEnd, code?: DeputizeErrorCode): void;
  /** Breaks, as nothing of ours would. */
  break(error: unknown): void;
}

export interface StagedAgent extends RunAgent {
  readonly turns: StagedTurn[];
  readonly stopped: string[];
  /** The turn of a message, once it has begun. */
  turnOf(message: string): Promise<StagedTurn>;
}

export interface StagedOptions {
  /** Thrown by the first step instead of beginning. */
  readonly refuse?: (message: string) => unknown;
  /** Does not end when it is told to. */
  readonly stubborn?: boolean;
  /** Runs where the turn's work does. */
  readonly onBegin?: (message: string) => void;
}

export function stagedAgent(name = "support", options: StagedOptions = {}): StagedAgent {
  const turns: StagedTurn[] = [];
  const stopped: string[] = [];
  const begun = new Set<() => void>();

  async function* play(message: string, threadId: string, signal: AbortSignal): AsyncGenerator<TurnEvent> {
    const refusal = options.refuse?.(message);
    if (refusal !== undefined) throw refusal;
    options.onBegin?.(message);
    const waiting: (TurnEvent | { readonly thrown: unknown })[] = [];
    let wake: (() => void) | undefined;
    const push = (event: TurnEvent | { readonly thrown: unknown }): void => {
      waiting.push(event);
      wake?.();
    };
    const turn: StagedTurn = {
      message,
      threadId,
      signal,
      say: (text) => push({ event: "delta", data: { text } }),
      card: (n) => push({ event: "card", data: { type: "n", n } }),
      ask: (id) => push({ event: "approval", data: { id } as never }),
      end(status, code) {
        if (code !== undefined)
          push({ event: "error", data: toProblem(new DeputizeError(code, `it was ${code}`), "r") });
        push({ event: "done", data: { status, message_id: newId() } });
      },
      break: (thrown) => push({ thrown }),
    };
    turns.push(turn);
    begun.forEach((tell) => tell());
    if (!options.stubborn) signal.addEventListener("abort", () => turn.end("stopped"), { once: true });
    yield { event: "start", data: { run_id: newId(), conversation_id: threadId } };
    for (;;) {
      const next = waiting.shift();
      if (!next) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (waiting.length > 0) resolve();
        });
        continue;
      }
      if ("thrown" in next) throw next.thrown;
      yield next;
      if (next.event === "done") return;
    }
  }

  return {
    name,
    turns,
    stopped,
    stream: (message: string, turn: TurnOptions = {}) =>
      play(message, turn.sessionId ?? "", turn.signal ?? never()),
    admit: async (caller) => caller as never,
    core: {
      resume: ({ approvalId, decision, signal = never() }: ResumeRequest) => ({
        [Symbol.asyncIterator]: () => play(`${decision} ${approvalId}`, newId(), signal),
      }),
      stop: async ({ runId }: { readonly runId: string }) => void stopped.push(runId),
    } as unknown as RunAgent["core"],
    async turnOf(message) {
      for (;;) {
        const found = turns.find((turn) => turn.message === message);
        if (found) return found;
        await new Promise<void>((resolve) => begun.add(resolve));
      }
    },
  };
}

export const alice = testCaller("alice");
export const bob = testCaller("bob");

export function authorityOf(caller: Caller, more: Partial<RunAuthority> = {}): RunAuthority {
  const agentCaller = { caller, authority: { tokenFor: async () => "token" } };
  return { caller, agentCaller, ...more };
}

export async function gatherEvents(events: AsyncIterable<StoredEvent>): Promise<StoredEvent[]> {
  const all: StoredEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

export const never = (): AbortSignal => new AbortController().signal;
