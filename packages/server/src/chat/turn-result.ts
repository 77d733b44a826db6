/**
 * A turn as the JSON of `POST /api/chat`, and a resumed one as the stored message it became.
 *
 * Guarantees: labels and token counts stay inside; what leaves is what the page may show.
 */
import type { Message, TurnResult } from "@deputize/agent";

export interface ChatAnswer {
  readonly response: string;
  readonly conversation_id: string;
  readonly run_id: string;
  readonly status: TurnResult["status"];
  readonly agents_involved: readonly string[];
  readonly cards: TurnResult["cards"];
  readonly approvals: TurnResult["approvals"];
  readonly steps: TurnResult["steps"];
}

/** What an API client gets for a turn. */
export function chatAnswer(result: TurnResult): ChatAnswer {
  return {
    response: result.response,
    conversation_id: result.conversation_id,
    run_id: result.run_id,
    status: result.status,
    agents_involved: result.agents_involved,
    cards: result.cards,
    approvals: result.approvals,
    steps: result.steps,
  };
}

/** The message that a turn left in its conversation, if it is there. */
export function messageOf(messages: readonly Message[], result: TurnResult): Message | undefined {
  return messages.find((message) => message.id === result.message_id) ?? messages.at(-1);
}
