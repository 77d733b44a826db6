/** An export, put together from pages: whatever its size, one page of messages is in memory. */
import type { ConversationSummary, ExportRecord, StoredMessage } from "./conversation-store.ts";

/** A conversation of one owner. */
export interface ConversationRef {
  readonly agent: string;
  readonly id: string;
}

export interface ExportedConversation extends ConversationSummary {
  readonly agent: string;
  readonly created: string;
}

export interface ExportSource {
  /** Undefined when it was removed meanwhile. */
  read(ref: ConversationRef): Promise<ExportedConversation | undefined>;
  /** The messages after `seq`, oldest first; none at the end. */
  messagesAfter(ref: ConversationRef, seq: number): Promise<readonly StoredMessage[]>;
}

/** `refs` are gathered before, so that a conversation which moves up in a list meanwhile is not missed. */
export async function* exportRecords(
  source: ExportSource,
  refs: readonly ConversationRef[],
): AsyncGenerator<ExportRecord> {
  for (const ref of refs) {
    const conversation = await source.read(ref);
    if (!conversation) continue;
    yield { kind: "conversation", ...conversation };
    for (let seq = 0; ;) {
      const messages = await source.messagesAfter(ref, seq);
      const last = messages.at(-1);
      if (!last) break;
      for (const message of messages.filter(({ removed }) => removed !== true))
        yield { kind: "message", agent: ref.agent, conversation: ref.id, ...message };
      seq = last.seq;
    }
  }
}
