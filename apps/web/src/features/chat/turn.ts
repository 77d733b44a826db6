/** A turn as the page holds it: AI SDK UI messages whose parts are the shop's own events. */
import type { UIMessage } from "ai";
import type { Approval, Card, Message, Problem, Step, TurnStatus } from "../../api/types.ts";

export interface TurnMetadata {
  runId?: string;
  conversationId?: string;
  agents?: string[];
  status?: TurnStatus;
  created?: string;
}

// A type and not an interface: the AI SDK asks for an index signature.
export type TurnData = {
  step: Step;
  card: Card;
  approval: Approval;
  problem: Problem;
};

export type TurnMessage = UIMessage<TurnMetadata, TurnData>;

/** A stored message as the page shows it. */
export function fromStored(message: Message): TurnMessage {
  if (message.role === "user") {
    return {
      id: message.id,
      role: "user",
      parts: [{ type: "text", text: message.content }],
      metadata: { created: message.created },
    };
  }
  return {
    id: message.id,
    role: "assistant",
    metadata: {
      agents:
        message.agents_involved.length > 0
          ? message.agents_involved
          : message.agent_name === undefined
            ? []
            : [message.agent_name],
      created: message.created,
    },
    parts: [
      ...message.steps.map((step) => ({ type: "data-step" as const, id: step.call_id, data: step })),
      ...(message.content === "" ? [] : [{ type: "text" as const, text: message.content }]),
      ...message.cards.map((card, index) => ({
        type: "data-card" as const,
        id: `${message.id}-${index}`,
        data: card,
      })),
      ...message.approvals.map((approval) => ({
        type: "data-approval" as const,
        id: approval.id,
        data: approval,
      })),
    ],
  };
}

export interface TurnView {
  text: string;
  steps: Step[];
  cards: Card[];
  approvals: Approval[];
  problems: Problem[];
}

/** Leaves out a list of one order that is shown in full beside it. */
export function withoutRepeats(cards: readonly Card[]): Card[] {
  const full = new Set(cards.flatMap((card) => (card.type === "order" ? [card.order.id] : [])));
  return cards.filter(
    (card) => card.type !== "orders" || card.orders.length !== 1 || !full.has(card.orders[0]?.id ?? ""),
  );
}

/** The parts of a message by kind, in the order in which they came. */
export function viewOf(message: TurnMessage): TurnView {
  const view: TurnView = { text: "", steps: [], cards: [], approvals: [], problems: [] };
  for (const part of message.parts) {
    if (part.type === "text") view.text += part.text;
    else if (part.type === "data-step") view.steps.push(part.data);
    else if (part.type === "data-card") view.cards.push(part.data);
    else if (part.type === "data-approval") view.approvals.push(part.data);
    else if (part.type === "data-problem") view.problems.push(part.data);
  }
  return { ...view, cards: withoutRepeats(view.cards) };
}
