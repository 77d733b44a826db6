/**
 * A run while this replica works on it: the agent's turn, what it tells, and what ends it.
 *
 * Guarantees: the first reason to end it counts. What the agent has ended by its own word stands, whoever wanted it to end meanwhile;
 * otherwise the reason is what is stored and told. An agent that does not end when it is told to is left behind, and its run ended.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { type RunOptions, type TurnEvent, withTurnCaller } from "@deputize/agent";
import { isDeputizeError } from "@deputize/core";
import type { RunAgent, RunAuthority, RunLimits } from "./run-engine.ts";
import { SIGN_IN_ENDED, TOO_MUCH, faultOf, faultOfProblem, lastEvents } from "./run-faults.ts";
import type { JournalEntry, RunJournal } from "./run-journal.ts";
import type { RunEnd, RunFault, StoredRun } from "./run.ts";

/** What there is to do. */
export type TurnSource =
  | {
      readonly kind: "turn";
      readonly message: string;
      readonly threadId: string;
      readonly runOptions: RunOptions;
    }
  | {
      readonly kind: "resumption";
      readonly approvalId: string;
      readonly decision: "approve" | "refuse";
    };

export interface LiveRun {
  readonly id: string;
  readonly entry: JournalEntry;
  /** Resolves when it is not worked on here any more. Never rejects. */
  readonly ended: Promise<void>;
  /** Resolves once the turn has begun. Throws what refused it before any work, and there is no run then, unless it stood in a queue. */
  begin(source: TurnSource): Promise<void>;
  stop(why: "cancelled" | RunFault): void;
  /** Gives it back before it began. */
  park(): Promise<void>;
  /** It was ended in the store, before it began. */
  forget(): void;
}

export interface LiveRunOptions {
  readonly run: StoredRun;
  readonly agent: RunAgent;
  readonly authority: RunAuthority;
  readonly journal: RunJournal;
  readonly limits: RunLimits;
  readonly onStored: () => void;
  readonly onEnded: () => void;
  readonly onFault?: (error: unknown) => void;
}

/** The last events have room of their own. */
const LAST_EVENTS = 2;

