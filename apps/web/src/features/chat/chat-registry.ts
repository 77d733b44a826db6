/**
 * The conversations that are open in this page. They live outside of React, so that an answer keeps streaming,
 * and a half-written question stays, while the person looks at another page. Small on purpose: the chat engine
 * is loaded apart from it.
 *
 * Guarantees: nothing of it is stored on disk; signing out drops all of it.
 */
import type { Chat } from "@ai-sdk/react";
import type { TurnMessage } from "./turn.ts";

export interface OpenChat {
  /** Stable for the life of the object, also when a new chat gets its id from the server. */
  readonly key: string;
  readonly chat: Chat<TurnMessage>;
  conversationId: string | undefined;
  runId: string | undefined;
  /** What the person typed and has not sent. */
  draft: string;
  /** Called when the server has named a new conversation. */
  onNamed: ((conversationId: string) => void) | undefined;
}

export const openChats: { fresh: OpenChat | undefined; byId: Map<string, OpenChat> } = {
  fresh: undefined,
  byId: new Map(),
};

/** Starts over with an empty chat. */
export function discardFreshChat(): void {
  openChats.fresh = undefined;
}

export function closeChat(conversationId: string): void {
  void openChats.byId.get(conversationId)?.chat.stop();
  openChats.byId.delete(conversationId);
}

export function closeAllChats(): void {
  for (const id of openChats.byId.keys()) closeChat(id);
  void openChats.fresh?.chat.stop();
  openChats.fresh = undefined;
}
