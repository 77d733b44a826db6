/** What people see, correct and remove of what an agent remembers of them. */
import type { Caller } from "@deputize/core";
import type { FoundMemory, Memory, MemoryProvider } from "./memory-provider.ts";

/** `C` is how a program has a caller: presented, or verified. */
export interface OwnMemories<C> {
  /** Keeps what the person asked to have remembered, 1 to 4,000 characters. Without an id where the provider names it later. */
  add(text: string, options: { readonly caller: C }): Promise<{ readonly id?: string }>;
  list(options: {
    readonly caller: C;
    readonly limit?: number;
    readonly cursor?: string;
  }): Promise<{ readonly memories: readonly Memory[]; readonly next?: string }>;
  /** What fits `text` best, 10 of it unless told, of the person's own and of what was shared with them. */
  search(
    text: string,
    options: {
      readonly caller: C;
      readonly limit?: number;
      readonly minScore?: number;
      readonly signal?: AbortSignal;
    },
  ): Promise<readonly FoundMemory[]>;
  /** Throws `not_found`, in the same words for a missing and for somebody else's. */
  get(id: string, options: { readonly caller: C }): Promise<Memory>;
  /** Throws as `get`. */
  correct(id: string, text: string, options: { readonly caller: C }): Promise<Memory>;
  /** Throws `not_found`. */
  delete(id: string, options: { readonly caller: C }): Promise<void>;
}

export function ownMemories<C>(
  provider: MemoryProvider,
  callerOf: (presented: C) => Promise<Caller>,
): OwnMemories<C> {
  return {
    add: async (text, { caller }) => provider.add(await callerOf(caller), { text }),
    list: async ({ caller, ...page }) => provider.list(await callerOf(caller), page),
    search: async (text, { caller, limit = 10, minScore = 0, signal }) =>
      provider.search(await callerOf(caller), text, { limit, minScore, ...(signal && { signal }) }),
    get: async (id, { caller }) => provider.get(await callerOf(caller), id),
    correct: async (id, text, { caller }) => provider.correct(await callerOf(caller), id, text),
    delete: async (id, { caller }) => provider.delete(await callerOf(caller), id),
  };
}
