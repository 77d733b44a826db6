/**
 * Gathers what a turn shows while it happens, so that a reload shows the same as the stream did.
 */
import type { Approval, Card, Step, TurnEvent } from "../events.ts";

export interface TurnRecord {
  readonly text: string;
  readonly steps: readonly Step[];
  readonly cards: readonly Card[];
  readonly approvals: readonly Approval[];
  readonly agents: readonly string[];
  tokensIn: number;
  tokensOut: number;
  /** Sends an event on and keeps what of it belongs to the message. */
  emit(event: TurnEvent): void;
  /** A paragraph of its own. */
  say(paragraph: string): void;
  /** The next text begins a new paragraph: a model call has ended. */
  endParagraph(): void;
  involve(agents: readonly string[]): void;
}

/** Events of called agents that reach the person through the one that called them. */
const KEPT = 200;

export function createTurnRecord(agent: string, send: (event: TurnEvent) => void): TurnRecord {
  let text = "";
  let newParagraph = false;
  const steps = new Map<string, Step>();
  const cards: Card[] = [];
  const approvals = new Map<string, Approval>();
  const agents = new Set<string>([agent]);

  const record: TurnRecord = {
    tokensIn: 0,
    tokensOut: 0,
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
        const delta = newParagraph && text !== "" ? `\n\n${event.data.text}` : event.data.text;
        newParagraph = false;
        text += delta;
        send({ event: "delta", data: { text: delta } });
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
      record.emit({ event: "delta", data: { text: paragraph } });
    },
    endParagraph() {
      newParagraph = true;
    },
    involve(more) {
      for (const name of more) agents.add(name);
    },
  };
  return record;
}
