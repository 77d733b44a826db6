/**
 * Gathers what a turn shows while it happens, so that a reload shows the same as the stream did.
 */
import type { Approval, Card, Step, TurnEvent } from "../events.ts";
import type { OutputGuard } from "../turn/ports.ts";
import { type Used, gathered, sumOf } from "../usage/used.ts";

export interface TurnRecord {
  readonly text: string;
  readonly steps: readonly Step[];
  readonly cards: readonly Card[];
  readonly approvals: readonly Approval[];
  readonly agents: readonly string[];
  readonly tokensIn: number;
  readonly tokensOut: number;
  /** Millionths of a US dollar; undefined once a part of it is not known. */
  readonly costMicros: number | undefined;
  /** What this agent and those that it asked used. */
  readonly used: readonly Used[];
  /** Adds what a model used. */
  use(used: Used): void;
  /** Sends an event on and keeps what of it belongs to the message. */
  emit(event: TurnEvent): void;
  /** A paragraph of its own, in words of ours. */
  say(paragraph: string): void;
  /** Lets out what a guard still holds of the answer. Rejects with what the guard throws. */
  release(): Promise<void>;
  /** The next text begins a new paragraph: a model call has ended. */
  endParagraph(): Promise<void>;
  involve(agents: readonly string[]): void;
}

/** Events of called agents that reach the person through the one that called them. */
const KEPT = 200;

export function createTurnRecord(
  agent: string,
  send: (event: TurnEvent) => void,
  guard?: OutputGuard,
): TurnRecord {
  let text = "";
  let held = false;
  let newParagraph = false;
  const steps = new Map<string, Step>();
  const cards: Card[] = [];
  const approvals = new Map<string, Approval>();
  const agents = new Set<string>([agent]);
  let used: readonly Used[] = [];

  function append(added: string): void {
    if (added === "") return;
    const delta = newParagraph && text !== "" ? `\n\n${added}` : added;
    newParagraph = false;
    text += delta;
    send({ event: "delta", data: { text: delta } });
  }

  const record: TurnRecord = {
    get tokensIn() {
      return sumOf(used).tokensIn;
    },
    get tokensOut() {
      return sumOf(used).tokensOut;
    },
    get costMicros() {
      return sumOf(used).costMicros;
    },
    get used() {
      return used;
    },
    use(one) {
      used = gathered([...used, one]);
    },
    get text() {
      return text;
    },
    get steps() {
      return [...steps.values()];
    },
    get cards() {
      return cards;
    },
    get approvals() {
      return [...approvals.values()];
    },
    get agents() {
      return [...agents];
    },
    emit(event) {
      if (event.event === "delta") {
        held ||= guard !== undefined;
        append(guard ? guard.push(event.data.text) : event.data.text);
        return;
      }
      if (event.event === "tool") {
        if (!steps.has(event.data.call_id) && steps.size >= KEPT) return;
        steps.set(event.data.call_id, event.data);
        agents.add(event.data.agent);
      } else if (event.event === "card") {
        // A called agent's card arrives twice too.
        const same = JSON.stringify(event.data);
        if (cards.length >= KEPT || cards.some((card) => JSON.stringify(card) === same)) return;
        cards.push(event.data);
      } else if (event.event === "approval") {
        // A called agent's card arrives twice: while it works, and as the outcome of the call to it.
        if (JSON.stringify(approvals.get(event.data.id)) === JSON.stringify(event.data)) return;
        approvals.set(event.data.id, event.data);
      }
      send(event);
    },
    say(paragraph) {
      newParagraph = true;
      append(paragraph);
    },
    async release() {
      // Once for what was pushed: a guard need not know that it was asked for the rest before.
      if (!guard || !held) return;
      held = false;
      append(await guard.end());
    },
    async endParagraph() {
      await record.release();
      newParagraph = true;
    },
    involve(more) {
      for (const name of more) agents.add(name);
    },
  };
  return record;
}
