/**
 * The life of one piece of lasting work, as the engine replays it: wait until it is due, drive the agent's run, wait for whoever must
 * decide or give authority, again.
 *
 * Guarantees: nothing here happens but in steps, whose outcomes the engine keeps; a step that was cut off is taken again, and the run
 * it drives is the same one, under the same id. The engine is given ids and states, and no word of anybody.
 */
import { stableId } from "@deputize/core";
import type { CarriedOn } from "../agent-types.ts";
import type { ApprovalDecision } from "../tools/tool-source.ts";

export interface LastingInput {
  readonly id: string;
  readonly tenant: string;
  readonly subject: string;
  readonly agent: string;
  readonly mandateId: string;
  /** Epoch milliseconds. */
  readonly startAt: number;
  readonly everySeconds?: number;
}

export type LastingStatus = "scheduled" | "running" | "waiting" | "parked" | "done" | "failed" | "stopped";

/** How far the work is; kept by the engine under its id. */
export interface LastingState {
  readonly status: LastingStatus;
  /** Which repetition, from 0. */
  readonly turn: number;
  /** While it is waiting: for this approval. */
  readonly approvalId?: string;
  /** Why it is parked: a code. */
  readonly reason?: string;
  /** Of the next repetition, epoch milliseconds. */
  readonly next?: number;
}

export type Driven = CarriedOn | { readonly status: "busy" };
export type Decided = ApprovalDecision | "pending" | "parked";

export interface RunAt {
  readonly mandateId: string;
  readonly turn: number;
  readonly decided?: { readonly approvalId: string; readonly decision: ApprovalDecision };
}

/** What is done in steps, by whoever knows the agent. Nothing of it throws. */
export interface LastingWorker {
  drive(input: LastingInput, at: RunAt): Promise<Driven>;
  decision(
    input: LastingInput,
    at: { readonly mandateId: string; readonly approvalId: string },
  ): Promise<Decided>;
}

/** The part of the engine that a workflow uses. */
export interface Steps {
  now(): Promise<number>;
  sleepms(ms: number): Promise<void>;
  runStep<T>(work: () => Promise<T>, config: { readonly name: string }): Promise<T>;
  setEvent<T>(key: string, value: T): Promise<void>;
  recv<T>(topic: string, options: { timeoutSeconds: number; pollingIntervalMs: number }): Promise<T | null>;
}

/** Sent to the work by its person. */
export interface Note {
  readonly mandateId?: string;
}

export const STATE = "state";
export const NOTES = "notes";

/** How long a run that another process holds is left alone: a third of its lease. */
const BUSY_MS = 5_000;
const PARKED_SECONDS = 3_600;
/** A month in hours: work that nobody gives authority to ends by then. */
const PARKED_ROUNDS = 30 * 24;

/** Whose work it is, and which. */
export type LastingKey = Pick<LastingInput, "tenant" | "subject" | "agent" | "id">;

/** The engine's id of it. People choose ids, and the engine has one room for all: so the owner is part of it [SR-23]. */
export const workflowIdOf = ({ tenant, subject, agent, id }: LastingKey): string =>
  `${id}/${subject}/${tenant}/${agent}`;
export const runIdOf = (key: LastingKey, turn: number): string =>
  stableId(`lasting-run:${workflowIdOf(key)}:${turn}`);
export const conversationIdOf = (key: LastingKey, turn: number): string =>
  stableId(`lasting-conversation:${workflowIdOf(key)}:${turn}`);

export interface LastingPace {
  /** How often notes are looked for, and an approval's status. */
  readonly pollMs: number;
}

export async function liveLastingWork(
  steps: Steps,
  worker: LastingWorker,
  pace: LastingPace,
  input: LastingInput,
): Promise<void> {
  let { mandateId } = input;
  let due = input.startAt;
  const every = (input.everySeconds ?? 0) * 1000;

  /** Waits; a note may bring another mandate. */
  async function wait(seconds: number): Promise<void> {
    const note = await steps.recv<Note>(NOTES, {
      timeoutSeconds: seconds,
      pollingIntervalMs: pace.pollMs,
    });
    mandateId = note?.mandateId ?? mandateId;
  }

  /** Asked for ever less often, the longer it takes: each time leaves rows here and a token in the authority's log. */
  async function decision(approvalId: string): Promise<Exclude<Decided, "pending">> {
    for (let waited = 0; ;) {
      const asked = { mandateId, approvalId };
      const answer = await steps.runStep(() => worker.decision(input, asked), { name: "decision" });
      if (answer !== "pending") return answer;
      const seconds = Math.max(1, Math.ceil(pace.pollMs / 1000), Math.min(60, Math.floor(waited / 10)));
      await wait(seconds);
      waited += seconds;
    }
  }

  /** One repetition, to its end. */
  async function repetition(turn: number): Promise<LastingStatus> {
    const say = (state: Omit<LastingState, "turn">): Promise<void> =>
      steps.setEvent(STATE, { ...state, turn });
    let decided: RunAt["decided"];
    let parked = 0;
    await say({ status: "running" });
    for (;;) {
      const at = { mandateId, turn, ...(decided && { decided }) };
      const driven = await steps.runStep(() => worker.drive(input, at), { name: "drive" });
      switch (driven.status) {
        case "busy":
          await steps.sleepms(BUSY_MS);
          break;
        case "parked":
          if (parked >= PARKED_ROUNDS) return "stopped";
          parked += 1;
          await say({ status: "parked", reason: driven.code });
          await wait(PARKED_SECONDS);
          await say({ status: "running" });
          break;
        case "waiting": {
          const { approvalId } = driven;
          await say({ status: "waiting", approvalId });
          const answer = await decision(approvalId);
          if (answer === "parked") {
            await say({ status: "parked", reason: "grant_revoked" });
            await wait(PARKED_SECONDS);
          }
          decided =
            answer === "approve" || answer === "refuse" ? { approvalId, decision: answer } : undefined;
          break;
        }
        default:
          return driven.status;
      }
    }
  }

  for (let turn = 0; ; turn += 1) {
    const now = await steps.now();
    // What was missed while nothing ran, or while it was parked, is made up for once.
    if (every > 0 && now > due) due += Math.floor((now - due) / every) * every;
    const left = due - now;
    if (left > 0) {
      await steps.setEvent(STATE, { status: "scheduled", turn, next: due } satisfies LastingState);
      await steps.sleepms(left);
    }
    const status = await repetition(turn);
    await steps.setEvent(STATE, { status, turn } satisfies LastingState);
    if (input.everySeconds === undefined || status === "stopped") return;
    due += every;
  }
}