export function liveRun(options: LiveRunOptions): LiveRun {
  const { run, agent, authority, journal, limits, onFault } = options;
  // A run in the queue begins in its own request's context, and not in that of whoever makes room for it.
  const inContext = AsyncLocalStorage.snapshot();
  const stopping = new AbortController();
  const left = Promise.withResolvers<"left">();
  const ended = Promise.withResolvers<void>();
  let why: "cancelled" | RunFault | undefined;
  let isLost = false;
  let isOver = false;
  let unwatch: (() => void) | undefined;
  let told = 0;
  let chars = 0;

  const entry = journal.open(run.id, run.lastSeq, {
    onStored: options.onStored,
    onCancel: () => stop("cancelled"),
    onLost: () => {
      isLost = true;
      stopping.abort();
      over();
    },
  });

  function stop(reason: "cancelled" | RunFault): void {
    if (why !== undefined || isOver) return;
    why = reason;
    stopping.abort();
    setTimeout(() => left.resolve("left"), limits.stopMs).unref();
  }

  function over(): void {
    if (isOver) return;
    isOver = true;
    unwatch?.();
    options.onEnded();
    ended.resolve();
  }

  function tell(event: string, data: Readonly<Record<string, unknown>>): void {
    told += 1;
    chars += JSON.stringify(data).length;
    if (told > limits.events - LAST_EVENTS || chars > limits.chars) stop(TOO_MUCH);
    else entry.add({ event, data });
  }

  async function events(source: TurnSource): Promise<AsyncIterator<TurnEvent>> {
    const { signal } = stopping;
    if (source.kind === "turn") {
      const { message, threadId, runOptions } = source;
      const turn = { caller: authority.agentCaller, sessionId: threadId, signal, runOptions };
      return agent.stream(message, turn)[Symbol.asyncIterator]();
    }
    const { approvalId, decision } = source;
    const admitted = await agent.admit(authority.agentCaller);
    const all = agent.core.resume({ ...admitted, approvalId, decision, signal });
    const resumed = withTurnCaller(admitted, () => all[Symbol.asyncIterator]());
    // A generator runs in the context of whoever asks for the next step.
    return { next: () => withTurnCaller(admitted, () => resumed.next()) };
  }

  async function begin(source: TurnSource): Promise<void> {
    unwatch = authority.watch?.(() => stop(SIGN_IN_ENDED));
    const stoodInQueue = run.status === "queued";
    if (stoodInQueue && !(await entry.write({ status: "running" }))) return over();
    let turn: AsyncIterator<TurnEvent>;
    let first: IteratorResult<TurnEvent> | "left";
    try {
      turn = await events(source);
      first = await Promise.race([turn.next(), left.promise]);
    } catch (error) {
      if (stoodInQueue || source.kind === "resumption") {
        onFault?.(error);
        return finish("failed", faultOf(error));
      }
      await entry.write({ special: "drop" });
      over();
      throw error;
    }
    void pump(turn, first).catch((error: unknown) => {
      onFault?.(error);
      return finish("failed", faultOf(error));
    });
  }

  async function pump(
    turn: AsyncIterator<TurnEvent>,
    first: IteratorResult<TurnEvent> | "left",
  ): Promise<void> {
    let fault: RunFault | undefined;
    let approvalId: string | undefined;
    let agentRun = run.agentRun;
    let done: Extract<TurnEvent, { event: "done" }>["data"] | undefined;
    let step = first;
    while (step !== "left" && step.done !== true && !isLost) {
      const one = step.value;
      if (one.event === "start") {
        agentRun = one.data.run_id;
        tell("start", { run_id: run.id, thread_id: one.data.conversation_id });
        void entry.write({ agentRun });
      } else if (one.event === "error") fault = faultOfProblem(one.data);
      else if (one.event === "done") done = one.data;
      else {
        if (one.event === "approval") approvalId = one.data.id;
        tell(one.event, { ...one.data });
      }
      step = await Promise.race([turn.next(), left.promise]);
    }
    if (isLost) return;
    const messageId = done?.message_id;
    if (done?.status === "waiting" && why === undefined && approvalId !== undefined)
      return wait(approvalId, messageId);
    if (done?.status === "waiting" && agentRun !== undefined) await endWaiting(agentRun);
    if (done?.status === "done") return finish("succeeded", undefined, messageId);
    if (why === "cancelled" || (why === undefined && done?.status === "stopped"))
      return finish("cancelled", undefined, messageId);
    return finish("failed", why ?? fault ?? faultOf(undefined), messageId);
  }

  /** The agent waits for a yes, and the run has another reason to end: nobody shall carry it on. */
  async function endWaiting(runId: string): Promise<void> {
    try {
      await agent.core.stop({ caller: authority.caller, runId });
    } catch (error) {
      if (!isDeputizeError(error, "not_found")) onFault?.(error);
    }
  }

  async function wait(approvalId: string, messageId: string | undefined): Promise<void> {
    entry.add({ event: "done", data: { status: "waiting", approval_id: approvalId } });
    await entry.write({ status: "waiting", approvalId, ...(messageId !== undefined && { messageId }) });
    over();
  }

  async function finish(status: RunEnd, fault?: RunFault, messageId?: string): Promise<void> {
    for (const event of lastEvents(status, fault, messageId)) entry.add(event);
    await entry.write({ status, ...(fault && { fault }), ...(messageId !== undefined && { messageId }) });
    over();
  }

  return {
    id: run.id,
    entry,
    ended: ended.promise,
    begin: (source) => inContext(() => begin(source)),
    stop,
    park: async () => {
      await entry.write({ special: "park" });
      over();
    },
    forget: () => {
      // The journal hears that the run is no longer held.
      entry.look();
    },
  };
}
