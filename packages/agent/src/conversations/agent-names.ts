/** One name, one agent, in a store of conversations. */
import { DeputizeError } from "@deputize/core";
import type { ConversationStore } from "./conversation-store.ts";

/** Names that are taken, by where their conversations are: two agents of one name would read each other's. */
const taken = new WeakMap<ConversationStore, Set<string>>();

/** Throws `config_invalid`. Answers how to give the name back. */
export function takeName(store: ConversationStore, name: string): () => void {
  const names = taken.get(store) ?? new Set();
  taken.set(store, names);
  if (names.has(name)) {
    throw new DeputizeError(
      "config_invalid",
      `an agent named \`${name}\` keeps its conversations in this store already; give this one a \`name\`, or close that one`,
    );
  }
  names.add(name);
  return () => void names.delete(name);
}
