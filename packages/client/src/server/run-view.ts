/** A run as a page shows it, built up event by event. */
import type { Json } from "./guards.ts";
import type { Approval, RunEvent, RunFault, RunStatus, Step, Usage } from "./run-events.ts";

export interface RunView {
  readonly run_id: string;
  readonly thread_id: string | null;
  readonly status: RunStatus;
  /** What the agent has said so far. */
  readonly text: string;
  readonly steps: readonly Step[];
  readonly cards: readonly Json[];
  readonly approvals: readonly Approval[];
  readonly usage: Usage | null;
  readonly error: RunFault | null;
  readonly message_id: string | null;
  /** What it waits for a person to decide. */
  readonly approval_id: string | null;
  /** The number of the last event in it: where to go on. */
  readonly last: number;
}

/** A run of which nothing is known yet. */
export function emptyRunView(run_id: string): RunView {
  return {
    run_id,
    thread_id: null,
    status: "queued",
    text: "",
    steps: [],
    cards: [],
    approvals: [],
    usage: null,
    error: null,
    message_id: null,
    approval_id: null,
    last: 0,
  };
}

/** Puts `item` in the place of what has the same key, or at the end. */
function upsert<T>(items: readonly T[], item: T, keyOf: (item: T) => string): readonly T[] {
  const at = items.findIndex((other) => keyOf(other) === keyOf(item));
  return at < 0 ? [...items, item] : items.with(at, item);
}

/** The view after one more event; an event that is in it already changes nothing. */
export function withEvent(before: RunView, one: RunEvent): RunView {
  if (one.seq <= before.last) return before;
  const view: RunView = { ...before, last: one.seq };
  switch (one.event) {
    case "start":
      return { ...view, status: "running", thread_id: one.data.thread_id, approval_id: null };
    case "delta":
      return { ...view, status: "running", text: view.text + one.data.text };
    case "tool":
      return { ...view, status: "running", steps: upsert(view.steps, one.data, ({ call_id }) => call_id) };
    case "card":
      return { ...view, cards: [...view.cards, one.data] };
    case "approval":
      return { ...view, approvals: upsert(view.approvals, one.data, ({ id }) => id) };
    case "metadata":
      return { ...view, usage: one.data };
    case "error":
      return { ...view, error: one.data };
    case "done": {
      const { status, approval_id, message_id } = one.data;
      return { ...view, status, approval_id, message_id: message_id ?? view.message_id };
    }
    default:
      return view;
  }
}
