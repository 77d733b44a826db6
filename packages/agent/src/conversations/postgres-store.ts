/** Conversations in Postgres, or in the embedded database: rows that row-level security keeps apart. */
import type { Store } from "@deputize/store";
import type { ConversationStore } from "./conversation-store.ts";
import { erase } from "./postgres-erase.ts";
import { createConversations, exported, refsOf } from "./postgres-rooms.ts";
import { createRuns } from "./postgres-runs.ts";
import { createThreads } from "./postgres-threads.ts";

/** `store` has `agentMigrations` among its migrations. */
export class PostgresConversationStore implements ConversationStore {
  readonly kind = "postgres";
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  open: ConversationStore["open"] = (agent, clock) => ({
    ...createRuns(this.#store, agent, clock),
    ...createConversations(this.#store, agent, clock),
    ...createThreads(this.#store, agent, clock),
  });

  export: ConversationStore["export"] = (caller) => exported(this.#store, caller, (tx) => refsOf(tx));

  eraseOwner: ConversationStore["eraseOwner"] = (owner) => erase(this.#store, owner);

  async close(): Promise<void> {}
}
