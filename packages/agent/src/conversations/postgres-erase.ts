import type { Store } from "@deputize/store";
import { type ErasedConversations, type Owner, storeFault } from "./conversation-store.ts";
import type { ConversationRef } from "./export-records.ts";

/**
 * Removes everything that `owner` has, or the content of one removed conversation, by the only role that may
 * (migrations/0002_erase.sql). Throws `unavailable`.
 */
export async function erase(
  store: Store,
  owner: Owner,
  only?: ConversationRef,
): Promise<ErasedConversations> {
  try {
    const { rows } = await store.transaction("authority", (tx) =>
      tx.query<ErasedConversations>("SELECT * FROM agent.erase($1, $2, $3, $4)", [
        owner.tenant,
        owner.subject,
        only?.agent ?? null,
        only?.id ?? null,
      ]),
    );
    return rows[0] ?? { conversations: 0, messages: 0, runs: 0 };
  } catch (error) {
    throw storeFault(error);
  }
}
